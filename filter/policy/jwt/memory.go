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

// Remembered is a token whose signature and claims have been verified. It contains no
// decision of a rule: rules judge the Identity again for every request.
type Remembered struct {
	provider *Provider
	key      *jose.Key
	window   claims.Window
	identity identity.Identity
	handles  *revocation.Handles // nil: no revocations are configured
}

func (t *Remembered) size() int {
	n := t.identity.Size()
	if t.handles != nil {
		n += revocation.HandlesSize
	}
	return n
}

// badToken is a refused token. A refusal without keys holds for all future keys. A
// refusal with keys holds only while they are in force.
type badToken struct {
	reason      verdict.Reason
	provider    *Provider
	keys        *jose.KeySet // of the provider; nil: the refusal does not depend on keys
	from, until float64      // when the refusal holds, in seconds since the epoch
}

// needsNewerKey reports whether all keys of the set were tried, but a fetch may
// bring the key that has signed the token.
func (b badToken) needsNewerKey() bool {
	return b.reason == verdict.ReasonUnknownKey && b.keys != nil
}

const (
	// badTokenSeconds is how long a refused token is remembered.
	badTokenSeconds = 60
	// badTokenBytes bounds the memory of refused tokens in a worker.
	badTokenBytes = 256 << 10
)

// tokenCache remembers good tokens and refused ones separately: a flood of forged
// tokens cannot displace the good ones.
type tokenCache struct {
	good *cache.Generations[*Remembered]
	bad  *cache.Generations[badToken]
}

func newTokenCache(bytes int) *tokenCache {
	return &tokenCache{
		good: cache.NewGenerations(bytes, (*Remembered).size),
		bad:  cache.NewGenerations(badTokenBytes, func(badToken) int { return 0 }),
	}
}

// knownBad returns the refusal of a token if it still holds.
func (s *State) knownBad(k cache.Name, now float64) (bad badToken, known bool) {
	if b, ok := s.cache.bad.Get(k); ok {
		if s.holds(b, now) {
			return b, true
		}
		s.cache.bad.Drop(k)
	}
	return bad, false
}

// current reports whether a remembered token may still be good: it has not expired,
// and the key that verified it is in the set in force.
func (s *State) current(t *Remembered, now float64) bool {
	return now < t.window.Expires && s.keys.KeySet(&t.provider.Ring).Holds(t.key)
}

func (s *State) holds(b badToken, now float64) bool {
	// After the clock was set back, an expired token is good again: hence from.
	return now >= b.from && now < b.until && (b.keys == nil || s.keys.KeySet(&b.provider.Ring) == b.keys)
}

func (c *tokenCache) putBad(k cache.Name, reason verdict.Reason, p *Provider, keys *jose.KeySet, now float64) {
	c.bad.Put(k, badToken{reason, p, keys, math.Inf(-1), now + badTokenSeconds})
}

func (c *tokenCache) putExpired(k cache.Name, expires float64, p *Provider, keys *jose.KeySet, now float64) {
	c.bad.Put(k, badToken{verdict.ReasonExpired, p, keys, expires, now + badTokenSeconds})
}

// Sweep removes tokens that have expired, tokens whose keys were withdrawn, and
// refusals that no longer hold. at is the time in seconds since the epoch.
func (s *State) Sweep(at float64) {
	s.cache.good.Sweep(func(t *Remembered) bool { return !s.current(t, at) })
	s.cache.bad.Sweep(func(b badToken) bool { return !s.holds(b, at) })
}
