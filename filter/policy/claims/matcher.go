package claims

import (
	"regexp"
	"strings"

	"bearerauth/filter/policy/config"
)

// stringMatcher matches a claim as Envoy's StringMatcher does.
type stringMatcher struct {
	kind       matcherKind
	text       string
	expression *regexp.Regexp
}

type matcherKind uint8

// The zero kind matches nothing.
const (
	matchNothing matcherKind = iota
	matchEqual
	matchPrefix
	matchSuffix
	matchContains
	matchRegex
)

var matcherNames = []string{"", "equal", "prefix", "suffix", "contains", "regex"}

func (m *stringMatcher) match(s string) bool {
	switch m.kind {
	case matchEqual:
		return s == m.text
	case matchPrefix:
		return strings.HasPrefix(s, m.text)
	case matchSuffix:
		return strings.HasSuffix(s, m.text)
	case matchContains:
		return strings.Contains(s, m.text)
	case matchRegex:
		return len(s) <= config.MaxRegexInput && m.expression.MatchString(s)
	}
	return false
}

// readMatchers reads an array of objects with a single member each.
func readMatchers(o *config.Object, name string) (list []stringMatcher) {
	for _, item := range o.Array(name) {
		m := config.AsObject(item, o.Problems)
		if m == nil {
			continue
		}
		var found stringMatcher
		count := 0
		for kind := matchEqual; kind <= matchRegex; kind++ {
			text := m.Checked(matcherNames[kind], "", func(s string) string {
				if s == "" {
					return "want a string that is not empty: an empty string matches everything"
				}
				if kind == matchRegex {
					expression, err := config.CompileAnchored(s)
					if err != nil {
						return err.Error()
					}
					found.expression = expression
				}
				return ""
			})
			if m.Has(matcherNames[kind]) {
				count++
				found.kind, found.text = kind, text
			}
		}
		m.Done()
		if count != 1 {
			m.Problems.Add(m.Path, "want exactly one of equal, prefix, suffix, contains, regex")
		}
		list = append(list, found)
	}
	return list
}
