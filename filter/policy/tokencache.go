package policy

import (
	"math"

	"bearerauth/filter/jose"
)

// generations is a bounded map: what is not asked for any more goes when the
// half that holds it has been filled twice. A look-up costs one or two map
// accesses, no list is kept, and it never shrinks or grows beyond its limit.
//
// The maps go by half of a key, which hashes faster; the entry has the other.
type generations[V any] struct {
	young, old map[uint64]entryOf[V]
	size       func(V) int
	youngBytes int
	limit      int // in bytes, of one generation
}

type entryOf[V any] struct {
	hi    uint64
	value V
}

// newGenerations takes the limit of both in bytes, and the usual size of a value.
func newGenerations[V any](limit, usual int, size func(V) int) *generations[V] {
	n := room(limit/2, entryOverhead+usual)
	return &generations[V]{
		young: make(map[uint64]entryOf[V], n), old: make(map[uint64]entryOf[V], n), size: size, limit: limit / 2,
	}
}

func (g *generations[V]) get(k tokenKey) (v V, ok bool) {
	if e, ok := g.young[k.lo]; ok {
		if e.hi != k.hi {
			return v, false
		}
		return e.value, true
	}
	if len(g.old) == 0 {
		return v, false
	}
	e, ok := g.old[k.lo]
	if !ok || e.hi != k.hi {
		return v, false
	}
	delete(g.old, k.lo)
	g.put(k, e.value)
	return e.value, true
}

func (g *generations[V]) put(k tokenKey, v V) {
	size := g.size(v) + entryOverhead
	if size > g.limit {
		return
	}
	if have, ok := g.young[k.lo]; ok {
		g.youngBytes -= g.size(have.value) + entryOverhead
	}
	if g.youngBytes+size > g.limit {
		clear(g.old)
		g.young, g.old = g.old, g.young
		g.youngBytes = 0
	}
	g.young[k.lo] = entryOf[V]{k.hi, v}
	g.youngBytes += size
}

func (g *generations[V]) drop(k tokenKey) { g.dropHalf(k.lo) }

func (g *generations[V]) dropHalf(lo uint64) {
	if e, ok := g.young[lo]; ok {
		g.youngBytes -= g.size(e.value) + entryOverhead
		delete(g.young, lo)
	}
	delete(g.old, lo)
}

// sweep drops what is over, so that it does not lie in memory until its room is
// needed.
func (g *generations[V]) sweep(over func(V) bool) {
	for lo, e := range g.young {
		if over(e.value) {
			g.dropHalf(lo)
		}
	}
	for lo, e := range g.old {
		if over(e.value) {
			delete(g.old, lo)
		}
	}
}

// entryOverhead is what a map entry costs beside its value: key, pointer, and
// the room that a Go map keeps free.
const entryOverhead = 64

// usualIdentity is what is remembered of a token that has a subject, and of which
// a few claims are told.
const usualIdentity = 400

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
		good: newGenerations(bytes, usualIdentity, (*goodToken).size),
		bad:  newGenerations(badTokenBytes, 0, func(badToken) int { return 0 }),
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
