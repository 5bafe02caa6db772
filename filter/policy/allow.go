package policy

import (
	"bearerauth/filter/policy/credential"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/verdict"
)

// pass lets a request through without a verified token.
func (p *Policy) pass(q *inquiry, j *judgement, reason verdict.Reason) *verdict.Allow {
	a := p.newAllow(q.state, q.request.Headers, reason)
	forward := j.opening.forwardUnverified && !j.withhold
	for i := range q.state.found {
		// A token that a rule in shadow has verified counts as unverified.
		q.state.found[i].used = false
	}
	q.state.strip(a, p, q.request, false, forward && j.opening.forwardAuthorization)
	if forward && p.propagation.TokenHeader != "" {
		if c := q.state.only(credential.Everywhere); c.Kind == credential.Bearer {
			a.Set = append(a.Set, [2]string{p.propagation.TokenHeader, c.Token})
		}
	}
	return a
}

// passVerified lets a request through with a verified token that meets these rules.
func (p *Policy) passVerified(q *inquiry, bind []*rule, id *identity.Identity) *verdict.Allow {
	a := p.newAllow(q.state, q.request.Headers, verdict.ReasonTokenValid)
	forward := true
	for _, rule := range bind {
		forward = forward && rule.forwardAuthorization
	}
	q.state.strip(a, p, q.request, forward, false)
	token := ""
	for i := range q.state.found {
		c := &q.state.found[i]
		if !c.used {
			continue
		}
		a.Unchecked = a.Unchecked || c.outcome.Unchecked
		if c.outcome.ID == id {
			token = c.Token
		}
		if p.locations.List[c.location].Kind == credential.Query {
			// RFC 6750 section 2.3: no shared cache may keep the answer.
			a.State = append(a.State, [2]string{"bearerauth.cache_control", "private"})
		}
	}
	p.propagate(a, id, token)
	return a
}

// propagate adds what the upstream receives of a verified token: the token itself, if it
// has a header, and its identity.
func (p *Policy) propagate(a *verdict.Allow, id *identity.Identity, token string) {
	if p.propagation.TokenHeader != "" && token != "" {
		a.Set = append(a.Set, [2]string{p.propagation.TokenHeader, token})
	}
	a.Identity = &id.Identity
	a.Set = append(a.Set, id.Headers...)
}

// newAllow returns an Allow that removes the headers of the client that the filter owns.
// It uses the state's memory: an Allow must not be an allocation.
func (p *Policy) newAllow(s *State, headers [][2]string, reason verdict.Reason) *verdict.Allow {
	a := &s.allow
	*a = verdict.Allow{Reason: reason, Set: a.Set[:0], State: a.State[:0], Remove: p.propagation.Owned.AppendForged(a.Remove[:0], headers)}
	return a
}
