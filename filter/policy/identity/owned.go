package identity

import (
	"strings"

	"bearerauth/filter/policy/syntax"
)

// OwnedHeaders are the names of the headers that only the filter may set.
type OwnedHeaders []string

// Contains reports whether an upstream could take this header for an owned one. See
// syntax.SameHeader: an upstream may read x_auth_subject as x-auth-subject.
func (h OwnedHeaders) Contains(name string) bool {
	for _, owned := range h {
		if syntax.SameHeader(name, owned) {
			return true
		}
	}
	return false
}

// AppendForged appends the names of those headers in pairs that the filter owns.
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

// NamedByConnection reports whether Connection names an owned header. Such a header is
// removed at the next hop (RFC 9110 section 7.6.1), so a client could remove the identity
// on its way to the upstream. Envoy cleans Connection itself, except on upgrades.
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
