package importer

import (
	"bytes"
	"encoding/json"
	"slices"
)

// config is the part of the filter's configuration that can come out of an
// import. The order of the members is that of docs/configuration.md.
type config struct {
	ClientIDHeader       string               `json:"client_id_header,omitempty"`
	ClaimHeaders         []claimHeader        `json:"claim_headers,omitempty"`
	PayloadHeader        string               `json:"payload_header,omitempty"`
	PayloadPadding       bool                 `json:"payload_padding,omitempty"`
	ForwardAuthorization bool                 `json:"forward_authorization,omitempty"`
	CORS                 *cors                `json:"cors,omitempty"`
	Providers            map[string]*provider `json:"providers"`
	Rules                []rule               `json:"rules,omitempty"`
}

type claimHeader struct {
	Claim  claimRef `json:"claim"`
	Header string   `json:"header"`
}

// claimRef is the path to a claim. One at the top is written as a string.
type claimRef []string

func (c claimRef) MarshalJSON() ([]byte, error) {
	if len(c) == 1 {
		return encode(c[0])
	}
	return encode([]string(c))
}

type cors struct {
	Preflight        bool     `json:"preflight,omitempty"`
	AllowedOrigins   []string `json:"allowed_origins,omitempty"`
	AllowCredentials bool     `json:"allow_credentials,omitempty"`
}

type provider struct {
	Type           string          `json:"type"`
	Issuer         string          `json:"issuer,omitempty"`
	Audiences      []string        `json:"audiences,omitempty"`
	AnyToken       bool            `json:"insecure_any_issuer_and_audience,omitempty"`
	Subjects       []subject       `json:"subjects,omitempty"`
	Leeway         string          `json:"leeway,omitempty"`
	MaxLifetime    string          `json:"max_lifetime,omitempty"`
	ScopeClaims    []scopeClaim    `json:"scope_claims,omitempty"`
	TokenLocations []location      `json:"token_locations,omitempty"`
	Algorithms     []string        `json:"algorithms,omitempty"`
	JWKS           json.RawMessage `json:"jwks,omitempty"`
	PEM            string          `json:"pem,omitempty"`
	JWKSURI        string          `json:"jwks_uri,omitempty"`
	Discovery      bool            `json:"discovery,omitempty"`
	Cluster        string          `json:"cluster,omitempty"`
	Timeout        string          `json:"timeout,omitempty"`
	Refresh        string          `json:"refresh,omitempty"`
	Tokens         []staticToken   `json:"tokens,omitempty"`
}

// subject has one member.
type subject struct {
	Equal    string `json:"equal,omitempty"`
	Prefix   string `json:"prefix,omitempty"`
	Suffix   string `json:"suffix,omitempty"`
	Contains string `json:"contains,omitempty"`
	Regex    string `json:"regex,omitempty"`
}

type scopeClaim struct {
	Claim claimRef `json:"claim"`
	Form  string   `json:"form"`
}

// location is where a request may have a token.
type location struct {
	Header string `json:"header,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	Cookie string `json:"cookie,omitempty"`
	Query  string `json:"insecure_query_parameter,omitempty"`
}

type staticToken struct {
	SHA256   string `json:"sha256"`
	Subject  string `json:"subject,omitempty"`
	ClientID string `json:"client_id,omitempty"`
}

type rule struct {
	Name                 string        `json:"name,omitempty"`
	Match                *match        `json:"match,omitempty"`
	Access               string        `json:"access,omitempty"`
	Providers            []string      `json:"providers,omitempty"`
	AllOf                []string      `json:"all_of,omitempty"`
	Scopes               []string      `json:"scopes,omitempty"`
	AnyScopes            []string      `json:"any_scopes,omitempty"`
	Claims               []predicate   `json:"claims,omitempty"`
	AnyOf                []alternative `json:"any_of,omitempty"`
	ForwardAuthorization *bool         `json:"forward_authorization,omitempty"`
}

// alternative is something that a token can satisfy as a whole.
type alternative struct {
	Providers []string    `json:"providers,omitempty"`
	Scopes    []string    `json:"scopes,omitempty"`
	AnyScopes []string    `json:"any_scopes,omitempty"`
	Claims    []predicate `json:"claims,omitempty"`
}

// predicate asks something of one claim; one member beside the claim is set.
type predicate struct {
	Claim    claimRef `json:"claim"`
	Equal    string   `json:"equal,omitempty"`
	OneOf    []string `json:"one_of,omitempty"`
	Contains string   `json:"contains,omitempty"`
	Matches  string   `json:"matches,omitempty"`
}

func (p *predicate) same(other predicate) bool {
	return slices.Equal(p.Claim, other.Claim) && p.Equal == other.Equal && slices.Equal(p.OneOf, other.OneOf) &&
		p.Contains == other.Contains && p.Matches == other.Matches
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // an expression is easier to read as it was written
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func (c *config) encode() ([]byte, error) {
	text, err := encode(c)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
