package policy

import "strings"

// read reads a provider of type "jwt". ask is the provider that is asked about each
// token that has verified, "" for none.
func (ps *jwtProviders) read(o *object, index int, name string, table *claimTable, sources *keySources) (ask string) {
	before := len(o.problems.list)
	j := &jwtProvider{index: index, name: name}
	issuers := readIssuers(o)
	j.tokenPolicy = readTokenPolicy(o, table)
	any := o.boolean("insecure_any_issuer_and_audience", false)
	named := o.has("issuer") || o.has("issuers") || o.has("issuer_template") || o.has("audiences")
	switch {
	case !named && !any:
		o.wrong("issuer", "want an issuer or audiences, or everybody's tokens pass whose keys these are; insecure_any_issuer_and_audience says that this is meant")
	case named && any:
		o.wrong("insecure_any_issuer_and_audience", "want it only without issuer and audiences")
	}
	j.allowNoExpiry = o.boolean("insecure_allow_no_expiry", false)
	if j.allowNoExpiry && j.maxLifetime > 0 {
		o.wrong("insecure_allow_no_expiry", "want it only without max_lifetime, which needs an expiry")
	}
	for _, typ := range o.strings("types", wantMediaType) {
		j.types = append(j.types, mediaType(typ))
	}
	keyIDs := o.strings("key_ids", wantClaimText)
	ask = o.checked("introspect_after_verify", "", wantName)
	var names []string
	for _, i := range issuers {
		names = append(names, i.issuer)
	}
	j.keyring = sources.readKeys(o, name, names, keyIDs)
	o.done()
	if len(o.problems.list) == before {
		ps.add(o, j, issuers, table)
	}
	return ask
}

type namedIssuer struct {
	issuer, claim, value string
}

// readIssuers reads the issuers that a provider's tokens may name: one, a list,
// or a template with one claim in it, as https://login.example/{tid}/v2.0.
func readIssuers(o *object) (list []namedIssuer) {
	kinds := 0
	if s := o.checked("issuer", "", wantClaimText); o.has("issuer") {
		kinds++
		list = append(list, namedIssuer{issuer: s})
	}
	if names := o.strings("issuers", wantClaimText); o.has("issuers") {
		kinds++
		for _, s := range names {
			list = append(list, namedIssuer{issuer: s})
		}
	}
	template := o.checked("issuer_template", "", wantIssuerTemplate)
	values := o.strings("issuer_template_values", wantTemplateValue)
	if o.has("issuer_template") {
		kinds++
		before, rest, _ := strings.Cut(template, "{")
		claim, after, _ := strings.Cut(rest, "}")
		for _, value := range values {
			list = append(list, namedIssuer{before + value + after, claim, value})
		}
	}
	if o.has("issuer_template") != o.has("issuer_template_values") {
		o.wrong("issuer_template_values", "want issuer_template and the values that its claim may have, both or none")
	}
	if kinds > 1 {
		o.wrong("issuer", "want only one of issuer, issuers, issuer_template")
	}
	return list
}

func wantIssuerTemplate(s string) string {
	before, rest, _ := strings.Cut(s, "{")
	claim, _, closed := strings.Cut(rest, "}")
	if !closed || strings.Count(s, "{") != 1 || strings.Count(s, "}") != 1 ||
		before == "" || wantClaimName(claim) != "" || wantClaimText(s) != "" {
		return "want an issuer with one claim in braces, as in https://login.example/{tid}/v2.0"
	}
	return ""
}

// wantTemplateValue keeps a value from changing the shape of the issuer.
func wantTemplateValue(s string) string {
	for i := 0; i < len(s); i++ {
		if !isUnreserved(s[i]) {
			return "want letters, digits, -, ., _ and ~"
		}
	}
	if s == "" || len(s) > 256 {
		return "want 1 to 256 letters, digits, -, ., _ and ~"
	}
	return ""
}

func wantClaimText(s string) string {
	if s == "" || len(s) > maxTextBytes || hasControl(s) {
		return "want a text of 1 to 1024 bytes without control characters"
	}
	return ""
}

func wantMediaType(s string) string {
	if mediaType(s) == signedType {
		// They are about tokens, and everybody who asks gets them (RFC 9701 section 8.1).
		return "want the types of access tokens, not that of answers about them"
	}
	if len(s) > 128 || !isScopeToken(s) || strings.Count(s, "/") > 1 || s[0] == '/' || s[len(s)-1] == '/' {
		return "want a media type such as at+jwt"
	}
	return ""
}

// readRequiredClaims reads claims that must have one of some values.
func readRequiredClaims(o *object, t *claimTable) (list []requiredClaim) {
	for _, item := range o.array("required_claims") {
		c := asObject(item, o.problems)
		if c == nil {
			continue
		}
		claim := t.read(c)
		values := c.strings("values", wantClaimText)
		if !c.has("values") {
			c.wrong("values", "want the values that the claim may have")
		}
		c.done()
		list = append(list, requiredClaim{claim, values})
	}
	return list
}

// add makes the provider known by its issuers. Whose token one is
// must not depend on an order.
func (ps *jwtProviders) add(o *object, j *jwtProvider, issuers []namedIssuer, table *claimTable) {
	at := len(ps.list)
	ps.list = append(ps.list, j)
	if len(issuers) == 0 {
		for _, other := range ps.any {
			if shareKeyID(other, j) {
				o.wrong("issuer", "want it: the provider "+other.name+" takes every issuer already (or give both key_ids of their own)")
				return
			}
		}
		ps.any = append(ps.any, j)
		return
	}
	if ps.issuers == nil {
		ps.issuers = map[string][]issuerRule{}
	}
	for _, i := range issuers {
		rule := issuerRule{provider: at, claim: -1, value: i.value}
		if i.claim != "" {
			rule.claim = table.index(i.claim)
		}
		for _, other := range ps.issuers[i.issuer] {
			if shareAudience(ps.list[other.provider], j) && shareKeyID(ps.list[other.provider], j) {
				o.problems.add(o.path, "want audiences or key_ids of its own: the provider "+ps.list[other.provider].name+" has the same issuer "+quote(i.issuer))
				return
			}
		}
		ps.issuers[i.issuer] = append(ps.issuers[i.issuer], rule)
	}
}

func shareKeyID(a, b *jwtProvider) bool {
	if len(a.keyIDs) == 0 || len(b.keyIDs) == 0 {
		return true
	}
	for _, id := range b.keyIDs {
		if contains(a.keyIDs, id) {
			return true
		}
	}
	return false
}

func shareAudience(a, b *jwtProvider) bool {
	return len(a.audiences) == 0 || len(b.audiences) == 0 || a.takesAudience(b.audiences) || b.takesAudience(a.audiences)
}
