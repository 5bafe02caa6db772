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

// onlyAuthorization reports whether an Allow of this policy depends only on :path, on the
// credential in Authorization, and on headers that the filter owns.
func (p *Policy) onlyAuthorization() bool {
	return len(p.rules) == 0 && len(p.locations.List) == 1 &&
		p.locations.List[0].Kind == credential.Authorization && (p.cors == nil || !p.cors.Preflight)
}

// OnlyCredential reports whether the filter owns no header either. Then the caller may
// ask Quick, before it reads all headers.
func (p *Policy) OnlyCredential() bool { return len(p.propagation.Owned) == 0 && p.onlyAuthorization() }

// Quick is Decide for the most frequent request, at a fraction of the cost: "Bearer" and a
// good token, on a canonical path. An Allow is the one that Decide would return. nil is no
// refusal: the caller must ask Decide. Use Quick only if OnlyCredential.
func (p *Policy) Quick(s *State, now time.Time, authorization, path string) *verdict.Allow {
	return p.quick(s, now, authorization, path, nil)
}

// quickRequest is Quick for a policy that owns headers: it removes those of the client.
func (p *Policy) quickRequest(s *State, now time.Time, r *request.Request) *verdict.Allow {
	authorization, lines := r.Header("authorization")
	if lines != 1 || p.propagation.Owned.NamedByConnection(r.Headers) {
		return nil
	}
	return p.quick(s, now, authorization, r.Path, r.Headers)
}

// quick needs the headers only to remove those that the filter owns.
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
	p.propagate(a, id, token)
	return a
}

// quickIdentity returns the identity of a token that verifies without a wait and meets the
// fallback, which is the only rule. nil: Decide must decide.
func (p *Policy) quickIdentity(s *State, token string, now time.Time) *identity.Identity {
	s.keys.Begin()
	c := found{Credential: credential.Credential{Kind: credential.Bearer, Token: token, Named: true}}
	if !p.jwt.Empty() {
		c.key, c.hasKey = s.hash.Sum(token), true
		c.known = s.jwt.Remembered(c.key)
	}
	// Quick never waits: Decide decides whether the request may.
	v := p.verify(s, &c, fetch.Moment{Now: now, Patience: fetch.CacheOnly})
	// A good JWT has only b64token characters (RFC 6750 section 2.1). A configured digest
	// can be that of any text, which Decide refuses as malformed.
	if v.Wait != nil || v.Reason != verdict.ReasonTokenValid || v.Unchecked || v.ID.LacksClaim || !p.static.Empty() && !syntax.IsB64Token(token) {
		return nil
	}
	return v.ID
}
