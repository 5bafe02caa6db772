package reply

import (
	"strings"
)

// challenge returns a WWW-Authenticate value (RFC 6750 section 3). It always has a
// realm: the scheme requires at least one parameter. Each parameter occurs once. code
// is the RFC 6750 error, "" for a request without credentials; metadata is the URL of
// the protected resource metadata (RFC 9728), or "".
func challenge(realm, code, description string, scopes []string, metadata string) string {
	var b strings.Builder
	b.WriteString("Bearer ")
	writeParam(&b, "realm", realm)
	if code != "" {
		b.WriteString(", ")
		writeParam(&b, "error", code)
		b.WriteString(", ")
		writeParam(&b, "error_description", description)
	}
	if len(scopes) > 0 {
		b.WriteString(", ")
		writeParam(&b, "scope", joinScopes(scopes))
	}
	if metadata != "" {
		b.WriteString(", ")
		writeParam(&b, "resource_metadata", metadata) // RFC 9728 section 5.1
	}
	return b.String()
}

// writeParam writes name="value" with a quoted-string (RFC 9110 section 5.6.4).
func writeParam(b *strings.Builder, name, value string) {
	b.WriteString(name)
	b.WriteString(`="`)
	for i := 0; i < len(value); i++ {
		if c := value[i]; c == '"' || c == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(value[i])
	}
	b.WriteByte('"')
}

func joinScopes(scopes []string) string { return strings.Join(scopes, " ") }
