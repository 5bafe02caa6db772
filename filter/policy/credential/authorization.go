package credential

import (
	"strings"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
)

// Kind is what the Authorization header holds.
type Kind uint8

// The zero kind refuses.
const (
	Malformed Kind = iota
	Several        // more than one method or header line
	None           // nothing, another scheme, or an empty token
	Bearer
)

// Credential borrows its token from the request.
type Credential struct {
	Kind  Kind
	Token string // well-formed b64token; only with credentialBearer
	// named: some part of the header names the Bearer scheme, well-formed or
	// not, or has bytes that some strip, so that an upstream may find a token
	// there.
	Named bool
	// aliased: something there has the location's name to some upstreams only.
	Aliased bool
}

// Plain is what stands behind "Bearer" and one space in the only
// Authorization line, as most clients send it. It need not be a token.
func SingleBearer(r *request.Request) (string, bool) {
	value, lines := r.Header("authorization")
	if lines != 1 {
		return "", false
	}
	return CutBearer(value)
}

// CutBearer is what stands behind "Bearer" and one space, if it is no longer
// than a token may be.
func CutBearer(authorization string) (string, bool) {
	const prefix = "bearer "
	if len(authorization) <= len(prefix) || len(authorization) > len(prefix)+syntax.MaxTokenBytes ||
		!syntax.EqualFoldASCII(authorization[:len(prefix)], prefix) {
		return "", false
	}
	return authorization[len(prefix):], true
}

// Read reads the Authorization header as RFC 6750 section 2.1 and
// RFC 9110 sections 11.4 and 5.5 have it, and nothing else: no copy of it in
// another header counts (RFC 9110 section 11.7). second: there is a second method
// beside it.
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
		// No scheme has them. Python's str.split reads "\xa0Bearer x" as Bearer.
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

// namesBearer reports whether any comma-separated element of an Authorization
// value starts with the Bearer scheme. Quotes are not honoured: an upstream
// that joins or splits lines would not honour them either.
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

// hasStrayBytes finds control and non-ASCII bytes; a tab is white space.
func hasStrayBytes(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != '\t' && (s[i] < ' ' || s[i] > '~') {
			return true
		}
	}
	return false
}

// HasQueryToken reports an access_token parameter: beside the header it is a
// second method (RFC 6750 section 2).
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
