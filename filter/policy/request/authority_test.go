package request

import (
	"strings"
	"testing"
)

// TestOddAuthority: what is too long to be searched for hosts, or has too many
// parts, may hold any of them.
func TestOddAuthority(t *testing.T) {
	t.Parallel()
	pattern := host(t, "e.com")
	for authority, want := range map[string]bool{
		strings.Repeat("a.", 200) + "com":                                false,
		strings.Repeat("a:", maxOddParts):                                false,
		strings.Repeat("a:", maxOddParts) + "b":                          true,
		strings.Repeat("a:", maxOddParts-1) + "e.com":                    true,
		strings.Repeat(":", maxOddAuthority):                             false,
		strings.Repeat(":", maxOddAuthority+1):                           true,
		strings.Repeat("a.", maxOddAuthority) + "com":                    true,
		"[" + strings.Repeat("0", maxOddAuthority) + "]":                 true,
		"[0000:0000:0000:0000:0000:0000:255.255.255.255]:65535":          false,
		"[" + strings.Repeat("0000:", 6) + "255.255.255.255]" + "@":      false,
		"[" + strings.Repeat("0000:", 6) + "255.255.255.255]" + "@e.com": true,
	} {
		a := ReadAuthority(authority)
		if a.Unambiguous && pattern.Match(a.host) || pattern.Binds(&a) != want {
			t.Errorf("%.60q: unambiguous %v, binds %v", authority, a.Unambiguous, !want)
		}
	}
}
