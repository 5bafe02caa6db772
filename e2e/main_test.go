package e2e_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/upstream"
	"bearerauth/e2e/wire"
)

func TestMain(m *testing.M) { os.Exit(envoy.Main(m)) }

// listener is an Envoy listener with the filter in it.
type listener struct {
	name   string
	config string // of the plugin, as JSON
	struc  bool   // carried as a Struct instead of a StringValue
	// what differs from the usual, as YAML fragments
	wasm   string // members of the PluginConfig
	vm     string // members of the VmConfig
	hcm    string // members of the connection manager
	routes string
	module string // a file; default: the built one
}

// yaml renders the listener as a block for static_resources.listeners. Nothing
// normalises paths: what the tests send is what the filter sees.
func (l listener) yaml(t testing.TB) string {
	t.Helper()
	root, err := envoy.Root()
	if err != nil {
		t.Fatal(err)
	}
	configuration := "\"@type\": type.googleapis.com/google.protobuf.StringValue\nvalue: |\n" + indent(l.config, 2)
	if l.struc {
		configuration = "\"@type\": type.googleapis.com/google.protobuf.Struct\nvalue:\n" + indent(l.config, 2)
	}
	routes := l.routes
	if routes == "" {
		routes = "- match: {connect_matcher: {}}\n  route: {cluster: upstream}\n" +
			"- match: {prefix: \"\"}\n  route: {cluster: upstream}\n"
	}
	return fmt.Sprintf(`name: %s
address: {socket_address: {address: 127.0.0.1, port_value: 0}}
filter_chains:
- filters:
  - name: envoy.filters.network.http_connection_manager
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: %s
%s
      access_log:
      - name: envoy.access_loggers.stdout
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
          log_format:
            text_format_source:
              inline_string: "access %%REQ(X-CASE)%% %%RESPONSE_CODE%% %%RESPONSE_CODE_DETAILS%%%s [path=%%REQ(:PATH)%%]\n"
      http_filters:
      - name: bearerauth
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
          config:
            name: bearerauth
            root_id: %s
            failure_policy: FAIL_RELOAD
%s
            vm_config:
              vm_id: shared
              runtime: envoy.wasm.runtime.v8
              code: {local: {filename: %q}}
%s
            configuration:
%s
      - name: envoy.filters.http.router
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
      route_config:
        virtual_hosts:
        - name: all
          domains: ["*"]
          routes:
%s
`, l.name, l.name, indent(l.hcm, 6), loggedStates(), l.name, indent(l.wasm, 12),
		cmp.Or(l.module, filepath.Join(root, envoy.Module())), indent(l.vm, 14), indent(configuration, 14), indent(routes, 10))
}

// loggedStates is what the access log shows of the filter state that the tests
// ask for.
func loggedStates() string {
	var b strings.Builder
	for _, name := range []string{"sub", "provider", "client_id", "scope", "payload", "claim.tier", "claim.roles"} {
		fmt.Fprintf(&b, " [%s=%%FILTER_STATE(wasm.bearerauth.%s:PLAIN)%%]", name, name)
	}
	return b.String()
}

const statsConfig = `
stats_config:
  stats_tags:
  - {tag_name: decision, regex: '(decision=\.=(.*?);\.;)'}
  - {tag_name: reason, regex: '(reason=\.=(.*?);\.;)'}
  - {tag_name: rule, regex: '(rule=\.=(.*?);\.;)'}
`

func clusters(port int) string {
	return fmt.Sprintf(`
  clusters:
  - name: upstream
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http_protocol_options: {enable_trailers: true}}
    load_assignment:
      cluster_name: upstream
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: %d}}}
`, port)
}

func bootstrap(t testing.TB, port int, listeners ...listener) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}\n" + statsConfig + "static_resources:\n  listeners:\n")
	for _, l := range listeners {
		b.WriteString("  - " + strings.TrimLeft(indent(l.yaml(t), 4), " ") + "\n")
	}
	b.WriteString(clusters(port))
	return b.String()
}

func indent(text string, by int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = strings.Repeat(" ", by) + line
		}
	}
	return strings.Join(lines, "\n")
}

// gateway is a running Envoy with one listener of the filter before an upstream.
type gateway struct {
	*envoy.Process
	addr     string
	upstream *upstream.Server
}

func runGateway(t testing.TB, l listener, options envoy.Options) *gateway {
	t.Helper()
	server := upstream.Run(t)
	l.name = "gateway"
	options.Binary = envoy.Need(t)
	options.Config = bootstrap(t, server.Port(), l)
	p := envoy.Run(t, options)
	return &gateway{p, envoy.Address(t, p, "gateway"), server}
}

func (g *gateway) http1(t testing.TB, r wire.Request) *wire.Response {
	t.Helper()
	return send(t, wire.HTTP1, g.addr, r)
}

func (g *gateway) http2(t testing.TB, r wire.Request) *wire.Response {
	t.Helper()
	return send(t, wire.HTTP2, g.addr, r)
}

type sender = func(context.Context, string, wire.Request) (*wire.Response, error)

func send(t testing.TB, how sender, addr string, r wire.Request) *wire.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	response, err := how(ctx, addr, r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	return response
}

func bearer(token string) []wire.Field {
	return []wire.Field{{Name: "authorization", Value: "Bearer " + token}}
}

func oneToken(token, subject string) string {
	return fmt.Sprintf(`{"subject_header": "x-auth-subject", "providers": {"clients": {"type": "static",
  "tokens": [{"sha256": "%x", "subject": %q}]}}}`, sha256.Sum256([]byte(token)), subject)
}
