package importer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	jwtauthn "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	matcher "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

var providerNotes = notes{
	"payload_in_metadata":           {"Wasm cannot write dynamic metadata", "claim_headers, payload_header or filter_state, and claims and scopes in rules"},
	"header_in_metadata":            {"Wasm cannot write dynamic metadata", ""},
	"failed_status_in_metadata":     {"Wasm cannot write dynamic metadata", "%RESPONSE_CODE_DETAILS% and the metric"},
	"normalize_payload_in_metadata": {"Wasm cannot write dynamic metadata", "scope_claims, scopes and any_scopes"},
	"jwt_cache_config":              {"tokens are always remembered", "token_cache_bytes"},
	"clear_route_cache":             {"Envoy chooses the route again whenever the filter changes a header", ""},
}

var remoteNotes = notes{
	"async_fetch":  {"keys are always fetched ahead of time, requests before the first ones wait", "max_stale, min_refresh, max_refresh"},
	"retry_policy": {"a failed fetch is tried again after a fixed back-off", ""},
}

// readProvider carries over the provider at path. A provider that it cannot express is
// left out, so the rules that need it deny.
func (r *reader) readProvider(name, path string, m *jwtauthn.JwtProvider, audiences *audienceSet) {
	n := &native{path: path, forward: m.Forward}
	r.natives[name] = n
	p, err := r.jwtProvider(n.look(m), m, path)
	if err != nil {
		r.leave(path, "the provider is left out, and rules that need it deny: "+err.Error(), "write it by hand")
		return
	}
	n.payload, n.padded = strings.ToLower(m.ForwardPayloadHeader), m.PadForwardPayloadHeader
	for i, c := range m.ClaimToHeaders {
		h, why := claimToHeader(c)
		if why != "" {
			r.leave(fmt.Sprintf("%s.claim_to_headers[%d]", path, i), why, "another header")
			continue
		}
		n.claims = append(n.claims, h)
	}
	if len(n.claims) > 0 {
		r.leave(path+".claim_to_headers", "arrays and objects, base64 of JSON there, count as missing", `"format": "comma" or "json" for those`)
	}
	classes := audiences.classes(m.Audiences)
	if len(m.Audiences) == 0 && len(classes[0]) > 0 && audiences.plain {
		r.leave(path, "without audiences, only audiences that a rule names are accepted", "one provider with audiences for all")
	}
	for i, class := range classes {
		one := *p
		one.Audiences = class
		one.AnyToken = one.Issuer == "" && len(class) == 0
		if one.AnyToken {
			r.leave(path, "no issuer and no audiences: every token signed with these keys is accepted, as before (insecure_any_issuer_and_audience)", "issuer or audiences")
		}
		label := name
		if len(classes) > 1 {
			label = fmt.Sprintf("%s-%d", name, i+1)
		}
		label = r.freeName(path, label)
		if other := r.conflict(&one); other != "" {
			r.leave(path, "the provider is left out, and rules that need it deny: the provider "+other+" has the same issuer and an audience in common", "key_ids for both, or one provider with both keys")
			continue
		}
		r.config.Providers[label] = &one
		r.placed(&one)
		n.names = append(n.names, label)
		if len(m.Audiences) == 0 || subset(class, m.Audiences) {
			n.own = append(n.own, label)
		}
	}
}

var nameSyntax = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// freeName makes a name that the filter accepts and that no provider has.
func (r *reader) freeName(path, name string) string {
	want := strings.Trim(nameSyntax.ReplaceAllString(name, "-"), "-")
	want = want[:min(len(want), 56)]
	if want == "" {
		want = "provider"
	}
	free := want
	for i := 2; r.config.Providers[free] != nil; i++ {
		free = fmt.Sprintf("%s-%d", want, i)
	}
	if free != name {
		r.leave(path, "renamed to "+free, "")
	}
	return free
}

// conflict is a provider that could claim the same tokens, which the filter
// refuses: whose they are must not depend on an order.
func (r *reader) conflict(p *provider) string {
	for _, name := range sortedKeys(r.config.Providers) {
		other := r.config.Providers[name]
		if other.Type != "jwt" || other.Issuer != p.Issuer {
			continue
		}
		if p.Issuer == "" || len(p.Audiences) == 0 || len(other.Audiences) == 0 ||
			slices.ContainsFunc(p.Audiences, func(a string) bool { return slices.Contains(other.Audiences, a) }) {
			return name
		}
	}
	return ""
}

func (r *reader) jwtProvider(places []place, m *jwtauthn.JwtProvider, path string) (*provider, error) {
	const read = "issuer audiences subjects require_expiration max_lifetime remote_jwks local_jwks forward from_headers from_params from_cookies forward_payload_header pad_forward_payload_header clock_skew_seconds claim_to_headers"
	if unknown := r.leftover(m, path, read, providerNotes); len(unknown) > 0 {
		return nil, fmt.Errorf("nothing stands for %s", strings.Join(unknown, ", "))
	}
	p := &provider{Type: "jwt", Issuer: m.Issuer}
	if !m.RequireExpiration && m.MaxLifetime == nil {
		r.leave(path, "a token without exp is refused", "insecure_allow_no_expiry")
	}
	if len(m.Audiences) > 0 {
		r.leave(path+".audiences", "compared exactly, scheme and last slash included", "insecure_lax_audiences")
	}
	skew := time.Duration(m.ClockSkewSeconds) * time.Second
	if skew == 0 {
		skew = time.Minute
	}
	p.Leeway = r.clamp(path+".clock_skew_seconds", skew, 0, 5*time.Minute)
	if m.MaxLifetime != nil {
		if m.MaxLifetime.AsDuration() < time.Second {
			return nil, fmt.Errorf("max_lifetime: want at least a second")
		}
		p.MaxLifetime = r.clamp(path+".max_lifetime", m.MaxLifetime.AsDuration(), time.Second, 366*24*time.Hour)
		r.leave(path+".max_lifetime", "counted from iat to exp, and both are required (Envoy counts from now to exp)", "")
	}
	if m.Subjects != nil {
		s, ok := subjectMatch(m.Subjects)
		if !ok {
			return nil, fmt.Errorf("subjects: no such way to match")
		}
		p.Subjects = []subject{s}
	}
	if len(places) == 0 {
		r.leave(path, "a token in the query parameter access_token is not read", `token_locations with {"insecure_query_parameter": "access_token"}`)
	}
	if err := r.locate(p, places); err != nil {
		return nil, err
	}
	switch source := m.GetJwksSourceSpecifier().(type) {
	case *jwtauthn.JwtProvider_RemoteJwks:
		return p, r.remoteKeys(p, source.RemoteJwks, path+".remote_jwks")
	case *jwtauthn.JwtProvider_LocalJwks:
		if source.LocalJwks.WatchedDirectory != nil {
			r.leave(path+".local_jwks.watched_directory", "Wasm cannot read files", "jwks_uri")
		}
		switch data := source.LocalJwks.GetSpecifier().(type) {
		case *core.DataSource_InlineString:
			return p, r.inlineKeys(p, path+".local_jwks.inline_string", data.InlineString)
		case *core.DataSource_InlineBytes:
			return p, r.inlineKeys(p, path+".local_jwks.inline_bytes", string(data.InlineBytes))
		case *core.DataSource_Filename:
			return nil, fmt.Errorf("local_jwks.filename: Wasm cannot read files, want the keys themselves in inline_string")
		case *core.DataSource_EnvironmentVariable:
			return nil, fmt.Errorf("local_jwks.environment_variable: want the keys themselves in inline_string")
		}
	}
	return nil, fmt.Errorf("want remote_jwks or local_jwks")
}

func (r *reader) remoteKeys(p *provider, m *jwtauthn.RemoteJwks, path string) error {
	if unknown := r.leftover(m, path, "http_uri cache_duration", remoteNotes); len(unknown) > 0 {
		return fmt.Errorf("nothing stands for %s", strings.Join(unknown, ", "))
	}
	p.JWKSURI, p.Cluster = m.GetHttpUri().GetUri(), m.GetHttpUri().GetCluster()
	p.Algorithms = fetched
	p.Timeout = r.clamp(path+".http_uri.timeout", m.GetHttpUri().GetTimeout().AsDuration(), 10*time.Millisecond, time.Minute)
	if m.CacheDuration != nil {
		p.Refresh = r.clamp(path+".cache_duration", m.CacheDuration.AsDuration(), time.Second, 24*time.Hour)
	}
	r.leave(path, "every algorithm that fits the fetched keys is accepted, as before", "list only those in use in algorithms")
	return probeProvider(p)
}

// subjectMatch is the one matcher that a provider can have for sub.
func subjectMatch(m *matcher.StringMatcher) (subject, bool) {
	if !m.GetIgnoreCase() {
		switch pattern := m.GetMatchPattern().(type) {
		case *matcher.StringMatcher_Exact:
			return subject{Equal: pattern.Exact}, pattern.Exact != ""
		case *matcher.StringMatcher_Prefix:
			return subject{Prefix: pattern.Prefix}, pattern.Prefix != ""
		case *matcher.StringMatcher_Suffix:
			return subject{Suffix: pattern.Suffix}, pattern.Suffix != ""
		case *matcher.StringMatcher_Contains:
			return subject{Contains: pattern.Contains}, pattern.Contains != ""
		}
	}
	_, expression, ok := stringMatch(m)
	return subject{Regex: expression}, ok && expression != ""
}

func claimToHeader(c *jwtauthn.JwtClaimToHeader) (h claimHeader, why string) {
	h = claimHeader{Header: strings.ToLower(c.HeaderName)}
	if len(c.ClaimPath) > 0 && c.ClaimName != "" {
		return h, "claim_name or claim_path, not both"
	}
	if len(c.ClaimPath) > 0 {
		for _, segment := range c.ClaimPath {
			h.Claim = append(h.Claim, segment.GetKey())
		}
	} else {
		h.Claim = strings.Split(c.ClaimName, ".")
	}
	if probe([]string{h.Header}, &match{}) != nil {
		return h, "the filter sets no such header"
	}
	if len(h.Claim) > 8 {
		return h, "a claim's path has at most 8 parts"
	}
	return h, ""
}
