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

// State is what changes from request to request: fetched keys, and the results that are
// remembered. A State serves a single configuration, and a single request at a time.
type State struct {
	policy *Policy
	hash   cache.Key // makes the names of tokens in the caches
	jitter fetch.Jitter

	digester      static.Digester // of static tokens
	keys          *jwks.State
	revoked       *revocation.State // nil: no token is ever revoked
	jwt           *jwt.State
	introspection *introspection.State

	// The request under decision. As local variables these would be allocations for each
	// request in TinyGo.
	inquiry   inquiry
	view      match.View
	walk      request.Walk // its readings
	allow     verdict.Allow
	bind      []*rule
	opening   *rule
	concerned []int     // rules that the index finds for a reading of the request
	answers   []answers // by rule
	round     uint64    // number of the request that the answers are about
	found     []found   // by location
}

// Host is what a State needs from its VM.
type Host struct {
	Random [32]byte // of this VM, and secret
	// Verify verifies signatures faster than Go's crypto does. It is used for the
	// algorithms of Knows, in which it has passed jose.SelfTest. It may be nil.
	Verify jose.HostVerifier
	Knows  jose.Algorithms
	// Sign signs with RSA faster than Go's crypto does. It may be nil.
	Sign jose.HostSigner
}

// NewState returns the state of a new VM: it has no fetched keys and remembers no token.
func (p *Policy) NewState(host Host) *State {
	s := &State{
		policy: p,
		hash:   cache.NewKey([16]byte(host.Random[:16])),
		jitter: fetch.Jitter(binary.LittleEndian.Uint64(host.Random[16:]) | 1),
	}
	s.keys = jwks.NewState(p.sources, &s.jitter, host.Verify, host.Knows)
	s.revoked = revocation.NewState(p.revocations, s.hash, &s.jitter)
	s.jwt = jwt.NewState(&p.jwt, &p.claims, &p.propagation, s.keys, s.revoked, p.cacheBytes)
	s.introspection = introspection.NewState(p.servers, &p.claims, &p.propagation, s.keys, host.Sign, s.hash)
	return s
}

// Pending reports whether Due may have calls that should not wait for the next tick.
func (s *State) Pending() bool { return s.introspection.Pending() }

// Due returns the calls that must begin now. The caller must make them, and pass each
// answer to Learn.
func (s *State) Due(now time.Time) []fetch.Call {
	calls := s.keys.Due(nil, now)
	calls = s.introspection.Due(calls, now)
	return s.revoked.Due(calls, now)
}

// Learn takes the answer to a call, success or not. Errors in it are in the result.
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

// Sweep frees what has expired. Call it from time to time.
func (s *State) Sweep(now time.Time) {
	at := fetch.Seconds(now)
	s.jwt.Sweep(at)
	s.introspection.Sweep(at)
}
