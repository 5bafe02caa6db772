package filter_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/testkey"
)

// hostCase is a configuration and what it cannot do without.
type hostCase struct {
	name   string
	config string
	token  string   // that opens it; "": none can without a call
	timer  []string // the members that need one
	state  []string // the members that ask for filter state
}

func hostCases(key *testkey.Key, now time.Time) []hostCase {
	static := func(more string) string {
		return fmt.Sprintf(`{"subject_header": "x-auth-subject", %s "providers": {"clients": {"type": "static",
			"tokens": [{"sha256": "%x", "subject": "alice"}]}}}`, more, sha256.Sum256([]byte("fake-token")))
	}
	token := key.Token(now, nil)
	return []hostCase{
		{name: "static", config: static(""), token: "fake-token"},
		{name: "static, no filter state", config: static(`"subject_filter_state": false,`), token: "fake-token"},
		{name: "jwks", config: inlineConfig(key), token: token},
		{name: "filter_state", config: static(`"filter_state": ["provider"],`), token: "fake-token", state: []string{"filter_state"}},
		{
			name: "subject_filter_state", config: static(`"subject_filter_state": true,`), token: "fake-token",
			state: []string{"subject_filter_state"},
		},
		{
			name: "claim_headers", config: static(`"claim_headers": [{"claim": "x", "header": "x-x"}, {"claim": "y", "filter_state": "y"}],`), token: "fake-token",
			state: []string{"claim_headers[1].filter_state"},
		},
		{name: "jwks_uri", config: fetchedConfig(""), timer: []string{"providers.idp.jwks_uri"}},
		{name: "discovery", config: discoveredConfig(""), timer: []string{"providers.idp.discovery"}},
		{name: "introspection", config: introspected(""), timer: []string{"providers.server.introspection_uri"}},
		{
			name: "revocations", timer: []string{"revocations.uri"},
			config: strings.TrimSuffix(inlineConfig(key), "}") + `, "revocations": {"uri": "https://lists.example/revoked", "cluster": "lists"}}`,
		},
		{
			name: "all errands", config: errandsConfig(),
			timer: []string{"providers.idp.jwks_uri", "providers.server.introspection_uri", "revocations.uri"},
		},
	}
}

// refusals are what hosts answer to a call that they do not have. Traffic Server's
// proxy_set_property is NotFound (plugins/experimental/wasm).
var refusals = []wasmhost.Status{wasmhost.Unimplemented, wasmhost.NotFound, wasmhost.InternalFailure, wasmhost.BadArgument}

// TestHostsWithout: what a host refuses from the start on is missed only where the
// configuration needs it, and then the start says so. In any case a wrong token and
// none are refused.
func TestHostsWithout(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	for _, c := range hostCases(key, time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)) {
		for _, call := range []string{
			"proxy_define_metric", "proxy_increment_metric", "proxy_record_metric", "proxy_set_tick_period_milliseconds", "proxy_set_property", "proxy_get_property",
			"proxy_get_log_level", "proxy_log", "proxy_call_foreign_function", "proxy_http_call", "proxy_set_effective_context", "proxy_continue_stream",
		} {
			for i, status := range refusals {
				if i > 0 && call != "proxy_set_property" {
					break // the filter asks for no reason
				}
				t.Run(fmt.Sprint(c.name, "/", call, "/", status), func(t *testing.T) {
					t.Parallel()
					testHostWithout(t, c, call, status)
				})
			}
		}
	}
}

func testHostWithout(t *testing.T, c hostCase, call string, status wasmhost.Status) {
	vm := startVM(t, wasmhost.Options{})
	vm.RefuseNth(call, 0, status)
	plugin, started := vm.NewPlugin([]byte(c.config))
	var missed []string // what the start names
	switch call {
	case "proxy_set_tick_period_milliseconds":
		missed = c.timer
	case "proxy_set_property":
		// At the start NotFound is Envoy's answer, too: the first request shows.
		if status != wasmhost.NotFound {
			missed = c.state
		}
	}
	if vm.Trapped() != nil {
		t.Fatal(vm.Trapped())
	}
	if started != (missed == nil) {
		t.Fatalf("started: %v, want %v: %v", started, missed == nil, vm.Logs())
	}
	for _, member := range missed {
		if !logged(vm, wasmhost.Critical, member) {
			t.Errorf("no line names %s: %v", member, vm.Logs())
		}
	}
	if started {
		wantHostWarning(t, vm, call, status, c)
	}
	for _, token := range []string{"", "wrong", key2.Token(vm.Now(), nil)} {
		s := send(plugin, token)
		for range 3 {
			vm.Advance(5 * time.Second)
			plugin.Tick()
		}
		if s.Upstream() != nil {
			t.Fatalf("%q went upstream", token)
		}
		if s.Reply() == nil && call != "proxy_set_effective_context" && vm.Trapped() == nil {
			t.Fatalf("%q got no answer", token)
		}
	}
	if !started || c.token == "" {
		return
	}
	s := send(plugin, c.token)
	if call == "proxy_set_property" && c.state != nil {
		wantReply(t, s, 500, "internal")
		if !logged(vm, wasmhost.Critical, c.state[0]) {
			t.Errorf("no line names %s: %v", c.state[0], vm.Logs())
		}
		return
	}
	wantSubject(t, s, "alice")
	s.End()
	wantSubject(t, send(plugin, c.token), "alice")
	wantHostWarning(t, vm, call, status, c)
	plugin.Tick()
	want := uint64(2)
	if strings.HasPrefix(call, "proxy_define") || strings.HasPrefix(call, "proxy_increment") {
		want = 0
	}
	if got := vm.Metric(counted("allow", "token_valid")); got != want {
		t.Errorf("%d valid tokens counted, want %d: %v", got, want, vm.Metrics())
	}
}

// key2 signs what nothing accepts.
var key2 = testkey.New("k1", "EdDSA")

func counted(decision, reason string) string {
	return "decision=.=" + decision + ";.;reason=.=" + reason + ";.;bearerauth_requests_total"
}

func logged(vm *wasmhost.VM, level wasmhost.LogLevel, part string) bool {
	return slices.ContainsFunc(vm.Logs(), func(l wasmhost.Log) bool { return l.Level == level && strings.Contains(l.Message, part) })
}

// wantHostWarning: what is missed without harm is said once.
func wantHostWarning(t *testing.T, vm *wasmhost.VM, call string, status wasmhost.Status, c hostCase) {
	t.Helper()
	want := map[string]int{}
	switch {
	case call == "proxy_define_metric":
		want["metrics"] = 1
	case call == "proxy_set_property" && c.state == nil && !strings.Contains(c.config, `"subject_filter_state": false`) && status != wasmhost.NotFound:
		want["filter state"] = 1
	}
	got := map[string]int{}
	for _, l := range vm.Logs() {
		if part, ok := strings.CutPrefix(l.Message, "the host has no "); ok && l.Level == wasmhost.Warn {
			part, _, _ = strings.Cut(part, ":")
			got[part]++
		}
	}
	if status == wasmhost.NotFound && call == "proxy_set_property" && got["filter state"] <= 1 {
		return // at the first request
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("warned %v, want %v: %v", got, want, vm.Logs())
	}
}

// TestSeparateLines: a host other than Envoy can show several Authorization lines, and
// the upstream may take another one than the filter has verified.
func TestSeparateLines(t *testing.T) {
	t.Parallel()
	for _, config := range []string{
		oneToken("fake-token", "alice"),
		strings.Replace(oneToken("fake-token", "alice"), `"subject_header": "x-auth-subject",`, `"forward_authorization": true,`, 1),
		fmt.Sprintf(`{"providers": {"clients": {"type": "static", "tokens": [{"sha256": "%x"}]}}}`, sha256.Sum256([]byte("fake-token"))),
	} {
		vm := startVM(t, wasmhost.Options{SeparateLines: true})
		plugin := startPlugin(t, vm, config)
		for _, second := range []string{"Bearer wrong", "Bearer fake-token", "Basic x", ""} {
			for _, pair := range [][]string{{"Bearer fake-token", second}, {second, "Bearer fake-token"}} {
				s := plugin.NewStream()
				s.RequestHeaders(append(request("/", ""), [2]string{"authorization", pair[0]}, [2]string{"authorization", pair[1]}), true)
				if s.Upstream() != nil {
					t.Errorf("%q went upstream:\n%s", pair, config)
				}
			}
		}
		if s := send(plugin, "fake-token"); s.Upstream() == nil {
			t.Errorf("one line: %s %+v", s.Outcome(), s.Reply())
		}
	}
}

// TestHostsClock: with a clock that was never set, or that the host cuts to 32 bits,
// expired tokens would pass.
func TestHostsClock(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	expiring := strings.Replace(oneToken("fake-token", "alice"), `"subject":`, `"expires": "2024-01-01T00:00:00Z", "subject":`, 1)
	for _, at := range []time.Time{time.Unix(0, 0), time.Unix(4, 0), time.Date(2019, 12, 31, 23, 59, 59, 0, time.UTC)} {
		for config, starts := range map[string]bool{
			inlineConfig(key): false, introspected(""): false, expiring: false, oneToken("fake-token", "alice"): true,
		} {
			vm := startVM(t, wasmhost.Options{Now: at})
			plugin, ok := vm.NewPlugin([]byte(config))
			if ok != starts || ok == logged(vm, wasmhost.Critical, "clock") {
				t.Errorf("at %v started: %v, want %v: %v\n%s", at, ok, starts, vm.Logs(), config)
			}
			if !starts && send(plugin, "fake-token").Upstream() != nil {
				t.Errorf("at %v a token passed:\n%s", at, config)
			}
		}
	}
}

// TestFilterStateLost: a host that has set a property has filter state. What it
// refuses afterwards denies, whatever it answers.
func TestFilterStateLost(t *testing.T) {
	t.Parallel()
	for _, status := range refusals {
		vm := startVM(t, wasmhost.Options{})
		plugin := startPlugin(t, vm, oneToken("fake-token", "alice"))
		wantSubject(t, send(plugin, "fake-token"), "alice")
		refusal := vm.RefuseNth("proxy_set_property", 0, status)
		wantReply(t, send(plugin, "fake-token"), 500, "internal")
		refusal.Lift()
		wantSubject(t, send(plugin, "fake-token"), "alice")
	}
}

// TestRefusedRoute: a host that does not say which route a request has could be
// asked by a client for the one that is denied.
func TestRefusedRoute(t *testing.T) {
	t.Parallel()
	config := strings.Replace(oneToken("fake-token", "alice"), `"rules": [`, `"rules": [
		{"match": {"route_names": ["admin"]}, "access": "deny"},
		{"match": {"route_metadata": [{"path": ["app", "public"], "equal": "yes"}]}, "access": "anonymous"},
		{"match": {"path_prefix": "/pages"}, "access": "anonymous"}, `, 1)
	for _, status := range []wasmhost.Status{wasmhost.Unimplemented, wasmhost.InternalFailure, wasmhost.BadArgument, wasmhost.InvalidMemoryAccess} {
		vm := startVM(t, wasmhost.Options{})
		plugin := startPlugin(t, vm, config)
		vm.Properties["xds.route_name"] = "admin"
		vm.Properties["xds.route_metadata.filter_metadata.app.Public"] = "yes"
		refusal := vm.RefuseNth("proxy_get_property", 0, status)
		for _, path := range []string{"/pages/x", "/open", "/"} {
			s := plugin.NewStream()
			s.RequestHeaders(request(path, ""), true)
			if s.Upstream() != nil || refusal.Count() == 0 {
				t.Errorf("%v: %s went upstream", status, path)
			}
		}
		wantReply(t, send(plugin, "fake-token"), 403, "forbidden")
	}
}

// withoutTimer starts a plugin on a host that refuses timers and, as Google's, the rest
// of what these tests do not need.
func withoutTimer(t *testing.T, config string, more ...string) (*wasmhost.VM, *wasmhost.Plugin) {
	t.Helper()
	vm := startVM(t, wasmhost.Options{LogLevel: wasmhost.Info})
	for _, call := range append(more, "proxy_set_tick_period_milliseconds") {
		vm.RefuseNth(call, 0, wasmhost.Unimplemented)
	}
	return vm, startPlugin(t, vm, config)
}

// TestCountedWithoutTimer: where no tick flushes the counters, each is right at once.
func TestCountedWithoutTimer(t *testing.T) {
	t.Parallel()
	config := strings.Replace(oneToken("fake-token", "alice"), `"rules": [`, `"rules": [{"name": "s", "match": {"path": "/shadow"}, "shadow": true, "scopes": ["a"]}, `, 1)
	vm, plugin := withoutTimer(t, config)
	for n := uint64(1); n <= 3; n++ {
		wantSubject(t, send(plugin, "fake-token"), "alice")
		wantReply(t, send(plugin, "wrong"), 401, "unknown_token")
		s := plugin.NewStream()
		s.RequestHeaders(request("/shadow", "Bearer fake-token"), true)
		wantMetric(t, vm, counted("allow", "token_valid"), n)
		wantMetric(t, vm, counted("deny", "unknown_token"), n)
		wantMetric(t, vm, "rule=.=s;.;reason=.=insufficient_scope;.;bearerauth_shadow_denials_total", n)
	}
}

// TestLogLevelWithoutTimer: the log level is still read once a second.
func TestLogLevelWithoutTimer(t *testing.T) {
	t.Parallel()
	vm, plugin := withoutTimer(t, oneToken("fake-token", "alice"))
	before := len(vm.Logs())
	send(plugin, "wrong")
	if got := vm.Logs()[before:]; len(got) != 0 {
		t.Fatalf("logged %v", got)
	}
	vm.SetLogLevel(wasmhost.Debug)
	vm.Advance(time.Second)
	send(plugin, "wrong")
	if got := vm.Logs()[before:]; len(got) != 1 {
		t.Errorf("logged %v, want one line", got)
	}
}

// TestRefusedReplyWithoutTimer: nothing sends a refused reply later, and Google's host
// goes on with a request although its callback says pause. So the VM ends.
func TestRefusedReplyWithoutTimer(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "/open"} {
		for _, call := range []string{"", "proxy_get_header_map_pairs", "proxy_remove_header_map_value"} {
			vm, plugin := withoutTimer(t, oneToken("fake-token", "alice"))
			vm.RefuseNth("proxy_send_local_response", 0, wasmhost.InternalFailure)
			if call != "" {
				vm.RefuseNth(call, 0, wasmhost.InternalFailure)
			} else if path == "/open" {
				continue // it passes
			}
			s := plugin.NewStream()
			s.RequestHeaders(request(path, "Bearer wrong", [2]string{"x_auth_subject", "root"}), true)
			wantTrapped(t, vm, s)
		}
	}
	// A refusal that the host takes at the second try.
	vm, plugin := withoutTimer(t, oneToken("fake-token", "alice"))
	vm.RefuseNth("proxy_send_local_response", 1, wasmhost.InternalFailure)
	wantFailed(t, vm, send(plugin, "wrong"))
}

// TestSoakWithoutTimer: memory stays bounded where nothing sweeps on a tick, whether
// the host's clock moves or not. make soak sends a fifth of its requests here.
func TestSoakWithoutTimer(t *testing.T) {
	t.Parallel()
	requests := 20_000
	if n, err := strconv.Atoi(os.Getenv("SOAK")); err == nil {
		requests = n / 5
	}
	for _, moves := range []bool{true, false} {
		t.Run(fmt.Sprint("clock moves ", moves), func(t *testing.T) {
			t.Parallel()
			key, stranger := testkey.New("k1", "HS256"), testkey.New("k1", "HS256")
			vm, plugin := withoutTimer(t, soakConfig(key), "proxy_define_metric", "proxy_set_property")
			var half int
			for i := range requests {
				if i%1000 == 0 {
					vm.Forget()
					if moves {
						vm.Advance(time.Second)
					}
				}
				if i == requests/2 {
					half = len(vm.Memory())
				}
				s, want := plugin.NewStream(), wasmhost.Continued
				signer := key
				if i%4 == 3 {
					signer, want = stranger, wasmhost.Replied
				}
				s.RequestHeaders(request("/scoped/"+fmt.Sprint(i), "Bearer "+signer.Token(vm.Now(), members{"jti": fmt.Sprint(i), "scope": "a"})), true)
				if s.Outcome() != want {
					t.Fatalf("request %d: %s, want %s: %+v", i, s.Outcome(), want, s.Reply())
				}
				s.End()
			}
			end := len(vm.Memory())
			t.Logf("%d KiB of memory after half of %d tokens, %d at the end", half>>10, requests, end>>10)
			if end > half+half/4 {
				t.Errorf("memory grew from %d to %d KiB in the second half", half>>10, end>>10)
			}
		})
	}
}
