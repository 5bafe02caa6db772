package policy

import (
	"time"

	"bearerauth/filter/jose"
)

// generations is a bounded map: what is not asked for any more goes when the
// half that holds it has been filled twice. A look-up costs one or two map
// accesses, no list is kept, and it never shrinks or grows beyond its limit.
type generations[V any] struct {
	young, old map[tokenKey]V
	size       func(V) int
	youngBytes int
	limit      int // in bytes, of one generation
}

func newGenerations[V any](limit int, size func(V) int) *generations[V] {
	return &generations[V]{
		young: map[tokenKey]V{}, old: map[tokenKey]V{}, size: size, limit: limit / 2,
	}
}

func (g *generations[V]) get(k tokenKey) (v V, ok bool) {
	if v, ok = g.young[k]; ok {
		return v, true
	}
	if v, ok = g.old[k]; ok {
		delete(g.old, k)
		g.put(k, v)
	}
	return v, ok
}

func (g *generations[V]) put(k tokenKey, v V) {
	size := g.size(v) + entryOverhead
	if size > g.limit {
		return
	}
	if have, ok := g.young[k]; ok {
		g.youngBytes -= g.size(have) + entryOverhead
	}
	if g.youngBytes+size > g.limit {
		clear(g.old)
		g.young, g.old = g.old, g.young
		g.youngBytes = 0
	}
	g.young[k] = v
	g.youngBytes += size
}

func (g *generations[V]) drop(k tokenKey) {
	if v, ok := g.young[k]; ok {
		g.youngBytes -= g.size(v) + entryOverhead
		delete(g.young, k)
	}
	delete(g.old, k)
}

// sweep drops what is over, so that it does not lie in memory until its room is
// needed.
func (g *generations[V]) sweep(over func(V) bool) {
	for k, v := range g.young {
		if over(v) {
			g.drop(k)
		}
	}
	for k, v := range g.old {
		if over(v) {
			delete(g.old, k)
		}
	}
}

// entryOverhead is what a map entry costs beside its value: key, pointer, and
// the room that a Go map keeps free.
const entryOverhead = 64

// goodToken is a token that verified under a key. Policy is not in it: rules
// and scopes are judged for every request.
type goodToken struct {
	provider *jwtProvider
	key      *jose.Key
	window   window
	identity Identity
}

// badToken is a refusal that depends neither on the time nor on keys to come.
type badToken struct {
	reason   Reason
	provider *jwtProvider
	keys     *jose.KeySet // the refusal stands while these are the provider's keys; nil: for as long as it is remembered
	until    float64      // forgotten then, in seconds since the epoch
}

const (
	badTokenSeconds = 60
	badTokenBytes   = 256 << 10
)

// tokenCache remembers verdicts over tokens. Refusals have room of their own:
// garbage cannot push good tokens out.
type tokenCache struct {
	key  sipKey
	good *generations[*goodToken]
	bad  *generations[badToken]

	// The newest refusal for expiry, for the moment of that request only: a shell
	// that asks twice about one request does not pay for two signature checks.
	expired   tokenKey
	expiredAt float64
}

func newTokenCache(random [16]byte, bytes int) *tokenCache {
	return &tokenCache{
		key:  newSipKey(random),
		good: newGenerations(bytes, func(t *goodToken) int { return t.identity.size() }),
		bad:  newGenerations(badTokenBytes, func(badToken) int { return 0 }),
	}
}

// lookBad returns the reason for which a token is known to be bad.
func (s *State) lookBad(k tokenKey, now float64) (reason Reason, known bool) {
	if k == s.cache.expired && now == s.cache.expiredAt {
		return ReasonExpired, true
	}
	if b, ok := s.cache.bad.get(k); ok {
		if s.standing(b, now) {
			return b.reason, true
		}
		s.cache.bad.drop(k)
	}
	return 0, false
}

// current reports whether a token that was good can still be: it ends with its
// expiry, and at once with its key.
func (s *State) current(t *goodToken, now float64) bool {
	return now < t.window.expires && s.keys(t.provider).Holds(t.key)
}

func (s *State) standing(b badToken, now float64) bool {
	return now < b.until && (b.keys == nil || s.keys(b.provider) == b.keys)
}

func (c *tokenCache) keepBad(k tokenKey, reason Reason, j *jwtProvider, keys *jose.KeySet, now float64) {
	c.bad.put(k, badToken{reason, j, keys, now + badTokenSeconds})
}

// Sweep frees what is over; to be called now and then.
func (s *State) Sweep(now time.Time) {
	at := seconds(now)
	s.cache.good.sweep(func(t *goodToken) bool { return !s.current(t, at) })
	s.cache.bad.sweep(func(b badToken) bool { return !s.standing(b, at) })
}
