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
	security "istio.io/api/security/v1"
	selection "istio.io/api/type/v1beta1"
)

const istioGroup = "security.istio.io"

// Istio reads RequestAuthentication and AuthorizationPolicy resources, as YAML
// documents. They have to be those of one workload: what another one allows must
// not open this one.
func Istio(documents []byte) (Result, error) {
	list, err := readResources(documents)
	if err != nil {
		return Result{}, err
	}
	r := newReader()
	r.spelling = map[string]string{
		"from_headers": "fromHeaders", "from_params": "fromParams", "from_cookies": "fromCookies", "forward": "forwardOriginalToken",
		"claim_to_headers": "outputClaimToHeaders", "forward_payload_header": "outputPayloadToHeader",
		"remote_jwks": "jwksUri", "local_jwks": "jwks", "inline_string": "jwks", "http_uri": "jwksUri",
	}
	var workload scope
	p := istioPolicies{reader: r, spaced: []string{"scope", "permission"}}
	for _, o := range list {
		switch {
		case o.is(istioGroup, "RequestAuthentication"):
			var m security.RequestAuthentication
			if err := strictProto(o.Spec, &m); err != nil {
				return Result{}, fmt.Errorf("%s: %w", o.name(), err)
			}
			if err := workload.add(&o, m.Selector.GetMatchLabels(), targets(append(m.TargetRefs, m.TargetRef)...)); err != nil {
				return Result{}, err
			}
			if unknown := r.leftover(&m, o.name()+" spec", "selector targetRef targetRefs jwt_rules", nil); len(unknown) > 0 {
				return Result{}, fmt.Errorf("%s: this reader does not know %s", o.name(), strings.Join(unknown, ", "))
			}
			for i, rule := range m.JwtRules {
				p.readJWTRule(&o, rule, i, len(m.JwtRules))
			}
		case o.is(istioGroup, "AuthorizationPolicy"):
			m := &security.AuthorizationPolicy{}
			if err := strictProto(o.Spec, m); err != nil {
				return Result{}, fmt.Errorf("%s: %w", o.name(), err)
			}
			if err := workload.add(&o, m.Selector.GetMatchLabels(), targets(append(m.TargetRefs, m.TargetRef)...)); err != nil {
				return Result{}, err
			}
			if unknown := r.leftover(m, o.name()+" spec", "selector targetRef targetRefs rules action provider", nil); len(unknown) > 0 {
				return Result{}, fmt.Errorf("%s: this reader does not know %s", o.name(), strings.Join(unknown, ", "))
			}
			p.policies = append(p.policies, istioPolicy{o.name(), m})
		default:
			r.leave(o.name(), "not read", "rules by hand, if it concerns tokens")
		}
	}
	if len(r.natives) == 0 {
		return Result{}, errors.New("want a RequestAuthentication with a rule in jwtRules")
	}
	if where := workload.String(); where != "" {
		r.leave("selector", "the filter does not choose its workload ("+where+")", "the selector or targetRefs of the WasmPlugin")
	}
	r.settleIdentity()
	p.write()
	return r.finish()
}

// targets names what a policy is attached to.
func targets(refs ...*selection.PolicyTargetReference) string {
	var names []string
	for _, ref := range refs {
		if ref != nil {
			names = append(names, ref.Kind+"/"+ref.Name)
		}
	}
	return strings.Join(names, ",")
}

// scope is which workload the resources are for.
type scope struct{ namespace, labels, refs string }

func (s *scope) add(o *resource, labels map[string]string, refs string) error {
	var text []string
	for _, name := range sortedKeys(labels) {
		text = append(text, name+"="+labels[name])
	}
	for _, part := range []struct {
		have      *string
		got, what string
	}{
		{&s.labels, strings.Join(text, ","), "selector"},
		{&s.refs, refs, "targetRefs"},
		{&s.namespace, o.Metadata.Namespace, "namespace"},
	} {
		// Without a selector, and in the root namespace, a policy is for all.
		if part.got == "" || part.what == "namespace" && part.got == "istio-system" {
			continue
		}
		if *part.have != "" && *part.have != part.got {
			return fmt.Errorf("%s: want the resources of one workload, got another %s: %s and %s", o.name(), part.what, *part.have, part.got)
		}
		*part.have = part.got
	}
	return nil
}

func (s *scope) String() string {
	return strings.Join(slices.DeleteFunc([]string{s.namespace, s.labels, s.refs}, func(t string) bool { return t == "" }), " ")
}

// readJWTRule makes of a rule what istiod makes of it, and reads that.
func (p *istioPolicies) readJWTRule(o *resource, rule *security.JWTRule, i, of int) {
	path := fmt.Sprintf("%s spec.jwtRules[%d]", o.name(), i)
	name := o.Metadata.Name
	if of > 1 || p.natives[name] != nil {
		name = fmt.Sprintf("%s-%d", name, i+1)
	}
	for k := 2; p.natives[name] != nil; k++ {
		name = fmt.Sprintf("%s-%d", o.Metadata.Name, of+k)
	}
	const read = "issuer audiences jwks_uri jwks from_headers from_params from_cookies output_payload_to_header output_claim_to_headers forward_original_token timeout space_delimited_claims"
	if unknown := p.leftover(rule, path, read, nil); len(unknown) > 0 {
		p.leave(path, "left out: this importer does not know "+strings.Join(unknown, ", "), "a provider written by hand")
		p.natives[name] = &native{path: path}
		return
	}
	m := &jwtauthn.JwtProvider{
		Issuer: rule.Issuer, Audiences: rule.Audiences, FromParams: rule.FromParams, FromCookies: rule.FromCookies,
		Forward: rule.ForwardOriginalToken, ForwardPayloadHeader: rule.OutputPayloadToHeader,
	}
	for _, h := range rule.FromHeaders {
		m.FromHeaders = append(m.FromHeaders, &jwtauthn.JwtHeader{Name: h.Name, ValuePrefix: h.Prefix})
	}
	for _, c := range rule.OutputClaimToHeaders {
		m.ClaimToHeaders = append(m.ClaimToHeaders, &jwtauthn.JwtClaimToHeader{HeaderName: c.Header, ClaimName: c.Claim})
	}
	p.spaced = append(p.spaced, rule.SpaceDelimitedClaims...)
	if list := rule.SpaceDelimitedClaims; len(list) > 0 {
		p.leave(path+".spaceDelimitedClaims", "split at spaces ("+strings.Join(list, ", ")+") only for policies that require one of the values", "scope_claims")
	}
	uri, discovery := rule.JwksUri, rule.JwksUri == "" && rule.Jwks == ""
	if discovery {
		uri = rule.Issuer
	}
	if rule.Jwks != "" {
		m.JwksSourceSpecifier = &jwtauthn.JwtProvider_LocalJwks{LocalJwks: &core.DataSource{Specifier: &core.DataSource_InlineString{InlineString: rule.Jwks}}}
	} else {
		timeout := rule.Timeout
		if timeout == nil {
			timeout = durationpb.New(5 * time.Second)
		}
		m.JwksSourceSpecifier = &jwtauthn.JwtProvider_RemoteJwks{RemoteJwks: &jwtauthn.RemoteJwks{HttpUri: &core.HttpUri{
			Uri: uri, Timeout: timeout, HttpUpstreamType: &core.HttpUri_Cluster{Cluster: istioCluster(uri)},
		}}}
	}
	p.readProvider(name, path, m, &audienceSet{})
	if rule.Jwks != "" {
		return
	}
	p.leave(path+".jwksUri", "Envoy fetches the keys, instead of istiod, through the cluster "+istioCluster(uri), "a ServiceEntry for this host, and a DestinationRule with TLS that checks its name")
	for _, here := range p.natives[name].names {
		if discovery {
			p.config.Providers[here].JWKSURI, p.config.Providers[here].Discovery = "", true
		}
	}
}

// istioCluster is the cluster that a ServiceEntry for the host of an address makes.
func istioCluster(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Hostname() == "" {
		return "outbound|443||issuer.invalid"
	}
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "http":
		port = "80"
	default:
		port = "443"
	}
	return "outbound|" + port + "||" + u.Hostname()
}
