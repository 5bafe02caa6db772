package importer

import (
	"regexp"
	"strings"
)

// match is a conjunction, as in a rule.
type match struct {
	Path         string      `json:"path,omitempty"`
	PathPrefix   string      `json:"path_prefix,omitempty"`
	PathTemplate string      `json:"path_template,omitempty"`
	PathRegex    string      `json:"path_regex,omitempty"`
	Methods      []string    `json:"methods,omitempty"`
	Hosts        []string    `json:"hosts,omitempty"`
	Headers      []condition `json:"headers,omitempty"`
	Query        []condition `json:"query,omitempty"`
}

// condition has one member beside the name. Equal is a pointer: a value can be
// empty.
type condition struct {
	Name    string  `json:"name"`
	Present bool    `json:"present,omitempty"`
	Equal   *string `json:"equal,omitempty"`
	Regex   string  `json:"regex,omitempty"`
}

func (m *match) empty() bool {
	return m.Path == "" && m.PathPrefix == "" && m.PathTemplate == "" && m.PathRegex == "" &&
		len(m.Methods)+len(m.Hosts)+len(m.Headers)+len(m.Query) == 0
}

// plainPath is a path pattern that the filter accepts unchanged. Every other pattern
// becomes an expression, which accepts any path.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*/?$`)

func isPlain(path string) bool {
	if path == "" || path[0] != '/' || !plainPath.MatchString(path) {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

// pathEqual matches one path.
func pathEqual(path string) match {
	if isPlain(path) {
		return match{Path: path}
	}
	return match{PathRegex: regexp.QuoteMeta(path)}
}

// pathStarting matches paths that begin with these bytes: /api is also /apis.
func pathStarting(prefix string) match {
	if isPlain(prefix) && strings.HasSuffix(prefix, "/") {
		return match{PathPrefix: prefix}
	}
	return match{PathRegex: `(?s)` + regexp.QuoteMeta(prefix) + `.*`}
}

// pathBelow matches a path and those below it.
func pathBelow(prefix string) match {
	if isPlain(prefix) && !strings.HasSuffix(prefix, "/") {
		return match{PathPrefix: prefix}
	}
	return match{PathRegex: `(?s)` + regexp.QuoteMeta(prefix) + `(/.*)?`}
}
