package policy

import (
	"time"

	"bearerauth/filter/policy/credential"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/jwt"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/trace"
	"bearerauth/filter/policy/verdict"
)

// Findings explain the verdict that Decide has just returned for the request: the rules
// that decided, and how the token compares with what was expected. They are found again
// by the functions that decide, so that a decision itself costs nothing more, and nothing
// here changes a later one.
func (p *Policy) Findings(s *State, now time.Time, r *request.Request, v verdict.Verdict) trace.Steps {
	return p.findings(s, now, r, v, nil)
}

// findings are Findings. With others they also say why the other providers do not take a
// token, and which locations have none.
func (p *Policy) findings(s *State, now time.Time, r *request.Request, v verdict.Verdict, others jwt.Others) (steps trace.Steps) {
	for _, rule := range s.bind {
		steps.Add(trace.Rule, p.labelOf(rule), "requires access "+accessNames[rule.access])
	}
	if s.opening != nil && len(s.bind) == 0 {
		steps.Add(trace.Rule, p.labelOf(s.opening), "opens with access "+accessNames[s.opening.access])
	}
	allow, allowed := v.(*verdict.Allow)
	if allowed && allow.Reason == verdict.ReasonTokenValid && len(s.found) == 0 {
		// Decide was quick and read no locations.
		steps.Add(trace.Rule, p.labelOf(p.fallback), "requires access token")
		s.credentials(p, r)
		for i := range s.found {
			if f := &s.found[i]; f.Kind == credential.Bearer {
				f.judged, f.outcome.Reason = true, verdict.ReasonTokenValid
			}
		}
	}
	for i := range s.found {
		f := &s.found[i]
		place := p.locations.List[i].String()
		switch {
		case f.Kind == credential.None && others == nil:
		case f.Kind == credential.None || f.Kind == credential.Bearer:
			steps.Add(trace.Credential, place, f.Kind.String())
		default:
			steps.Fail(trace.Credential, place, f.Kind.String())
		}
		if f.Kind == credential.Bearer && f.judged {
			p.explainToken(&steps, s, f, now, others)
		}
	}
	if id := s.inquiry.identity; id != nil && len(s.bind) > 0 && s.inquiry.request == r {
		for _, rule := range s.bind {
			p.explainNeeds(&steps, rule, id)
		}
	}
	return steps
}

// Awaited says what a request waits for.
func (p *Policy) Awaited(errand fetch.Errand) string {
	switch errand.Kind {
	case fetch.ErrandKeys:
		return "keys of provider " + p.sources[errand.Index].Provider()
	case fetch.ErrandToken:
		return "introspection by provider " + p.servers[errand.Index].Name
	}
	return "the list of revocations"
}

func (p *Policy) labelOf(r *rule) string {
	switch r {
	case p.fallback:
		return "default"
	case p.preflight:
		return "cors.preflight"
	}
	return r.label()
}

// explainToken follows Policy.verify.
func (p *Policy) explainToken(steps *trace.Steps, s *State, f *found, now time.Time, others jwt.Others) {
	reason := f.outcome.Reason
	if f.outcome.Wait != nil {
		reason = verdict.ReasonKeysUnavailable
	}
	if !p.static.Empty() && p.static.Explain(steps, s.digester.Sum(f.Token), now) {
		return
	}
	if len(p.servers) > 0 && s.introspection.Explain(steps, p.servers, f.Token, f.location, p.places, reason) {
		return
	}
	s.jwt.Explain(steps, f.Token, reason, fetch.Seconds(now), others)
	if reason == verdict.ReasonWrongLocation {
		steps.Fail(trace.Credential, p.locations.List[f.location].String(), "is no location of this provider's tokens")
	}
}

// explainNeeds says what a valid token lacks for a rule.
func (p *Policy) explainNeeds(steps *trace.Steps, r *rule, id *identity.Identity) {
	name := p.labelOf(r)
	if !r.accepts(id.Index) {
		steps.Fail(trace.Rule, name, "does not accept tokens of the provider "+id.Provider)
	}
	any := len(r.needsAnyScope) == 0 || id.Facts.Any(r.needsAnyScope)
	for _, scope := range r.scopes {
		fact := p.propagation.Questions.Scope(scope)
		switch {
		case id.Facts.Has(fact):
		case r.needsScopes.Has(fact):
			steps.Fail(trace.Rule, name, "needs the scope "+scope+", which the token lacks")
		case !any:
			steps.Fail(trace.Rule, name, "needs the scope "+scope+" or another of any_scopes, and the token has none")
		}
	}
	for _, need := range r.needs {
		if !id.Facts.Has(need.Fact) {
			steps.Fail(trace.Rule, name, "needs the claim "+p.claims.Name(need.Claim)+" ("+need.Kind+"), which does not hold")
		}
	}
	if id.LacksClaim {
		steps.Wrong("", `lacks a claim of claim_headers with missing "deny"`)
	}
}
