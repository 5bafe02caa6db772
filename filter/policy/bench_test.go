package policy

import (
	"strconv"
	"testing"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/request"
)

// BenchmarkDecide is a whole decision. The host's signature check is left out of
// the uncached rows: what is left is ours.
func BenchmarkDecide(b *testing.B) {
	yes := func(string, []byte, []byte, []byte) (bool, bool) { return true, true }
	for _, c := range []struct {
		name   string
		tokens int
	}{{"JWT cached", 1}, {"JWT uncached", 5000}} {
		p := mustParse(b, jwtConfig(b, map[string]any{}))
		p.cacheBytes = 64 << 10
		s := p.NewState(Host{Verify: yes, Knows: jose.AllAlgorithms})
		var requests []*request.Request
		for i := range c.tokens {
			requests = append(requests, bearerRequest(issuerOnce().sign(nil, map[string]any{"jti": strconv.Itoa(i), "tier": "gold"})))
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if decided(p.Decide(s, testNow, requests[i%len(requests)])) != "token_valid" {
					b.Fatal("refused")
				}
				i++
			}
		})
	}
}
