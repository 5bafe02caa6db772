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

// Decide decides whether a request passes: a *verdict.Allow, a *verdict.Deny, or a
// *verdict.Wait for an answer that can change the verdict. The verdict is valid until the
// next Decide or Quick with the same state.
func (p *Policy) Decide(s *State, now time.Time, r *request.Request) verdict.Verdict {
	s.keys.Begin()
	s.bind, s.opening, s.found = s.bind[:0], nil, s.found[:0]
	if len(p.propagation.Owned) > 0 && p.onlyAuthorization() {
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
	// Both belong to the state: as local variables they would be two allocations for each
	// request in TinyGo.
	view, q := &s.view, &s.inquiry
	view.Reset(r)
	view.Walk, view.IgnoresPath, view.MaxExpressionBytes = &s.walk, p.index.IgnoresPath, p.index.MaxExpressionBytes
	view.Forged = len(p.properties) > 0 && p.forged(r)
	*q = inquiry{state: s, request: r, moment: fetch.Moment{Now: now, Since: r.Since, Failed: &r.Failed}}
	// This check comes first, because it is cheaper than to judge all readings of a path.
	if p.rejectNonCanonical && !view.CanonicalPath() || view.TooManyReadings() {
		return p.fallback.refusals.Get(verdict.ReasonNonCanonicalPath, q.format())
	}
	j := p.judge(s, view)
	s.opening = j.opening
	if view.TooManyReadings() {
		return p.fallback.refusals.Get(verdict.ReasonNonCanonicalPath, q.format())
	}
	if len(j.bind) == 0 && j.opening == nil {
		return verdict.Internal
	}
	if p.propagation.Owned.NamedByConnection(r.Headers) {
		return p.anyRule(&j).refusals.Get(verdict.ReasonConnection, q.format())
	}
	// A rule with access deny comes before every credential.
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
		// An opening that verifies also binds here: the rules of the other readings may
		// ask for less.
		j.add(o)
		s.bind = j.bind
	}
	return p.require(q, j.bind, request.PatienceOf(r))
}

// inquiry is a request while it is decided.
type inquiry struct {
	state    *State
	request  *request.Request
	moment   fetch.Moment
	identity *identity.Identity // nil until a token has verified
}

// format returns the format of a refusal's body that the client accepts.
func (q *inquiry) format() reply.BodyFormat {
	return reply.AnswerFormat(q.request, q.state.policy.negotiates)
}

// open decides over a request for which all readings lead to the opening. The result is
// nil if the request still needs a verified token.
func (p *Policy) open(q *inquiry, j *judgement) verdict.Verdict {
	o := j.opening
	if o.shadow {
		return p.shadow(q, j)
	}
	switch o.access {
	case accessAnonymous:
		return p.pass(q, j, verdict.ReasonAnonymous)
	case accessPresenceOnly:
		if c := q.state.only(credential.Everywhere); c.Kind != credential.Bearer {
			return o.refusals.Get(credentialReason(c.Kind), q.format())
		}
		return p.pass(q, j, verdict.ReasonPresenceOnly)
	case accessOptional:
		// A credential for another rule counts, too: each credential that is sent must be
		// good.
		if q.state.only(credential.Everywhere).Kind == credential.None {
			return p.pass(q, j, verdict.ReasonOptionalMissing)
		}
	}
	return nil
}

// require lets a request pass if it meets all of these rules.
func (p *Policy) require(q *inquiry, bind []*rule, how fetch.Patience) verdict.Verdict {
	q.moment.Patience = how
	first := bind[0]
	var id *identity.Identity
	for _, rule := range bind {
		v := p.verifyFor(q, rule)
		if v.Wait != nil {
			return &verdict.Wait{For: *v.Wait, Until: q.moment.Now.Add(v.Wait.Timeout), Since: q.moment.Now}
		}
		if v.Reason != verdict.ReasonTokenValid {
			return first.refusals.Get(v.Reason, q.format())
		}
		if id != nil && id != v.ID {
			// Two rules bind two readings, and found tokens of different identities.
			return first.refusals.Get(verdict.ReasonSeveralCredentials, q.format())
		}
		id = v.ID
	}
	q.identity = id
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
	if id.LacksClaim {
		return first.insufficient(verdict.ReasonInsufficientClaims, id, q.format())
	}
	return p.passVerified(q, bind, id)
}

// verifyFor verifies the token that a rule asks for. If the rule asks for several, all
// must verify, and the result is the outcome of the first.
func (p *Policy) verifyFor(q *inquiry, rule *rule) (first identity.Outcome) {
	if rule.allOf == nil {
		return p.verifyAt(q, rule.places)
	}
	for i, provider := range rule.allOf {
		v := p.verifyAt(q, p.places[provider])
		if v.Wait != nil {
			// Begin the calls for the other tokens now, or the waits would add up.
			for _, other := range rule.allOf[i+1:] {
				p.verifyAt(q, p.places[other])
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

// verifyAt verifies the only token at these places, once for each request.
func (p *Policy) verifyAt(q *inquiry, at credential.Places) identity.Outcome {
	c := q.state.only(at)
	if c.Kind != credential.Bearer {
		return identity.Outcome{Reason: credentialReason(c.Kind)}
	}
	if !c.judged {
		c.judged = true
		v := &c.outcome
		*v = p.verify(q.state, c, q.moment)
		if v.Wait == nil && v.Reason == verdict.ReasonTokenValid && !p.places[v.ID.Index].Has(c.location) {
			// The token is good, but not at a location of its provider.
			*v = identity.Outcome{Reason: verdict.ReasonWrongLocation}
		}
	}
	c.used = c.outcome.Wait == nil && c.outcome.Reason == verdict.ReasonTokenValid
	return c.outcome
}

// shadow lets a request pass, and adds to the Allow what a rule in shadow would have
// answered. It waits for no call: a trial must not delay requests.
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
		// The token is good: the upstream gets its identity, as without the shadow.
		a = p.passVerified(q, []*rule{o}, q.identity)
		a.Reason = verdict.ReasonShadow
	} else {
		a = p.pass(q, j, verdict.ReasonShadow)
	}
	a.Shadowed, a.Rule = refused, o.label()
	a.State = append(a.State, [2]string{"bearerauth.shadow", refused.Reason.String()})
	return a
}

// verify verifies a token: as a static token, by introspection, and as a JWT, in this
// order. A configured digest decides about its token in any format.
func (p *Policy) verify(s *State, c *found, m fetch.Moment) identity.Outcome {
	if !p.static.Empty() && c.known == nil {
		if id, reason := p.static.Verify(s.digester.Sum(c.Token), m.Now); reason != verdict.ReasonUnknownToken {
			return identity.Outcome{ID: id, Reason: reason}
		}
	}
	if len(p.servers) > 0 && c.known == nil {
		if server := p.servers.For(c.Token, c.location, p.places); server != nil {
			if v, asked := s.introspection.Introspect(server, s.name(c), c.Token, m); asked {
				return v
			}
		}
	}
	if p.jwt.Empty() {
		return identity.Outcome{Reason: verdict.ReasonUnknownToken}
	}
	key := s.name(c)
	v := s.jwt.Verify(c.Token, key, c.known, m)
	if v.Reason != verdict.ReasonTokenValid || v.Wait != nil {
		return v
	}
	if server := p.introspectAfter[v.ID.Index]; server != nil {
		// The signature is good, but the token may have been revoked since.
		if answer := s.introspection.IntrospectVerified(server, key, c.Token, m); answer.Reason != verdict.ReasonTokenValid || answer.Wait != nil {
			return answer
		}
	}
	return v
}

// anyRule returns a rule whose texts a refusal can have.
func (p *Policy) anyRule(j *judgement) *rule {
	if len(j.bind) > 0 {
		return j.bind[0]
	}
	if j.opening != nil {
		return j.opening
	}
	return p.fallback
}

// credentialReason returns why a credential that is no bearer token is refused.
func credentialReason(k credential.Kind) verdict.Reason {
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
