package jwt

import (
	"sort"
	"strings"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/syntax"
	"bearerauth/filter/policy/trace"
	"bearerauth/filter/policy/verdict"
)

// More adds findings about a token that was read. It is a parameter, so that the module,
// which says less than the command, does not have the code.
type More func(s *State, steps *trace.Steps, t *read)

// read is a token that was read, and the provider that takes it.
type read struct {
	message *jose.Message
	claims  *claims.Claims
	chosen  choice
	reason  verdict.Reason
	at      float64
}

// Explain compares a token with what its provider expects of it. reason is the outcome
// of Verify. Explain remembers nothing and asks for no key. at is the time in seconds
// since the epoch. more may be nil.
func (s *State) Explain(steps *trace.Steps, token string, reason verdict.Reason, at float64, more More) {
	m, err := s.parser.Parse(token)
	if err != nil {
		if s.providers.Empty() {
			steps.Wrong("", "no provider takes it")
			return
		}
		steps.Wrong("", "no JWT that is accepted: "+err.Error())
		if err == jose.ErrAlgorithm {
			steps.Compare("alg", false, jose.AllAlgorithms.String(), config.Quote(algorithmOf(token)))
		}
		return
	}
	c := &s.claims
	c.Reset(s.table)
	for i := range m.Claims {
		c.Take(s.table, m.Claims[i].Name, m.Claims[i].Value)
	}
	t := read{m, c, s.providers.byIssuer(c, m), reason, at}
	p := t.chosen.provider
	issuer := trace.Optional(c.Issuer, c.HasIssuer)
	if p == nil {
		steps.Compare("iss", false, trace.Quoted(s.providers.issuersOf(nil)), issuer)
	} else {
		steps.Add(trace.Provider, p.name, "takes the token")
		if issuers := s.providers.issuersOf(p); len(issuers) > 0 {
			steps.Compare("iss", true, trace.Quoted(issuers), issuer)
		}
		steps.Compare("alg", p.Algorithms.Has(m.Algorithm), p.Algorithms.String(), m.Algorithm.String())
		s.explainKey(steps, p, m, reason)
		types := "any but another kind of JWT"
		if p.types != nil {
			types = trace.Quoted(p.types)
		}
		steps.Compare("typ", p.takesType(m), types, trace.Optional(m.Type, m.HasType))
		if len(p.Audiences) > 0 {
			steps.Compare("aud", p.TakesAudience(c.Audience), trace.Quoted(p.Audiences), trace.Quoted(c.Audience))
		}
	}
	if more != nil {
		more(s, steps, &t)
	}
}

// explainKey says whether the provider accepts the kid of the token, and has the key.
func (s *State) explainKey(steps *trace.Steps, p *Provider, m *jose.Message, reason verdict.Reason) {
	keys := s.keys.KeySet(&p.Ring)
	kid, want := trace.Optional(m.KeyID, m.HasKeyID), p.KeyIDs
	ok := p.TakesKey(m)
	if ok && keys != nil {
		ok = !p.Algorithms.Has(m.Algorithm) || len(keys.Candidates(m.KeyID, m.HasKeyID, m.Algorithm, nil)) > 0
		want = keys.IDs()
	}
	if keys != nil || !ok {
		steps.Compare("kid", ok, trace.Quoted(want), kid)
	}
	if reason == verdict.ReasonBadSignature {
		steps.Wrong("signature", "no key with this kid verifies it")
	}
}

// ExplainMore is More. It says why the other providers do not take the token, and what
// is wrong with the claims that the module's log does not show.
func ExplainMore(s *State, steps *trace.Steps, t *read) {
	c, p := t.claims, t.chosen.provider
	for _, other := range s.providers.list {
		if other != p {
			steps.Add(trace.Provider, other.name, "does not take the token: "+s.providers.whyNot(other, c, t.message))
		}
	}
	if p == nil {
		if c.HasIssuer && s.providers.elsewhere[c.Issuer] {
			steps.Wrong("", "only introspection may judge JWTs of this issuer, and it does not take this token")
		}
		return
	}
	if c.Malformed {
		steps.Wrong("", "a registered claim has a type that RFC 7519 does not permit")
	}
	if s.keys.KeySet(&p.Ring) == nil {
		steps.Wrong("signature", "no keys of the provider were fetched yet")
	}
	p.Explain(steps, c, t.at)
	switch t.reason {
	case verdict.ReasonWrongClaim, verdict.ReasonWrongIssuer:
		// Claims within objects are read only of tokens with a good signature.
		c.Resolve(s.table)
		p.ExplainRequired(steps, s.table, c)
		if i := t.chosen.claim; i >= 0 && !claims.HasClaim(c.Values[i], t.chosen.value) {
			steps.Wrong(s.table.Name(i), "does not have the value that the iss has for it")
		}
	case verdict.ReasonKeysUnavailable:
		steps.Wrong("signature", "the keys at hand do not verify it, and newer ones could not be fetched")
	case verdict.ReasonTooManyKeys:
		steps.Wrong("signature", "too many keys would have to be tried")
	case verdict.ReasonRevoked:
		steps.Wrong("", "revoked")
	case verdict.ReasonRevocationsUnavailable:
		steps.Wrong("", "there is no current list of revoked tokens")
	case verdict.ReasonInactive, verdict.ReasonIntrospectionUnavailable:
		steps.Wrong("", "verified, but the introspection after it says "+t.reason.String())
	case verdict.ReasonWrongLocation:
		steps.Wrong("", "this location is none of its provider's")
	}
}

// whyNot says why another provider takes the token.
func (ps *Providers) whyNot(p *Provider, c *claims.Claims, m *jose.Message) string {
	issuers := ps.issuersOf(p)
	switch {
	case len(issuers) > 0 && !syntax.Contains(issuers, c.Issuer):
		return "its iss is " + trace.Quoted(issuers)
	case len(issuers) == 0:
		return "another provider has this iss"
	case !p.TakesKey(m):
		return "its key_ids are " + trace.Quoted(p.KeyIDs)
	}
	return "its aud is " + trace.Quoted(p.Audiences)
}

// issuersOf returns the issuers of a provider, or those of all, sorted.
func (ps *Providers) issuersOf(p *Provider) (list []string) {
	for issuer, rules := range ps.issuers {
		for _, r := range rules {
			if p == nil || ps.list[r.provider] == p {
				list = append(list, issuer)
				break
			}
		}
	}
	sort.Strings(list)
	return list
}

// algorithmOf reads the alg of a token whose algorithm is not known.
func algorithmOf(token string) string {
	first, _, _ := strings.Cut(token, ".")
	decoded, _ := jose.DecodeBase64(first)
	var reader jose.Reader
	members, _ := reader.Object(decoded)
	for _, m := range members {
		if string(m.Name) == "alg" {
			text, _ := m.Value.Text()
			return string(text)
		}
	}
	return ""
}
