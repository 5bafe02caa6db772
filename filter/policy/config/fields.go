package config

import (
	"strings"
	"time"
	"unicode/utf8"

	"bearerauth/filter/policy/syntax"
)

// MaxTextBytes is the longest configured text, in bytes.
const MaxTextBytes = 1024

// WantName checks a name that the configuration defines, as of a provider or a rule.
// Like all functions Want… it returns what was wanted, or "".
func WantName(s string) string {
	if len(s) == 0 || len(s) > 64 {
		return "want a name of 1 to 64 characters"
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !syntax.IsAlpha(c) && !syntax.IsDigit(c) && c != '_' && c != '-' {
			return "want a name of letters, digits, _ and -"
		}
	}
	return ""
}

// WantAttributeName checks the name of a filter state attribute.
func WantAttributeName(s string) string {
	if want := WantName(s); want != "" {
		return "attribute: " + want
	}
	if s == "sub" || s == "scope" {
		return "attribute: want another name: this one is reserved for the token's subject or scopes"
	}
	return ""
}

// WantClaimName checks the name of a claim. It allows URIs: claims have such names.
func WantClaimName(s string) string {
	if s == "" || len(s) > 256 || !syntax.IsPrintableASCII(s) {
		return "want the name of a claim: 1 to 256 printable ASCII characters"
	}
	return ""
}

// WantHeaderText checks a value that may be sent in a header.
func WantHeaderText(s string) string {
	if len(s) > MaxTextBytes || !syntax.IsPrintableASCII(s) {
		return "want 1 to 1024 printable ASCII characters, no space at either end"
	}
	return ""
}

// WantDetail checks a text that is sent in a body or, percent-encoded, in
// grpc-message.
func WantDetail(s string) string {
	if s == "" || len(s) > MaxTextBytes || !utf8.ValidString(s) {
		return "want a string of 1 to 1024 bytes"
	}
	for _, r := range s {
		if r < 0x20 || r == 0x7f {
			return "want a string without control characters"
		}
	}
	return ""
}

// WantScope checks one scope (RFC 6749 section 3.3).
func WantScope(s string) string {
	if !syntax.IsScopeToken(s) {
		return `want a scope: printable ASCII without space, " and \`
	}
	return ""
}

// WantMethod checks an HTTP method (RFC 9110 section 9.1), and rejects a standard one
// that is not in upper case.
func WantMethod(s string) string {
	for i := 0; i < len(s); i++ {
		if !syntax.IsTchar(s[i]) {
			return "want a method such as GET; methods are case-sensitive"
		}
	}
	switch s {
	case "":
		return "want a method such as GET; methods are case-sensitive"
	case "*":
		return "want a method such as GET: leave methods out for every method"
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

// WantOwnHeader checks the name of a header that the filter sets. It rejects the
// headers by which Envoy or the connection works.
func WantOwnHeader(s string) string {
	if len(s) == 0 || len(s) > 128 {
		return "want a header name of 1 to 128 characters"
	}
	if s[0] == ':' {
		return "want a header name, not a pseudo-header"
	}
	for i := 0; i < len(s); i++ {
		if !syntax.IsTchar(s[i]) || s[i] >= 'A' && s[i] <= 'Z' {
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
		return "want a header other than " + name
	}
	return ""
}

// Time reads an RFC 3339 timestamp. It returns the zero time where the member is
// absent or wrong.
func (o *Object) Time(name string) time.Time {
	n := o.Get(name)
	if n == nil {
		return time.Time{}
	}
	const want = "want a time such as 2030-01-31T00:00:00Z"
	if n.Kind != '"' {
		o.Problems.Add(n.Path, want+" as a string, got "+KindName(n.Kind))
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, n.Text)
	if err != nil || !IsStrictTime(n.Text) {
		o.Problems.Add(n.Path, want+", got "+Quote(n.Text))
		return time.Time{}
	}
	if t.Year() < 1970 {
		o.Problems.Add(n.Path, "want a time in 1970 or later")
	}
	return t
}

// IsStrictTime rejects what time.Parse accepts beyond RFC 3339: an hour of one digit,
// a comma before the fraction, an offset of 24:60. s must be one that time.Parse
// accepted.
func IsStrictTime(s string) bool {
	if s[13] != ':' || s[19] == ',' {
		return false
	}
	n := len(s)
	return s[n-1] == 'Z' || s[n-5:n-3] < "24" && s[n-2:] < "60"
}

// ErrNoVariable is the message about an environment variable that does not exist.
const ErrNoVariable = "want the name of an environment variable that the VM has (vm_config.environment_variables)"

// WantClaimText checks a text that is compared with a claim.
func WantClaimText(s string) string {
	if s == "" || len(s) > MaxTextBytes || syntax.HasControl(s) {
		return "want a string of 1 to 1024 bytes without control characters"
	}
	return ""
}
