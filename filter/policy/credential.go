package policy

import "strings"

// maxTokenBytes bounds the work that a stranger can cause.
const maxTokenBytes = 16 << 10

// credentialKind is what the Authorization header holds.
type credentialKind uint8

// The zero kind refuses.
const (
	credentialMalformed credentialKind = iota
	credentialSeveral                  // more than one method or header line
	credentialNone                     // nothing, another scheme, or an empty token
	credentialBearer
)

// credential borrows its token from the request.
type credential struct {
	kind  credentialKind
	token string // well-formed b64token; only with credentialBearer
	// named: some part of the header names the Bearer scheme, well-formed or
	// not, or has bytes that some strip, so that an upstream may find a token
	// there.
	named bool
	// aliased: something there has the location's name to some upstreams only.
	aliased bool
}

// plainCredential is what stands behind "Bearer" and one space in the only
// Authorization line, as most clients send it. It need not be a token.
func plainCredential(r *Request) (string, bool) {
	value, lines := r.header("authorization")
	if lines != 1 {
		return "", false
	}
	return behindBearer(value)
}

// behindBearer is what stands behind "Bearer" and one space, if it is no longer
// than a token may be.
func behindBearer(authorization string) (string, bool) {
	const prefix = "bearer "
	if len(authorization) <= len(prefix) || len(authorization) > len(prefix)+maxTokenBytes ||
		!equalFoldASCII(authorization[:len(prefix)], prefix) {
		return "", false
	}
	return authorization[len(prefix):], true
}

// readCredential reads the Authorization header as RFC 6750 section 2.1 and
// RFC 9110 sections 11.4 and 5.5 have it, and nothing else: no copy of it in
// another header counts (RFC 9110 section 11.7). second: there is a second method
// beside it.
func readCredential(r *Request, second bool) credential {
	if token, ok := plainCredential(r); ok && isB64Token(token) {
		if second {
			return credential{kind: credentialSeveral, named: true}
		}
		return credential{kind: credentialBearer, token: token, named: true}
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
		return credential{kind: credentialNone}
	case lines > 1:
		// Never the first or the last of them: the upstream may read the other.
		return credential{kind: credentialSeveral, named: named}
	case !named:
		return credential{kind: credentialNone}
	case hasStrayBytes(value):
		// No scheme has them. Python's str.split reads "\xa0Bearer x" as Bearer.
		return credential{kind: credentialMalformed, named: true}
	}
	value = trimOWS(value)
	if len(value) < len("bearer") || !equalFoldASCII(value[:len("bearer")], "bearer") {
		// Envoy joins several lines with a comma: "Basic x,Bearer y".
		return credential{kind: credentialSeveral, named: true}
	}
	rest := value[len("bearer"):]
	if rest == "" {
		return credential{kind: credentialNone, named: true}
	}
	token := strings.TrimLeft(rest, " ")
	if len(token) == len(rest) || !isB64Token(token) || len(token) > maxTokenBytes {
		if strings.IndexByte(rest, ',') >= 0 {
			return credential{kind: credentialSeveral, named: true}
		}
		return credential{kind: credentialMalformed, named: true}
	}
	if second {
		return credential{kind: credentialSeveral, named: true}
	}
	return credential{kind: credentialBearer, token: token, named: true}
}

// namesBearer reports whether any comma-separated element of an Authorization
// value starts with the Bearer scheme. Quotes are not honoured: an upstream
// that joins or splits lines would not honour them either.
func namesBearer(value string) bool {
	for {
		element, rest, more := strings.Cut(value, ",")
		element = trimOWS(element)
		if len(element) >= len("bearer") && equalFoldASCII(element[:len("bearer")], "bearer") &&
			(len(element) == len("bearer") || !isTchar(element[len("bearer")])) {
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

// hasQueryToken reports an access_token parameter: beside the header it is a
// second method (RFC 6750 section 2).
func hasQueryToken(path string) bool {
	const accessToken = "access_token"
	_, query, ok := strings.Cut(path, "?")
	if !ok {
		return false
	}
	query, _, _ = strings.Cut(query, "#")
	for query != "" {
		var pair string
		pair, query = cutPair(query)
		if len(pair) < len(accessToken) {
			continue
		}
		name, _, _ := strings.Cut(pair, "=")
		if decodesTo(name, accessToken) {
			return true
		}
	}
	return false
}

// isB64Token: 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=".
func isB64Token(s string) bool {
	i := 0
	for i < len(s) && b64Octets[s[i]] {
		i++
	}
	if i == 0 {
		return false
	}
	for i < len(s) && s[i] == '=' {
		i++
	}
	return i == len(s)
}

var b64Octets = func() (table [256]bool) {
	for c := range table {
		table[c] = isB64Char(byte(c))
	}
	return table
}()
