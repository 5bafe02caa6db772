package policy

import (
	"bearerauth/filter/policy/credential"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/verdict"
)

// pass lets a request through without a verified token.
func (p *Policy) pass(q *inquiry, j *judgement, reason verdict.Reason) *verdict.Allow {
	a := p.newAllow(q.s, q.r.Headers, reason)
	forward := j.opening.forwardUnverified && !j.withhold
	for i := range q.s.found {
		// What a shadow rule has verified is nobody's all the same.
		q.s.found[i].used = false
	}
	q.s.strip(a, p, q.r, false, forward && j.opening.forwardAuthorization)
	if forward && p.propagation.TokenHeader != "" {
		if c := q.s.only(credential.Everywhere); c.Kind == credential.Bearer {
			a.Set = append(a.Set, [2]string{p.propagation.TokenHeader, c.Token})
		}
	}
	return a
}

func (p *Policy) passVerified(q *inquiry, bind []*rule, id *identity.Identity) *verdict.Allow {
	a := p.newAllow(q.s, q.r.Headers, verdict.ReasonTokenValid)
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
		a.Unchecked = a.Unchecked || c.outcome.Unchecked
		if p.propagation.TokenHeader != "" && c.outcome.ID == id {
			a.Set = append(a.Set, [2]string{p.propagation.TokenHeader, c.Token})
		}
		if p.locations.List[c.location].Kind == credential.Query {
			// RFC 6750 section 2.3: no shared cache may keep the answer.
			a.State = append(a.State, [2]string{"bearerauth.cache_control", "private"})
		}
	}
	p.tell(a, id)
	return a
}

// tell lets the upstream know who it is.
func (p *Policy) tell(a *verdict.Allow, id *identity.Identity) {
	a.Identity = &id.Identity
	a.Set = append(a.Set, id.Headers...)
}

// newAllow starts with the removal of what a client sent under our names.
func (p *Policy) newAllow(s *State, headers [][2]string, reason verdict.Reason) *verdict.Allow {
	a := &s.allow
	*a = verdict.Allow{Reason: reason, Set: a.Set[:0], State: a.State[:0], Remove: p.propagation.Owned.AppendForged(a.Remove[:0], headers)}
	return a
}
