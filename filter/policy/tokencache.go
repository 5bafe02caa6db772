package policy

import (
	"math"

	"bearerauth/filter/jose"
)

// goodToken is a token that verified under a key. Policy is not in it: rules
// and scopes are judged for every request.
type goodToken struct {
	provider *jwtProvider
	key      *jose.Key
	window   window
	identity verifiedIdentity
	marks    *marks // what revocations go by; nil where there are none
}

func (t *goodToken) size() int {
	n := t.identity.size()
	if t.marks != nil {
		n += marksSize
	}
	return n
}

// badToken is a refusal that no key to come can change, or the fact that the keys
// of now have not signed the token.
type badToken struct {
	reason      Reason
	provider    *jwtProvider
	keys        *jose.KeySet // the refusal holds while these are the provider's keys; nil: for as long as it is remembered
	from, until float64      // holds from then on, forgotten then; in seconds since the epoch
}

const (
	badTokenSeconds = 60
	badTokenBytes   = 256 << 10
)

// tokenCache remembers verdicts over tokens. Refusals have room of their own:
// garbage cannot push good tokens out.
type tokenCache struct {
	good *generations[*goodToken]
	bad  *generations[badToken]
}

func newTokenCache(bytes int) *tokenCache {
	return &tokenCache{
		good: newGenerations(bytes, (*goodToken).size),
		bad:  newGenerations(badTokenBytes, func(badToken) int { return 0 }),
	}
}

// lookBad returns why a token is known to be bad.
func (s *jwtState) lookBad(k tokenKey, now float64) (bad badToken, known bool) {
	if b, ok := s.cache.bad.get(k); ok {
		if s.standing(b, now) {
			return b, true
		}
		s.cache.bad.drop(k)
	}
	return bad, false
}

// current reports whether a token that was good can still be: it ends with its
// expiry, and at once with its key.
func (s *jwtState) current(t *goodToken, now float64) bool {
	return now < t.window.expires && s.keys.of(&t.provider.keyring).Holds(t.key)
}

func (s *jwtState) standing(b badToken, now float64) bool {
	// A clock that was set back makes an expired token good again.
	return now >= b.from && now < b.until && (b.keys == nil || s.keys.of(&b.provider.keyring) == b.keys)
}

func (c *tokenCache) keepBad(k tokenKey, reason Reason, j *jwtProvider, keys *jose.KeySet, now float64) {
	c.bad.put(k, badToken{reason, j, keys, math.Inf(-1), now + badTokenSeconds})
}

func (c *tokenCache) keepExpired(k tokenKey, expires float64, j *jwtProvider, keys *jose.KeySet, now float64) {
	c.bad.put(k, badToken{ReasonExpired, j, keys, expires, now + badTokenSeconds})
}

// sweep frees what is over.
func (s *jwtState) sweep(at float64) {
	s.cache.good.sweep(func(t *goodToken) bool { return !s.current(t, at) })
	s.cache.bad.sweep(func(b badToken) bool { return !s.standing(b, at) })
}
