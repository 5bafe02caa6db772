// Package policy decides who gets in. It is pure: configuration and time are
// arguments, what it needs or wants done it returns.
package policy

import "bearerauth/filter/jose"

// Policy is a compiled configuration. It never changes, and any number of
// requests can be decided by it.
type Policy struct {
	realm                string
	rejectNonCanonical   bool
	forwardAuthorization bool
	tells                propagation
	providers            []string // their names, sorted
	static               staticTokens
	jwt                  jwtProviders
	introspectors        introspectors
	asked                map[int]*introspector // who is asked about the verified tokens of a provider
	revocations          *revocations          // nil: no token is ever revoked
	sources              keySources
	claims               claimTable
	cacheBytes           int
	locations            locations
	places               []places // where the tokens of each provider stand
	cors                 *cors
	negotiates           bool       // some refusals go by the Accept header
	properties           properties // of the route, that rules ask for
	resources            resources
	rules                []*rule
	index                *ruleIndex
	preflight            *rule // what lets CORS preflights pass
	fallback             *rule // for requests that no rule matches: a valid token of any provider
	warnings             []string
}

// SignedBy reports whether a host signs right with one of the policy's keys at
// least; what it signs is looked at each time all the same.
func (p *Policy) SignedBy(host jose.HostSigner) bool { return p.introspectors.signedBy(host) }

// FetchesRevocations says that there is a list to fetch.
func (p *Policy) FetchesRevocations() bool { return p.revocations != nil && p.revocations.source.set() }

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
