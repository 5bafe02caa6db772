// Package policy decides who gets in. It is pure: configuration and time are
// arguments, what it needs or wants done it returns.
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

// Policy is a compiled configuration. It never changes, and any number of
// requests can be decided by it.
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
	places               []credential.Places // where the tokens of each provider stand
	cors                 *reply.CORS
	negotiates           bool             // some refusals go by the Accept header
	properties           match.Properties // of the route, that rules ask for
	resources            reply.Resources
	rules                []*rule
	index                *match.Index
	preflight            *rule // what lets CORS preflights pass
	fallback             *rule // for requests that no rule matches: a valid token of any provider
	warnings             []string
}

// SignedBy reports whether a host signs right with one of the policy's keys at
// least; what it signs is looked at each time all the same.
func (p *Policy) SignedBy(host jose.HostSigner) bool { return p.servers.SignedBy(host) }

// FetchesRevocations says that there is a list to fetch.
func (p *Policy) FetchesRevocations() bool { return p.revocations != nil && p.revocations.Source.Set() }

// Properties are the paths of the host's properties that Request.Properties
// has to tell, in this order.
func (p *Policy) Properties() [][]string { return p.properties }

// Warnings are what an operator should know of a configuration that is in force.
func (p *Policy) Warnings() []string {
	list := append([]string(nil), p.warnings...)
	for _, r := range p.rules {
		if r.shadow {
			list = append(list, r.path+": in shadow: the requests that this rule refuses pass")
		}
	}
	return list
}
