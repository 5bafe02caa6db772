package importer

import (
	"slices"

	"bearerauth/filter/policy"
)

// noToken is the digest of no token.
const noToken = "0000000000000000000000000000000000000000000000000000000000000000"

// probe asks the filter itself what it says of rules with these matches. own are
// headers that it sets, about which no rule can ask.
func probe(own []string, matches ...*match) error {
	type headers struct {
		Claim  string `json:"claim"`
		Header string `json:"header"`
	}
	type denial struct {
		Match  *match `json:"match,omitempty"`
		Access string `json:"access"`
	}
	var document struct {
		ClaimHeaders []headers      `json:"claim_headers,omitempty"`
		Providers    map[string]any `json:"providers"`
		Rules        []denial       `json:"rules"`
	}
	for _, name := range own {
		document.ClaimHeaders = append(document.ClaimHeaders, headers{"sub", name})
	}
	document.Providers = map[string]any{"p": map[string]any{"type": "static", "tokens": []any{map[string]any{"sha256": noToken}}}}
	for _, m := range matches {
		if m.empty() {
			m = nil
		}
		document.Rules = append(document.Rules, denial{m, "deny"})
	}
	text, err := encode(document)
	if err != nil {
		return err
	}
	_, err = policy.Parse(text)
	return err
}

// covers says that a rule with the match other can never apply behind m, which
// the filter refuses. Both are valid.
func (m *match) covers(other *match) bool { return probe(nil, m, other) != nil }

// probeProvider asks the filter what it says of where a provider's keys are.
func probeProvider(p *provider) error {
	document := config{Providers: map[string]*provider{"p": {
		Type: "jwt", Issuer: "i", Algorithms: []string{"ES256"},
		JWKSURI: p.JWKSURI, Cluster: p.Cluster, Timeout: p.Timeout, Refresh: p.Refresh,
	}}}
	text, err := document.encode()
	if err != nil {
		return err
	}
	_, err = policy.Parse(text)
	return err
}

// probeLocation asks the filter what it says of a location, beside those that
// this provider and the others have.
func (r *reader) probeLocation(p *provider, l location) error {
	seen := map[location]bool{}
	var list []location
	for _, have := range append(slices.Concat(r.places, p.TokenLocations), l) {
		if !seen[have] {
			seen[have] = true
			list = append(list, have)
		}
	}
	document := config{Providers: map[string]*provider{"p": {Type: "static", TokenLocations: list, Tokens: []staticToken{{SHA256: noToken}}}}}
	text, err := document.encode()
	if err != nil {
		return err
	}
	_, err = policy.Parse(text)
	return err
}

// probeCORS asks the filter what it says of these members of cors.
func probeCORS(c *cors) error {
	document := config{CORS: c, Providers: map[string]*provider{"p": {Type: "static", Tokens: []staticToken{{SHA256: noToken}}}}}
	text, err := document.encode()
	if err != nil {
		return err
	}
	_, err = policy.Parse(text)
	return err
}
