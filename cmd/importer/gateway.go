package importer

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	jwtauthn "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	"google.golang.org/protobuf/types/known/durationpb"
)

const gatewayGroup = "gateway.envoyproxy.io"

// gateway reads one SecurityPolicy, with the Secrets and ConfigMaps that it
// names beside it.
type gateway struct {
	*reader
	path   string
	others []resource
	jwt    []string // the providers of JWTs, by their names here
	keys   string   // the provider of API keys, or ""
}

// Gateway reads a SecurityPolicy of Envoy Gateway and the Secrets and ConfigMaps
// that it refers to, as YAML documents. Of a key only the digest is written down.
func Gateway(documents []byte) (Result, error) {
	list, err := readResources(documents)
	if err != nil {
		return Result{}, err
	}
	g := &gateway{reader: newReader()}
	g.spelling = map[string]string{
		"from_headers": "extractFrom.headers", "from_params": "extractFrom.params", "from_cookies": "extractFrom.cookies",
		"claim_to_headers": "claimToHeaders", "remote_jwks": "remoteJWKS", "local_jwks": "localJWKS", "inline_string": "inline",
		"http_uri": "uri", "cache_duration": "cacheDuration", "clear_route_cache": "recomputeRoute",
	}
	var policy *resource
	for i, o := range list {
		switch {
		case !o.is(gatewayGroup, "SecurityPolicy"):
			g.others = append(g.others, o)
		case policy != nil:
			return Result{}, fmt.Errorf("%s: want one SecurityPolicy, got %s, too", o.name(), policy.name())
		default:
			policy = &list[i]
		}
	}
	if policy == nil {
		return Result{}, errors.New("want a SecurityPolicy of " + gatewayGroup)
	}
	g.path = policy.name() + " spec"
	var spec securityPolicy
	if err := strict(policy.Spec, &spec); err != nil {
		return Result{}, fmt.Errorf("%s: %w", policy.name(), err)
	}
	if err := g.read(&spec, policy.Metadata.Namespace); err != nil {
		return Result{}, err
	}
	return g.finish()
}

func (g *gateway) read(spec *securityPolicy, namespace string) error {
	for _, other := range []struct {
		name string
		text []byte
	}{{"csrf", spec.CSRF}, {"basicAuth", spec.BasicAuth}, {"oidc", spec.OIDC}, {"extAuth", spec.ExtAuth}} {
		if other.text != nil {
			// All of them have to pass there; here nothing would ask for this one.
			return fmt.Errorf("%s.%s: the filter has no such feature: leave it in the policy, and import the policy without it", g.path, other.name)
		}
	}
	g.leave(g.path+".targetRefs", "the filter does not choose its routes", "the targetRefs of the EnvoyExtensionPolicy")
	if spec.MergeType != nil {
		g.leave(g.path+".mergeType", "the policies that it merges with are not read", "one import of the merged policy")
	}
	if spec.JWT == nil && spec.APIKeyAuth == nil {
		return fmt.Errorf("%s: want jwt or apiKeyAuth", g.path)
	}
	if spec.Authorization != nil {
		if err := spec.Authorization.check(g.path + ".authorization"); err != nil {
			return err
		}
	}
	if spec.JWT != nil {
		for i := range spec.JWT.Providers {
			g.readProviderSpec(&spec.JWT.Providers[i], fmt.Sprintf("%s.jwt.providers[%d]", g.path, i), namespace)
		}
		g.jwt = sortedKeys(g.config.Providers)
	}
	g.settleIdentity()
	if spec.APIKeyAuth != nil {
		if err := g.readKeys(spec.APIKeyAuth, namespace); err != nil {
			return err
		}
	}
	for _, o := range g.others {
		g.leave(o.name(), "not read", "a reference to it in the policy, if it has keys")
	}
	g.readCORS(spec.CORS)
	g.authorize(spec.Authorization, g.authenticated(spec))
	return nil
}

// authenticated is what the policy wants of every request.
func (g *gateway) authenticated(spec *securityPolicy) requirement {
	lenient := spec.JWT != nil && (spec.JWT.Optional || spec.JWT.FailOpen)
	if spec.JWT != nil && spec.JWT.FailOpen {
		g.leave(g.path+".jwt.failOpen", "a bad token is refused, a missing token passes (access optional)", "access anonymous, which reads no token and sets no identity")
	}
	switch {
	case spec.APIKeyAuth == nil && lenient:
		return requirement{access: optional}
	case spec.APIKeyAuth == nil:
		return requirement{access: token}
	case spec.JWT == nil:
		return anyOf(g.keys)
	}
	if lenient {
		g.leave(g.path+".jwt.optional", "the token is required, too: a rule with all_of needs every token", "rules with one provider each")
	}
	return g.withKey(g.jwt, g.path)
}

// withKey wants a token of the only provider given, and the API key.
func (g *gateway) withKey(jwt []string, path string) requirement {
	if len(jwt) == 1 && g.disjoint(jwt[0], g.keys) {
		return requirement{access: token, all: []string{jwt[0], g.keys}}
	}
	g.leave(path, "denies: a rule can require an API key and a token of one provider at another location, and no more", "one provider, or rules with all_of for each")
	return requirement{}
}

// readProviderSpec makes of a provider what Envoy Gateway makes of it, and reads that.
func (g *gateway) readProviderSpec(s *gatewayJWTProvider, path, namespace string) {
	m := &jwtauthn.JwtProvider{
		Issuer: s.Issuer, Audiences: s.Audiences, Forward: true, ClearRouteCache: s.RecomputeRoute,
		FromCookies: s.ExtractFrom.Cookies, FromParams: s.ExtractFrom.Params,
	}
	for _, h := range s.ExtractFrom.Headers {
		m.FromHeaders = append(m.FromHeaders, &jwtauthn.JwtHeader{Name: h.Name, ValuePrefix: h.ValuePrefix})
	}
	for _, c := range s.ClaimToHeaders {
		m.ClaimToHeaders = append(m.ClaimToHeaders, &jwtauthn.JwtClaimToHeader{HeaderName: c.Header, ClaimName: c.Claim})
	}
	switch {
	case s.LocalJWKS != nil:
		text := s.LocalJWKS.Inline
		if s.LocalJWKS.ValueRef != nil {
			text = g.configMap(s.LocalJWKS.ValueRef.Name, namespace)
		}
		m.JwksSourceSpecifier = &jwtauthn.JwtProvider_LocalJwks{LocalJwks: &core.DataSource{Specifier: &core.DataSource_InlineString{InlineString: text}}}
	case s.RemoteJWKS != nil:
		remote := &jwtauthn.RemoteJwks{HttpUri: &core.HttpUri{
			Uri: s.RemoteJWKS.URI, Timeout: durationpb.New(5 * time.Second),
			HttpUpstreamType: &core.HttpUri_Cluster{Cluster: gatewayCluster(s.RemoteJWKS.URI)},
		}}
		remote.CacheDuration = durationpb.New(5 * time.Minute)
		if s.RemoteJWKS.CacheDuration != "" {
			if d, err := time.ParseDuration(s.RemoteJWKS.CacheDuration); err == nil {
				remote.CacheDuration = durationpb.New(d)
			} else {
				g.leave(path+".remoteJWKS.cacheDuration", "not a duration, so 5m is used", "refresh")
			}
		}
		m.JwksSourceSpecifier = &jwtauthn.JwtProvider_RemoteJwks{RemoteJwks: remote}
		g.leave(path+".remoteJWKS", "the cluster has the name "+gatewayCluster(s.RemoteJWKS.URI)+", which Envoy Gateway gives it while a policy has this address", "an EnvoyPatchPolicy with that cluster, with TLS that checks the host's name")
		for _, other := range []struct {
			name string
			set  bool
		}{
			{"backendRef", s.RemoteJWKS.BackendRef != nil},
			{"backendRefs", s.RemoteJWKS.BackendRefs != nil},
			{"backendSettings", s.RemoteJWKS.BackendSettings != nil},
			{"failedRefetchDuration", s.RemoteJWKS.FailedRefetchDuration != ""},
		} {
			if other.set {
				g.leave(path+".remoteJWKS."+other.name, "not carried over", "the cluster's own configuration; the back-off is fixed")
			}
		}
	}
	g.readProvider(s.Name, path, m, &audienceSet{})
}

func (g *gateway) configMap(name, namespace string) string {
	o := g.take("ConfigMap", name, namespace)
	if o == nil {
		return ""
	}
	if text, ok := o.Data["jwks"]; ok {
		return text
	}
	for _, key := range sortedKeys(o.Data) {
		return o.Data[key]
	}
	return ""
}

// take finds another resource, once.
func (g *gateway) take(kind, name, namespace string) *resource {
	for i := range g.others {
		o := &g.others[i]
		if o.Kind == kind && o.Metadata.Name == name && (o.Metadata.Namespace == namespace || o.Metadata.Namespace == "" || namespace == "") {
			found := *o
			g.others = slices.Delete(g.others, i, i+1)
			return &found
		}
	}
	return nil
}

// gatewayCluster is how Envoy Gateway calls the cluster for an address.
func gatewayCluster(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Hostname() == "" {
		return "issuer_invalid_443"
	}
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return strings.ReplaceAll(u.Hostname(), ".", "_") + "_" + port
}

// readCORS: what answers preflights is Envoy's filter, if the policy stays.
func (g *gateway) readCORS(c *gatewayCORS) {
	if c == nil {
		return
	}
	g.leave(g.path+".cors", "the filter answers no preflight, and lets browsers read its refusals only", "cors in a SecurityPolicy, whose filter runs before this one")
	out := &cors{AllowCredentials: c.AllowCredentials}
	for i, origin := range c.AllowOrigins {
		if probeCORS(&cors{AllowedOrigins: []string{origin}}) != nil {
			g.leave(fmt.Sprintf("%s.cors.allowOrigins[%d]", g.path, i), "scripts of this origin cannot read refusals: the filter accepts no such pattern", "list each origin")
			continue
		}
		if !slices.Contains(out.AllowedOrigins, origin) {
			out.AllowedOrigins = append(out.AllowedOrigins, origin)
		}
	}
	if len(out.AllowedOrigins) == 0 {
		return
	}
	if out.AllowCredentials && probeCORS(out) != nil {
		out.AllowCredentials = false
		g.leave(g.path+".cors.allowCredentials", "not set: the filter does not allow credentials for every origin", "list the origins")
	}
	if err := probeCORS(out); err != nil {
		g.leave(g.path+".cors.allowOrigins", "scripts cannot read refusals: "+lastLine(err), "list each origin")
		return
	}
	g.config.CORS = out
}
