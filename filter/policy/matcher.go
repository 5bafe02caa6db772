package policy

import (
	"regexp"
	"strings"
)

// stringMatcher is one way to match a claim, as in Envoy's StringMatcher.
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
		return len(s) <= maxRegexInput && m.expression.MatchString(s)
	}
	return false
}

// readMatchers reads an array of objects with one member each.
func readMatchers(o *object, name string) (list []stringMatcher) {
	for _, item := range o.array(name) {
		m := asObject(item, o.problems)
		if m == nil {
			continue
		}
		var found stringMatcher
		count := 0
		for kind := matchEqual; kind <= matchRegex; kind++ {
			text := m.checked(matcherNames[kind], "", func(s string) string {
				if s == "" {
					return "want a text that is not empty: it would match everything"
				}
				if kind == matchRegex {
					expression, err := compileAnchored(s)
					if err != nil {
						return err.Error()
					}
					found.expression = expression
				}
				return ""
			})
			if m.has(matcherNames[kind]) {
				count++
				found.kind, found.text = kind, text
			}
		}
		m.done()
		if count != 1 {
			m.problems.add(m.path, "want exactly one of equal, prefix, suffix, contains, regex")
		}
		list = append(list, found)
	}
	return list
}
