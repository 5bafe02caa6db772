package wire_test

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/upstream"
	"bearerauth/e2e/wire"
)

func TestMain(m *testing.M) { os.Exit(envoy.Main(m)) }

// A proxy without any filter of ours: whatever the tests of the filter see
// beyond this is the filter's doing.
const proxy = `
static_resources:
  listeners:
  - name: proxy
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: proxy
          http_protocol_options: {enable_trailers: true}
          upgrade_configs: [{upgrade_type: CONNECT}]
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {connect_matcher: {}}
                direct_response: {status: 403, body: {inline_string: "no tunnel"}}
              - match: {path: /direct}
                direct_response: {status: 200, body: {inline_string: "direct"}}
              - match: {prefix: /}
                route: {cluster: upstream}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: upstream
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {%s}
    load_assignment:
      cluster_name: upstream
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 9999}}}}]}]
`

var upstreamVersions = map[string]string{
	"HTTP/1.1": "http_protocol_options: {enable_trailers: true}",
	"HTTP/2.0": "http2_protocol_options: {}",
}

func TestThroughEnvoy(t *testing.T) {
	t.Parallel()
	for proto, options := range upstreamVersions {
		t.Run("upstream "+proto, func(t *testing.T) {
			t.Parallel()
			server := upstream.Run(t)
			config, err := envoy.ReplacePort(fmt.Sprintf(proxy, options), 9999, server.Port())
			if err != nil {
				t.Fatal(err)
			}
			address := envoy.Address(t, envoy.Run(t, envoy.Options{Config: config}), "proxy")
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
