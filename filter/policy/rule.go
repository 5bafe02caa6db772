package policy

import (
	"bearerauth/filter/policy/credential"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/match"
	"bearerauth/filter/policy/reply"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// access is what a rule requires of the requests that it matches. The zero value
// requires most.
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

// verifies reports whether a token is verified if there is one.
func (a access) verifies() bool { return a == accessToken || a == accessOptional }

// rule is one compiled rule.
type rule struct {
	name                 string
	path                 string // in the configuration
	match                match.Match
	access               access
	demand               demand
	anyOf                []demand          // the token has to satisfy one of these, if there is any
	allOf                []int             // the request needs a token of each of these providers; nil: one token is enough
	places               credential.Places // the locations of the tokens
	shadow               bool
	challenge            []string // the scopes that the challenge names
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

// label returns the rule's name in metrics, or else its path in the configuration.
func (r *rule) label() string {
	if r.name != "" {
		return r.name
	}
	return r.path
}

func (r *rule) accepts(provider int) bool { return r.demand.accepts(provider) }

// judge reports whether a verified token satisfies the rule, and if not the reason.
func (r *rule) judge(id *identity.Identity) verdict.Reason {
	reason := r.demand.judge(id)
	if reason == verdict.ReasonTokenValid && len(r.anyOf) > 0 {
		return judgeAnyOf(r.anyOf, id)
	}
	return reason
}

// insufficient refuses a valid token. The refusal has its identity, for the access
// log.
func (r *rule) insufficient(reason verdict.Reason, id *identity.Identity, format reply.BodyFormat) *verdict.Deny {
	d := *r.refusals.Get(reason, format)
	d.Identity = &id.Identity
	return &d
}

// judgement is the rules that decide over a request. If its path has one reading,
// that is one rule. Otherwise each reading brings the first rule that matches it, and
// all of those bind: the upstream may follow any of the readings.
type judgement struct {
	opening *rule   // nil, or the one rule by which the request may pass unverified
	bind    []*rule // requirements, all of which must hold
	// useFallback means that no rule decides over some reading, so that the fallback
	// does.
	useFallback bool
	// withhold means that some reading matches an anonymous rule which withholds
	// unverified credentials from the upstream, for any opening.
	withhold bool
}

// judge finds the rules that decide over a request. The result is valid until the
// next call.
//
// An opening applies only if every reading matches it. Where only some do, it leaves
// the request to the rules behind it. An opening that verifies also binds here: the
// rules behind it may ask for less. An optional rule can have providers and scopes,
// and an anonymous rule can follow a presence-only one. A rule in shadow is such a
// rule, too: where all readings match it, it refuses no request.
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

// answers caches the evaluation of a rule's match for one request, as far as it does
// not depend on the reading of the path. A client chooses the number of readings, and
// the length of the headers on which expressions run.
type answers struct {
	round                          uint64 // State.round of the request; answers of another round are stale
	opensIs, possibleIs, certainIs request.Truth
	bound                          bool // the rule is in judgement.bind
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
