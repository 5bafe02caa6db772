package e2e_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/wire"
)

const metadata = "/.well-known/oauth-protected-resource/" + secret

// withResource adds a protected resource whose metadata is at metadata.
func withResource(config string) string {
	return `{"protected_resources": {"r": {"resource": "https://api.example/` + secret + `"}}, ` + strings.TrimPrefix(config, "{")
}

// TestMetadata: the filter answers requests of every method and every client, also an
// upload that never ends.
func TestMetadata(t *testing.T) {
	t.Parallel()
	g := runGateway(t, listener{config: withResource(oneToken("fake-token", "alice"))}, envoy.Options{})
	document := `{"resource":"https://api.example/` + secret + `","bearer_methods_supported":["header"]}`
	for version, how := range map[string]sender{"HTTP1": wire.HTTP1, "HTTP2": wire.HTTP2} {
		for _, fields := range [][]wire.Field{nil, bearer("fake-token"), bearer("wrong"), {{Name: "origin", Value: "https://app.example"}}} {
			for _, c := range []struct {
				method, request, body string
				status                int
			}{
				{"GET", "", document, 200},
				{"HEAD", "", "", 200},
				{"OPTIONS", "", "", 204},
				{"POST", secret, "", 405},
				{"DELETE", "", "", 405},
				{"PROPFIND", "", "", 405},
			} {
				r := send(t, how, g.addr, wire.Request{Method: c.method, Path: metadata + "?x=/", Fields: fields, Body: c.request})
				if r.Status != c.status || r.Body != c.body || r.Header.Get("Access-Control-Allow-Origin") != "*" || r.Header.Get("Www-Authenticate") != "" {
					t.Errorf("%s %s: %+v", version, c.method, r)
				}
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	conn, err := wire.Dial(ctx, g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s, err := conn.Send(wire.Request{Method: "PUT", Path: metadata, Fields: bearer("fake-token"), Body: secret, Unended: true})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Response(ctx); err != nil || r.Status != 405 {
		t.Errorf("%+v %v", r, err)
	}
	_ = s.Data(secret, true)
	// gRPC: Envoy makes a grpc-status of the reply.
	r := g.http2(t, wire.Request{
		Method: "POST", Path: metadata, Body: "\x00\x00\x00\x00\x00",
		Fields: append(bearer("fake-token"), wire.Field{Name: "content-type", Value: "application/grpc"}, wire.Field{Name: "te", Value: "trailers"}),
	})
	if status := r.Header.Get("Grpc-Status"); status == "" || status == "0" {
		t.Errorf("%+v for a gRPC call", r)
	}
	// This holds for a GET, too: without its body the answer must not stay in a cache, where
	// it would be the metadata for all clients.
	for version, how := range map[string]sender{"HTTP1": wire.HTTP1, "HTTP2": wire.HTTP2} {
		r := send(t, how, g.addr, wire.Request{Path: metadata, Fields: []wire.Field{{Name: "content-type", Value: "application/grpc"}}})
		if r.Header.Get("Cache-Control") != "no-store" || r.Body != "" {
			t.Errorf("%s: %+v", version, r)
		}
	}
	if g.upstream.Saw(secret) {
		t.Error("a request for metadata reached the upstream")
	}
	want := `bearerauth_requests_total{decision="answer",reason="metadata"}`
	deadline := time.Now().Add(limit)
	for {
		got, err := g.Prometheus()
		if err != nil {
			t.Fatal(err)
		}
		if got[want] == 52 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is %v, want 52", want, got[want])
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestAlmostMetadata: a path that only some would read as that of metadata is
// none, and no way around the token either.
func TestAlmostMetadata(t *testing.T) {
	t.Parallel()
	config := strings.TrimSuffix(withResource(oneToken("fake-token", "alice")), "}") + `,
  "rules": [{"match": {"path": "` + metadata + `"}, "access": "anonymous"}]}`
	g := runGateway(t, listener{config: config}, envoy.Options{})
	if r := g.http1(t, wire.Request{Path: metadata}); r.Status != 200 || !strings.Contains(r.Body, "bearer_methods_supported") {
		t.Fatalf("%+v", r)
	}
	for _, path := range []string{
		"/" + metadata, metadata + "/", metadata + ";x", metadata + "%2f", metadata + "%20", metadata + "/.", metadata + "/..", metadata + "/x/..",
		metadata + "%00", metadata + "%3f", metadata + "%23", "/%2e" + metadata[2:], "/%2E" + metadata[2:], "/." + metadata, "/x/.." + metadata,
		"/x/%2e%2e" + metadata, "/x/..%2f" + metadata[1:], strings.Replace(metadata, "/oauth", "//oauth", 1), strings.Replace(metadata, "/oauth", "%2foauth", 1),
		strings.Replace(metadata, "/oauth", `\oauth`, 1), strings.Replace(metadata, "/oauth", ";a=b/oauth", 1), strings.ToUpper(metadata),
		strings.Replace(metadata, "known", "Known", 1), "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/", "/.well-known/",
	} {
		for version, how := range map[string]sender{"HTTP1": wire.HTTP1, "HTTP2": wire.HTTP2} {
			for _, method := range []string{"GET", "OPTIONS"} {
				r := send(t, how, g.addr, wire.Request{Method: method, Path: path})
				if r.Status != 401 && r.Status != 400 || strings.Contains(r.Body, "bearer_methods_supported") {
					t.Errorf("%s %s %s: %+v", version, method, path, r)
				}
			}
		}
	}
	if g.upstream.Saw("well-known") || len(g.upstream.Requests()) > 0 {
		t.Error("such a request reached the upstream")
	}
}

// TestChallengeOfGRPC: it names the metadata, too.
func TestChallengeOfGRPC(t *testing.T) {
	t.Parallel()
	g := runGateway(t, listener{config: withResource(oneToken("fake-token", "alice"))}, envoy.Options{})
	r := g.http2(t, wire.Request{
		Method: "POST", Path: "/pkg.Service/Get", Body: "\x00\x00\x00\x00\x00",
		Fields: []wire.Field{{Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"}},
	})
	want := `Bearer realm="bearerauth", resource_metadata="https://api.example` + metadata + `"`
	if got := r.Header.Get("Www-Authenticate"); got != want || r.Header.Get("Grpc-Status") != "16" {
		t.Errorf("%+v, want %s", r, want)
	}
}
