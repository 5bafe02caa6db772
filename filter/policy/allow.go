package policy

// pass lets a request through without a verified token.
func (p *Policy) pass(q *inquiry, j *judgement, reason Reason) *Allow {
	a := p.newAllow(q.s, q.r.Headers, reason)
	forward := j.opening.forwardUnverified && !j.withhold
	for i := range q.s.found {
		// What a shadow rule has verified is nobody's all the same.
		q.s.found[i].used = false
	}
	q.s.strip(a, p, q.r, false, forward && j.opening.forwardAuthorization)
	if forward && p.tells.tokenHeader != "" {
		if c := q.s.only(everyPlace); c.kind == credentialBearer {
			a.Set = append(a.Set, [2]string{p.tells.tokenHeader, c.token})
		}
	}
	return a
}

func (p *Policy) passVerified(q *inquiry, bind []*rule, id *verifiedIdentity) *Allow {
	a := p.newAllow(q.s, q.r.Headers, ReasonTokenValid)
	forward := true
	for _, rule := range bind {
		forward = forward && rule.forwardAuthorization
	}
	q.s.strip(a, p, q.r, forward, false)
	for i := range q.s.found {
		c := &q.s.found[i]
		if !c.used {
			continue
		}
		a.Unchecked = a.Unchecked || c.outcome.unchecked
		if p.tells.tokenHeader != "" && c.outcome.id == id {
			a.Set = append(a.Set, [2]string{p.tells.tokenHeader, c.token})
		}
		if p.locations.list[c.location].kind == locationQuery {
			// RFC 6750 section 2.3: no shared cache may keep the answer.
			a.State = append(a.State, [2]string{"bearerauth.cache_control", "private"})
		}
	}
	p.tell(a, id)
	return a
}

// tell lets the upstream know who it is.
func (p *Policy) tell(a *Allow, id *verifiedIdentity) {
	a.Identity = &id.Identity
	a.Set = append(a.Set, id.headers...)
}

// newAllow starts with the removal of what a client sent under our names.
func (p *Policy) newAllow(s *State, headers [][2]string, reason Reason) *Allow {
	a := &s.allow
	*a = Allow{Reason: reason, Set: a.Set[:0], State: a.State[:0], Remove: p.tells.own.appendForged(a.Remove[:0], headers)}
	return a
}
