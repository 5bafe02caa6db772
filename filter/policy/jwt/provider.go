package jwt

import (
	"strings"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/jwks"
	"bearerauth/filter/policy/syntax"
	"bearerauth/filter/policy/verdict"
)

// Provider is a configured provider of type "jwt": an issuer, its keys, and what its
// tokens must contain.
type Provider struct {
	index int // in the sorted list of all providers
	name  string
	claims.Validator
	jwks.Ring
	types []string // accepted typ values, in lower case without application/; nil: all but those of other kinds of JWT
}

// issuerRule leads from an issuer to a provider. With an issuer template, a claim of
// the token must also have the value that the template was filled with.
type issuerRule struct {
	provider int    // index in Providers.list
	claim    int    // index in the claims.Table; -1: no template
	value    string // of that claim
}

// Providers are all providers of type "jwt". The zero value has none.
type Providers struct {
	list      []*Provider
	issuers   map[string][]issuerRule
	anyIssuer []*Provider     // providers without a configured issuer
	elsewhere map[string]bool // issuers whose JWTs are introspected: no provider here may accept them
}

// Empty reports whether no provider of type "jwt" is configured.
func (ps *Providers) Empty() bool { return len(ps.list) == 0 }

// DescribeKeys says where the provider with this index has its keys from.
func (ps *Providers) DescribeKeys(index int) string {
	for _, p := range ps.list {
		if p.index == index {
			return p.Ring.Describe()
		}
	}
	return "unknown"
}

// Takes reports whether a provider accepts tokens of this issuer.
func (ps *Providers) Takes(issuer string) bool {
	return ps.HasIssuer(issuer) || len(ps.anyIssuer) > 0
}

// HasIssuer reports whether a provider has this issuer in its configuration.
func (ps *Providers) HasIssuer(issuer string) bool { return len(ps.issuers[issuer]) > 0 }

// Exclude makes every provider refuse tokens of this issuer, because only an
// introspection server may judge them.
func (ps *Providers) Exclude(issuer string) {
	if ps.elsewhere == nil {
		ps.elsewhere = map[string]bool{}
	}
	ps.elsewhere[issuer] = true
}

// choice is the provider that judges a token. The claim with the index claim must
// have this value, unless the index is -1.
type choice struct {
	provider *Provider
	claim    int
	value    string
}

// choose returns the provider for a token, before any signature is verified. The
// reason is ReasonTokenValid if the provider accepts the token's kid and alg.
func (ps *Providers) choose(c *claims.Claims, m *jose.Message) (choice, verdict.Reason) {
	chosen := ps.byIssuer(c, m)
	switch {
	case chosen.provider == nil:
		return chosen, verdict.ReasonWrongIssuer
	case !chosen.provider.TakesKey(m):
		return chosen, verdict.ReasonUnknownKey
	case !chosen.provider.Algorithms.Has(m.Algorithm):
		return chosen, verdict.ReasonAlgorithm
	}
	return chosen, verdict.ReasonTokenValid
}

// byIssuer finds the provider by the token's issuer. Where several providers share
// the issuer, the kid and then the audience decide.
func (ps *Providers) byIssuer(c *claims.Claims, m *jose.Message) choice {
	rules := ps.issuers[c.Issuer]
	if c.HasIssuer && ps.elsewhere[c.Issuer] {
		return choice{claim: -1}
	}
	if !c.HasIssuer || len(rules) == 0 {
		for _, p := range ps.anyIssuer {
			if p.TakesKey(m) {
				return choice{provider: p, claim: -1}
			}
		}
		if len(ps.anyIssuer) > 0 {
			return choice{provider: ps.anyIssuer[0], claim: -1}
		}
		return choice{claim: -1}
	}
	best, takesKey := rules[0], false
	for _, r := range rules {
		p := ps.list[r.provider]
		if !p.TakesKey(m) {
			continue
		}
		if len(rules) == 1 || p.TakesAudience(c.Audience) {
			best = r
			break
		}
		if !takesKey {
			best, takesKey = r, true
		}
	}
	return choice{ps.list[best.provider], best.claim, best.value}
}

// judge checks a token whose signature has been verified, except for its times.
func (c choice) judge(have *claims.Claims, m *jose.Message) verdict.Reason {
	if !c.provider.takesType(m) {
		return verdict.ReasonWrongType
	}
	if reason := c.provider.JudgeClaims(have); reason != verdict.ReasonTokenValid {
		return reason
	}
	if c.claim >= 0 && !claims.HasClaim(have.Values[c.claim], c.value) {
		return verdict.ReasonWrongIssuer
	}
	return verdict.ReasonTokenValid
}

func (p *Provider) takesType(m *jose.Message) bool {
	if p.types == nil {
		if !m.HasType {
			return true
		}
		if m.Type == "JWT" || m.Type == "at+jwt" {
			return true
		}
		// Another kind of JWT, such as a logout token, must not pass for an access
		// token (RFC 8725 section 3.12). A media type parameter must not hide its kind.
		typ, _, _ := strings.Cut(MediaType(m.Type), ";")
		typ = strings.TrimSpace(typ)
		return typ == "at+jwt" || !strings.HasSuffix(typ, "+jwt")
	}
	return m.HasType && syntax.Contains(p.types, MediaType(m.Type))
}

// source collects what a verified JWT says. It borrows from the token.
func (s *State) source(p *Provider, c *claims.Claims, m *jose.Message) identity.Source {
	t := identity.Source{Provider: p.index, ProviderName: p.name, Subject: c.Subject, Values: c.Values, Scopes: p.Scopes}
	t.ClientID = s.propagation.ClientIDOf(c)
	_, t.Payload, _ = strings.Cut(m.Signed, ".")
	return t
}

// SignedType is the typ of a signed introspection response (RFC 9701 section 5). It
// is never an access token's.
const SignedType = "token-introspection+jwt"

// MediaType returns a typ in the form in which two of them are compared: in lower
// case, without the prefix application/ (RFC 7515 section 4.1.9).
func MediaType(s string) string {
	return strings.TrimPrefix(strings.ToLower(s), "application/")
}
