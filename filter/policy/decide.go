package policy

import (
	"time"

	"bearerauth/filter/policy/credential"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/reply"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// Decide says whether a request passes. The verdict holds until the next Decide
// with the same state.
func (p *Policy) Decide(s *State, now time.Time, r *request.Request) verdict.Verdict {
	s.keys.Begin()
	if len(p.propagation.Owned) > 0 && p.oneDoor() {
		if a := p.quickRequest(s, now, r); a != nil {
			return a
		}
	}
	v := p.decide(s, now, r)
	if d, ok := v.(*verdict.Deny); ok && p.cors != nil {
		return p.cors.Expose(d, r)
	}
	return v
}

func (p *Policy) decide(s *State, now time.Time, r *request.Request) verdict.Verdict {
	// Both are the state's, or each request would be two allocations in TinyGo.
	view, q := &s.view, &s.inquiry
	view.Reset(r)
	view.Walk, view.IgnoresPath, view.MaxExpressionBytes = &s.walk, p.index.IgnoresPath, p.index.MaxExpressionBytes
	view.Forged = len(p.properties) > 0 && p.forged(r)
	*q = inquiry{s: s, r: r, m: fetch.Moment{Now: now, Since: r.Since, Failed: &r.Failed}}
	// Asked first: to list the readings of a path and to judge each costs more.
	if p.rejectNonCanonical && !view.CanonicalPath() || view.TooManyReadings() {
		return p.fallback.refusals.Get(verdict.ReasonNonCanonicalPath, q.format())
	}
	j := p.judge(s, view)
	if view.TooManyReadings() {
		return p.fallback.refusals.Get(verdict.ReasonNonCanonicalPath, q.format())
	}
	if len(j.bind) == 0 && j.opening == nil {
		return verdict.Internal
	}
	if p.propagation.Owned.NamedByConnection(r.Headers) {
		return p.anyRule(&j).refusals.Get(verdict.ReasonConnection, q.format())
	}
	// Nothing that a client sends changes what is forbidden.
	for _, rule := range j.bind {
		if rule.access == accessDeny && !rule.shadow {
			return rule.refusals.Get(verdict.ReasonForbidden, q.format())
		}
	}
	if reply := p.resources.Metadata(r); reply != nil {
		return reply
	}
	s.credentials(p, r)
	if p.cors != nil && p.cors.IsPreflight(view) {
		j.opening = p.preflight
		return p.pass(q, &j, verdict.ReasonPreflight)
	}
	if len(j.bind) == 0 {
		if v := p.open(q, &j); v != nil {
			return v
		}
	}
	if o := j.opening; o != nil && o.access != accessAnonymous {
		// Also beside rules that bind other readings: a token that is enough for
		// those need not be for this one.
		j.add(o)
		s.bind = j.bind
	}
	return p.require(q, j.bind, request.PatienceOf(r))
}

// inquiry is one request on its way to a verdict.
type inquiry struct {
	s  *State
	r  *request.Request
	m  fetch.Moment
	id *identity.Identity // once some token has verified
}

// format is that of a refusal's body, which the client takes.
func (q *inquiry) format() reply.BodyFormat { return reply.AnswerFormat(q.r, q.s.policy.negotiates) }

// open decides over a request that every reading takes for one of an opening.
// nil: it needs a token all the same.
func (p *Policy) open(q *inquiry, j *judgement) verdict.Verdict {
	o := j.opening
	if o.shadow {
		return p.shadow(q, j)
	}
	switch o.access {
	case accessAnonymous:
		return p.pass(q, j, verdict.ReasonAnonymous)
	case accessPresenceOnly:
		if c := q.s.only(credential.Everywhere); c.Kind != credential.Bearer {
			return o.refusals.Get(reasonFor(c.Kind), q.format())
		}
		return p.pass(q, j, verdict.ReasonPresenceOnly)
	case accessOptional:
		// Also credentials for other rules count: what is there must be good.
		if q.s.only(credential.Everywhere).Kind == credential.None {
			return p.pass(q, j, verdict.ReasonOptionalMissing)
		}
	}
	return nil
}

// require lets a request pass that meets all of these rules.
func (p *Policy) require(q *inquiry, bind []*rule, how fetch.Patience) verdict.Verdict {
	q.m.Patience = how
	first := bind[0]
	var id *identity.Identity
	for _, rule := range bind {
		v := p.holder(q, rule)
		if v.Wait != nil {
			return &verdict.Wait{For: *v.Wait, Until: q.m.Now.Add(v.Wait.Timeout), Since: q.m.Now}
		}
		if v.Reason != verdict.ReasonTokenValid {
			return first.refusals.Get(v.Reason, q.format())
		}
		if id != nil && id != v.ID {
			// Two rules bind two readings, and each has found somebody else.
			return first.refusals.Get(verdict.ReasonSeveralCredentials, q.format())
		}
		id = v.ID
	}
	q.id = id
	for _, rule := range bind {
		if !rule.accepts(id.Index) {
			return rule.insufficient(verdict.ReasonOtherProvider, id, q.format())
		}
	}
	for _, rule := range bind {
		if reason := rule.judge(id); reason != verdict.ReasonTokenValid {
			return rule.insufficient(reason, id, q.format())
		}
	}
	if id.Lacking {
		return first.insufficient(verdict.ReasonInsufficientClaims, id, q.format())
	}
	return p.passVerified(q, bind, id)
}

// holder finds out who a rule takes the request's sender for: the holder of its
// one token, or of the first where it wants several.
func (p *Policy) holder(q *inquiry, rule *rule) (first identity.Outcome) {
	if rule.allOf == nil {
		return p.token(q, rule.places)
	}
	for i, provider := range rule.allOf {
		v := p.token(q, p.places[provider])
		if v.Wait != nil {
			// The others need not wait for this one to begin.
			for _, other := range rule.allOf[i+1:] {
				p.token(q, p.places[other])
			}
			return v
		}
		if v.Reason != verdict.ReasonTokenValid {
			return v
		}
		if v.ID.Index != provider {
			return identity.Outcome{Reason: verdict.ReasonOtherProvider}
		}
		if i == 0 {
			first = v
		}
	}
	return first
}

// token verifies the one token at these places, once a request.
func (p *Policy) token(q *inquiry, at credential.Places) identity.Outcome {
	c := q.s.only(at)
	if c.Kind != credential.Bearer {
		return identity.Outcome{Reason: reasonFor(c.Kind)}
	}
	if !c.judged {
		c.judged = true
		v := &c.outcome
		*v = p.verify(q.s, c, q.m)
		if v.Wait == nil && v.Reason == verdict.ReasonTokenValid && !p.places[v.ID.Index].Has(c.location) {
			// Good, but not to be sent in this way.
			*v = identity.Outcome{Reason: verdict.ReasonWrongLocation}
		}
	}
	c.used = c.outcome.Wait == nil && c.outcome.Reason == verdict.ReasonTokenValid
	return c.outcome
}

// shadow says what a rule in shadow would have answered, and lets the request
// through. It waits for nothing: nobody is kept back by a trial.
func (p *Policy) shadow(q *inquiry, j *judgement) verdict.Verdict {
	o := j.opening
	var refused *verdict.Deny
	if o.access == accessDeny {
		refused = o.refusals.Get(verdict.ReasonForbidden, q.format())
	} else {
		switch v := p.require(q, []*rule{o}, fetch.AskAhead).(type) {
		case *verdict.Allow:
			return v
		case *verdict.Deny:
			refused = v
		default:
			refused = o.refusals.Get(verdict.ReasonKeysUnavailable, q.format())
		}
	}
	var a *verdict.Allow
	if refused.Identity != nil {
		// The token is good: the upstream gets what it would without the trial.
		a = p.passVerified(q, []*rule{o}, q.id)
		a.Reason = verdict.ReasonShadow
	} else {
		a = p.pass(q, j, verdict.ReasonShadow)
	}
	a.Shadowed, a.Rule = refused, o.label()
	a.State = append(a.State, [2]string{"bearerauth.shadow", refused.Reason.String()})
	return a
}

// verify finds out whose token it is. A token that is configured as such is
// that one, whatever it looks like.
func (p *Policy) verify(s *State, c *found, m fetch.Moment) identity.Outcome {
	if len(p.static.Tokens) > 0 && c.known == nil {
		t, reason := p.static.Verify(s.digester.Of(c.Token), m.Now)
		if t != nil {
			return identity.Outcome{ID: t.Identity, Reason: verdict.ReasonTokenValid}
		}
		if reason != verdict.ReasonUnknownToken {
			return identity.Outcome{Reason: reason}
		}
	}
	if len(p.introspectors) > 0 && c.known == nil {
		if i := p.introspectors.For(c.Token, c.location, p.places); i != nil {
			if v, ours := s.introspection.Introspect(i, s.name(c), c.Token, m); ours {
				return v
			}
		}
	}
	if len(p.jwt.List) == 0 {
		return identity.Outcome{Reason: verdict.ReasonUnknownToken}
	}
	key := s.name(c)
	v := s.jwt.Verify(c.Token, key, c.known, m)
	if v.Reason != verdict.ReasonTokenValid || v.Wait != nil {
		return v
	}
	if i := p.introspectedBy[v.ID.Index]; i != nil {
		// Good by itself, but it may have been revoked since.
		if said := s.introspection.IntrospectVerified(i, key, c.Token, m); said.Reason != verdict.ReasonTokenValid || said.Wait != nil {
			return said
		}
	}
	return v
}

// anyRule is a rule to take the texts of a refusal from.
func (p *Policy) anyRule(j *judgement) *rule {
	if len(j.bind) > 0 {
		return j.bind[0]
	}
	if j.opening != nil {
		return j.opening
	}
	return p.fallback
}

func reasonFor(k credential.Kind) verdict.Reason {
	switch k {
	case credential.None:
		return verdict.ReasonMissing
	case credential.Several:
		return verdict.ReasonSeveralCredentials
	case credential.Malformed:
		return verdict.ReasonMalformed
	}
	return verdict.ReasonInternal
}
