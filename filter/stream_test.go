package filter_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
)

// panics are the host calls whose refusal makes the filter panic: there is no
// value to go on with.
var panics = map[string]bool{"proxy_get_current_time_nanoseconds": true}

// TestRefusedHostCalls: if the host refuses any call, no request passes that needed it,
// and the test checks that the call was really made.
func TestRefusedHostCalls(t *testing.T) {
	t.Parallel()
	for _, call := range []string{
		"proxy_get_header_map_pairs", "proxy_get_current_time_nanoseconds", "proxy_remove_header_map_value",
		"proxy_replace_header_map_value", "proxy_set_property",
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			vm := startVM(t, wasmhost.Options{})
			config := oneToken("fake-token", "alice")
			if panics[call] {
				config = strings.Replace(config, `"subject": "alice"`, `"subject": "alice", "expires": "2100-01-01T00:00:00Z"`, 1)
			}
			plugin := startPlugin(t, vm, config)
			refusal := vm.RefuseNth(call, 0, wasmhost.InternalFailure)
			s := plugin.NewStream()
			s.RequestHeaders(request("/", "Bearer fake-token", [2]string{"x_auth_subject", "root"}), true)
			if refusal.Count() == 0 {
				t.Fatal("the call was never made")
			}
			if panics[call] {
				wantFailed(t, vm, s)
			} else {
				wantReply(t, s, 500, "internal")
			}
			if vm.Trapped() != nil {
				return
			}
			s.End()
			refusal.Lift()
			s = plugin.NewStream()
			s.RequestHeaders(request("/", "Bearer fake-token"), true)
			if s.Outcome() != wasmhost.Continued {
				t.Fatalf("%s after the host recovered", s.Outcome())
			}
		})
	}
}

// TestRefusedReply: the request stays paused, is answered on the tick, and
// where that fails, too, the VM ends: the host then answers 503 by itself.
func TestRefusedReply(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T) (*wasmhost.VM, *wasmhost.Plugin, *wasmhost.Stream, *wasmhost.Refusal) {
		vm := startVM(t, wasmhost.Options{AllowHeadersStopIteration: true})
		plugin := startPlugin(t, vm, oneToken("fake-token", "alice"))
		refusal := vm.RefuseNth("proxy_send_local_response", 0, wasmhost.InternalFailure)
		s := plugin.NewStream()
		if got := s.RequestHeaders(request("/", "Bearer wrong"), false); got != wasmhost.Pause {
			t.Fatalf("action %v, want pause", got)
		}
		if got := s.RequestBody([]byte("x"), true); got != wasmhost.Pause {
			t.Fatalf("action %v for the body, want pause", got)
		}
		if s.Outcome() != wasmhost.Waiting || s.Upstream() != nil || refusal.Count() != 1 {
			t.Fatalf("%s after %d refused replies", s.Outcome(), refusal.Count())
		}
		return vm, plugin, s, refusal
	}
	t.Run("answered on the tick", func(t *testing.T) {
		t.Parallel()
		_, plugin, s, refusal := start(t)
		refusal.Lift()
		plugin.Tick()
		wantReply(t, s, 500, "internal")
	})
	t.Run("refused for good", func(t *testing.T) {
		t.Parallel()
		_, plugin, s, refusal := start(t)
		plugin.Tick()
		if refusal.Count() != 2 || s.Upstream() != nil {
			t.Fatalf("%d refused replies, upstream %v", refusal.Count(), s.Upstream())
		}
		next := plugin.NewStream()
		next.RequestHeaders(request("/open", ""), true)
		if next.Upstream() != nil || next.Reply() == nil || next.Reply().Status != 503 {
			t.Fatalf("%s %+v after the trap, want the host's 503", next.Outcome(), next.Reply())
		}
	})
	t.Run("no way to the stream", func(t *testing.T) {
		t.Parallel()
		vm, plugin, s, refusal := start(t)
		refusal.Lift()
		way := vm.RefuseNth("proxy_set_effective_context", 0, wasmhost.BadArgument)
		plugin.Tick()
		if way.Count() == 0 || vm.Trapped() == nil || s.Upstream() != nil {
			t.Fatalf("refused %d, trapped %v", way.Count(), vm.Trapped())
		}
	})
	t.Run("the client left", func(t *testing.T) {
		t.Parallel()
		_, plugin, s, _ := start(t)
		s.End()
		plugin.Tick()
		next := plugin.NewStream()
		next.RequestHeaders(request("/open", ""), true)
		if next.Outcome() != wasmhost.Continued {
			t.Fatalf("%s, want the VM to live on", next.Outcome())
		}
	})
}

// TestBodyAndTrailers: no part of a refused request is forwarded, and trailers can forge
// no identity.
func TestBodyAndTrailers(t *testing.T) {
	t.Parallel()
	plugin := startPlugin(t, startVM(t, wasmhost.Options{AllowHeadersStopIteration: true}), oneToken("fake-token", "alice"))
	refused := plugin.NewStream()
	refused.RequestHeaders(request("/", ""), false)
	refused.RequestBody([]byte("body"), false)
	refused.RequestTrailers([][2]string{{"x", "y"}})
	wantReply(t, refused, 401, "missing")

	s := plugin.NewStream()
	s.RequestHeaders(request("/", "Bearer fake-token"), false)
	s.RequestBody([]byte("body"), false)
	s.RequestTrailers([][2]string{
		{"grpc-status", "0"}, {"x-auth-subject", "root"}, {"x_auth_subject", "root"}, {"authorization", "Bearer x"},
	})
	got := s.Upstream()
	if got == nil || string(got.Body) != "body" {
		t.Fatalf("upstream %+v", got)
	}
	if len(got.Trailers) != 1 || got.Trailers[0] != [2]string{"grpc-status", "0"} {
		t.Errorf("trailers %v", got.Trailers)
	}
	if subject := header(got.Headers, "x-auth-subject"); subject != "alice" {
		t.Errorf("subject %q", subject)
	}
}

// TestRefusedTrailerCalls: trailers that could not be read or cleaned never go on.
func TestRefusedTrailerCalls(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"proxy_get_header_map_pairs", "proxy_remove_header_map_value"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			vm := startVM(t, wasmhost.Options{})
			plugin := startPlugin(t, vm, oneToken("fake-token", "alice"))
			s := plugin.NewStream()
			s.RequestHeaders(request("/", "Bearer fake-token"), false)
			refusal := vm.RefuseNth(call, 0, wasmhost.InternalFailure)
			if got := s.RequestTrailers([][2]string{{"x-auth-subject", "root"}}); got != wasmhost.Pause {
				t.Errorf("action %v, want pause", got)
			}
			if refusal.Count() == 0 || len(s.Upstream().Trailers) > 0 || s.Reply() == nil || s.Reply().Status != 500 {
				t.Errorf("refused %d, trailers %v, reply %+v", refusal.Count(), s.Upstream().Trailers, s.Reply())
			}
		})
	}
}

// TestRefusedOutsideRequests: what a host refuses between requests costs logs
// and counters, never a decision or the VM.
func TestRefusedOutsideRequests(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"proxy_increment_metric", "proxy_get_log_level", "proxy_log"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			vm := startVM(t, wasmhost.Options{LogLevel: wasmhost.Debug})
			plugin := startPlugin(t, vm, oneToken("fake-token", "alice"))
			refusal := vm.RefuseNth(call, 0, wasmhost.InternalFailure)
			for range 2 {
				for authorization, want := range map[string]wasmhost.Outcome{"Bearer fake-token": wasmhost.Continued, "Bearer x": wasmhost.Replied} {
					s := plugin.NewStream()
					s.RequestHeaders(request("/", authorization), true)
					if s.Outcome() != want {
						t.Errorf("%q: %s, want %s", authorization, s.Outcome(), want)
					}
					s.End()
				}
				plugin.Tick()
			}
			plugin.Delete()
			if err := vm.Trapped(); err != nil {
				t.Error(err)
			}
			if refusal.Count() == 0 {
				t.Error("the call was never made")
			}
		})
	}
}

// TestTwoConfigurationsInOneVM: their streams interleave, and nothing of one
// counts in the other.
func TestTwoConfigurationsInOneVM(t *testing.T) {
	t.Parallel()
	vm := startVM(t, wasmhost.Options{})
	a := startPlugin(t, vm, oneToken("fake-a", "alice"))
	b := startPlugin(t, vm, oneToken("fake-b", "bob"))
	sa, sb := a.NewStream(), b.NewStream()
	xa, xb := a.NewStream(), b.NewStream()
	xb.RequestHeaders(request("/", "Bearer fake-a"), true)
	sa.RequestHeaders(request("/", "Bearer fake-a"), true)
	sb.RequestHeaders(request("/", "Bearer fake-b"), true)
	xa.RequestHeaders(request("/", "Bearer fake-b"), true)
	wantReply(t, xa, 401, "unknown_token")
	wantReply(t, xb, 401, "unknown_token")
	if got := header(sa.Upstream().Headers, "x-auth-subject"); got != "alice" {
		t.Errorf("subject %q, want alice", got)
	}
	if got := header(sb.Upstream().Headers, "x-auth-subject"); got != "bob" {
		t.Errorf("subject %q, want bob", got)
	}
	for _, s := range []*wasmhost.Stream{sa, sb, xa, xb} {
		s.End()
	}
	// The end of one leaves the other as it was, under way or new.
	under := b.NewStream()
	a.Delete()
	under.RequestHeaders(request("/", "Bearer fake-b"), true)
	if under.Outcome() != wasmhost.Continued {
		t.Errorf("%s, want the other configuration to go on", under.Outcome())
	}
}

// TestBadConfiguration: the plugin does not start, says why, and denies all the
// same should a host go on.
func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]string{
		"empty": "", "not JSON": "providers", "no provider": `{"providers": {}}`, "a problem": strings.Replace(oneToken("x", "y"), "sha256", "SHA256", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vm := startVM(t, wasmhost.Options{})
			plugin, ok := vm.NewPlugin([]byte(config))
			if ok {
				t.Fatal("the plugin started")
			}
			said := false
			for _, log := range vm.Logs() {
				said = said || log.Level == wasmhost.Critical
			}
			if !said {
				t.Error("no critical log line says why")
			}
			s := plugin.NewStream()
			s.RequestHeaders(request("/", "Bearer x"), true)
			wantReply(t, s, 500, "internal")
		})
	}
}

// TestRefusedAtStart: without its configuration the filter does not start.
func TestRefusedAtStart(t *testing.T) {
	t.Parallel()
	vm := startVM(t, wasmhost.Options{})
	refusal := vm.RefuseNth("proxy_get_buffer_bytes", 0, wasmhost.InternalFailure)
	if _, ok := vm.NewPlugin([]byte(oneToken("fake-token", "alice"))); ok || refusal.Count() == 0 {
		t.Errorf("started: %v, refused %d calls", ok, refusal.Count())
	}
}

// TestLogs: there is one debug line per request, none of them contains a token, and none
// is formatted if the log level drops it.
func TestLogs(t *testing.T) {
	t.Parallel()
	vm := startVM(t, wasmhost.Options{LogLevel: wasmhost.Debug})
	plugin := startPlugin(t, vm, oneToken("fake-token", "alice"))
	before := len(vm.Logs())
	for _, authorization := range []string{"Bearer fake-secret", "Bearer fake secret", "Basic fake-secret", "Bearer fake-token"} {
		s := plugin.NewStream()
		s.RequestHeaders(request("/", authorization), true)
		s.End()
	}
	logs := vm.Logs()[before:]
	if len(logs) != 4 {
		t.Errorf("%d lines for four requests: %v", len(logs), logs)
	}
	if want := "denied: unknown_token: rule default rule: token; token: no provider takes it"; logs[0].Message != want {
		t.Errorf("got %q, want %q", logs[0].Message, want)
	}
	for _, log := range vm.Logs() {
		if strings.Contains(log.Message, "fake") {
			t.Errorf("a log line holds a token: %q", log.Message)
		}
	}
	vm.SetLogLevel(wasmhost.Info)
	plugin.Tick()
	before = len(vm.Logs())
	s := plugin.NewStream()
	s.RequestHeaders(request("/", ""), true)
	if got := vm.Logs()[before:]; len(got) != 0 {
		t.Errorf("logged %v though nobody reads it", got)
	}
}

// TestMetrics: every counter exists from the start, and all decisions are in
// them after the tick or the end of the plugin.
func TestMetrics(t *testing.T) {
	t.Parallel()
	vm := startVM(t, wasmhost.Options{})
	plugin := startPlugin(t, vm, oneToken("fake-token", "alice"))
	name := func(decision, reason string) string {
		return "decision=.=" + decision + ";.;reason=.=" + reason + ";.;bearerauth_requests_total"
	}
	if _, ok := vm.Metrics()[name("deny", "expired")]; !ok {
		t.Fatalf("no counter for expired tokens at the start: %v", vm.Metrics())
	}
	serve := func(authorization string, times int) {
		for range times {
			s := plugin.NewStream()
			s.RequestHeaders(request("/", authorization), true)
			s.End()
		}
	}
	serve("Bearer fake-token", 3)
	serve("", 2)
	if got := vm.Metric(name("allow", "token_valid")); got != 0 {
		t.Errorf("%d before the tick: was it a host call per request?", got)
	}
	plugin.Tick()
	serve("Bearer x", 1)
	plugin.Delete()
	for metric, want := range map[string]uint64{
		name("allow", "token_valid"): 3, name("deny", "missing"): 2, name("deny", "unknown_token"): 1,
	} {
		if got := vm.Metric(metric); got != want {
			t.Errorf("%s: %d, want %d", metric, got, want)
		}
	}
}

// TestExpiryByTheHostsClock: a token's validity is checked at each request.
func TestExpiryByTheHostsClock(t *testing.T) {
	t.Parallel()
	vm := startVM(t, wasmhost.Options{Now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)})
	config := strings.Replace(oneToken("fake-token", "alice"), `"subject":`, `"expires": "2030-01-01T00:01:00Z", "subject":`, 1)
	plugin := startPlugin(t, vm, config)
	s := plugin.NewStream()
	s.RequestHeaders(request("/", "Bearer fake-token"), true)
	if s.Outcome() != wasmhost.Continued {
		t.Fatalf("%s before the expiry", s.Outcome())
	}
	vm.Advance(time.Minute)
	s = plugin.NewStream()
	s.RequestHeaders(request("/", "Bearer fake-token"), true)
	wantReply(t, s, 401, "expired")
}

// TestGRPC: the status travels as grpc-status, the text as grpc-message.
func TestGRPC(t *testing.T) {
	t.Parallel()
	plugin := startPlugin(t, startVM(t, wasmhost.Options{}), oneToken("fake-token", "alice"))
	for _, c := range []struct {
		contentType, authorization string
		status                     int
		grpc                       int32
	}{
		{"application/grpc", "", 401, 16},
		{"application/grpc+proto", "Bearer x", 401, 16},
		{"application/grpc+json", "Bearer a b", 400, 16},
		{"application/grpc;v=1", "", 401, -1},
		{"application/grpc-web", "", 401, -1},
		{"application/json", "", 401, -1},
	} {
		s := plugin.NewStream()
		s.RequestHeaders(request("/", c.authorization, [2]string{"content-type", c.contentType}), false)
		r := s.Reply()
		if r == nil || r.Status != c.status || r.GRPCStatus != c.grpc {
			t.Errorf("%s: got %+v, want %d and grpc-status %d", c.contentType, r, c.status, c.grpc)
			continue
		}
		if plain := !strings.HasPrefix(string(r.Body), "{"); plain != (c.grpc >= 0) {
			t.Errorf("%s: body %q", c.contentType, r.Body)
		}
	}
}

// TestClock: the host is asked for the time only where a decision can depend on it.
// Otherwise a token with a bound at either end would pass at any time.
func TestClock(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bound string
		in    time.Duration
		want  string
	}{
		"no bounds":     {"", 0, "continued"},
		"not yet valid": {"not_before", time.Hour, "401 bearerauth_denied{not_yet_valid}"},
		"valid already": {"not_before", -time.Hour, "continued"},
		"expired":       {"expires", -time.Hour, "401 bearerauth_denied{expired}"},
		"still valid":   {"expires", time.Hour, "continued"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vm := startVM(t, wasmhost.Options{})
			token := fmt.Sprintf(`{"sha256": "%x"}`, sha256.Sum256([]byte("fake-token")))
			if c.bound != "" {
				token = strings.Replace(token, "}", fmt.Sprintf(`, %q: %q}`, c.bound, vm.Now().Add(c.in).Format(time.RFC3339)), 1)
			}
			// A second token, with no bound, comes after it or before it.
			for _, order := range []string{"%s, %s", "%[2]s, %[1]s"} {
				plugin := startPlugin(t, vm, fmt.Sprintf(`{"providers": {"clients": {"type": "static", "tokens": [`+order+`]}}}`,
					token, fmt.Sprintf(`{"sha256": "%x"}`, sha256.Sum256([]byte("fake-other-token")))))
				vm.Forget()
				if got := outcome(send(plugin, "fake-token")); got != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
				asked := slices.ContainsFunc(vm.Calls(), func(call wasmhost.HostCall) bool {
					return call.Name == "proxy_get_current_time_nanoseconds"
				})
				if asked != (c.bound != "") {
					t.Errorf("asked for the time: %v", asked)
				}
			}
		})
	}
}
