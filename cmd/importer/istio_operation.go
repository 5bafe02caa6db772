package importer

import (
	"regexp"
	"slices"
	"strings"

	security "istio.io/api/security/v1"
)

// operation reads what a rule is for, as one match for each path. wide drops
// what it cannot ask for, otherwise nothing is left of such an operation.
func (p *istioPolicies) operation(o *security.Operation, path string, wide bool) (list []match) {
	lost := func(field, why string) bool {
		if wide {
			p.leave(path+"."+field, "not read, so the rule denies more requests: "+why, "a narrower rule by hand")
		} else {
			p.leave(path+"."+field, "the rule is left out: "+why, "a rule by hand")
		}
		return wide
	}
	for _, field := range p.leftover(o, path, "hosts methods paths", nil) {
		if field == "not_paths" && wide {
			continue // see exceptions
		}
		if !lost(camel(field), "no rule can express this") {
			return nil
		}
	}
	base := match{}
	if methods := o.GetMethods(); len(methods) > 0 && !slices.Contains(methods, "*") {
		if plain(methods) {
			base.Methods = distinct(methods)
		} else if !lost("methods", "methods are compared as a whole") {
			return nil
		}
	}
	if hosts := o.GetHosts(); len(hosts) > 0 && !slices.Contains(hosts, "*") {
		list, whole := istioHosts(hosts, wide)
		switch {
		case whole:
			base.Hosts = list
			if wide && slices.ContainsFunc(list, func(host string) bool {
				return !slices.Contains(hosts, host) || !slices.Contains(hosts, host+":*")
			}) {
				p.leave(path+".hosts", "the rule applies to every port: the filter ignores the port of a host", `"host:*" together with "host", if the port may be any`)
			}
		case wide:
			lost("hosts", "no rule can match some of them")
		case len(list) > 0:
			p.leave(path+".hosts", "only "+strings.Join(list, ", ")+": the filter ignores the port of a host", `"host:*" together with "host", if the port may be any`)
			base.Hosts = list
		default:
			lost("hosts", `the filter ignores the port of a host (write "host:*" together with "host", if it may be any)`)
			return nil
		}
	}
	if len(o.GetPaths()) == 0 {
		return []match{base}
	}
	for _, s := range o.GetPaths() {
		list = append(list, base.with(istioPath(s, wide)))
	}
	return list
}

// distinct is a list without repetitions, which the filter refuses.
func distinct(list []string) (out []string) {
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func camel(field string) string {
	parts := strings.Split(field, "_")
	for i, part := range parts[1:] {
		parts[i+1] = strings.ToUpper(part[:1]) + part[1:]
	}
	return strings.Join(parts, "")
}

// istioHosts are the hosts of a rule, which are compared without ports here: an
// exact one is meant so only if the list also has it with every port.
func istioHosts(values []string, wide bool) (list []string, whole bool) {
	whole = true
	for _, s := range values {
		host := pattern{'=', s}
		if name, every := strings.CutSuffix(s, ":*"); every {
			host.text = name
		} else if host = readPattern(s); host.kind == '$' && wide && strings.HasPrefix(host.text, ".") {
			host = pattern{'=', s}
		}
		switch {
		case host.kind != '=':
			whole = false
		case wide || slices.Contains(values, host.text+":*") && slices.Contains(values, host.text):
			if !slices.Contains(list, host.text) {
				list = append(list, host.text)
			}
		default:
			whole = false
		}
	}
	return list, whole
}

// istioPath is a path with a wildcard at one end, or a template. Of what a
// template's wildcards match exactly, wide takes more and not wide less.
func istioPath(s string, wide bool) match {
	if strings.Contains(s, "{*}") || strings.Contains(s, "{**}") {
		const segmentBytes = `A-Za-z0-9._~%!$&'()+,;:@=-`
		one, many := "["+segmentBytes+"]+", "[/"+segmentBytes+"]+"
		if wide {
			one, many = `[^/]*`, `(?s:.*)`
		}
		var expression strings.Builder
		for s != "" {
			i := strings.IndexByte(s, '{')
			switch {
			case strings.HasPrefix(s, "{**}"):
				expression.WriteString(many)
				s = s[len("{**}"):]
			case strings.HasPrefix(s, "{*}"):
				expression.WriteString(one)
				s = s[len("{*}"):]
			case i <= 0:
				expression.WriteString(regexp.QuoteMeta(s))
				s = ""
			default:
				expression.WriteString(regexp.QuoteMeta(s[:i]))
				s = s[i:]
			}
		}
		return match{PathRegex: expression.String()}
	}
	switch p := readPattern(s); p.kind {
	case '*':
		return match{PathPrefix: "/"}
	case '^':
		return pathStarting(p.text)
	case '$':
		return match{PathRegex: p.regex()}
	}
	return pathEqual(s)
}
