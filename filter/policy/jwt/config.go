package jwt

import (
	"strings"

	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/jwks"
	"bearerauth/filter/policy/syntax"
)

// Read reads a provider of type "jwt" and adds it. index is its place among the
// providers of all types. Problems go to o. The result is the value of
// introspect_after_verify: the introspection provider that judges each verified token,
// "" for none.
func (ps *Providers) Read(o *config.Object, index int, name string, table *claims.Table, sources *jwks.Sources) (introspectAfter string) {
	before := len(o.Problems.List)
	p := &Provider{index: index, name: name}
	issuers := readIssuers(o)
	p.Validator = claims.ReadValidator(o, table)
	any := o.Boolean("insecure_any_issuer_and_audience", false)
	named := o.Has("issuer") || o.Has("issuers") || o.Has("issuer_template") || o.Has("audiences")
	switch {
	case !named && o.Broken("insecure_any_issuer_and_audience"):
	case !named && !any:
		o.Wrong("issuer", "want issuer or audiences: otherwise every token signed with these keys is accepted (insecure_any_issuer_and_audience allows that)")
	case named && any:
		o.Wrong("insecure_any_issuer_and_audience", "allowed only without issuer and audiences")
	}
	p.AllowNoExpiry = o.Boolean("insecure_allow_no_expiry", false)
	if p.AllowNoExpiry && p.MaxLifetime > 0 {
		o.Wrong("insecure_allow_no_expiry", "not allowed with max_lifetime, which requires exp")
	}
	for _, typ := range o.Strings("types", wantMediaType) {
		p.types = append(p.types, MediaType(typ))
	}
	keyIDs := o.Strings("key_ids", config.WantClaimText)
	introspectAfter = o.Checked("introspect_after_verify", "", config.WantName)
	var names []string
	for _, i := range issuers {
		names = append(names, i.issuer)
	}
	p.Ring = sources.ReadKeys(o, name, names, keyIDs)
	o.Done()
	if len(o.Problems.List) == before {
		ps.add(o, p, issuers, table)
	}
	return introspectAfter
}

// namedIssuer is an issuer that tokens may name. With a template, claim is the claim
// in its braces, and value the value of that claim.
type namedIssuer struct {
	issuer, claim, value string
}

// readIssuers reads the issuers of a provider: a single issuer, a list, or a template
// with one claim in it, such as https://login.example/{tid}/v2.0.
func readIssuers(o *config.Object) (list []namedIssuer) {
	kinds := 0
	if s := o.Checked("issuer", "", config.WantClaimText); o.Has("issuer") {
		kinds++
		list = append(list, namedIssuer{issuer: s})
	}
	if names := o.Strings("issuers", config.WantClaimText); o.Has("issuers") {
		kinds++
		for _, s := range names {
			list = append(list, namedIssuer{issuer: s})
		}
	}
	template := o.Checked("issuer_template", "", wantIssuerTemplate)
	values := o.Strings("issuer_template_values", wantTemplateValue)
	if o.Has("issuer_template") {
		kinds++
		before, rest, _ := strings.Cut(template, "{")
		claim, after, _ := strings.Cut(rest, "}")
		for _, value := range values {
			list = append(list, namedIssuer{before + value + after, claim, value})
		}
	}
	if o.Has("issuer_template") != o.Has("issuer_template_values") {
		o.Wrong("issuer_template_values", "want issuer_template and issuer_template_values together")
	}
	if kinds > 1 {
		o.Wrong("issuer", "want only one of issuer, issuers, issuer_template")
	}
	return list
}

func wantIssuerTemplate(s string) string {
	before, rest, _ := strings.Cut(s, "{")
	claim, _, closed := strings.Cut(rest, "}")
	if !closed || strings.Count(s, "{") != 1 || strings.Count(s, "}") != 1 ||
		before == "" || config.WantClaimName(claim) != "" || config.WantClaimText(s) != "" {
		return "want a template with one claim in braces, as in https://login.example/{tid}/v2.0"
	}
	return ""
}

// wantTemplateValue refuses values that could change the structure of the issuer, as a
// slash would.
func wantTemplateValue(s string) string {
	for i := 0; i < len(s); i++ {
		if !syntax.IsUnreserved(s[i]) {
			return "want letters, digits, -, ., _ and ~"
		}
	}
	if s == "" || len(s) > 256 {
		return "want 1 to 256 letters, digits, -, ., _ and ~"
	}
	return ""
}

func wantMediaType(s string) string {
	if MediaType(s) == SignedType {
		// A signed introspection response is not a token. Every client that may
		// introspect can get one (RFC 9701 section 8.1).
		return "want types of access tokens: this is the type of introspection responses"
	}
	if len(s) > 128 || !syntax.IsScopeToken(s) || strings.Count(s, "/") > 1 || s[0] == '/' || s[len(s)-1] == '/' {
		return "want a media type such as at+jwt"
	}
	return ""
}

// add adds a provider under its issuers. Which provider judges a token must not
// depend on the order of providers, so two providers that could both take a token are
// a problem.
func (ps *Providers) add(o *config.Object, p *Provider, issuers []namedIssuer, table *claims.Table) {
	at := len(ps.list)
	ps.list = append(ps.list, p)
	if len(issuers) == 0 {
		for _, other := range ps.anyIssuer {
			if shareKeyID(other, p) {
				o.Wrong("issuer", "required: the provider "+other.name+" accepts every issuer already (or give both different key_ids)")
				return
			}
		}
		ps.anyIssuer = append(ps.anyIssuer, p)
		return
	}
	if ps.issuers == nil {
		ps.issuers = map[string][]issuerRule{}
	}
	for _, i := range issuers {
		rule := issuerRule{provider: at, claim: -1, value: i.value}
		if i.claim != "" {
			rule.claim = table.Index(i.claim)
		}
		for _, other := range ps.issuers[i.issuer] {
			if shareAudience(ps.list[other.provider], p) && shareKeyID(ps.list[other.provider], p) {
				o.Problems.Add(o.Path, "want other audiences or key_ids: the provider "+ps.list[other.provider].name+" has the same issuer "+config.Quote(i.issuer))
				return
			}
		}
		ps.issuers[i.issuer] = append(ps.issuers[i.issuer], rule)
	}
}

func shareKeyID(a, b *Provider) bool {
	if len(a.KeyIDs) == 0 || len(b.KeyIDs) == 0 {
		return true
	}
	for _, id := range b.KeyIDs {
		if syntax.Contains(a.KeyIDs, id) {
			return true
		}
	}
	return false
}

func shareAudience(a, b *Provider) bool {
	return len(a.Audiences) == 0 || len(b.Audiences) == 0 || a.TakesAudience(b.Audiences) || b.TakesAudience(a.Audiences)
}
