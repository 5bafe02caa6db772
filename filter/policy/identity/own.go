package identity

import (
	"strings"

	"bearerauth/filter/policy/syntax"
)

// OwnedHeaders are those that only the filter sets.
type OwnedHeaders []string

func (h OwnedHeaders) Contains(name string) bool {
	for _, own := range h {
		if syntax.SameHeader(name, own) {
			return true
		}
	}
	return false
}

func (h OwnedHeaders) AppendForged(names []string, pairs [][2]string) []string {
	if len(h) == 0 {
		return names
	}
	for i := range pairs {
		if name := pairs[i][0]; h.Contains(name) && !syntax.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// NamedByConnection: a header that Connection names ends at the next hop (RFC
// 9110 section 7.6.1), so a client could have the identity dropped on its way.
// Envoy cleans Connection itself, except on upgrades.
func (h OwnedHeaders) NamedByConnection(pairs [][2]string) bool {
	if len(h) == 0 {
		return false
	}
	for i := range pairs {
		if pairs[i][0] != "connection" {
			continue
		}
		for name, rest := "", pairs[i][1]; rest != ""; {
			name, rest, _ = strings.Cut(rest, ",")
			if h.Contains(syntax.TrimOWS(name)) {
				return true
			}
		}
	}
	return false
}
