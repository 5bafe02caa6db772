package policy

import (
	"strconv"
	"strings"
	"time"

	"bearerauth/filter/policy/credential"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/jwt"
	"bearerauth/filter/policy/match"
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

// Explain is Findings with all that led to the verdict: why each rule does or does not
// apply, and why the other providers do not take the token. It is for people, and slow.
func (p *Policy) Explain(s *State, now time.Time, r *request.Request, v verdict.Verdict) (steps trace.Steps) {
	var view match.View
	view.Reset(r)
	view.MaxExpressionBytes = p.index.MaxExpressionBytes
	view.Forged = len(p.properties) > 0 && p.forged(r)
	if readings := view.Readings(); len(readings) > 1 {
		steps.Add(trace.Request, "path", "has several readings, which must all be allowed: "+trace.Quoted(readings))
	}
	decided := false
	for _, rule := range p.rules {
		result, binds := "", contains(s.bind, rule)
		misses := rule.match.Misses(&view)
		switch {
		case binds || rule == s.opening:
			result = "applies: access " + accessNames[rule.access]
			if rule.shadow {
				result += ", in shadow"
			}
			decided = true
		case len(misses) > 0:
			result = "does not apply: " + strings.Join(misses, "; ")
		case decided:
			result = "would apply, but a rule before it decides"
		default:
			result = "applies to some reading of the request only, which is not enough to open it"
		}
		steps.Add(trace.Rule, rule.label(), result)
	}
	if contains(s.bind, p.fallback) {
		steps.Add(trace.Rule, p.labelOf(p.fallback), "applies: access token of any provider")
	}
	for _, step := range p.findings(s, now, r, v, &more{jwt.ExplainMore, (*Policy).explainNeeds}) {
		if step.About != trace.Rule || step.Failed {
			steps = append(steps, step)
		}
	}
	if !p.locations.ReadsAccessToken && credential.HasQueryToken(r.Path) {
		steps.Add(trace.Credential, "query parameter access_token", "is no location of a provider's tokens")
	}
	return steps
}

func contains(list []*rule, r *rule) bool {
	for _, have := range list {
		if have == r {
			return true
		}
	}
	return false
}

// more are findings that the module does not need.
type more struct {
	token jwt.More
	needs func(*Policy, *trace.Steps, *rule, *identity.Identity)
}

// findings are Findings, and more unless that is nil.
func (p *Policy) findings(s *State, now time.Time, r *request.Request, v verdict.Verdict, m *more) (steps trace.Steps) {
	for _, rule := range s.bind {
		steps.Add(trace.Rule, p.labelOf(rule), accessNames[rule.access])
	}
	if s.opening != nil && len(s.bind) == 0 {
		steps.Add(trace.Rule, p.labelOf(s.opening), accessNames[s.opening.access])
	}
	if allow, ok := v.(*verdict.Allow); ok && allow.Reason == verdict.ReasonTokenValid && len(s.found) == 0 {
		// Decide was quick and read no locations.
		steps.Add(trace.Rule, p.labelOf(p.fallback), accessNames[accessToken])
		s.credentials(p, r)
		for i := range s.found {
			if f := &s.found[i]; f.Kind == credential.Bearer {
				f.judged, f.outcome.Reason = true, verdict.ReasonTokenValid
			}
		}
	}
	for i := range s.found {
		f := &s.found[i]
		if f.Kind == credential.None && m == nil {
			continue
		}
		steps.Add(trace.Credential, p.locations.List[i].String(), f.Kind.String())
		steps[len(steps)-1].Failed = f.Kind < credential.None
		if f.judged {
			p.explainToken(&steps, s, f, now, m)
		}
	}
	if m != nil && s.inquiry.identity != nil && len(s.bind) > 0 {
		for _, rule := range s.bind {
			m.needs(p, &steps, rule, s.inquiry.identity)
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
		return "default rule"
	case p.preflight:
		return "cors.preflight"
	}
	return r.label()
}

// explainToken follows Policy.verify.
func (p *Policy) explainToken(steps *trace.Steps, s *State, f *found, now time.Time, m *more) {
	reason := f.outcome.Reason
	if !p.static.Empty() && p.static.Explain(steps, s.digester.Sum(f.Token), now, m != nil) {
		return
	}
	if len(p.servers) > 0 && s.introspection.Explain(steps, p.servers, f.Token, f.location, p.places, reason) {
		return
	}
	var token jwt.More
	if m != nil {
		token = m.token
	}
	s.jwt.Explain(steps, f.Token, reason, fetch.Seconds(now), token)
}

// explainNeeds says what a valid token lacks for a rule.
func (p *Policy) explainNeeds(steps *trace.Steps, r *rule, id *identity.Identity) {
	name := p.labelOf(r)
	p.explainDemand(steps, name, "", &r.demand, id)
	if len(r.anyOf) > 0 && judgeAnyOf(r.anyOf, id) != verdict.ReasonTokenValid {
		for i := range r.anyOf {
			p.explainDemand(steps, name, "any_of["+strconv.Itoa(i)+"] ", &r.anyOf[i], id)
		}
	}
	if id.LacksClaim {
		steps.Wrong("", `lacks a claim of claim_headers with missing "deny"`)
	}
}

// explainDemand says what a valid token lacks for a demand; where is its place in the rule.
func (p *Policy) explainDemand(steps *trace.Steps, rule, where string, d *demand, id *identity.Identity) {
	if !d.accepts(id.Index) {
		steps.Fail(trace.Rule, rule, where+"does not accept tokens of the provider "+id.Provider)
	}
	any := len(d.anyScope) == 0 || id.Facts.Any(d.anyScope)
	for _, scope := range d.scopeNames {
		fact := p.propagation.Questions.Scope(scope)
		switch {
		case id.Facts.Has(fact):
		case d.scopes.Has(fact):
			steps.Fail(trace.Rule, rule, where+"needs the scope "+scope+", which the token lacks")
		case !any:
			steps.Fail(trace.Rule, rule, where+"needs the scope "+scope+" or another of any_scopes, and the token has none")
		}
	}
	for _, need := range d.needs {
		if !id.Facts.Has(need.Fact) {
			steps.Fail(trace.Rule, rule, where+"needs the claim "+p.claims.Name(need.Claim)+" ("+need.Kind+"), which does not hold")
		}
	}
}
