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
	policy *Policy
	hash   sipKey // names tokens
	jitter jitter

	digester      digester // of static tokens
	keys          *keyStates
	revoked       *revocationState // nil: no token is ever revoked
	jwt           *jwtState
	introspection *introspectionState

	// The request under decision. They are the state's, or each request would be
	// allocations in TinyGo.
	inquiry   inquiry
	view      requestView
	walk      pathWalk // its readings
	allow     Allow
	bind      []*rule
	concerned []int     // of Policy.rules, by one reading of the request
	answers   []answers // by rule
	round     uint64    // of the request that they are about
	found     []found   // by location
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
		hash:   newSipKey([16]byte(host.Random[:16])),
		jitter: jitter(binary.LittleEndian.Uint64(host.Random[16:]) | 1),
	}
	s.keys = newKeyStates(p.sources, &s.jitter, host.Verify, host.Knows)
	s.revoked = newRevocationState(p.revocations, s.hash, &s.jitter)
	s.jwt = newJWTState(&p.jwt, &p.claims, &p.tells, s.keys, s.revoked, p.cacheBytes)
	s.introspection = newIntrospectionState(p.introspectors, &p.claims, &p.tells, s.keys, host.Sign, s.hash)
	return s
}

// Pending reports that Due may have calls which no tick should be waited for.
func (s *State) Pending() bool { return s.introspection.pending() }

// Due returns the calls to make now, and takes them for begun.
func (s *State) Due(now time.Time) []Call {
	calls := s.keys.due(nil, now)
	calls = s.introspection.due(calls, now)
	return s.revoked.due(calls, now)
}

// Learn takes the answer to a call: success, failure and garbage alike.
func (s *State) Learn(now time.Time, call Call, answer Answer) Learned {
	switch errand := call.For; errand.Kind {
	case ErrandToken:
		return s.introspection.learn(now, errand, answer)
	case ErrandRevocations:
		return s.revoked.learn(now, answer)
	default:
		return s.keys.learn(now, errand, answer)
	}
}

// Sweep frees what is over; to be called now and then.
func (s *State) Sweep(now time.Time) {
	at := seconds(now)
	s.jwt.sweep(at)
	s.introspection.sweep(at)
}
