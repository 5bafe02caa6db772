package importer

import (
	"regexp"
	"slices"
	"strings"

	security "istio.io/api/security/v1"
)

// each makes several grants of each grant, as alternatives.
func each(list []grant, alternatives func(grant) []grant) (all []grant) {
	for _, g := range list {
		all = append(all, alternatives(g)...)
	}
	return all
}

// claimed is g with one more claim.
func (g grant) claimed(p predicate) grant {
	g.claims = append(slices.Clip(g.claims), p)
	return g
}

// source reads the principals that a rule allows. The result is empty if no rule can
// express them.
func (p *istioPolicies) source(list []grant, s *security.Source, path string) []grant {
	if unknown := p.leftover(s, path, "request_principals", nil); len(unknown) > 0 {
		p.leave(path+"."+camel(unknown[0]), "the rule is left out: the filter checks tokens, not peers or addresses, and has no negation", "a rule by hand, and this condition in a policy of its own")
		return nil
	}
	if len(s.GetRequestPrincipals()) == 0 {
		return list
	}
	return p.principals(list, s.RequestPrincipals, path+".requestPrincipals")
}

// principals reads ISSUER/SUBJECT with wildcards: an alternative for each group of
// providers, and their subjects.
func (p *istioPolicies) principals(list []grant, values []string, path string) []grant {
	type group struct {
		providers []string
		subjects  []pattern
	}
	everyone := group{subjects: []pattern{{kind: '*'}}} // whose subjects do not matter
	var groups []group
	for _, value := range values {
		providers, subject, ok := p.principal(value)
		if !ok {
			p.leave(path, "no token satisfies "+value+": no provider has such an issuer, or there is no such subject", "a rule by hand")
			continue
		}
		i := slices.IndexFunc(groups, func(have group) bool { return slices.Equal(have.providers, providers) })
		switch {
		case subject.kind == '*':
			everyone.providers = append(everyone.providers, providers...)
		case i < 0:
			groups = append(groups, group{providers, []pattern{subject}})
		default:
			groups[i].subjects = append(groups[i].subjects, subject)
		}
	}
	if len(everyone.providers) > 0 {
		groups = append([]group{everyone}, groups...)
	}
	return each(list, func(g grant) (all []grant) {
		for _, group := range groups {
			if one := g; p.restrict(&one, group.providers) {
				all = append(all, one.claimed(patternClaim(claimRef{"sub"}, group.subjects)))
			}
		}
		return all
	})
}

// principal is the providers that a principal can be of, and what its subject is. Istio
// cuts at the last slash, and a wildcard belongs to the part that it is in.
func (p *istioPolicies) principal(value string) (providers []string, subject pattern, ok bool) {
	issuer := pattern{'=', value}
	if i := strings.LastIndexByte(value, '/'); i >= 0 {
		issuer.text, subject = value[:i], pattern{'=', value[i+1:]}
		switch {
		case issuer.text == "*":
			issuer.kind = '*'
		case strings.HasPrefix(value, "*"):
			issuer = pattern{'$', issuer.text[1:]}
		case subject.text == "*" || strings.HasSuffix(subject.text, "*"):
			subject = readPattern(subject.text)
			if subject.kind == '$' {
				return nil, subject, false
			}
		}
	} else {
		whole := readPattern(value)
		switch whole.kind {
		case '*', '$':
			issuer, subject = pattern{kind: '*'}, whole
		case '^':
			issuer, subject = whole, pattern{kind: '*'}
		}
	}
	if subject.kind != '*' && subject.text == "" {
		return nil, subject, false
	}
	for _, name := range sortedKeys(p.config.Providers) {
		if issuer.has(p.config.Providers[name].Issuer) {
			providers = append(providers, name)
		}
	}
	return providers, subject, len(providers) > 0
}

// restrict makes a grant ask for a token of one of some providers. False: no token can
// satisfy it.
func (p *istioPolicies) restrict(g *grant, providers []string) bool {
	if g.need.access == token && len(g.need.any) > 0 {
		providers = slices.DeleteFunc(slices.Clone(providers), func(name string) bool { return !slices.Contains(g.need.any, name) })
	}
	g.need = anyOf(providers...)
	switch {
	case g.need.access == denied:
		return false
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
		*g = g.claimed(scalarClaim(claimRef{"iss"}, issuers))
		g.need.any = nil
	}
	return true
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

// when reads a condition. The result is empty if no rule can ask for it.
func (p *istioPolicies) when(list []grant, c *security.Condition, path string) []grant {
	if unknown := p.leftover(c, path, "key values", nil); len(unknown) > 0 || len(c.Values) == 0 {
		p.leave(path, "the rule is left out: no rule can express a negation", "a rule by hand")
		return nil
	}
	if name, ok := strings.CutPrefix(c.Key, "request.headers["); ok {
		header := headerCondition(strings.TrimSuffix(name, "]"), c.Values)
		return each(list, func(g grant) []grant {
			g.match.Headers = append(slices.Clip(g.match.Headers), header)
			return []grant{g}
		})
	}
	var ref claimRef
	switch c.Key {
	case "request.auth.principal":
		return p.principals(list, c.Values, path)
	case "request.auth.audiences":
		ref = claimRef{"aud"}
	case "request.auth.presenter":
		return each(list, func(g grant) []grant {
			if g.need.access == optional {
				g.need = p.anyToken()
			}
			return []grant{g.claimed(scalarClaim(claimRef{"azp"}, c.Values))}
		})
	default:
		found := claimKey.FindStringSubmatch(c.Key)
		if found == nil {
			p.leave(path, "the rule is left out: no rule can match "+c.Key, "a rule by hand, and this condition in a policy of its own")
			return nil
		}
		ref = strings.Split(strings.Trim(found[1], "[]"), "][")
	}
	return each(list, func(g grant) []grant { return p.claim(g, ref, c.Values, path) })
}

func (p *istioPolicies) claim(g grant, ref claimRef, values []string, path string) (all []grant) {
	name := strings.Join(ref, ".")
	if g.need.access == optional {
		g.need = p.anyToken() // without one there are no claims
	}
	var forms []predicate
	switch {
	case name == "iss" && plain(values):
		var providers []string
		for _, provider := range sortedKeys(p.config.Providers) {
			if slices.Contains(values, p.config.Providers[provider].Issuer) {
				providers = append(providers, provider)
			}
		}
		if p.restrict(&g, providers) {
			all = append(all, g)
		}
		return all
	case name == "aud" && plain(values) && p.audiencesWithin(values):
		return []grant{g} // every provider asks for that already
	case name == "scope" && plain(values) && len(g.any) == 0:
		g.any = distinct(values)
		for _, provider := range p.config.Providers {
			provider.ScopeClaims = []scopeClaim{{claimRef{"scope"}, "string_or_array"}}
		}
		return []grant{g}
	case slices.Contains(p.spaced, name):
		forms = p.eitherForm(path, ref, values)
		forms[0] = spacedClaim(ref, values)
	default:
		forms = p.eitherForm(path, ref, values)
	}
	for _, form := range forms {
		all = append(all, g.claimed(form))
	}
	return all
}

func (p *istioPolicies) audiencesWithin(values []string) bool {
	for _, provider := range p.config.Providers {
		if len(provider.Audiences) == 0 || !subset(provider.Audiences, values) {
			return false
		}
	}
	return true
}
