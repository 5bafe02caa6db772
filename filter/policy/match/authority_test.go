package match

import (
	"strings"
	"testing"

	"bearerauth/filter/policy/request"
)

// TestOddAuthority: what is too long to be searched for hosts, or has too many
// parts, may hold any of them.
func TestOddAuthority(t *testing.T) {
	t.Parallel()
	m := Match{hosts: []request.HostPattern{host(t, "e.com")}}
	for authority, want := range map[string]bool{
		strings.Repeat("a.", 200) + "com":                                false,
		strings.Repeat("a:", request.MaxOddParts):                        false,
		strings.Repeat("a:", request.MaxOddParts) + "b":                  true,
		strings.Repeat("a:", request.MaxOddParts-1) + "e.com":            true,
		strings.Repeat(":", request.MaxOddAuthority):                     false,
		strings.Repeat(":", request.MaxOddAuthority+1):                   true,
		strings.Repeat("a.", request.MaxOddAuthority) + "com":            true,
		"[" + strings.Repeat("0", request.MaxOddAuthority) + "]":         true,
		"[0000:0000:0000:0000:0000:0000:255.255.255.255]:65535":          false,
		"[" + strings.Repeat("0000:", 6) + "255.255.255.255]" + "@":      false,
		"[" + strings.Repeat("0000:", 6) + "255.255.255.255]" + "@e.com": true,
	} {
		if v := matchView("GET", authority, "/"); m.binds(v, "/") != want || m.opens(v) {
			t.Errorf("%.60q: binds %v, opens %v", authority, m.binds(v, "/"), m.opens(v))
		}
	}
}
