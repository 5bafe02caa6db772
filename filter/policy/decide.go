package policy

import "time"

// Decide says whether a request passes. The verdict holds until the next Decide
// with the same state.
func (p *Policy) Decide(s *State, now time.Time, r *Request) Verdict {
	s.keys.begin()
	if len(p.tells.own) > 0 && p.oneDoor() {
		if a := p.quickRequest(s, now, r); a != nil {
			return a
		}
	}
	v := p.decide(s, now, r)
	if d, ok := v.(*Deny); ok && p.cors != nil {
		return p.cors.readable(d, r)
	}
	return v
}

func (p *Policy) decide(s *State, now time.Time, r *Request) Verdict {
	// Both are the state's, or each request would be two allocations in TinyGo.
	view, q := &s.view, &s.inquiry
	list, hits := view.query.list[:0], view.query.hits[:0]
	*view = newRequestView(r)
	view.walk, view.pathless, view.readable = &s.walk, p.index.pathless, p.index.readable
	view.query.list, view.query.hits = list, hits
	view.forged = len(p.properties) > 0 && p.forged(r)
	*q = inquiry{s: s, r: r, m: moment{now: now, since: r.Since, failed: &r.Failed}}
	// Asked first: to list the readings of a path and to judge each costs more.
	if p.rejectNonCanonical && !view.canonicalPath() || view.crowdedPath() {
		return p.fallback.refusals.get(ReasonNonCanonicalPath, q.format())
	}
	j := p.judge(s, view)
	if view.crowdedPath() {
		return p.fallback.refusals.get(ReasonNonCanonicalPath, q.format())
	}
	if len(j.bind) == 0 && j.opening == nil {
		return Internal
	}
	if p.tells.own.namedByConnection(r.Headers) {
		return p.anyRule(&j).refusals.get(ReasonConnection, q.format())
	}
	// Nothing that a client sends changes what is forbidden.
	for _, rule := range j.bind {
		if rule.access == accessDeny && !rule.shadow {
			return rule.refusals.get(ReasonForbidden, q.format())
		}
	}
	if reply := p.resources.metadata(r); reply != nil {
		return reply
	}
	s.credentials(p, r)
	if p.cors != nil && p.cors.passes(view) {
		j.opening = p.preflight
		return p.pass(q, &j, ReasonPreflight)
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
	return p.require(q, j.bind, patienceOf(r))
}

// inquiry is one request on its way to a verdict.
type inquiry struct {
	s  *State
	r  *Request
	m  moment
	id *verifiedIdentity // once some token has verified
}

// format is that of a refusal's body, which the client takes.
func (q *inquiry) format() bodyFormat { return answerFormat(q.r, q.s.policy.negotiates) }

// open decides over a request that every reading takes for one of an opening.
// nil: it needs a token all the same.
func (p *Policy) open(q *inquiry, j *judgement) Verdict {
	o := j.opening
	if o.shadow {
		return p.shadow(q, j)
	}
	switch o.access {
	case accessAnonymous:
		return p.pass(q, j, ReasonAnonymous)
	case accessPresenceOnly:
		if c := q.s.only(everyPlace); c.kind != credentialBearer {
			return o.refusals.get(reasonFor(c.kind), q.format())
		}
		return p.pass(q, j, ReasonPresenceOnly)
	case accessOptional:
		// Also credentials for other rules count: what is there must be good.
		if q.s.only(everyPlace).kind == credentialNone {
			return p.pass(q, j, ReasonOptionalMissing)
		}
	}
	return nil
}

// require lets a request pass that meets all of these rules.
func (p *Policy) require(q *inquiry, bind []*rule, how patience) Verdict {
	q.m.how = how
	first := bind[0]
	var id *verifiedIdentity
	for _, rule := range bind {
		v := p.holder(q, rule)
		if v.wait != nil {
			return &Wait{For: *v.wait, Until: q.m.now.Add(v.wait.timeout), Since: q.m.now}
		}
		if v.reason != ReasonTokenValid {
			return first.refusals.get(v.reason, q.format())
		}
		if id != nil && id != v.id {
			// Two rules bind two readings, and each has found somebody else.
			return first.refusals.get(ReasonSeveralCredentials, q.format())
		}
		id = v.id
	}
	q.id = id
	for _, rule := range bind {
		if !rule.accepts(id.provider) {
			return rule.insufficient(ReasonOtherProvider, id, q.format())
		}
	}
	for _, rule := range bind {
		if reason := rule.judge(id); reason != ReasonTokenValid {
			return rule.insufficient(reason, id, q.format())
		}
	}
	if id.lacking {
		return first.insufficient(ReasonInsufficientClaims, id, q.format())
	}
	return p.passVerified(q, bind, id)
}

// holder finds out who a rule takes the request's sender for: the holder of its
// one token, or of the first where it wants several.
func (p *Policy) holder(q *inquiry, rule *rule) (first verification) {
	if rule.allOf == nil {
		return p.token(q, rule.places)
	}
	for i, provider := range rule.allOf {
		v := p.token(q, p.places[provider])
		if v.wait != nil {
			// The others need not wait for this one to begin.
			for _, other := range rule.allOf[i+1:] {
				p.token(q, p.places[other])
			}
			return v
		}
		if v.reason != ReasonTokenValid {
			return v
		}
		if v.id.provider != provider {
			return verification{reason: ReasonOtherProvider}
		}
		if i == 0 {
			first = v
		}
	}
	return first
}

// token verifies the one token at these places, once a request.
func (p *Policy) token(q *inquiry, at places) verification {
	c := q.s.only(at)
	if c.kind != credentialBearer {
		return verification{reason: reasonFor(c.kind)}
	}
	if !c.judged {
		c.judged = true
		v := &c.outcome
		*v = p.verify(q.s, c, q.m)
		if v.wait == nil && v.reason == ReasonTokenValid && !p.places[v.id.provider].has(c.location) {
			// Good, but not to be sent in this way.
			*v = verification{reason: ReasonWrongLocation}
		}
	}
	c.used = c.outcome.wait == nil && c.outcome.reason == ReasonTokenValid
	return c.outcome
}

// shadow says what a rule in shadow would have answered, and lets the request
// through. It waits for nothing: nobody is kept back by a trial.
func (p *Policy) shadow(q *inquiry, j *judgement) Verdict {
	o := j.opening
	var refused *Deny
	if o.access == accessDeny {
		refused = o.refusals.get(ReasonForbidden, q.format())
	} else {
		switch v := p.require(q, []*rule{o}, asks).(type) {
		case *Allow:
			return v
		case *Deny:
			refused = v
		default:
			refused = o.refusals.get(ReasonKeysUnavailable, q.format())
		}
	}
	var a *Allow
	if refused.Identity != nil {
		// The token is good: the upstream gets what it would without the trial.
		a = p.passVerified(q, []*rule{o}, q.id)
		a.Reason = ReasonShadow
	} else {
		a = p.pass(q, j, ReasonShadow)
	}
	a.Shadowed, a.Rule = refused, o.label()
	a.State = append(a.State, [2]string{"bearerauth.shadow", refused.Reason.String()})
	return a
}

// verify finds out whose token it is. A token that is configured as such is
// that one, whatever it looks like.
func (p *Policy) verify(s *State, c *found, m moment) verification {
	if len(p.static.tokens) > 0 && c.known == nil {
		t, reason := p.static.verify(s.digester.of(c.token), m.now)
		if t != nil {
			return verification{id: t.identity, reason: ReasonTokenValid}
		}
		if reason != ReasonUnknownToken {
			return verification{reason: reason}
		}
	}
	if len(p.introspectors) > 0 && c.known == nil {
		if i := p.introspectors.of(c.token, c.location, p.places); i != nil {
			if v, ours := s.introspection.introspect(i, s.name(c), c.token, m); ours {
				return v
			}
		}
	}
	if len(p.jwt.list) == 0 {
		return verification{reason: ReasonUnknownToken}
	}
	key := s.name(c)
	v := s.jwt.verify(c.token, key, c.known, m)
	if v.reason != ReasonTokenValid || v.wait != nil {
		return v
	}
	if i := p.asked[v.id.provider]; i != nil {
		// Good by itself, but it may have been revoked since.
		if said := s.introspection.introspectVerified(i, key, c.token, m); said.reason != ReasonTokenValid || said.wait != nil {
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

func reasonFor(k credentialKind) Reason {
	switch k {
	case credentialNone:
		return ReasonMissing
	case credentialSeveral:
		return ReasonSeveralCredentials
	case credentialMalformed:
		return ReasonMalformed
	}
	return ReasonInternal
}
