package importer

import (
	"regexp"
	"slices"
	"strings"

	security "istio.io/api/security/v1"
)

// source reads the principals that a rule allows. It returns false if no rule can express
// them.
func (p *istioPolicies) source(g *grant, s *security.Source, path string) bool {
	if unknown := p.leftover(s, path, "request_principals", nil); len(unknown) > 0 {
		p.leave(path+"."+camel(unknown[0]), "the rule is left out: the filter checks tokens, not peers or addresses, and has no negation", "a rule by hand, and this condition in a policy of its own")
		return false
	}
	if len(s.GetRequestPrincipals()) == 0 {
		return true
	}
	return p.principals(g, s.RequestPrincipals, path+".requestPrincipals")
}

// principals reads ISSUER/SUBJECT with wildcards. A rule can ask for providers
// and for subjects, but for the same subjects of all of them.
func (p *istioPolicies) principals(g *grant, values []string, path string) bool {
	type alternative struct {
		providers []string
		subjects  []string // nil: all
	}
	var list []alternative
	for _, value := range values {
		providers, subject, ok := p.principal(value)
		if !ok {
			p.leave(path, "no token satisfies "+value+": no provider has such an issuer, or no rule can express this", "a rule by hand")
			continue
		}
		a := alternative{providers: providers}
		if subject != "" {
			a.subjects = []string{subject}
		}
		i := slices.IndexFunc(list, func(have alternative) bool {
			return (have.subjects == nil) == (a.subjects == nil) && (a.subjects == nil || slices.Equal(have.providers, a.providers))
		})
		if i < 0 {
			list = append(list, a)
			continue
		}
		list[i].providers = anyOf(append(slices.Clone(list[i].providers), providers...)...).any
		list[i].subjects = append(list[i].subjects, a.subjects...)
	}
	if len(list) == 0 {
		return false
	}
	if len(list) > 1 {
		p.leave(path, "only the principals with the prefix of the first: a rule has the same subjects for all providers", "rules with matches that separate the requests")
	}
	p.restrict(g, list[0].providers)
	if list[0].subjects != nil {
		g.claims = append(slices.Clip(g.claims), scalarClaim(claimRef{"sub"}, list[0].subjects))
	}
	return g.need.access != denied
}

// principal is the providers that a principal can be of, and what its subject is.
func (p *istioPolicies) principal(value string) (providers []string, subject string, ok bool) {
	pattern := readPattern(value)
	if pattern.kind == '$' && strings.Contains(pattern.text, "/") {
		return nil, "", false
	}
	for _, name := range sortedKeys(p.config.Providers) {
		issuer := p.config.Providers[name].Issuer
		rest, under := strings.CutPrefix(pattern.text, issuer+"/")
		switch {
		case pattern.kind == '*', pattern.kind == '^' && strings.HasPrefix(issuer+"/", pattern.text):
			if subject == "" {
				providers = append(providers, name)
			}
		case pattern.kind == '$':
			providers, subject = append(providers, name), value
		case under && pattern.kind == '^':
			providers, subject = append(providers, name), rest+"*"
		case under && rest != "" && rest != "*" && !strings.HasPrefix(rest, "*"):
			providers, subject = append(providers, name), rest
		}
	}
	return providers, subject, len(providers) > 0
}

// restrict makes a grant ask for a token of one of some providers.
func (p *istioPolicies) restrict(g *grant, providers []string) {
	if g.need.access == token && len(g.need.any) > 0 {
		providers = slices.DeleteFunc(slices.Clone(providers), func(name string) bool { return !slices.Contains(g.need.any, name) })
	}
	g.need = anyOf(providers...)
	switch {
	case g.need.access == denied:
	case len(g.need.any) == len(p.config.Providers):
		g.need.any = nil
	case p.scattered():
		// Istio refuses a bad token at any location, and a rule with providers reads only their
		// locations.
		var issuers []string
		for _, name := range g.need.any {
			if issuer := p.config.Providers[name].Issuer; !slices.Contains(issuers, issuer) {
				issuers = append(issuers, issuer)
			}
		}
		g.claims = append(slices.Clip(g.claims), scalarClaim(claimRef{"iss"}, issuers))
		g.need.any = nil
	}
}

// scattered says that not all providers look for tokens in the same places.
func (p *istioPolicies) scattered() bool {
	var all []string
	for _, provider := range p.config.Providers {
		all = append(all, provider.places()...)
	}
	for _, provider := range p.config.Providers {
		if !subset(all, provider.places()) {
			return true
		}
	}
	return false
}

var claimKey = regexp.MustCompile(`^request\.auth\.claims((?:\[[^][]+\])+)$`)

// when reads a condition. False: no rule can ask for it.
func (p *istioPolicies) when(g *grant, c *security.Condition, path string) bool {
	if unknown := p.leftover(c, path, "key values", nil); len(unknown) > 0 || len(c.Values) == 0 {
		p.leave(path, "the rule is left out: no rule can express a negation", "a rule by hand")
		return false
	}
	if name, ok := strings.CutPrefix(c.Key, "request.headers["); ok {
		header := headerCondition(strings.TrimSuffix(name, "]"), c.Values)
		g.match.Headers = append(slices.Clip(g.match.Headers), header)
		return true
	}
	var ref claimRef
	switch c.Key {
	case "request.auth.principal":
		return p.principals(g, c.Values, path)
	case "request.auth.audiences":
		ref = claimRef{"aud"}
	case "request.auth.presenter":
		ref = claimRef{"azp"}
	default:
		found := claimKey.FindStringSubmatch(c.Key)
		if found == nil {
			p.leave(path, "the rule is left out: no rule can match "+c.Key, "a rule by hand, and this condition in a policy of its own")
			return false
		}
		ref = strings.Split(strings.Trim(found[1], "[]"), "][")
	}
	return p.claim(g, ref, c.Values, path)
}

func (p *istioPolicies) claim(g *grant, ref claimRef, values []string, path string) bool {
	name := strings.Join(ref, ".")
	if g.need.access == optional {
		g.need = p.anyToken() // without one there are no claims
	}
	switch {
	case name == "iss" && plain(values):
		var providers []string
		for _, provider := range sortedKeys(p.config.Providers) {
			if slices.Contains(values, p.config.Providers[provider].Issuer) {
				providers = append(providers, provider)
			}
		}
		p.restrict(g, providers)
		return g.need.access != denied
	case name == "aud" && plain(values) && p.audiencesWithin(values):
		return true // every provider asks for that already
	case name == "scope" && plain(values) && len(g.any) == 0:
		g.any = values
		return true
	case slices.Contains(p.spaced, name):
		g.claims = append(slices.Clip(g.claims), spacedClaim(ref, values))
		return true
	case severalForms(ref):
		predicate, ok := p.memberClaim(path, ref, values)
		if !ok {
			p.leave(path, "the rule is left out: no rule can match members of an array in this way", "a rule by hand")
			return false
		}
		g.claims = append(slices.Clip(g.claims), predicate)
		return true
	}
	p.leave(path, name+" must be a string", `"contains" instead of "equal", if it is an array`)
	g.claims = append(slices.Clip(g.claims), scalarClaim(ref, values))
	return true
}

func (p *istioPolicies) audiencesWithin(values []string) bool {
	for _, provider := range p.config.Providers {
		if len(provider.Audiences) == 0 || !subset(provider.Audiences, values) {
			return false
		}
	}
	return true
}
