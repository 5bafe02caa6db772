// Package jwt verifies JSON Web Tokens (RFC 7515, RFC 7519, RFC 8725): a token in, an
// Outcome out. It is given the time, and the keys by package jwks. It remembers a
// verified token as long as the token can hold: until it expires, or its key is gone.
// It never reads a clock and makes no call.
package jwt

import (
	"strings"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/cache"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/jwks"
	"bearerauth/filter/policy/revocation"
	"bearerauth/filter/policy/syntax"
	"bearerauth/filter/policy/verdict"
)

// Provider is one issuer of JWTs and what its tokens must be.
type Provider struct {
	index int // in Policy.providers
	name  string
	claims.Validator
	jwks.Ring
	types []string // accepted typ, lower case without application/; nil: what is no other kind of JWT
}

// issuerRule is what an issuer's name leads to. With claim, which comes from a
// template, that claim must have that value.
type issuerRule struct {
	provider int // index in Policy.jwt
	claim    int // index in Policy.claimRefs, -1: none
	value    string
}

// Providers are all of them, by whose tokens they verify.
type Providers struct {
	List    []*Provider
	Issuers map[string][]issuerRule
	any     []*Provider // those whose tokens need no known issuer
	// elsewhere are the issuers whose JWTs a server judges: nobody here takes them.
	Elsewhere map[string]bool
}

// Takes reports whether some provider has tokens of this issuer.
func (ps *Providers) Takes(issuer string) bool {
	return len(ps.Issuers[issuer]) > 0 || len(ps.any) > 0
}

// State is what a worker knows of JWTs.
type State struct {
	of      *Providers
	table   *claims.Table
	tells   *identity.Propagation
	keys    *jwks.States
	revoked *revocation.State // nil: no token is ever revoked
	Cache   *tokenCache

	parser jose.Parser
	claims claims.Claims
}

func NewState(of *Providers, table *claims.Table, tells *identity.Propagation, keys *jwks.States, revoked *revocation.State, bytes int) *State {
	return &State{of: of, table: table, tells: tells, keys: keys, revoked: revoked, Cache: newTokenCache(bytes)}
}

// Known is what is remembered of a token that was good, nil where that is nothing.
func (s *State) Known(key cache.Name) *Remembered {
	good, _ := s.Cache.Good.Get(key)
	return good
}

// Verify verifies a token of any JWT provider, which may have been revoked since it
// was issued.
func (s *State) Verify(token string, key cache.Name, remembered *Remembered, m fetch.Moment) identity.Outcome {
	v, good := s.verifySigned(token, key, remembered, m)
	if good != nil && v.Reason == verdict.ReasonTokenValid && s.revoked != nil {
		return s.revoked.UnlessRevoked(v, good.marks, m.Now, m.Patience == fetch.Wait)
	}
	return v
}

// verifySigned is verify without revocations. wait is set where a fetch that may
// begin now could change the answer.
func (s *State) verifySigned(token string, key cache.Name, remembered *Remembered, m fetch.Moment) (identity.Outcome, *Remembered) {
	at := fetch.Seconds(m.Now)
	if remembered != nil {
		if s.current(remembered, at) {
			return identity.Outcome{ID: &remembered.Identity, Reason: remembered.window.Judge(at)}, remembered
		}
		s.Cache.Good.Drop(key)
	}
	bad, known := s.lookBad(key, at)
	// ReasonUnknownKey with keys: those were tried, and a fetch may bring another.
	tried := known && bad.reason == verdict.ReasonUnknownKey && bad.keys != nil
	if known && !tried {
		return identity.Outcome{Reason: bad.reason}, nil
	}
	message, err := s.parser.Parse(token)
	if err == jose.ErrParts {
		return identity.Outcome{Reason: verdict.ReasonUnknownToken}, nil // opaque, and quickly seen to be
	}
	if err != nil {
		return s.refuse(key, verdict.ReasonMalformedToken, nil, nil, at)
	}
	c := &s.claims
	c.Reset(s.table)
	for i := range message.Claims {
		c.Take(s.table, message.Claims[i].Name, message.Claims[i].Value)
	}
	if c.Malformed {
		return s.refuse(key, verdict.ReasonMalformedToken, nil, nil, at)
	}
	// Until the signature is verified, the issuer only chooses whose keys to ask.
	provider, claim, value := s.of.provider(c, message)
	if provider == nil {
		return s.refuse(key, verdict.ReasonWrongIssuer, nil, nil, at)
	}
	if !provider.TakesKey(message) {
		return s.refuse(key, verdict.ReasonUnknownKey, nil, nil, at)
	}
	if !provider.Algorithms.Has(message.Algorithm) {
		return s.refuse(key, verdict.ReasonAlgorithm, nil, nil, at)
	}
	keys := s.keys.Of(&provider.Ring)
	found := jwks.Signer{MayBeNewer: true}
	if !tried {
		found = s.keys.Signer(message, keys)
	}
	switch {
	case found.Key != nil:
	case found.TooMany && found.Shared:
		// The request is refused for another of its tokens. This one may be good.
		return identity.Outcome{Reason: verdict.ReasonTooManyKeys}, nil
	case found.TooMany:
		return s.refuse(key, verdict.ReasonTooManyKeys, provider, keys, at)
	case found.MayBeNewer && provider.Source != nil:
		if found.Tried {
			s.Cache.keepBad(key, verdict.ReasonUnknownKey, provider, keys, at)
		}
		reason, wait := s.keys.Ask(provider.Source, message.KeyID, m.Now, m.Patience == fetch.Wait)
		v := identity.Outcome{Reason: reason}
		if wait {
			v.Wait = provider.Source.Errand()
		}
		return v, nil
	case !found.Tried:
		return identity.Outcome{Reason: verdict.ReasonUnknownKey}, nil
	default:
		// Only while this key set is in force: another key may join under the same kid.
		return s.refuse(key, verdict.ReasonBadSignature, provider, keys, at)
	}
	c.Resolve(s.table)
	if reason := provider.judge(c, message, claim, value); reason != verdict.ReasonTokenValid {
		return s.refuse(key, reason, provider, keys, at)
	}
	marks, ok := s.revoked.HandlesOf(c, s.table, message, found.Key)
	if !ok {
		return s.refuse(key, verdict.ReasonMalformedToken, provider, keys, at)
	}
	good := &Remembered{provider: provider, key: found.Key, window: provider.Window(c), marks: marks}
	said := s.testimony(provider, c, message)
	s.tells.Identify(&good.Identity, &said)
	reason := good.window.Judge(at)
	if reason == verdict.ReasonExpired {
		s.Cache.keepExpired(key, good.window.Expires, provider, keys, at)
	} else {
		s.Cache.Good.Put(key, good)
	}
	return identity.Outcome{ID: &good.Identity, Reason: reason}, good
}

// refuse refuses a token, and remembers it.
func (s *State) refuse(key cache.Name, reason verdict.Reason, provider *Provider, keys *jose.KeySet, at float64) (identity.Outcome, *Remembered) {
	s.Cache.keepBad(key, reason, provider, keys, at)
	return identity.Outcome{Reason: reason}, nil
}

// provider finds the provider of a token by its issuer, and where several share
// the issuer by its audience and its key's name. No signature is tried for it.
func (ps *Providers) provider(c *claims.Claims, m *jose.Message) (provider *Provider, claim int, value string) {
	rules := ps.Issuers[c.Issuer]
	if c.HasIssuer && ps.Elsewhere[c.Issuer] {
		return nil, -1, ""
	}
	if !c.HasIssuer || len(rules) == 0 {
		for _, j := range ps.any {
			if j.TakesKey(m) {
				return j, -1, ""
			}
		}
		if len(ps.any) > 0 {
			return ps.any[0], -1, ""
		}
		return nil, -1, ""
	}
	best, owned := rules[0], false
	for _, r := range rules {
		j := ps.List[r.provider]
		if !j.TakesKey(m) {
			continue
		}
		if len(rules) == 1 || j.TakesAudience(c.Audience) {
			best = r
			break
		}
		if !owned {
			best, owned = r, true
		}
	}
	return ps.List[best.provider], best.claim, best.value
}

// judge checks what depends on neither time nor keys, after the signature.
func (j *Provider) judge(c *claims.Claims, m *jose.Message, claim int, value string) verdict.Reason {
	if !j.takesType(m) {
		return verdict.ReasonWrongType
	}
	if reason := j.JudgeClaims(c); reason != verdict.ReasonTokenValid {
		return reason
	}
	if claim >= 0 && !claims.HasClaim(c.Values[claim], value) {
		return verdict.ReasonWrongIssuer
	}
	return verdict.ReasonTokenValid
}

func (j *Provider) takesType(m *jose.Message) bool {
	if j.types == nil {
		if !m.HasType {
			return true
		}
		if m.Type == "JWT" || m.Type == "at+jwt" {
			return true
		}
		// Another kind of JWT must not pass for an access token (RFC 8725 section 3.12),
		// not with a parameter behind its type either.
		typ, _, _ := strings.Cut(MediaType(m.Type), ";")
		typ = strings.TrimSpace(typ)
		return typ == "at+jwt" || !strings.HasSuffix(typ, "+jwt")
	}
	return m.HasType && syntax.Contains(j.types, MediaType(m.Type))
}

// MediaType compares as RFC 7515 section 4.1.9 has it: in any case, with or
// without application/.
func MediaType(s string) string {
	return strings.TrimPrefix(strings.ToLower(s), "application/")
}

// testimony is what a verified JWT says.
func (s *State) testimony(j *Provider, c *claims.Claims, m *jose.Message) identity.Source {
	t := identity.Source{Provider: j.index, Name: j.name, Subject: c.Subject, Values: c.Values, Scopes: j.Scopes}
	t.ClientID = s.tells.ClientIDOf(c)
	_, t.Payload, _ = strings.Cut(m.Signed, ".")
	return t
}
