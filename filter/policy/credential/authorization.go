package credential

import (
	"strings"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
)

// Kind is what a location holds.
type Kind uint8

// The kinds. The zero Kind refuses.
const (
	Malformed Kind = iota
	Several        // more than one method, header line or value
	None           // nothing, another scheme, or an empty token
	Bearer         // a well-formed token
)

// Credential is what a location holds. Its token borrows from the request.
type Credential struct {
	Kind  Kind
	Token string // a b64token (RFC 6750 section 2.1); only with Bearer
	// Named means that an upstream may find a token at the location: some part of the
	// header names the Bearer scheme, well-formed or not, or has bytes that some
	// upstreams remove.
	Named bool
	// Aliased means that the request has a name which only some upstreams take for the
	// location's.
	Aliased bool
}

// SingleBearer returns what follows "Bearer" and one space in the only Authorization
// line, as most clients send it. It need not be a well-formed token.
func SingleBearer(r *request.Request) (string, bool) {
	value, lines := r.Header("authorization")
	if lines != 1 {
		return "", false
	}
	return CutBearer(value)
}

// CutBearer returns what follows "Bearer" (in any case) and one space. ok is false
// for another scheme and for more than MaxTokenBytes.
func CutBearer(authorization string) (string, bool) {
	const prefix = "bearer "
	if len(authorization) <= len(prefix) || len(authorization) > len(prefix)+syntax.MaxTokenBytes ||
		!syntax.EqualFoldASCII(authorization[:len(prefix)], prefix) {
		return "", false
	}
	return authorization[len(prefix):], true
}

// Read reads the Authorization header as RFC 6750 section 2.1 and RFC 9110 sections
// 11.4 and 5.5 define it. It ignores copies of it in other headers (RFC 9110 section
// 11.7). second reports that the request also uses another method to send a token.
func Read(r *request.Request, second bool) Credential {
	if token, ok := SingleBearer(r); ok && syntax.IsB64Token(token) {
		if second {
			return Credential{Kind: Several, Named: true}
		}
		return Credential{Kind: Bearer, Token: token, Named: true}
	}
	value, lines := "", 0
	named := false
	for i := range r.Headers {
		if r.Headers[i][0] == "authorization" {
			value = r.Headers[i][1]
			lines++
			named = named || namesBearer(value) || hasStrayBytes(value)
		}
	}
	switch {
	case lines == 0:
		return Credential{Kind: None}
	case lines > 1:
		// Never the first or the last of them: the upstream may read the other.
		return Credential{Kind: Several, Named: named}
	case !named:
		return Credential{Kind: None}
	case hasStrayBytes(value):
		// No scheme has such bytes. Python's str.split reads "\xa0Bearer x" as Bearer.
		return Credential{Kind: Malformed, Named: true}
	}
	value = syntax.TrimOWS(value)
	if len(value) < len("bearer") || !syntax.EqualFoldASCII(value[:len("bearer")], "bearer") {
		// Envoy joins several lines with a comma: "Basic x,Bearer y".
		return Credential{Kind: Several, Named: true}
	}
	rest := value[len("bearer"):]
	if rest == "" {
		return Credential{Kind: None, Named: true}
	}
	token := strings.TrimLeft(rest, " ")
	if len(token) == len(rest) || !syntax.IsB64Token(token) || len(token) > syntax.MaxTokenBytes {
		if strings.IndexByte(rest, ',') >= 0 {
			return Credential{Kind: Several, Named: true}
		}
		return Credential{Kind: Malformed, Named: true}
	}
	if second {
		return Credential{Kind: Several, Named: true}
	}
	return Credential{Kind: Bearer, Token: token, Named: true}
}

// namesBearer reports whether some comma-separated element of an Authorization value
// begins with the Bearer scheme. It ignores quotes, as an upstream does that joins or
// splits lines.
func namesBearer(value string) bool {
	for {
		element, rest, more := strings.Cut(value, ",")
		element = syntax.TrimOWS(element)
		if len(element) >= len("bearer") && syntax.EqualFoldASCII(element[:len("bearer")], "bearer") &&
			(len(element) == len("bearer") || !syntax.IsTchar(element[len("bearer")])) {
			return true
		}
		if !more {
			return false
		}
		value = rest
	}
}

// hasStrayBytes finds control bytes other than the tab, and non-ASCII bytes.
func hasStrayBytes(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != '\t' && (s[i] < ' ' || s[i] > '~') {
			return true
		}
	}
	return false
}

// HasQueryToken reports an access_token parameter. Besides the header that is a
// second method to send a token, which RFC 6750 section 2 forbids.
func HasQueryToken(path string) bool {
	const accessToken = "access_token"
	_, query, ok := strings.Cut(path, "?")
	if !ok {
		return false
	}
	query, _, _ = strings.Cut(query, "#")
	for query != "" {
		var pair string
		pair, query = syntax.CutPair(query)
		if len(pair) < len(accessToken) {
			continue
		}
		name, _, _ := strings.Cut(pair, "=")
		if request.DecodesTo(name, accessToken) {
			return true
		}
	}
	return false
}
