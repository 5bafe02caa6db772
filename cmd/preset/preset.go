// Package preset writes a first configuration for an identity provider, with the
// manifest for a host and a first policy test.
package preset

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Provider is a kind of identity provider.
type Provider struct {
	Name     string
	Issuer   string // the only one, "" if each customer has one
	Example  string // of an issuer
	Audience string // what the audience is here
	Docs     string // where the provider documents its tokens
	members  string // more members of the provider, in YAML
	keyHost  string // the host of the keys, if it is another than the issuer's
	keysURI  string // path of the keys below the issuer, where discovery is of no use
	ca       string // the file of the certificate authority
	noAud    bool   // the tokens have no aud
	admin    string // what the example rule for administrators asks for
	claims   string // which claims meet it
	extra    string // claims that each token needs
}

// Providers are all presets, the static one first.
var Providers = []*Provider{
	{Name: "static"},
	{
		Name: "keycloak", Example: "https://login.example/realms/shop", Audience: "a client or an audience mapper's value: Keycloak adds none for your service by itself",
		Docs:    "https://www.keycloak.org/docs/latest/server_admin/#_audience",
		members: "    # Keycloak's ID tokens have typ ID, its access tokens Bearer.\n    required_claims:\n    - {claim: typ, values: [Bearer]}\n",
		extra:   "typ: Bearer",
		admin:   "    # Realm roles are inside an object: the array is the path to them.\n    claims:\n    - {claim: [realm_access, roles], contains: admin}\n", claims: "realm_access: {roles: [admin]}",
	},
	{
		Name: "auth0", Example: "https://shop.eu.auth0.com/", Audience: "the identifier of the API in Auth0",
		Docs:  "https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles",
		admin: "    # Permissions come with \"Add Permissions in the Access Token\" of the API.\n    claims:\n    - {claim: permissions, contains: \"admin:all\"}\n", claims: "permissions: [\"admin:all\"]",
	},
	{
		Name: "okta", Example: "https://shop.okta.com/oauth2/default", Audience: "the audience of the authorization server, such as api://default",
		Docs:    "https://developer.okta.com/docs/guides/validate-access-tokens/",
		members: "    # Okta's scopes are an array.\n    scope_claims:\n    - {claim: scp, form: array}\n",
		admin:   "    scopes: [admin]\n", claims: "scp: [admin]",
	},
	{
		Name: "entra-id", Example: "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0", Audience: "the client ID of the API's app registration (requestedAccessTokenVersion 2)",
		Docs:    "https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference",
		members: "    # Scopes of a user are in scp; roles of an application are in roles.\n    scope_claims:\n    - {claim: scp, form: string}\n",
		admin:   "    claims:\n    - {claim: roles, contains: Admin}\n", claims: "roles: [Admin]",
	},
	{
		Name: "google", Issuer: "https://accounts.google.com", Audience: "the OAuth client ID",
		Docs: "https://developers.google.com/identity/openid-connect/openid-connect", keyHost: "www.googleapis.com",
		members: "    # These are ID tokens: Google's access tokens are opaque.\n",
		admin:   "    # hd is the domain of a Google Workspace account.\n    claims:\n    - {claim: hd, equal: shop.example}\n", claims: "hd: shop.example",
	},
	{
		Name: "cognito", Example: "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE", Audience: "the app client's ID", noAud: true,
		Docs: "https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html",
		members: "    # Cognito's access tokens have no aud: client_id says for which app client they are.\n" +
			"    required_claims:\n    - {claim: token_use, values: [access]}\n    - {claim: client_id, values: [AUDIENCE]}\n",
		extra: "token_use: access, client_id: AUDIENCE",
		admin: "    claims:\n    - {claim: \"cognito:groups\", contains: admin}\n", claims: "\"cognito:groups\": [admin]",
	},
	{
		Name: "github-actions", Issuer: "https://token.actions.githubusercontent.com", Audience: "what the workflow requests as audience",
		Docs:    "https://docs.github.com/en/actions/reference/security/oidc",
		members: "    # Any workflow of any repository on GitHub can get a token for your audience: name the owner.\n    subjects:\n    - {prefix: \"repo:OWNER/\"}\n",
		extra:   "sub: \"repo:OWNER/shop:ref:refs/heads/main\"",
		admin:   "    claims:\n    - {claim: ref, equal: refs/heads/main}\n    - {claim: repository, equal: OWNER/shop}\n", claims: "ref: refs/heads/main, repository: OWNER/shop",
	},
	{
		Name: "kubernetes", Example: "https://kubernetes.default.svc.cluster.local", Audience: "the audience of the projected service account token",
		Docs:    "https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery",
		keyHost: "kubernetes.default.svc", keysURI: "https://kubernetes.default.svc/openid/v1/jwks", ca: "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
		members: "    # The keys need the ClusterRole system:service-account-issuer-discovery for unauthenticated requests.\n    subjects:\n    - {prefix: \"system:serviceaccount:\"}\n",
		extra:   "sub: \"system:serviceaccount:shop:web\"",
		admin:   "    claims:\n    - {claim: sub, equal: \"system:serviceaccount:shop:admin\"}\n", claims: "sub: \"system:serviceaccount:shop:admin\"",
	},
	{
		Name: "zitadel", Example: "https://shop.zitadel.cloud", Audience: "the ID of the project",
		Docs:  "https://zitadel.com/docs/apis/openidoauth/claims",
		admin: "    # The application must issue JWTs, and the project must assert roles.\n    claims:\n    - {claim: [\"urn:zitadel:iam:org:project:roles\", admin], exists: true}\n", claims: "\"urn:zitadel:iam:org:project:roles\": {admin: {}}",
	},
}

// Hosts are what runs the filter.
var Hosts = []string{"envoy", "istio", "envoy-gateway"}

// Names are the names of all presets.
func Names() (names []string) {
	for _, p := range Providers {
		names = append(names, p.Name)
	}
	return names
}

// Named returns the preset of that name, or nil.
func Named(name string) *Provider {
	for _, p := range Providers {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Options are the answers to what a preset leaves open.
type Options struct {
	Provider *Provider
	Host     string
	Issuer   string
	Audience string
	Owner    string // on GitHub
	Digest   string // of the static token
}

// Check returns the first answer that is missing or cannot be used.
func (o *Options) Check() error {
	switch {
	case o.Provider == nil:
		return fmt.Errorf("--provider: want one of %s", strings.Join(Names(), ", "))
	case !slices.Contains(Hosts, o.Host):
		return fmt.Errorf("--host: want one of %s", strings.Join(Hosts, ", "))
	case o.Provider.Name == "static":
		return nil
	}
	if o.Provider.Issuer != "" {
		o.Issuer = o.Provider.Issuer
	}
	address, err := url.Parse(o.Issuer)
	switch {
	case err != nil || address.Scheme != "https" || address.Host == "" || address.RawQuery != "" || plain(o.Issuer) != nil:
		return fmt.Errorf("--issuer: want the iss of the tokens, such as %s", o.Provider.Example)
	case o.Audience == "" || plain(o.Audience) != nil:
		return fmt.Errorf("--audience: want %s", o.Provider.Audience)
	case o.Provider.Name == "github-actions" && (o.Owner == "" || strings.Contains(o.Owner, "/") || plain(o.Owner) != nil):
		return errors.New("--owner: want the organization or user that owns the repositories")
	}
	return nil
}

// plain refuses texts that would not stay one value in YAML.
func plain(s string) error {
	if strings.ContainsAny(s, "\"\\'\n\r\t{}[]|,# ") {
		return errors.New("want a text without quotes, brackets and spaces")
	}
	return nil
}
