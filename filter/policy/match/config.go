package match

import (
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/request"
)

// Read reads the match of a rule. An absent member matches every request. owned
// reports whether the filter sets a header; props collects the properties that the
// match uses.
func Read(o *config.Object, owned func(name string) bool, props *Properties) (m Match) {
	kinds := []struct {
		name  string
		parse func(string) (*pathPattern, error)
	}{
		{"path", parseExactPath},
		{"path_prefix", parsePrefixPath},
		{"path_template", parseTemplatePath},
		{"path_regex", parseRegexPath},
	}
	first := ""
	for _, kind := range kinds {
		o.Checked(kind.name, "", func(s string) string {
			pattern, err := kind.parse(s)
			if err != nil {
				return err.Error()
			}
			m.path = pattern
			return ""
		})
		if !o.Has(kind.name) {
			continue
		}
		if first != "" {
			o.Wrong(kind.name, "want only one of path, path_prefix, path_template, path_regex; already set: "+first)
		}
		first = kind.name
	}
	m.methods = o.Strings("methods", config.WantMethod)
	for _, s := range o.Strings("hosts", wantHost) {
		// wantHost has checked it.
		host, _ := request.ParseHost(s)
		m.hosts = append(m.hosts, host)
	}
	m.headers = readConditions(o, "headers", func(c *config.Object, name string, kind conditionKind, value string) (condition, error) {
		if owned(name) {
			// What a client sends under this name is forged.
			c.Wrong("name", "want a header that the filter does not set itself")
		}
		return newHeaderCondition(name, kind, value)
	})
	m.query = readConditions(o, "query", func(_ *config.Object, name string, kind conditionKind, value string) (condition, error) {
		return newQueryCondition(name, kind, value)
	})
	m.routes = props.readRoutes(o)
	o.Done()
	if len(o.Members) == 0 {
		o.Problems.Add(o.Path, "want at least one member; a rule without match applies to every request")
	}
	return m
}

func wantHost(s string) string {
	if _, err := request.ParseHost(s); err != nil {
		return err.Error()
	}
	return ""
}

func readConditions(o *config.Object, member string, compile func(*config.Object, string, conditionKind, string) (condition, error)) []condition {
	var list []condition
	for _, item := range o.Array(member) {
		c := config.AsObject(item, o.Problems)
		if c == nil {
			continue
		}
		before := len(o.Problems.List)
		name := c.Text("name", "")
		if !c.Has("name") {
			c.Wrong("name", "want a name")
		}
		kind, value := readConditionKind(c)
		c.Done()
		if len(o.Problems.List) > before {
			continue
		}
		compiled, err := compile(c, name, kind, value)
		if err != nil {
			c.Problems.Add(c.Path, err.Error())
			continue
		}
		list = append(list, compiled)
	}
	return list
}

// readConditionKind reads the kind of a condition, and the value for it.
func readConditionKind(c *config.Object) (kind conditionKind, value string) {
	asked := 0
	kind = conditionPresent
	if present := c.Boolean("present", true); c.Has("present") {
		asked++
		if !present {
			c.Wrong("present", "want true: a rule cannot require absence")
		}
	}
	if text := c.Text("equal", ""); c.Has("equal") {
		asked++
		kind, value = conditionEqual, text
	}
	if text := c.Text("regex", ""); c.Has("regex") {
		asked++
		kind, value = conditionRegex, text
	}
	if asked != 1 {
		c.Problems.Add(c.Path, "want exactly one of present, equal, regex")
	}
	return kind, value
}
