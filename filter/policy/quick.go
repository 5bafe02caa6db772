package policy

import (
	"strings"
	"time"
)

// oneDoor says that an Allow of this policy depends on nothing but :path, the
// credential in Authorization, and copies of headers of its own.
func (p *Policy) oneDoor() bool {
	return len(p.rules) == 0 && len(p.locations.list) == 1 &&
		p.locations.list[0].kind == locationAuthorization && (p.cors == nil || !p.cors.preflight)
}

// OnlyCredential says that there are no headers of its own either. Then the
// others need not be read: Quick may be asked first.
func (p *Policy) OnlyCredential() bool { return len(p.tells.own) == 0 && p.oneDoor() }

// Quick is Decide for the commonest request, in a fraction of its work: one
// "Bearer" and a token that is good, on a canonical path. nil says
// nothing about the request: ask Decide. What Quick allows Decide would allow in
// the same way.
func (p *Policy) Quick(s *State, now time.Time, authorization, path string) *Allow {
	return p.quick(s, now, authorization, path, nil)
}

// quickRequest is Quick for a policy with headers of its own, whose copies go.
func (p *Policy) quickRequest(s *State, now time.Time, r *Request) *Allow {
	authorization, lines := r.header("authorization")
	if lines != 1 || p.tells.own.namedByConnection(r.Headers) {
		return nil
	}
	return p.quick(s, now, authorization, r.Path, r.Headers)
}

// quick takes the headers only to look for copies of its own.
func (p *Policy) quick(s *State, now time.Time, authorization, path string, headers [][2]string) *Allow {
	token, ok := behindBearer(authorization)
	if !ok {
		return nil
	}
	plain, _, query := strings.Cut(path, "?")
	if query && hasQueryToken(path) || !isCanonicalPath(plain) || len(p.resources) > 0 && isMetadataPath(plain) {
		return nil
	}
	id := p.quickly(s, token, now)
	if id == nil {
		return nil
	}
	a := p.newAllow(s, headers, ReasonTokenValid)
	if !p.forwardAuthorization {
		a.Remove = append(a.Remove, "authorization")
	}
	if p.tells.tokenHeader != "" {
		a.Set = append(a.Set, [2]string{p.tells.tokenHeader, token})
	}
	p.tell(a, id)
	return a
}

func (p *Policy) quickly(s *State, token string, now time.Time) *verifiedIdentity {
	s.keys.begin()
	c := found{credential: credential{kind: credentialBearer, token: token, named: true}}
	if len(p.jwt.list) > 0 {
		c.key, c.hasKey = s.hash.sum(token), true
		c.known = s.jwt.known(c.key)
	}
	// Nobody waits here: Decide says who may.
	v := p.verify(s, &c, moment{now: now, how: impatient})
	// A good JWT consists of b64token characters; a configured digest can be that
	// of anything.
	if v.wait != nil || v.reason != ReasonTokenValid || v.unchecked || v.id.lacking || len(p.static.tokens) > 0 && !isB64Token(token) {
		return nil
	}
	return v.id
}
