package importer

import (
	"fmt"
	"slices"

	security "istio.io/api/security/v1"
)

// istioPolicies are all policies of a workload. Istio denies what one of DENY
// matches; where there are any of ALLOW, it denies what none of those matches; a
// token may be missing and is never bad.
type istioPolicies struct {
	*reader
	policies []istioPolicy
	spaced   []string // claims that are lists of words
}

type istioPolicy struct {
	path string
	*security.AuthorizationPolicy
}

func (p *istioPolicies) write() {
	var denials, allowed []grant
	var tokens []clause
	allows := false
	for _, policy := range p.policies {
		path := policy.path + " spec"
		if name := policy.GetProvider(); name != nil {
			p.leave(path+".provider", "the filter does not call "+name.Name, "keep the policy where it is")
		}
		switch policy.Action {
		case security.AuthorizationPolicy_ALLOW:
			allows = true
			for i, rule := range policy.Rules {
				allowed = append(allowed, p.allow(rule, fmt.Sprintf("%s.rules[%d]", path, i))...)
			}
		case security.AuthorizationPolicy_AUDIT:
			p.leave(path, "nothing is audited", "the access log and the metric (the policy can stay where it is)")
		case security.AuthorizationPolicy_DENY, security.AuthorizationPolicy_CUSTOM:
			for i, rule := range policy.Rules {
				at := fmt.Sprintf("%s.rules[%d]", path, i)
				if policy.Action == security.AuthorizationPolicy_CUSTOM {
					p.leave(at, "denies: the filter calls no external authorizer", "keep the policy where it is, and delete this rule")
					denials = append(denials, p.deny(rule, at)...)
					continue
				}
				if t, ok := p.needsToken(rule, at); ok {
					tokens = append(tokens, t...)
					continue
				}
				denials = append(denials, p.deny(rule, at)...)
			}
		}
	}
	p.addGrants(denials)
	last := grant{path: "action ALLOW"}
	if !allows {
		last = grant{path: "AuthorizationPolicy", need: requirement{access: optional}}
		if !slices.ContainsFunc(tokens, func(t clause) bool { return t.match.empty() }) {
			p.leave("AuthorizationPolicy", "a request that no policy refuses passes without a token, so the last rule has access optional", "delete that rule to require a valid token for every request")
		}
	}
	var list []clause
	for _, g := range allowed {
		list = append(list, clause{grant: g})
	}
	p.combine(append(append(list, tokens...), clause{grant: last}))
}

func (p *istioPolicies) anyToken() requirement { return requirement{access: token} }

// needsToken reads a rule that denies requests without any principal.
func (p *istioPolicies) needsToken(rule *security.Rule, path string) ([]clause, bool) {
	if len(rule.When) > 0 || len(rule.From) != 1 {
		return nil, false
	}
	source := rule.From[0].Source
	if !slices.Equal(source.GetNotRequestPrincipals(), []string{"*"}) || len(p.leftover(source, path, "not_request_principals", nil)) > 0 {
		return nil, false
	}
	if len(rule.To) == 0 {
		return []clause{{grant: grant{path: path}, needsToken: true}}, true
	}
	var list []clause
	for i, to := range rule.To {
		at := fmt.Sprintf("%s.to[%d].operation", path, i)
		matches := p.operation(to.Operation, at, true)
		var except []match
		if len(rule.To) == 1 && len(matches) == 1 {
			except = p.exceptions(to.Operation, matches[0])
		}
		if except == nil && len(to.Operation.GetNotPaths())+len(to.Operation.GetNotMethods())+len(to.Operation.GetNotHosts()) > 0 {
			p.leave(at, "a token is required for its exceptions, too", "rules with access optional before it")
		}
		for _, m := range matches {
			list = append(list, clause{grant{path: path, match: m}, true, except})
		}
	}
	return list, true
}

// exceptions are the paths that an operation leaves out, if that is all it does.
func (p *istioPolicies) exceptions(o *security.Operation, m match) (list []match) {
	if !m.empty() || len(o.GetNotPaths()) == 0 || len(o.GetNotMethods())+len(o.GetNotHosts())+len(o.GetNotPorts())+len(o.GetPorts()) > 0 {
		return nil
	}
	for _, path := range o.NotPaths {
		one := istioPath(path, false)
		if probe(p.ownHeaders(), &one) != nil {
			return nil
		}
		list = append(list, one)
	}
	return list
}

// deny reads a rule that denies. The result covers all its operations and ignores its
// other conditions.
func (p *istioPolicies) deny(rule *security.Rule, path string) (list []grant) {
	if len(rule.From) > 0 || len(rule.When) > 0 {
		p.leave(path, "denies every client: no rule can deny by identity, address or condition", "keep the policy where it is and delete this rule, if it does not depend on a token, or write rules that allow")
	}
	if len(rule.To) == 0 {
		return []grant{{path: path}}
	}
	for i, to := range rule.To {
		if len(to.Operation.GetNotPaths()) > 0 {
			p.leave(fmt.Sprintf("%s.to[%d].operation.notPaths", path, i), "denies these paths, too: no rule can express a negation", "rules before it, for these paths")
		}
		for _, m := range p.operation(to.Operation, fmt.Sprintf("%s.to[%d].operation", path, i), true) {
			list = append(list, grant{path: path, match: m})
		}
	}
	return list
}

// allow reads a rule that allows: a grant for each source and operation that can be
// expressed.
func (p *istioPolicies) allow(rule *security.Rule, path string) (list []grant) {
	base := []grant{{path: path, need: requirement{access: optional}}}
	for i, c := range rule.When {
		base = p.when(base, c, fmt.Sprintf("%s.when[%d]", path, i))
	}
	sources := base
	if len(rule.From) > 0 {
		sources = nil
		for i, from := range rule.From {
			sources = append(sources, p.source(base, from.Source, fmt.Sprintf("%s.from[%d].source", path, i))...)
		}
	}
	for _, g := range sources {
		matches := []match{{}}
		if len(rule.To) > 0 {
			matches = nil
			for i, to := range rule.To {
				matches = append(matches, p.operation(to.Operation, fmt.Sprintf("%s.to[%d].operation", path, i), false)...)
			}
		}
		for _, m := range matches {
			one := g
			one.match = m.with(g.match)
			list = append(list, one)
		}
	}
	return list
}
