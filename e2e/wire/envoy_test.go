package wire_test

import (
	"os"
	"slices"
	"testing"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/upstream"
	"bearerauth/e2e/wire"
)

func TestMain(m *testing.M) { os.Exit(envoy.Main(m)) }

// This is a proxy without any filter of ours: every difference in the tests of the filter
// is the filter's doing.
var proxy = envoy.Listener{
	Name:    "proxy",
	Manager: "{http_protocol_options: {enable_trailers: true}, upgrade_configs: [{upgrade_type: CONNECT}]}",
	Routes: `
- {match: {connect_matcher: {}}, direct_response: {status: 403, body: {inline_string: "no tunnel"}}}
- {match: {path: /direct}, direct_response: {status: 200, body: {inline_string: "direct"}}}
- {match: {prefix: /}, route: {cluster: upstream}}
`,
}

var upstreamVersions = map[string]string{
	"HTTP/1.1": "http_protocol_options: {enable_trailers: true}",
	"HTTP/2.0": "http2_protocol_options: {}",
}

func TestThroughEnvoy(t *testing.T) {
	t.Parallel()
	for proto, protocol := range upstreamVersions {
		t.Run("upstream "+proto, func(t *testing.T) {
			t.Parallel()
			server := upstream.Run(t)
			config := envoy.Bootstrap{
				Listeners: []envoy.Listener{proxy},
				Clusters:  []envoy.Cluster{{Name: "upstream", Port: server.Port(), Protocol: protocol}},
			}
			address := envoy.Address(t, envoy.Run(t, envoy.Options{Config: config.String()}), "proxy")
			for name, how := range versions {
				t.Run(name, func(t *testing.T) { throughEnvoy(t, how, address, server, proto) })
			}
		})
	}
}

func throughEnvoy(t *testing.T, how send, address string, server *upstream.Server, proto string) {
	if r := do(t, how, address, wire.Request{Path: "/direct"}); r.Status != 200 || r.Body != "direct" {
		t.Errorf("wanted direct, got %+v", r)
	}
	r := do(t, how, address, wire.Request{Method: "CONNECT", Host: "tunnel.example:443"})
	if r.Status != 403 || r.Body != "no tunnel" {
		t.Errorf("wanted CONNECT to be refused, got %+v", r)
	}
	if server.Saw("tunnel.example") || server.Saw("/direct") {
		t.Errorf("wanted nothing at the upstream, got %v", server.Requests())
	}
	got := echoed(t, do(t, how, address, wire.Request{
		Method: "POST", Path: "/up",
		Fields:   []wire.Field{{"Authorization", "Basic x"}, {"Authorization", "Bearer b"}, {"X-Twice", "1"}, {"X-Twice", "2"}},
		Body:     "body",
		Trailers: []wire.Field{{"X-After", "after-" + t.Name()}},
	}))
	if got.Proto != proto || got.Method != "POST" || got.Target != "/up" || got.Body != "body" {
		t.Errorf("wanted the request over %s, got %+v", proto, got)
	}
	if !server.Saw("after-" + t.Name()) {
		t.Errorf("wanted the trailer, got %v", got.Trailer)
	}
	if joined := got.Header.Values("Authorization"); !slices.Equal(joined, []string{"Basic x,Bearer b"}) {
		t.Errorf("wanted Envoy to join the lines of Authorization, got %q", joined)
	}
	if twice := got.Header.Values("X-Twice"); len(twice) != 2 {
		t.Errorf("wanted both lines of X-Twice, got %q", twice)
	}
}
