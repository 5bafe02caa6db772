package jwt

import (
	"math"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/cache"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/revocation"
	"bearerauth/filter/policy/verdict"
)

// Remembered is a token that verified under a key. Policy is not in it: rules
// and scopes are judged for every request.
type Remembered struct {
	provider *Provider
	key      *jose.Key
	window   claims.Window
	Identity identity.Identity
	marks    *revocation.Handles // what revocations go by; nil where there are none
}

func (t *Remembered) size() int {
	n := t.Identity.Size()
	if t.marks != nil {
		n += revocation.HandlesSize
	}
	return n
}

// badToken is a refusal that no key to come can change, or the fact that the keys
// of now have not signed the token.
type badToken struct {
	reason      verdict.Reason
	provider    *Provider
	keys        *jose.KeySet // the refusal holds while these are the provider's keys; nil: for as long as it is remembered
	from, until float64      // holds from then on, forgotten then; in seconds since the epoch
}

const (
	BadTokenSeconds = 60
	BadTokenBytes   = 256 << 10
)

// tokenCache remembers verdicts over tokens. Refusals have room of their own:
// garbage cannot push good tokens out.
type tokenCache struct {
	Good *cache.Generations[*Remembered]
	Bad  *cache.Generations[badToken]
}

func newTokenCache(bytes int) *tokenCache {
	return &tokenCache{
		Good: cache.NewGenerations(bytes, (*Remembered).size),
		Bad:  cache.NewGenerations(BadTokenBytes, func(badToken) int { return 0 }),
	}
}

// lookBad returns why a token is known to be bad.
func (s *State) lookBad(k cache.Name, now float64) (bad badToken, known bool) {
	if b, ok := s.Cache.Bad.Get(k); ok {
		if s.standing(b, now) {
			return b, true
		}
		s.Cache.Bad.Drop(k)
	}
	return bad, false
}

// current reports whether a token that was good can still be: it ends with its
// expiry, and at once with its key.
func (s *State) current(t *Remembered, now float64) bool {
	return now < t.window.Expires && s.keys.Of(&t.provider.Ring).Holds(t.key)
}

func (s *State) standing(b badToken, now float64) bool {
	// A clock that was set back makes an expired token good again.
	return now >= b.from && now < b.until && (b.keys == nil || s.keys.Of(&b.provider.Ring) == b.keys)
}

func (c *tokenCache) keepBad(k cache.Name, reason verdict.Reason, j *Provider, keys *jose.KeySet, now float64) {
	c.Bad.Put(k, badToken{reason, j, keys, math.Inf(-1), now + BadTokenSeconds})
}

func (c *tokenCache) keepExpired(k cache.Name, expires float64, j *Provider, keys *jose.KeySet, now float64) {
	c.Bad.Put(k, badToken{verdict.ReasonExpired, j, keys, expires, now + BadTokenSeconds})
}

// Sweep frees what is over.
func (s *State) Sweep(at float64) {
	s.Cache.Good.Sweep(func(t *Remembered) bool { return !s.current(t, at) })
	s.Cache.Bad.Sweep(func(b badToken) bool { return !s.standing(b, at) })
}
