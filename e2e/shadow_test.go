package e2e_test

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/upstream"
	"bearerauth/e2e/wire"
)

// The lines for the route that docs/rules.md and docs/providers.md have.
const responseHeaders = `
- match: {prefix: ""}
  route: {cluster: upstream}
  response_headers_to_add:
  - header: {key: x-would-be-refused, value: "%FILTER_STATE(wasm.bearerauth.shadow:PLAIN)%"}
  - header: {key: cache-control, value: "%FILTER_STATE(wasm.bearerauth.cache_control:PLAIN)%"}
    append_action: OVERWRITE_IF_EXISTS_OR_ADD
`

// TestShadow: a rule on trial lets pass what it would refuse, and says so to the
// client (where the route shows it), in the metrics and at the start.
func TestShadow(t *testing.T) {
	t.Parallel()
	config := fmt.Sprintf(`{"providers": {"clients": {"type": "static", "tokens": [{"sha256": "%x"}]}},
  "rules": [{"name": "trial", "match": {"path_prefix": "/trial"}, "scopes": ["read"], "shadow": true}]}`, sha256.Sum256([]byte("fake-token")))
	g := runGateway(t, listener{config: config, routes: responseHeaders}, envoy.Options{})
	for _, c := range []struct {
		path   string
		fields []wire.Field
		status int
		shown  string
	}{
		{"/trial", nil, 200, "missing"},
		{"/trial", bearer("wrong"), 200, "unknown_token"},
		{"/trial", bearer("fake-token"), 200, "insufficient_scope"},
		{"/other", bearer("fake-token"), 200, ""},
		{"/other", nil, 401, ""},
	} {
		r := g.http1(t, wire.Request{Path: c.path, Fields: c.fields})
		if got := strings.Join(r.Header.Values("X-Would-Be-Refused"), ","); r.Status != c.status || got != c.shown {
			t.Errorf("%s %v: status %d and %q, want %d and %q", c.path, c.fields, r.Status, got, c.status, c.shown)
		}
	}
	waitSeries(t, g, map[string]float64{
		`bearerauth_requests_total{decision="allow",reason="shadow"}`:               3,
		`bearerauth_shadow_denials_total{reason="missing",rule="trial"}`:            1,
		`bearerauth_shadow_denials_total{reason="insufficient_scope",rule="trial"}`: 1,
		`bearerauth_requests_total{decision="deny",reason="missing"}`:               1,
	})
	if _, err := g.Log.Wait("in shadow: the requests", limit); err != nil {
		t.Error(err)
	}
}

// TestQueryToken: a token in the query is verified, taken out, and keeps
// shared caches off.
func TestQueryToken(t *testing.T) {
	t.Parallel()
	config := fmt.Sprintf(`{"providers": {"clients": {"type": "static", "token_locations": [{"header": "authorization"}, {"insecure_query_parameter": "access_token"}],
  "tokens": [{"sha256": "%x"}]}}}`, sha256.Sum256([]byte("fake-token")))
	g := runGateway(t, listener{config: config, routes: responseHeaders}, envoy.Options{})
	for _, c := range []struct {
		path, upstream string
		fields         []wire.Field
		status         int
		cache          string
	}{
		{path: "/q?access_token=fake-token", upstream: "/q", status: 200, cache: "private"},
		{path: "/q?a=1&access_token=fake-token&b=%20+c", upstream: "/q?a=1&b=%20+c", status: 200, cache: "private"},
		{path: "/q?a=1;%61ccess_token=fake%2dtoken", upstream: "/q?a=1", status: 200, cache: "private"},
		{path: "/q?a=1", upstream: "/q?a=1", fields: bearer("fake-token"), status: 200},
		{path: "/q?access_token=fake-token", fields: bearer("fake-token"), status: 400},
		{path: "/q?access_token=wrong", status: 401},
		{path: "/q?access_token=fake-token&access_token=", status: 400},
	} {
		for version, how := range map[string]sender{"HTTP1": wire.HTTP1, "HTTP2": wire.HTTP2} {
			id := url.QueryEscape(c.path + version)
			r := send(t, how, g.addr, wire.Request{Path: c.path, Fields: append([]wire.Field{{Name: "x-case", Value: id}}, c.fields...)})
			if r.Status != c.status {
				t.Errorf("%s: status %d, want %d", c.path, r.Status, c.status)
				continue
			}
			if c.status != 200 {
				continue
			}
			if got := strings.Join(r.Header.Values("Cache-Control"), ","); got != c.cache {
				t.Errorf("%s: cache-control %q, want %q", c.path, got, c.cache)
			}
			got, err := g.upstream.Wait(func(r upstream.Request) bool { return r.Header.Get("X-Case") == id }, limit)
			if err != nil {
				t.Fatal(err)
			}
			if got.Target != c.upstream || got.Header.Get("X-Envoy-Original-Path") != "" {
				t.Errorf("%s: the upstream got %q and %v, want %q", c.path, got.Target, got.Header, c.upstream)
			}
		}
	}
}

// TestCookieToken: Envoy joins the lines of Cookie, and passes bytes that some
// upstreams trim off a name: the upstream gets neither the token nor a forged one.
func TestCookieToken(t *testing.T) {
	t.Parallel()
	config := fmt.Sprintf(`{"providers": {"clients": {"type": "static", "token_locations": [{"header": "authorization"}, {"cookie": "session"}],
  "tokens": [{"sha256": "%x"}]}}, "rules": [{"match": {"path": "/open"}, "access": "anonymous"}]}`, sha256.Sum256([]byte("fake-token")))
	g := runGateway(t, listener{config: config}, envoy.Options{})
	cookie := func(value string) wire.Field { return wire.Field{Name: "cookie", Value: value} }
	for _, c := range []struct {
		path, upstream string
		fields         []wire.Field
		status         int
	}{
		{"/c", "a=1; b=2", []wire.Field{cookie("a=1"), cookie("session=fake-token"), cookie("b=2")}, 200},
		{"/c", "", []wire.Field{cookie("session=fake-token"), cookie("a=1; session=forged")}, 400},
		{"/c", "a=1", append(bearer("fake-token"), cookie("\xa0session=forged; a=1")), 200},
		{"/c", "", []wire.Field{cookie("\xa0session=fake-token")}, 401},
		{"/open", "a=1", []wire.Field{cookie("\xa0session=forged"), cookie("a=1; session=forged")}, 200},
	} {
		for version, how := range map[string]sender{"HTTP1": wire.HTTP1, "HTTP2": wire.HTTP2} {
			id := url.QueryEscape(fmt.Sprint(c.path, c.fields, version))
			r := send(t, how, g.addr, wire.Request{Path: c.path, Fields: append([]wire.Field{{Name: "x-case", Value: id}}, c.fields...)})
			if r.Status != c.status {
				t.Errorf("%s %q: status %d, want %d", c.path, c.fields, r.Status, c.status)
				continue
			}
			if c.status != 200 {
				continue
			}
			got, err := g.upstream.Wait(func(r upstream.Request) bool { return r.Header.Get("X-Case") == id }, limit)
			if err != nil {
				t.Fatal(err)
			}
			if cookies := strings.Join(got.Header.Values("Cookie"), " | "); cookies != c.upstream {
				t.Errorf("%s %q: the upstream got the cookies %q, want %q", c.path, c.fields, cookies, c.upstream)
			}
		}
	}
}
