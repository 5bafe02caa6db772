// Package policy decides who gets in. It is pure: configuration and time are
// arguments, what it needs or wants done it returns.
package policy

// Policy is a compiled configuration. It never changes, and any number of
// requests can be decided by it.
type Policy struct {
	realm                string
	rejectNonCanonical   bool
	forwardAuthorization bool
	tells                propagation
	providers            []string // their names, sorted
	static               staticTokens
	jwt                  []*jwtProvider
	introspectors        []*introspector
	asked                map[int]*introspector // who is asked about the verified tokens of a provider
	askedBy              []askedBy             // while the configuration is read
	issuers              map[string][]issuerRule
	revocations          *revocations   // nil: no token is ever revoked
	anyIssuer            []*jwtProvider // those whose tokens need no known issuer
	sources              []*keySource
	claims               claimTable
	cacheBytes           int
	locations            locations
	places               []places // where the tokens of each provider stand
	cors                 *cors
	negotiates           bool        // some refusals go by the Accept header
	properties           [][]string  // of the route, that rules ask for
	resources            []*resource // by name
	resourceMetadata     string      // the URL in challenges, where a rule has no other
	rules                []*rule
	index                *ruleIndex
	fallback             *rule // for requests that no rule matches: a valid token of any provider
}

// Warnings are what an operator should know of a configuration that is in force.
func (p *Policy) Warnings() []string {
	var list []string
	for _, r := range p.rules {
		if r.shadow {
			list = append(list, r.path+": in shadow: the requests that this rule refuses pass")
		}
	}
	return list
}
