// Package policy decides over requests. It is pure: configuration and time are
// arguments, and it returns what it needs and what is to be done.
package policy

import (
	"bearerauth/filter/jose"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/credential"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/introspection"
	"bearerauth/filter/policy/jwks"
	"bearerauth/filter/policy/jwt"
	"bearerauth/filter/policy/match"
	"bearerauth/filter/policy/reply"
	"bearerauth/filter/policy/revocation"
	"bearerauth/filter/policy/static"
)

// Policy is a compiled configuration. It does not change, and any number of requests
// can be decided by it.
type Policy struct {
	realm                string
	rejectNonCanonical   bool
	forwardAuthorization bool
	propagation          identity.Propagation
	providers            []string // their names, sorted
	static               static.Tokens
	jwt                  jwt.Providers
	servers              introspection.Servers
	introspectAfter      map[int]*introspection.Server // the server that judges the verified JWTs of a provider, by its index
	revocations          *revocation.Revocations       // nil: no token is ever revoked
	sources              jwks.Sources
	claims               claims.Table
	cacheBytes           int
	locations            credential.Locations
	places               []credential.Places // the locations of each provider's tokens
	cors                 *reply.CORS
	negotiates           bool             // the format of some refusals depends on the Accept header
	properties           match.Properties // the properties of the route that rules use
	resources            reply.Resources
	rules                []*rule
	index                *match.Index
	preflight            *rule // lets CORS preflights pass
	fallback             *rule // for requests that no rule matches: a valid token of any provider
	warnings             []string
	calls                []string // the members of the configuration that need outbound calls
}

// SignedBy reports whether the host signs correctly with at least one key of the
// policy. Each signature of the host is verified before it is used.
func (p *Policy) SignedBy(host jose.HostSigner) bool { return p.servers.SignedBy(host) }

// FetchesRevocations reports whether a revocation list is fetched.
func (p *Policy) FetchesRevocations() bool { return p.revocations != nil && p.revocations.Source.Set() }

// Calls are the members of the configuration that need outbound calls, and so timers:
// a call has a time, and a request that waits for it has another.
func (p *Policy) Calls() []string { return p.calls }

// NeedsClock reports whether the validity of some token depends on the time. If not,
// no verdict does.
func (p *Policy) NeedsClock() bool {
	return p.static.Timed || !p.jwt.Empty() || len(p.servers) > 0
}

// SetsState reports whether every verified token sets filter state.
func (p *Policy) SetsState() bool { return p.propagation.SetsState() }

// StateMembers are the members of the configuration that ask for filter state. The
// default of subject_filter_state does not.
func (p *Policy) StateMembers() []string { return p.propagation.StateMembers }

// Properties are the paths of the host's properties whose values Request.Properties
// must have, in this order.
func (p *Policy) Properties() [][]string { return p.properties }

// Warnings are messages for the operator about a configuration that is in force.
func (p *Policy) Warnings() []string {
	list := append([]string(nil), p.warnings...)
	for _, r := range p.rules {
		if r.shadow {
			list = append(list, r.path+": in shadow: the requests that this rule refuses pass")
		}
	}
	return list
}
