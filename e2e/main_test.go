package e2e_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/upstream"
	"bearerauth/e2e/wire"
)

// limit is how long a test waits for what must come: a busy machine is slow.
const limit = 2 * time.Minute

func TestMain(m *testing.M) { os.Exit(envoy.Main(m)) }

// listener is an Envoy listener with the filter in it.
type listener struct {
	name   string
	config string // of the plugin, as JSON
	struc  bool   // carried as a Struct instead of a StringValue
	// what differs from the usual, as YAML
	wasm   string // members of the PluginConfig
	vm     string // members of the VmConfig
	hcm    string // members of the connection manager
	routes string
	module string // a file; default: the built one
}

const toUpstream = `
- {match: {connect_matcher: {}}, route: {cluster: upstream}}
- {match: {prefix: ""}, route: {cluster: upstream}}
`

// envoy is the listener as Envoy has it. Nothing normalises paths: what the
// tests send is what the filter sees.
func (l listener) envoy() envoy.Listener {
	return envoy.Listener{
		Name: l.name, Manager: l.hcm, Routes: cmp.Or(l.routes, toUpstream),
		AccessLog: "access %REQ(X-CASE)% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS%" + loggedStates() + " [path=%REQ(:PATH)%]",
		Filters: []envoy.Filter{envoy.Wasm{
			Name: l.name, VM: "shared", File: l.module, Config: l.config, Struct: l.struc, Plugin: l.wasm, VMConfig: l.vm,
		}},
	}
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

// upstreamAt is the cluster to which the listeners route.
func upstreamAt(port int) envoy.Cluster {
	return envoy.Cluster{Name: "upstream", Port: port, Protocol: "http_protocol_options: {enable_trailers: true}"}
}

// bootstrap is an Envoy with listeners, their upstream and more clusters.
func bootstrap(upstream int, more []envoy.Cluster, listeners ...listener) string {
	b := envoy.Bootstrap{Members: statsConfig, Clusters: append([]envoy.Cluster{upstreamAt(upstream), {Name: "nobody"}}, more...)}
	for _, l := range listeners {
		b.Listeners = append(b.Listeners, l.envoy())
	}
	return b.String()
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
	options.Config = bootstrap(server.Port(), nil, l)
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
	ctx, cancel := context.WithTimeout(context.Background(), limit)
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
