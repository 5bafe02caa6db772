package policy

import (
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/credential"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/syntax"
	"bearerauth/filter/policy/verdict"
)

// demand is what a rule, or an alternative of it, asks of a verified token. The answers
// are found when the token is verified, so that a request costs a comparison of masks.
type demand struct {
	providers []bool         // by provider index; nil: any
	scopes    identity.Facts // the token needs all of them
	anyScope  identity.Facts // the token needs one of them, if there is any
	claims    identity.Facts // the token needs all of them

	// For the explanation of a refusal.
	scopeNames []string        // of scopes and anyScope
	needs      []identity.Need // claims one by one
}

func (d *demand) accepts(provider int) bool {
	return d.providers == nil || d.providers[provider]
}

// judge reports whether a verified token has the scopes and claims, and if not the reason.
func (d *demand) judge(id *identity.Identity) verdict.Reason {
	switch {
	case !id.Facts.All(d.scopes), len(d.anyScope) > 0 && !id.Facts.Any(d.anyScope):
		return verdict.ReasonInsufficientScope
	case !id.Facts.All(d.claims):
		return verdict.ReasonInsufficientClaims
	}
	return verdict.ReasonTokenValid
}

// judgeAnyOf reports whether a verified token satisfies one of the alternatives as a
// whole. The reason is that of the alternative to which the token comes closest: a client
// can request a scope.
func judgeAnyOf(alternatives []demand, id *identity.Identity) verdict.Reason {
	closest := verdict.ReasonOtherProvider
	for i := range alternatives {
		a := &alternatives[i]
		if !a.accepts(id.Index) {
			continue
		}
		switch reason := a.judge(id); {
		case reason == verdict.ReasonTokenValid:
			return reason
		case reason == verdict.ReasonInsufficientScope, closest == verdict.ReasonOtherProvider:
			closest = reason
		}
	}
	return closest
}

// readDemand reads the members that a rule and an alternative share, except providers. It
// returns the scopes, for the challenge.
func (p *Policy) readDemand(o *config.Object, d *demand) (scopes []string) {
	scopes = o.Strings("scopes", config.WantScope)
	for _, scope := range scopes {
		d.scopes = d.scopes.With(p.propagation.Questions.Scope(scope))
	}
	for _, scope := range o.Strings("any_scopes", config.WantScope) {
		d.anyScope = d.anyScope.With(p.propagation.Questions.Scope(scope))
		scopes = addScope(scopes, scope)
	}
	d.claims, d.needs = identity.ReadPredicates(o, &p.claims, &p.propagation.Questions)
	d.scopeNames = scopes
	return scopes
}

func addScope(scopes []string, scope string) []string {
	if syntax.Contains(scopes, scope) {
		return scopes
	}
	return append(scopes, scope)
}

// maxAlternatives bounds what a request can cost.
const maxAlternatives = 16

// readAnyOf reads the alternatives of a rule.
func (p *Policy) readAnyOf(o *config.Object, r *rule) {
	items := o.Array("any_of")
	if len(items) > maxAlternatives {
		o.Wrong("any_of", "want at most 16 alternatives")
	}
	// Where the providers are not known, nothing can be said of an alternative's.
	known := len(p.providers) > 0 && !o.Broken("providers", "all_of")
	challenged := false
	for _, item := range items {
		a := config.AsObject(item, o.Problems)
		if a == nil {
			continue
		}
		before := len(o.Problems.List)
		var d demand
		d.providers, _ = p.readAccepted(a, func(name string) string {
			i, want := p.provider(name), p.wantProvider(name)
			if want != "" || !known || i < 0 || r.accepts(i) {
				return want
			}
			return "want one of the rule's own providers, got " + config.Quote(name)
		})
		scopes := p.readDemand(a, &d)
		a.Done()
		r.anyOf = append(r.anyOf, d)
		if !challenged && len(scopes) > 0 {
			// The scopes of all alternatives would be more than a client needs.
			challenged = true
			for _, scope := range scopes {
				r.challenge = addScope(r.challenge, scope)
			}
		}
		if known && len(o.Problems.List) == before {
			p.checkAlternative(a, r, &d)
		}
	}
}

// checkAlternative refuses an alternative that every token of the rule satisfies: the
// others would be void.
func (p *Policy) checkAlternative(o *config.Object, r *rule, d *demand) {
	if r.allOf != nil && d.providers != nil {
		o.Wrong("providers", "not allowed beside all_of, which names the provider of each token")
		return
	}
	if len(d.scopes)+len(d.anyScope)+len(d.claims) > 0 {
		return
	}
	for i := range p.providers {
		if r.accepts(i) && !d.accepts(i) {
			return
		}
	}
	o.Problems.Add(o.Path, "want scopes, any_scopes, claims, or not all providers of the rule: every valid token satisfies this alternative")
}

// readAccepted reads the providers whose tokens a rule or an alternative accepts, and
// the locations of these tokens.
func (p *Policy) readAccepted(o *config.Object, want func(string) string) (accepted []bool, places credential.Places) {
	names := o.Strings("providers", want)
	if !o.Has("providers") {
		return nil, credential.Everywhere
	}
	accepted = make([]bool, len(p.providers))
	for _, name := range names {
		if i := p.provider(name); i >= 0 {
			accepted[i] = true
			places |= p.places[i]
		}
	}
	return accepted, places
}
