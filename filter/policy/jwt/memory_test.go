package jwt

import (
	"strings"
	"testing"

	"bearerauth/filter/policy/cache"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/jwks"
	"bearerauth/filter/policy/verdict"
)

func count[V any](g *cache.Generations[V]) (n int) {
	g.Sweep(func(V) bool { n++; return false })
	return n
}

// TestTokenMemory: each of the two memories keeps its bound, and a flood of refusals
// displaces no good token.
func TestTokenMemory(t *testing.T) {
	t.Parallel()
	const bytes, each = 64 << 10, 6000
	c := newTokenCache(bytes)
	name := func(i uint64) cache.Name { return cache.Name{Hi: i, Lo: i * 0x9e3779b97f4a7c15} }
	for i := range uint64(50) {
		token := new(Remembered)
		token.identity.Subject = strings.Repeat("x", each)
		c.good.Put(name(i), token)
	}
	good := count(c.good)
	if good == 0 || good*each > bytes {
		t.Errorf("%d tokens of %d bytes in %d", good, each, bytes)
	}
	for i := range uint64(20_000) {
		c.putBad(name(i), verdict.ReasonBadSignature, nil, nil, 0)
	}
	// An entry takes two words of its name at least.
	if n := count(c.bad); n < 1000 || n > badTokenBytes/16 {
		t.Errorf("%d refusals in %d bytes", n, badTokenBytes)
	}
	if n := count(c.good); n != good {
		t.Errorf("%d good tokens of %d are left", n, good)
	}
}

// TestSweep: a refusal leaves the memory when it no longer holds.
func TestSweep(t *testing.T) {
	t.Parallel()
	s := NewState(new(Providers), nil, new(identity.Propagation), jwks.NewState(nil, nil, nil, 0), nil, 64<<10)
	s.cache.putBad(cache.Name{Lo: 1}, verdict.ReasonBadSignature, nil, nil, 1000)
	s.cache.putExpired(cache.Name{Lo: 2}, 990, nil, nil, 1000)
	if s.Sweep(1000); count(s.cache.bad) != 2 {
		t.Errorf("%d refusals are left, want both", count(s.cache.bad))
	}
	s.Sweep(1000 + badTokenSeconds)
	if n := count(s.cache.bad); n != 0 {
		t.Errorf("%d refusals are left", n)
	}
}
