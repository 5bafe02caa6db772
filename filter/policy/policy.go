// Package policy decides who gets in. It is pure: configuration and time are
// arguments, what it needs or wants done it returns.
package policy

import (
	"strings"
	"time"
)

// Policy is a compiled configuration. It never changes, and any number of
// requests can be decided by it.
type Policy struct {
	// SubjectFilterState: the subject of a verified token becomes filter state.
	SubjectFilterState bool

	realm                string
	format               bodyFormat
	rejectNonCanonical   bool
	forwardAuthorization bool
	subjectHeader        string
	tokenHeader          string
	claimHeaders         []claimHeader
	own                  []string // every header that the filter sets
	providers            []string // their names, sorted
	static               staticTokens
	jwt                  []*jwtProvider
	issuers              map[string][]issuerRule
	anyIssuer            *jwtProvider // nil, or the one whose tokens need no known issuer
	sources              []*keySource
	claimNames           []string // claims that the configuration asks for
	cacheBytes           int
	tellsSubject         bool                             // in a header or as filter state
	asksScopes           bool                             // some rule does
	environment          func(name string) (string, bool) // while the configuration is read
	rules                []*rule
	fallback             *rule // for requests that no rule matches: a valid token of any provider
}

// Decide says whether a request passes. The verdict holds until the next Decide
// with the same state.
func (p *Policy) Decide(s *State, now time.Time, r *Request) Verdict {
	view := newRequestView(r)
	grpc := isGRPC(r)
	j := p.judge(&view, s.bind)
	s.bind = j.bind
	if view.crowdedPath() || p.rejectNonCanonical && !view.canonicalPath() {
		return p.anyRule(&j).refusals.get(ReasonNonCanonicalPath, grpc)
	}
	if len(j.bind) == 0 && j.opening == nil {
		return Internal
	}
	if p.connectionNamesOwn(r) {
		return p.anyRule(&j).refusals.get(ReasonConnection, grpc)
	}
	// Nothing that a client sends changes what is forbidden.
	for _, rule := range j.bind {
		if rule.access == accessDeny {
			return rule.refusals.get(ReasonForbidden, grpc)
		}
	}
	c := s.credential(p, r)
	if len(j.bind) == 0 {
		switch o := j.opening; o.access {
		case accessAnonymous:
			return p.pass(s, r, &j, ReasonAnonymous, c)
		case accessPresenceOnly:
			if c.kind != credentialBearer {
				return o.refusals.get(c.kind.reason(), grpc)
			}
			return p.pass(s, r, &j, ReasonPresenceOnly, c)
		case accessOptional:
			if c.kind == credentialNone {
				return p.pass(s, r, &j, ReasonOptionalMissing, c)
			}
		}
	}
	if o := j.opening; o != nil && o.access != accessAnonymous {
		// Also beside rules that bind other readings: a token that is enough for
		// those need not be for this one.
		j.add(o)
		s.bind = j.bind
	}
	first := j.bind[0]
	if c.kind != credentialBearer {
		return first.refusals.get(c.kind.reason(), grpc)
	}
	id, reason, wait := p.verify(s, &c, now, r.MayWait)
	if wait != nil {
		return &Wait{Source: wait.index, Until: now.Add(wait.timeout)}
	}
	if reason != ReasonTokenValid {
		return first.refusals.get(reason, grpc)
	}
	for _, rule := range j.bind {
		if !rule.accepts(id.provider) {
			return rule.refusals.get(ReasonOtherProvider, grpc)
		}
	}
	for _, rule := range j.bind {
		if !id.hasScopes(rule.scopes) {
			d := *rule.refusals.get(ReasonInsufficientScope, grpc)
			d.Identity = id
			return &d
		}
	}
	return p.passVerified(s, r, j.bind, id, c)
}

// verify finds out whose token it is. A token that is configured as such is
// that one, whatever it looks like.
func (p *Policy) verify(s *State, c *credential, now time.Time, mayWait bool) (*Identity, Reason, *keySource) {
	if len(p.static.tokens) > 0 && c.known == nil {
		t, reason := p.static.verify(c.token, now)
		if t != nil {
			return t.identity, ReasonTokenValid, nil
		}
		if reason != ReasonUnknownToken {
			return nil, reason, nil
		}
	}
	if len(p.jwt) == 0 {
		return nil, ReasonUnknownToken, nil
	}
	return p.verifyJWT(s, c, now, mayWait)
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

func (k credentialKind) reason() Reason {
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

// pass lets a request through without a verified token.
func (p *Policy) pass(s *State, r *Request, j *judgement, reason Reason, c credential) *Allow {
	a := p.newAllow(s, r, reason)
	forward := j.opening.forwardUnverified && !j.withhold
	// An upstream that finds a Bearer credential may take it for verified.
	if c.named && !(forward && j.opening.forwardAuthorization) {
		a.Remove = append(a.Remove, "authorization")
	}
	if forward && p.tokenHeader != "" && c.kind == credentialBearer {
		a.Set = append(a.Set, [2]string{p.tokenHeader, c.token})
	}
	return a
}

func (p *Policy) passVerified(s *State, r *Request, bind []*rule, id *Identity, c credential) *Allow {
	a := p.newAllow(s, r, ReasonTokenValid)
	a.Identity = id
	forward := true
	for _, rule := range bind {
		forward = forward && rule.forwardAuthorization
	}
	if !forward {
		a.Remove = append(a.Remove, "authorization")
	}
	if p.subjectHeader != "" && id.Subject != "" {
		a.Set = append(a.Set, [2]string{p.subjectHeader, id.Subject})
	}
	if p.tokenHeader != "" {
		a.Set = append(a.Set, [2]string{p.tokenHeader, c.token})
	}
	a.Set = append(a.Set, id.headers...)
	return a
}

// newAllow starts with the removal of what a client sent under our names.
func (p *Policy) newAllow(s *State, r *Request, reason Reason) *Allow {
	a := &s.allow
	a.Reason = reason
	a.Identity = nil
	a.Set = a.Set[:0]
	a.Remove = p.AppendForged(a.Remove[:0], r.Headers)
	return a
}

// AppendForged appends the names of those headers or trailers in pairs that
// only the filter may set, as they stand there: an upstream that maps headers
// to variables reads x_auth_subject as x-auth-subject.
func (p *Policy) AppendForged(names []string, pairs [][2]string) []string {
	if len(p.own) == 0 {
		return names
	}
	for i := range pairs {
		name := pairs[i][0]
		for _, own := range p.own {
			if sameHeader(name, own) && !contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// connectionNamesOwn: a header that Connection names ends at the next hop (RFC
// 9110 section 7.6.1), so a client could have the identity dropped on its way.
// Envoy cleans Connection itself, except on upgrades.
func (p *Policy) connectionNamesOwn(r *Request) bool {
	if len(p.own) == 0 {
		return false
	}
	for i := range r.Headers {
		if r.Headers[i][0] != "connection" {
			continue
		}
		for name := range strings.SplitSeq(r.Headers[i][1], ",") {
			for _, own := range p.own {
				if sameHeader(trimOWS(name), own) {
					return true
				}
			}
		}
	}
	return false
}

// sameHeader compares header names in any case and with _ for -.
func sameHeader(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if foldHeader(a[i]) != foldHeader(b[i]) {
			return false
		}
	}
	return true
}

func foldHeader(c byte) byte {
	switch {
	case c == '_':
		return '-'
	case c >= 'A' && c <= 'Z':
		return c | 0x20
	}
	return c
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

// isGRPC recognises a gRPC request exactly as Envoy does: to any other, Envoy
// sends the body as it is.
func isGRPC(r *Request) bool {
	const grpc = "application/grpc"
	for i := range r.Headers {
		if r.Headers[i][0] == "content-type" {
			value := r.Headers[i][1]
			return strings.HasPrefix(value, grpc) &&
				(len(value) == len(grpc) || value[len(grpc)] == '+')
		}
	}
	return false
}
