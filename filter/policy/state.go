package policy

import (
	"encoding/binary"
	"time"

	"bearerauth/filter/jose"
)

// State is what changes from request to request: keys from the network and
// verdicts that are remembered. One State serves one request at a time, and no
// two configurations share one.
type State struct {
	inquiry   inquiry
	view      requestView
	allow     Allow
	bind      []*rule
	concerned []int     // of Policy.rules, by one reading of the request
	answers   []answers // by rule
	round     uint64    // of the request that they are about
	found     []found   // of the request under decision, by location
	since     time.Time // when it was judged first, if it has waited
	digester  digester
	parser    jose.Parser
	claims    claims
	tries     []*jose.Key
	cache     *tokenCache
	sources   []*sourceState
	lookups   []*lookups
	pending   bool             // questions about tokens have come since Due
	revoked   *revocationState // nil: no token is ever revoked
	reader    jose.Reader
	serial    uint64
	policy    *Policy
	seed      uint64
	host      Host
}

// Host is what a State takes from the VM that it lives in.
type Host struct {
	Random [32]byte // the VM's own, and secret
	// Verify checks signatures faster than Go's crypto does, for the algorithms
	// of Knows: those in which jose.SelfTest found it right.
	Verify jose.HostVerifier
	Knows  jose.Algorithms
	// Sign signs with RSA faster than Go's crypto does; nil: it does not.
	Sign jose.HostSigner
}

// NewState returns the state of a VM that has seen nothing yet.
func (p *Policy) NewState(host Host) *State {
	s := &State{
		policy: p,
		cache:  newTokenCache([16]byte(host.Random[:16]), p.cacheBytes),
		host:   host,
		seed:   binary.LittleEndian.Uint64(host.Random[16:]) | 1,
	}
	s.revoked = newRevocationState(p.revocations, s.cache.key)
	for _, source := range p.sources {
		s.sources = append(s.sources, &sourceState{source: source, kids: map[string]askedKid{}})
	}
	for _, i := range p.introspectors {
		s.lookups = append(s.lookups, newLookups(i))
	}
	return s
}

// Pending reports that Due may have calls which no tick should be waited for.
func (s *State) Pending() bool { return s.pending }

// jitter returns a duration below d: workers that began together must not ask
// an issuer together for ever.
func (s *State) jitter(d time.Duration) time.Duration {
	// xorshift64: spreading needs no secret.
	s.seed ^= s.seed << 13
	s.seed ^= s.seed >> 7
	s.seed ^= s.seed << 17
	if d <= 0 {
		return 0
	}
	return time.Duration(s.seed % uint64(d))
}
