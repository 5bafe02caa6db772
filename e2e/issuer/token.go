// Package issuer is a fake issuer of JWTs for tests: it publishes keys, signs
// tokens, and goes wrong in whatever way a test wants.
package issuer

import (
	"maps"
	"time"

	"bearerauth/filter/testkey"
)

// Claims are a token's, or whatever is to override the usual ones. A nil claim
// is left out.
type Claims = map[string]any

// Token is one for alice, good for ten minutes, with some claims of its own.
func Token(k *testkey.Key, issuer string, claims Claims) string {
	all := Claims{"iss": issuer}
	maps.Copy(all, claims)
	return k.Token(time.Now(), all)
}

// IntrospectionType is the typ of signed answers about tokens (RFC 9701 section 5).
const IntrospectionType = "token-introspection+jwt"

// Introspected is a signed answer about a token, of now, with some claims of its own
// beside the answer.
func Introspected(k *testkey.Key, issuer, audience string, answer, claims Claims) string {
	all := Claims{"iss": issuer, "aud": audience, "iat": time.Now().Unix(), "token_introspection": answer}
	maps.Copy(all, claims)
	return k.JWT(Claims{"typ": IntrospectionType}, all)
}
