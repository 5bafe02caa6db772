package e2e_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/upstream"
	"bearerauth/e2e/wire"
)

const secret = "never-upstream-7f3a"

// TestBodies: no byte of a refused request's body reaches the upstream, and the body of an
// allowed request arrives whole.
func TestBodies(t *testing.T) {
	t.Parallel()
	for name, wasm := range map[string]string{
		"all held":              "",
		"headers iteration":     "allow_on_headers_stop_iteration: true",
		"headers iteration off": "allow_on_headers_stop_iteration: false",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := runGateway(t, listener{config: oneToken("fake-token", "alice"), wasm: wasm}, envoy.Options{})
			for version, how := range map[string]sender{"HTTP1": wire.HTTP1, "HTTP2": wire.HTTP2} {
				for _, fields := range [][]wire.Field{nil, bearer("wrong"), bearer("two words")} {
					r := send(t, how, g.addr, wire.Request{
						Method: "POST", Path: "/" + secret, Fields: fields, Body: strings.Repeat(secret, 1000),
					})
					if r.Status != 401 && r.Status != 400 {
						t.Errorf("%s: status %d", version, r.Status)
					}
				}
			}
			// A client that continues its upload must not get a byte through either.
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			defer cancel()
			conn, err := wire.Dial(ctx, g.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			s, err := conn.Send(wire.Request{Method: "POST", Path: "/" + secret, Body: secret, Unended: true})
			if err != nil {
				t.Fatal(err)
			}
			if r, err := s.Response(ctx); err != nil || r.Status != 401 {
				t.Fatalf("%+v %v", r, err)
			}
			_ = s.Data(secret, true)
			body := strings.Repeat("allowed", 1000)
			if r := g.http1(t, wire.Request{Method: "POST", Fields: bearer("fake-token"), Body: body}); r.Status != 200 {
				t.Fatalf("status %d for an allowed request", r.Status)
			}
			if _, err := g.upstream.Wait(func(r upstream.Request) bool { return r.Complete && r.Body == body }, limit); err != nil {
				t.Error(err)
			}
			if g.upstream.Saw(secret) {
				t.Error("a part of a refused request reached the upstream")
			}
		})
	}
}

// TestTrailers: clients cannot forge an identity in trailers.
func TestTrailers(t *testing.T) {
	t.Parallel()
	g := runGateway(t, listener{config: oneToken("fake-token", "alice")}, envoy.Options{})
	r := g.http2(t, wire.Request{
		Method: "POST", Path: "/trailers", Fields: bearer("fake-token"), Body: "x",
		Trailers: []wire.Field{{Name: "x-auth-subject", Value: "root"}, {Name: "x_auth_subject", Value: "root"}, {Name: "x-checksum", Value: "kept"}},
	})
	if r.Status != 200 {
		t.Fatalf("status %d", r.Status)
	}
	got, err := g.upstream.Wait(func(r upstream.Request) bool { return r.Complete }, limit)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Trailer["X-Auth-Subject"])+len(got.Trailer["X_auth_subject"]) > 0 || got.Header.Get("X-Auth-Subject") != "alice" {
		t.Errorf("header %v trailer %v", got.Header, got.Trailer)
	}
	if g.upstream.Saw("root") || !g.upstream.Saw("kept") {
		t.Error("a forged trailer reached the upstream, or the other one did not")
	}
}

// TestAuthorizationLines: Envoy joins them before the filter sees them.
func TestAuthorizationLines(t *testing.T) {
	t.Parallel()
	g := runGateway(t, listener{config: oneToken("fake-token", "alice")}, envoy.Options{})
	lines := func(values ...string) (fields []wire.Field) {
		for _, value := range values {
			fields = append(fields, wire.Field{Name: "Authorization", Value: value})
		}
		return fields
	}
	for _, values := range [][]string{
		{"Bearer fake-token", "Bearer fake-token"},
		{"Bearer fake-token", "Bearer x"},
		{"Basic eDp5", "Bearer fake-token"},
		{"Bearer fake-token", "Basic eDp5"},
		{"Bearer", "Bearer fake-token"},
	} {
		for version, how := range map[string]sender{"HTTP1": wire.HTTP1, "HTTP2": wire.HTTP2} {
			fields := lines(values...)
			for i := range fields {
				fields[i].Name = strings.ToLower(fields[i].Name)
			}
			r := send(t, how, g.addr, wire.Request{Path: "/" + secret, Fields: fields})
			if r.Status != 400 {
				t.Errorf("%s %q: status %d, want 400", version, values, r.Status)
			}
		}
	}
	if g.upstream.Saw(secret) {
		t.Error("a refused request reached the upstream")
	}
}

// TestConnect: a request without a path meets no opening.
func TestConnect(t *testing.T) {
	t.Parallel()
	config := strings.TrimSuffix(oneToken("fake-token", "alice"), "}") + `,
  "rules": [{"match": {"path_prefix": "/"}, "access": "anonymous"}]}`
	g := runGateway(t, listener{
		config: config,
		hcm:    "http2_protocol_options: {allow_connect: true}\nupgrade_configs: [{upgrade_type: CONNECT}]",
		routes: "- match: {connect_matcher: {}}\n  route: {cluster: upstream, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}\n" +
			"- match: {prefix: /}\n  route: {cluster: upstream}\n",
	}, envoy.Options{})
	if r := g.http1(t, wire.Request{Path: "/x"}); r.Status != 200 {
		t.Errorf("status %d for GET, want the opening to apply", r.Status)
	}
	connect := wire.Request{Method: "CONNECT", Host: "test.example:443"}
	for version, how := range map[string]sender{"HTTP1": wire.HTTP1, "HTTP2": wire.HTTP2} {
		if r := send(t, how, g.addr, connect); r.Status != 401 {
			t.Errorf("%s: status %d for CONNECT, want 401", version, r.Status)
		}
	}
	connect.Fields = bearer("fake-token")
	if r := g.http1(t, connect); r.Status != 200 {
		t.Errorf("status %d for CONNECT with the token, want the tunnel", r.Status)
	}
}

// TestGRPC: statuses as a gRPC client sees them.
func TestGRPC(t *testing.T) {
	t.Parallel()
	config := strings.TrimSuffix(oneToken("fake-token", "alice"), "}") + `,
  "rules": [{"match": {"path": "/pkg.Service/Denied"}, "access": "deny"},
            {"match": {"path": "/pkg.Service/Scoped"}, "scopes": ["write"]}]}`
	g := runGateway(t, listener{config: config}, envoy.Options{})
	for _, c := range []struct {
		path, authorization, status, message string
		challenge                            bool
	}{
		{"/pkg.Service/Get", "", "16", "Not authenticated", true},
		{"/pkg.Service/Get", "Bearer wrong", "16", "Invalid authentication credentials", true},
		{"/pkg.Service/Get", "Bearer a b", "16", "Malformed credentials", true},
		{"/pkg.Service/Scoped", "Bearer fake-token", "7", "Insufficient scope", true},
		{"/pkg.Service/Denied", "Bearer fake-token", "7", "Forbidden", false},
	} {
		fields := []wire.Field{{Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"}}
		if c.authorization != "" {
			fields = append(fields, wire.Field{Name: "authorization", Value: c.authorization})
		}
		r := g.http2(t, wire.Request{Method: "POST", Path: c.path, Fields: fields, Body: "\x00\x00\x00\x00\x00"})
		message, err := url.PathUnescape(r.Header.Get("Grpc-Message"))
		if r.Status != 200 || r.Header.Get("Grpc-Status") != c.status || err != nil || message != c.message {
			t.Errorf("%s %q: %d %v, want grpc-status %s %q", c.path, c.authorization, r.Status, r.Header, c.status, c.message)
		}
		if got := r.Header.Get("Content-Type"); got != "application/grpc" {
			t.Errorf("%s: content-type %q", c.path, got)
		}
		if got := r.Header.Get("Www-Authenticate"); (got != "") != c.challenge {
			t.Errorf("%s: challenge %q", c.path, got)
		}
	}
}

// TestUpgrade: a client cannot have Envoy drop the identity after the filter.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	g := runGateway(t, listener{
		config: oneToken("fake-token", "alice"), hcm: "upgrade_configs: [{upgrade_type: websocket}]",
	}, envoy.Options{})
	upgrade := func(connection string) wire.Request {
		return wire.Request{Path: "/upgrade", Fields: append(bearer("fake-token"),
			wire.Field{Name: "Connection", Value: connection}, wire.Field{Name: "Upgrade", Value: "websocket"})}
	}
	if r := g.http1(t, upgrade("Upgrade, X-Auth-Subject")); r.Status != 400 {
		t.Errorf("status %d, want 400", r.Status)
	}
	if g.upstream.Saw("/upgrade") {
		t.Error("the refused upgrade reached the upstream")
	}
	g.http1(t, upgrade("Upgrade"))
	if _, err := g.upstream.Wait(func(r upstream.Request) bool { return r.Header.Get("X-Auth-Subject") == "alice" }, limit); err != nil {
		t.Error(err)
	}
}

// TestHead: a refusal has the challenge and no body.
func TestHead(t *testing.T) {
	t.Parallel()
	g := runGateway(t, listener{config: oneToken("fake-token", "alice")}, envoy.Options{})
	r := g.http1(t, wire.Request{Method: "HEAD"})
	if r.Status != 401 || r.Body != "" || !strings.HasPrefix(r.Header.Get("Www-Authenticate"), `Bearer realm="`) {
		t.Errorf("%+v", r)
	}
}
