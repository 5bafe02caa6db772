package importer

//lint:file-ignore SA1019 old configurations have the old matchers, and Envoy takes them

import (
	"fmt"
	"regexp"
	"strings"

	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcher "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// routeMatch reads which requests a rule is for. wide says what it could not
// ask for.
func (r *reader) routeMatch(m *route.RouteMatch, path string) (out match, wide string) {
	fold := m.GetCaseSensitive() != nil && !m.GetCaseSensitive().GetValue()
	switch specifier := m.GetPathSpecifier().(type) {
	case *route.RouteMatch_Prefix:
		out = pathStarting(specifier.Prefix)
	case *route.RouteMatch_Path:
		out = pathEqual(specifier.Path)
	case *route.RouteMatch_PathSeparatedPrefix:
		out = pathBelow(specifier.PathSeparatedPrefix)
	case *route.RouteMatch_SafeRegex:
		out, fold = match{PathRegex: specifier.SafeRegex.GetRegex()}, false
		if unknown := r.leftover(specifier.SafeRegex, path+".safe_regex", "regex", engineNotes); len(unknown) > 0 {
			wide = "the expression has " + strings.Join(unknown, ", ")
		}
	case *route.RouteMatch_ConnectMatcher_:
		out, fold = match{Methods: []string{"CONNECT"}}, false
	default:
		fold = false
		wide = "no rule can match a path in this way"
	}
	if fold {
		out = match{PathRegex: "(?i)" + out.regex()}
	}
	for i, h := range m.GetHeaders() {
		part, why := r.headerMatch(h, fmt.Sprintf("%s.headers[%d]", path, i))
		if why != "" {
			wide = join(wide, why)
		}
		if len(part.Methods) > 0 && len(out.Methods) > 0 {
			wide = join(wide, "a rule has methods only once")
			continue
		}
		out = out.with(part)
	}
	for i, q := range m.GetQueryParameters() {
		c, why := r.queryMatch(q, fmt.Sprintf("%s.query_parameters[%d]", path, i))
		if why != "" {
			wide = join(wide, why)
			continue
		}
		out.Query = append(out.Query, c)
	}
	unknown := r.leftover(m, path, "prefix path path_separated_prefix safe_regex connect_matcher path_match_policy case_sensitive headers query_parameters", nil)
	for _, name := range unknown {
		wide = join(wide, "no rule can match "+name)
	}
	return out, wide
}

var engineNotes = notes{"google_re2": {"the filter uses RE2, too", ""}}

// regex is a path pattern as an expression.
func (m match) regex() string {
	switch {
	case m.Path != "":
		return regexp.QuoteMeta(m.Path)
	case strings.HasSuffix(m.PathPrefix, "/"):
		return "(?s)" + regexp.QuoteMeta(m.PathPrefix) + ".*"
	case m.PathPrefix != "":
		return "(?s)" + regexp.QuoteMeta(m.PathPrefix) + "(/.*)?"
	}
	return m.PathRegex
}

// headerMatch reads a condition on a header, or on the method or host, which
// are headers to Envoy.
func (r *reader) headerMatch(h *route.HeaderMatcher, path string) (part match, wide string) {
	name := strings.ToLower(h.GetName())
	if h.GetInvertMatch() {
		return match{}, "no rule can express a negation (" + name + ")"
	}
	if h.GetTreatMissingHeaderAsEmpty() {
		return match{}, "no rule can take a missing header for an empty one (" + name + ")"
	}
	for _, field := range r.leftover(h, path, "name exact_match safe_regex_match range_match present_match prefix_match suffix_match contains_match string_match invert_match treat_missing_header_as_empty", nil) {
		return match{}, "no rule can match " + field
	}
	c := condition{Name: name}
	switch specifier := h.GetHeaderMatchSpecifier().(type) {
	case nil:
		c.Present = true
	case *route.HeaderMatcher_PresentMatch:
		if !specifier.PresentMatch {
			return match{}, "no rule can require absence (" + name + ")"
		}
		c.Present = true
	case *route.HeaderMatcher_ExactMatch:
		c.Equal = &specifier.ExactMatch
	case *route.HeaderMatcher_SafeRegexMatch:
		c.Regex = specifier.SafeRegexMatch.GetRegex()
	case *route.HeaderMatcher_PrefixMatch:
		c.Regex = `(?s)` + regexp.QuoteMeta(specifier.PrefixMatch) + `.*`
	case *route.HeaderMatcher_SuffixMatch:
		c.Regex = `(?s).*` + regexp.QuoteMeta(specifier.SuffixMatch)
	case *route.HeaderMatcher_ContainsMatch:
		c.Regex = `(?s).*` + regexp.QuoteMeta(specifier.ContainsMatch) + `.*`
	case *route.HeaderMatcher_StringMatch:
		equal, expression, ok := stringMatch(specifier.StringMatch)
		if !ok {
			return match{}, "no rule can match a string in this way (" + name + ")"
		}
		c.Equal, c.Regex = equal, expression
	default:
		return match{}, "no rule can express a range (" + name + ")"
	}
	switch {
	case name == ":method":
		methods := c.literals()
		if methods == nil {
			return match{}, "methods can only be listed"
		}
		return match{Methods: methods}, ""
	case name == ":authority" || name == "host":
		hosts := c.literals()
		if hosts == nil {
			return match{}, "hosts can only be listed"
		}
		// Envoy compares the case and the port as well.
		return match{Hosts: hosts}, "hosts are compared in any case and with any port"
	case strings.HasPrefix(name, ":"):
		return match{}, "no rule can match " + name
	}
	return match{Headers: []condition{c}}, ""
}

// alternatives are an expression that only lists words.
var alternatives = regexp.MustCompile(`^\^?\(?(?:\?:)?([A-Za-z0-9-]+(?:\|[A-Za-z0-9-]+)*)\)?\$?$`)

// literals are the values that a condition lists, nil if it does more.
func (c condition) literals() []string {
	if c.Equal != nil {
		return []string{*c.Equal}
	}
	words := alternatives.FindStringSubmatch(c.Regex)
	if words == nil {
		return nil
	}
	var list []string
	for word := range strings.SplitSeq(words[1], "|") {
		if !contains(list, word) {
			list = append(list, word)
		}
	}
	return list
}

func (r *reader) queryMatch(q *route.QueryParameterMatcher, path string) (c condition, wide string) {
	c.Name = q.GetName()
	for _, field := range r.leftover(q, path, "name string_match present_match", nil) {
		return c, "no rule can match " + field
	}
	switch specifier := q.GetQueryParameterMatchSpecifier().(type) {
	case nil:
		c.Present = true
	case *route.QueryParameterMatcher_PresentMatch:
		if !specifier.PresentMatch {
			return c, "no rule can require absence (" + c.Name + ")"
		}
		c.Present = true
	case *route.QueryParameterMatcher_StringMatch:
		var ok bool
		if c.Equal, c.Regex, ok = stringMatch(specifier.StringMatch); !ok {
			return c, "no rule can match a string in this way (" + c.Name + ")"
		}
	}
	return c, ""
}

// stringMatch is a StringMatcher as a value or as an expression.
func stringMatch(m *matcher.StringMatcher) (equal *string, expression string, ok bool) {
	switch pattern := m.GetMatchPattern().(type) {
	case *matcher.StringMatcher_Exact:
		if !m.GetIgnoreCase() {
			return &pattern.Exact, "", true
		}
		expression = regexp.QuoteMeta(pattern.Exact)
	case *matcher.StringMatcher_Prefix:
		expression = `(?s)` + regexp.QuoteMeta(pattern.Prefix) + `.*`
	case *matcher.StringMatcher_Suffix:
		expression = `(?s).*` + regexp.QuoteMeta(pattern.Suffix)
	case *matcher.StringMatcher_Contains:
		expression = `(?s).*` + regexp.QuoteMeta(pattern.Contains) + `.*`
	case *matcher.StringMatcher_SafeRegex:
		return nil, pattern.SafeRegex.GetRegex(), pattern.SafeRegex.GetRegex() != ""
	default:
		return nil, "", false
	}
	if m.GetIgnoreCase() {
		expression = "(?i)" + expression
	}
	return nil, expression, expression != "(?i)"
}
