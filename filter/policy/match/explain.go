package match

import (
	"strings"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
)

// Misses returns the members of a match that do not hold for a request under any
// reading. It shows no value of a header or a parameter: that may be a secret.
func (m *Match) Misses(v *View) (list []string) {
	if m.path != nil {
		binds := false
		for _, reading := range v.Readings() {
			possible, _ := m.BindsPath(v, reading)
			binds = binds || possible
		}
		if !binds {
			list = append(list, m.path.describe()+" does not match "+describeReadings(v))
		}
	}
	if !m.matchesMethod(v.Request.Method) {
		list = append(list, "methods are "+strings.Join(m.methods, ", ")+", got "+config.Quote(v.Request.Method))
	}
	if len(m.hosts) > 0 && !m.bindsHost(v.authority()) {
		var hosts []string
		for i := range m.hosts {
			hosts = append(hosts, describeHost(&m.hosts[i]))
		}
		list = append(list, "hosts are "+strings.Join(hosts, ", ")+", got "+config.Quote(v.Request.Authority))
	}
	for i := range m.headers {
		if binds, _ := m.headers[i].header(v); !binds {
			list = append(list, "the header "+m.headers[i].describe())
		}
	}
	for i := range m.query {
		if binds, _ := m.query[i].parameter(v); !binds {
			list = append(list, "the query parameter "+m.query[i].describe())
		}
	}
	for i := range m.routes {
		if !m.routes[i].binds(v) {
			if names := m.routes[i].names; names != nil {
				list = append(list, "route_names are "+strings.Join(names, ", "))
			} else {
				list = append(list, "the condition on route_metadata does not hold")
			}
		}
	}
	return list
}

// describe says what a condition asks for, without its value.
func (c *condition) describe() string {
	switch c.kind {
	case conditionPresent:
		return c.name + " is not present"
	case conditionEqual:
		return c.name + " does not have the value of equal"
	}
	return c.name + " does not match regex"
}

// describe returns the pattern as the configuration can have it.
func (p *pathPattern) describe() string {
	if p.expression != nil {
		return "path_regex " + config.Quote(p.text)
	}
	kind, text := "path", "/"+strings.Join(p.segments, "/")
	switch {
	case syntax.Contains(p.segments, anySegment):
		kind = "path_template"
		if p.tail != tailNone {
			text += "/**"
		}
	case p.tail == tailAny:
		kind = "path_prefix"
	case p.tail == tailSome:
		kind, text = "path_prefix", strings.TrimSuffix(text, "/")+"/"
	}
	return kind + " " + config.Quote(text)
}

func describeReadings(v *View) string {
	if !v.Request.HasPath {
		return "a request without a path"
	}
	readings := v.Readings()
	text := config.Quote(readings[0])
	if len(readings) > 1 {
		text += " or another reading of it"
	}
	return text
}

func describeHost(h *request.HostPattern) string {
	if strings.HasPrefix(h.Name, ".") {
		return "*" + h.Name
	}
	if h.IPv6 {
		return "an IPv6 address"
	}
	return h.Name
}
