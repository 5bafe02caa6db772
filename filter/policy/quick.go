package policy

import (
	"strings"
	"time"

	"bearerauth/filter/policy/credential"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/reply"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
	"bearerauth/filter/policy/verdict"
)

// oneDoor says that an Allow of this policy depends on nothing but :path, the
// credential in Authorization, and copies of headers of its own.
func (p *Policy) onlyAuthorization() bool {
	return len(p.rules) == 0 && len(p.locations.List) == 1 &&
		p.locations.List[0].Kind == credential.Authorization && (p.cors == nil || !p.cors.Preflight)
}

// OnlyCredential says that there are no headers of its own either. Then the
// others need not be read: Quick may be asked first.
func (p *Policy) OnlyCredential() bool { return len(p.propagation.Owned) == 0 && p.onlyAuthorization() }

// Quick is Decide for the commonest request, in a fraction of its work: one
// "Bearer" and a token that is good, on a canonical path. nil says
// nothing about the request: ask Decide. What Quick allows Decide would allow in
// the same way.
func (p *Policy) Quick(s *State, now time.Time, authorization, path string) *verdict.Allow {
	return p.quick(s, now, authorization, path, nil)
}

// quickRequest is Quick for a policy with headers of its own, whose copies go.
func (p *Policy) quickRequest(s *State, now time.Time, r *request.Request) *verdict.Allow {
	authorization, lines := r.Header("authorization")
	if lines != 1 || p.propagation.Owned.NamedByConnection(r.Headers) {
		return nil
	}
	return p.quick(s, now, authorization, r.Path, r.Headers)
}

// quick takes the headers only to look for copies of its own.
func (p *Policy) quick(s *State, now time.Time, authorization, path string, headers [][2]string) *verdict.Allow {
	token, ok := credential.CutBearer(authorization)
	if !ok {
		return nil
	}
	plain, _, query := strings.Cut(path, "?")
	if query && credential.HasQueryToken(path) || !request.IsCanonicalPath(plain) || len(p.resources) > 0 && reply.IsMetadataPath(plain) {
		return nil
	}
	id := p.quickIdentity(s, token, now)
	if id == nil {
		return nil
	}
	a := p.newAllow(s, headers, verdict.ReasonTokenValid)
	if !p.forwardAuthorization {
		a.Remove = append(a.Remove, "authorization")
	}
	if p.propagation.TokenHeader != "" {
		a.Set = append(a.Set, [2]string{p.propagation.TokenHeader, token})
	}
	p.propagate(a, id)
	return a
}

func (p *Policy) quickIdentity(s *State, token string, now time.Time) *identity.Identity {
	s.keys.Begin()
	c := found{Credential: credential.Credential{Kind: credential.Bearer, Token: token, Named: true}}
	if !p.jwt.Empty() {
		c.key, c.hasKey = s.hash.Sum(token), true
		c.known = s.jwt.Remembered(c.key)
	}
	// Nobody waits here: Decide says who may.
	v := p.verify(s, &c, fetch.Moment{Now: now, Patience: fetch.CacheOnly})
	// A good JWT consists of b64token characters; a configured digest can be that
	// of anything.
	if v.Wait != nil || v.Reason != verdict.ReasonTokenValid || v.Unchecked || v.ID.LacksClaim || !p.static.Empty() && !syntax.IsB64Token(token) {
		return nil
	}
	return v.ID
}
