package policy

import (
	"strings"
	"time"
	"unicode/utf8"
)

// What a configured string has to look like. Each function returns what was
// wanted, or "".

const maxTextBytes = 1024

func wantName(s string) string {
	if len(s) == 0 || len(s) > 64 {
		return "want a name of 1 to 64 characters"
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isAlpha(c) && !isDigit(c) && c != '_' && c != '-' {
			return "want a name of letters, digits, _ and -"
		}
	}
	return ""
}

func wantAttributeName(s string) string {
	if want := wantName(s); want != "" {
		return "attribute: " + want
	}
	if s == "sub" || s == "scope" {
		return "attribute: this name stands for the token's subject or scopes, want another"
	}
	return ""
}

// wantClaimName allows URIs and the like: claims have such names.
func wantClaimName(s string) string {
	if s == "" || len(s) > 256 || !isPrintableASCII(s) {
		return "want the name of a claim: 1 to 256 printable ASCII characters"
	}
	return ""
}

// wantHeaderText is for values that can end up in a header.
func wantHeaderText(s string) string {
	if len(s) > maxTextBytes || !isPrintableASCII(s) {
		return "want 1 to 1024 printable ASCII characters, no space at either end"
	}
	return ""
}

// wantDetail is for texts that end up in a body or, percent-encoded, in grpc-message.
func wantDetail(s string) string {
	if s == "" || len(s) > maxTextBytes || !utf8.ValidString(s) {
		return "want a text of 1 to 1024 bytes"
	}
	for _, r := range s {
		if r < 0x20 || r == 0x7f {
			return "want a text without control characters"
		}
	}
	return ""
}

func wantScope(s string) string {
	if !isScopeToken(s) {
		return `want a scope: printable ASCII without space, " and \`
	}
	return ""
}

func wantMethod(s string) string {
	for i := 0; i < len(s); i++ {
		if !isTchar(s[i]) {
			return "want a method such as GET; methods are case-sensitive"
		}
	}
	if s == "" {
		return "want a method such as GET; methods are case-sensitive"
	}
	if upper := strings.ToUpper(s); s != upper && isStandardMethod(upper) {
		return "methods are case-sensitive: want " + upper
	}
	return ""
}

func isStandardMethod(s string) bool {
	switch s {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH":
		return true
	}
	return false
}

// wantOwnHeader is for headers that the filter sets: those that Envoy or the
// connection lives by are not ours to write.
func wantOwnHeader(s string) string {
	if len(s) == 0 || len(s) > 128 {
		return "want a header name of 1 to 128 characters"
	}
	if s[0] == ':' {
		return "want a header name, not a pseudo-header"
	}
	for i := 0; i < len(s); i++ {
		if !isTchar(s[i]) || s[i] >= 'A' && s[i] <= 'Z' {
			return "want a header name in lower case"
		}
	}
	name := strings.ReplaceAll(s, "_", "-")
	if strings.HasPrefix(name, "x-envoy-") {
		return "want a header that is not one of Envoy's own x-envoy-*"
	}
	switch name {
	case "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
		"te", "trailer", "transfer-encoding", "upgrade":
		return "want a header that is not hop-by-hop"
	case "host", "authorization", "content-length", "content-type", "cookie", "expect":
		return "want a header of its own, not " + name
	}
	return ""
}

// time returns the zero time where the member is absent or wrong.
func (o *object) time(name string) time.Time {
	n := o.get(name)
	if n == nil {
		return time.Time{}
	}
	const want = "want a time such as 2030-01-31T00:00:00Z"
	if n.kind != '"' {
		o.problems.add(n.path, want+", got "+kindName(n.kind))
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, n.text)
	if err != nil || !isStrictTime(n.text) {
		o.problems.add(n.path, want+", got "+quote(n.text))
		return time.Time{}
	}
	if t.Year() < 1970 {
		o.problems.add(n.path, "want a time in 1970 or later")
	}
	return t
}

// isStrictTime refuses what time.Parse takes and RFC 3339 does not have: an
// hour of one digit, a comma before the fraction, an offset of 24:60.
func isStrictTime(s string) bool {
	if s[13] != ':' || s[19] == ',' {
		return false
	}
	n := len(s)
	return s[n-1] == 'Z' || s[n-5:n-3] < "24" && s[n-2:] < "60"
}
