package policy

import (
	"encoding/binary"
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/cache"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/introspection"
	"bearerauth/filter/policy/jwks"
	"bearerauth/filter/policy/jwt"
	"bearerauth/filter/policy/match"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/revocation"
	"bearerauth/filter/policy/static"
	"bearerauth/filter/policy/verdict"
)

// State is what changes from request to request: keys from the network and
// verdicts that are remembered. One State serves one request at a time, and no
// two configurations share one.
type State struct {
	policy *Policy
	hash   cache.Key // names tokens
	jitter fetch.Jitter

	digester      static.Digester // of static tokens
	keys          *jwks.States
	revoked       *revocation.State // nil: no token is ever revoked
	jwt           *jwt.State
	introspection *introspection.State

	// The request under decision. They are the state's, or each request would be
	// allocations in TinyGo.
	inquiry   inquiry
	view      match.View
	walk      request.Walk // its readings
	allow     verdict.Allow
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
		hash:   cache.NewKey([16]byte(host.Random[:16])),
		jitter: fetch.Jitter(binary.LittleEndian.Uint64(host.Random[16:]) | 1),
	}
	s.keys = jwks.NewStates(p.sources, &s.jitter, host.Verify, host.Knows)
	s.revoked = revocation.NewState(p.revocations, s.hash, &s.jitter)
	s.jwt = jwt.NewState(&p.jwt, &p.claims, &p.propagation, s.keys, s.revoked, p.cacheBytes)
	s.introspection = introspection.NewState(p.introspectors, &p.claims, &p.propagation, s.keys, host.Sign, s.hash)
	return s
}

// Pending reports that Due may have calls which no tick should be waited for.
func (s *State) Pending() bool { return s.introspection.Pending() }

// Due returns the calls to make now, and takes them for begun.
func (s *State) Due(now time.Time) []fetch.Call {
	calls := s.keys.Due(nil, now)
	calls = s.introspection.Due(calls, now)
	return s.revoked.Due(calls, now)
}

// Learn takes the answer to a call: success, failure and garbage alike.
func (s *State) Learn(now time.Time, call fetch.Call, answer fetch.Answer) fetch.Learned {
	switch errand := call.For; errand.Kind {
	case fetch.ErrandToken:
		return s.introspection.Learn(now, errand, answer)
	case fetch.ErrandRevocations:
		return s.revoked.Learn(now, answer)
	default:
		return s.keys.Learn(now, errand, answer)
	}
}

// Sweep frees what is over; to be called now and then.
func (s *State) Sweep(now time.Time) {
	at := fetch.Seconds(now)
	s.jwt.Sweep(at)
	s.introspection.Sweep(at)
}
