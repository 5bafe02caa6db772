package jwt

import (
	"slices"
	"strings"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/syntax"
	"bearerauth/filter/policy/trace"
	"bearerauth/filter/policy/verdict"
)

// Explain compares a token with what its provider expects of it. reason is the outcome
// of Verify. Explain remembers nothing and asks for no key. at is the time in seconds
// since the epoch. others, unless nil, explains the providers that do not take the token.
func (s *State) Explain(steps *trace.Steps, token string, reason verdict.Reason, at float64, others Others) {
	if s.providers.Empty() {
		steps.Wrong("", "no provider takes it")
		return
	}
	m, err := s.parser.Parse(token)
	if err != nil {
		steps.Wrong("", "no JWT that is accepted: "+err.Error())
		if err == jose.ErrAlgorithm {
			steps.Compare("alg", false, "one of "+jose.AllAlgorithms.String(), trace.Optional(algorithmOf(token), true))
		}
		return
	}
	c := &s.claims
	c.Reset(s.table)
	for i := range m.Claims {
		c.Take(s.table, m.Claims[i].Name, m.Claims[i].Value)
	}
	if c.Malformed {
		steps.Wrong("", "a registered claim has a type that RFC 7519 does not permit")
		return
	}
	chosen := s.providers.byIssuer(c, m)
	if others != nil {
		others(steps, s.providers, chosen.provider, c, m)
	}
	p := chosen.provider
	if p == nil {
		text := "no provider of type jwt takes this issuer"
		if c.HasIssuer && s.providers.elsewhere[c.Issuer] {
			text = "only introspection may judge JWTs of this issuer, and it does not take this token"
		}
		steps.Wrong("", text)
		steps.Compare("iss", false, "one of "+trace.Quoted(s.providers.issuersOf(nil)), trace.Optional(c.Issuer, c.HasIssuer))
		return
	}
	steps.Add(trace.Provider, p.name, "takes the token")
	issuers := s.providers.issuersOf(p)
	if len(issuers) > 0 {
		steps.Compare("iss", true, trace.Quoted(issuers), trace.Optional(c.Issuer, c.HasIssuer))
	}
	if len(p.KeyIDs) > 0 {
		steps.Compare("kid", p.TakesKey(m), trace.Quoted(p.KeyIDs), trace.Optional(m.KeyID, m.HasKeyID))
	}
	steps.Compare("alg", p.Algorithms.Has(m.Algorithm), p.Algorithms.String(), m.Algorithm.String())
	s.explainKey(steps, p, m, reason)
	types := "any but another kind of JWT"
	if p.types != nil {
		types = trace.Quoted(p.types)
	}
	steps.Compare("typ", p.takesType(m), types, trace.Optional(m.Type, m.HasType))
	if chosen.claim >= 0 && judged(reason) {
		c.Resolve(s.table)
		steps.Compare("the claim of the issuer template", claims.HasClaim(c.Values[chosen.claim], chosen.value), config.Quote(chosen.value), "another value")
	}
	p.Explain(steps, c, at)
	switch reason {
	case verdict.ReasonWrongClaim:
		c.Resolve(s.table)
		p.ExplainRequired(steps, s.table, c)
	case verdict.ReasonRevoked:
		steps.Wrong("", "revoked")
	case verdict.ReasonRevocationsUnavailable:
		steps.Wrong("", "there is no current list of revoked tokens")
	case verdict.ReasonInactive, verdict.ReasonIntrospectionUnavailable:
		steps.Wrong("", "verified, but the introspection after it says "+reason.String())
	}
}

// judged reports whether a token with this outcome has a good signature: claims within
// objects are read only of such tokens.
func judged(reason verdict.Reason) bool {
	return reason == verdict.ReasonTokenValid || reason == verdict.ReasonWrongIssuer
}

// explainKey says whether the provider has the key of the token.
func (s *State) explainKey(steps *trace.Steps, p *Provider, m *jose.Message, reason verdict.Reason) {
	keys := s.keys.KeySet(&p.Ring)
	if keys == nil {
		steps.Wrong("signature", "no keys of the provider were fetched yet")
		return
	}
	var kids []string
	for _, key := range keys.Keys {
		if key.HasID {
			kids = append(kids, key.ID)
		}
	}
	if len(keys.Candidates(m.KeyID, m.HasKeyID, m.Algorithm, nil)) == 0 {
		steps.Compare("kid", false, "a key for "+m.Algorithm.String()+" with one of "+trace.Quoted(kids), trace.Optional(m.KeyID, m.HasKeyID))
		return
	}
	switch reason {
	case verdict.ReasonBadSignature, verdict.ReasonUnknownKey, verdict.ReasonKeysUnavailable:
		steps.Wrong("signature", "no key with the kid "+trace.Optional(m.KeyID, m.HasKeyID)+" verifies it")
	case verdict.ReasonTooManyKeys:
		steps.Wrong("signature", "too many keys would have to be tried")
	}
}

// Others explains why the providers other than chosen do not take a token. It is a
// parameter, so that the module, which does not ask, does not have the code.
type Others func(steps *trace.Steps, ps *Providers, chosen *Provider, c *claims.Claims, m *jose.Message)

// ExplainOthers is Others.
func ExplainOthers(steps *trace.Steps, ps *Providers, chosen *Provider, c *claims.Claims, m *jose.Message) {
	for _, p := range ps.list {
		if p != chosen {
			steps.Add(trace.Provider, p.name, "does not take the token: "+ps.whyNot(p, c, m))
		}
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

// issuersOf returns the issuers of a provider, sorted, or those of all.
func (ps *Providers) issuersOf(p *Provider) (list []string) {
	for issuer, rules := range ps.issuers {
		for _, r := range rules {
			if p == nil || ps.list[r.provider] == p {
				list = append(list, issuer)
				break
			}
		}
	}
	slices.Sort(list)
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
