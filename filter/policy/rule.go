package policy

import (
	"bearerauth/filter/policy/credential"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/match"
	"bearerauth/filter/policy/reply"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// access is what a rule asks of the requests that it matches. The zero value
// asks most.
type access int

const (
	accessToken access = iota
	accessDeny
	accessOptional
	accessAnonymous
	accessPresenceOnly
)

var accessNames = []string{"token", "deny", "optional", "anonymous", "insecure_presence_only"}

// opens reports whether requests can pass without a verified token.
func (a access) opens() bool { return a != accessToken && a != accessDeny }

// verifies reports whether a token, where there is one, is verified.
func (a access) verifies() bool { return a == accessToken || a == accessOptional }

// rule is one compiled rule.
type rule struct {
	name                 string
	path                 string // in the configuration
	match                match.Match
	access               access
	providers            []bool            // by provider index; nil: any
	allOf                []int             // providers of each of which the request needs a token; nil: one token is enough
	places               credential.Places // where the tokens may stand
	shadow               bool
	scopes               []string       // that it can need, for the challenge
	needsScopes          identity.Facts // all of them
	needsAnyScope        identity.Facts // one of them, if there is any
	needsClaims          identity.Facts // all of them
	forwardAuthorization bool
	forwardUnverified    bool
	refusals             *reply.Refusals
}

// opens reports whether a request may pass by this rule without a verified token.
func (r *rule) opens() bool { return r.access.opens() || r.shadow }

func matches(rules []*rule) (list []*match.Match) {
	for _, r := range rules {
		list = append(list, &r.match)
	}
	return list
}

// label is the rule's name in metrics, or else its place in the configuration.
func (r *rule) label() string {
	if r.name != "" {
		return r.name
	}
	return r.path
}

func (r *rule) accepts(provider int) bool {
	return r.providers == nil || r.providers[provider]
}

// judge reports whether a verified token is enough, and why not.
func (r *rule) judge(id *identity.Identity) verdict.Reason {
	switch {
	case !id.Facts.All(r.needsScopes), len(r.needsAnyScope) > 0 && !id.Facts.Any(r.needsAnyScope):
		return verdict.ReasonInsufficientScope
	case !id.Facts.All(r.needsClaims):
		return verdict.ReasonInsufficientClaims
	}
	return verdict.ReasonTokenValid
}

// insufficient refuses a token that is valid, so that it is known whose it was.
func (r *rule) insufficient(reason verdict.Reason, id *identity.Identity, format reply.BodyFormat) *verdict.Deny {
	d := *r.refusals.Get(reason, format)
	d.Identity = &id.Identity
	return &d
}

// judgement is which rules decide over a request. Where its path has one
// reading that is one rule. Otherwise every reading brings the first rule that
// matches it, and all of those bind: the upstream may follow any of them.
type judgement struct {
	opening *rule   // nil, or the one rule by which the request may pass unverified
	bind    []*rule // requirements, all of which must hold
	// fallen: some reading meets no rule that decides, and so the fallback.
	useFallback bool
	// withhold: some reading meets an anonymous rule that keeps unverified
	// credentials from the upstream, whatever the opening says.
	withhold bool
}

// judge finds the rules for a request. The result lasts until the next one.
//
// An opening applies only if every reading matches it. Where only some do, it
// leaves the request to the rules behind it, except that a rule which asks for
// anything still binds those readings, as one with access token does: what
// stands behind it may ask for less. An optional rule can have providers and
// scopes, and behind a presence-only one can be an anonymous one. A rule in shadow
// is such a rule: where all readings meet it, it refuses nobody.
func (p *Policy) judge(s *State, v *match.View) judgement {
	j := judgement{bind: s.bind[:0]}
	if len(s.answers) < len(p.rules) {
		s.answers = make([]answers, len(p.rules))
	}
	s.round++
	for _, reading := range v.Readings() {
		s.concerned = p.index.Find(s.concerned[:0], v, reading)
		p.judgeReading(&j, s, v, reading)
	}
	if j.useFallback {
		j.bind = append(j.bind, p.fallback)
	}
	s.bind = j.bind
	return j
}

func (p *Policy) judgeReading(j *judgement, s *State, v *match.View, reading string) {
	for _, i := range s.concerned {
		r, a := p.rules[i], &s.answers[i]
		if a.round != s.round {
			*a = answers{round: s.round}
		}
		if r.opens() && a.opens(&r.match, v) {
			j.opening = r
			return
		}
		if r.access == accessAnonymous && r.forwardUnverified && r.forwardAuthorization {
			continue
		}
		binds, settles := r.match.BindsPath(v, reading)
		if !binds || !a.possible(&r.match, v) {
			continue
		}
		if r.access == accessAnonymous {
			j.withhold = true
			continue
		}
		if !a.bound {
			a.bound = true
			j.bind = append(j.bind, r)
		}
		if settles && a.certain(&r.match, v) {
			return
		}
	}
	j.useFallback = true
}

// answers are what a rule's match says of one request whatever the reading of its
// path, once it has been asked: a client chooses how many readings there are, and
// how long the headers are that expressions read.
type answers struct {
	round                          uint64 // of the State: answers about another request are none
	opensIs, possibleIs, certainIs request.Truth
	bound                          bool // it is in the judgement
}

func (a *answers) opens(m *match.Match, v *match.View) bool {
	if a.opensIs == request.Unknown {
		a.opensIs = request.TruthOf(a.certain(m, v) && m.OpensPath(v))
	}
	return a.opensIs == request.True
}

func (a *answers) possible(m *match.Match, v *match.View) bool {
	a.ask(m, v)
	return a.possibleIs == request.True
}

func (a *answers) certain(m *match.Match, v *match.View) bool {
	a.ask(m, v)
	return a.certainIs == request.True
}

func (a *answers) ask(m *match.Match, v *match.View) {
	if a.possibleIs == request.Unknown {
		possible, certain := m.Concerns(v)
		a.possibleIs, a.certainIs = request.TruthOf(possible), request.TruthOf(certain)
	}
}

func (j *judgement) add(r *rule) {
	for _, have := range j.bind {
		if have == r {
			return
		}
	}
	j.bind = append(j.bind, r)
}
