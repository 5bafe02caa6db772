package filter_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/testkey"
)

// statusPanic makes the build for tests panic after the host call (faults.go).
const statusPanic wasmhost.Status = 99

// story is a plugin's life, in which every callback runs. Each stream has the same place
// in streams at every play.
type story struct {
	*fetching
	started bool
	streams []*wasmhost.Stream
	calls   int              // of the host, in the story
	end     int              // calls before the plugin is deleted
	control *wasmhost.Stream // a request after all others have ended
}

func (s *story) send(path, token string, more ...[2]string) *wasmhost.Stream {
	stream := s.plugin.NewStream()
	s.streams = append(s.streams, stream)
	stream.RequestHeaders(request(path, "Bearer "+token, more...), true)
	return stream
}

// post sends a request with body and trailers. Both have a forged header.
func (s *story) post(path, token string) {
	stream := s.plugin.NewStream()
	s.streams = append(s.streams, stream)
	stream.RequestHeaders(request(path, "Bearer "+token, [2]string{"x-auth-subject", "root"}), false)
	stream.RequestBody([]byte("half"), false)
	stream.RequestBody([]byte("half"), false)
	stream.RequestTrailers([][2]string{{"x-auth-subject", "root"}, {"x-trailer", "kept"}})
}

// answer answers all calls under way.
func (s *story) answer(status, body string) {
	s.answerEach(func(*wasmhost.Callout) (string, string) { return status, body })
}

func (s *story) answerEach(answer func(*wasmhost.Callout) (status, body string)) {
	for _, call := range s.plugin.Callouts() {
		s.vm.Advance(time.Millisecond)
		status, body := answer(call)
		call.Answer([][2]string{{":status", status}, {"content-type", "application/json"}}, []byte(body), nil)
	}
	s.catchUp()
}

// introspect is the server of the tokens fake-active, fake-inactive and fake-failing.
func (s *story) introspect() {
	s.answerEach(func(call *wasmhost.Callout) (string, string) {
		switch {
		case strings.Contains(string(call.Body), "fake-active"):
			return "200", activeAlice
		case strings.Contains(string(call.Body), "fake-inactive"):
			return "200", inactive
		}
		return "500", ""
	})
}

// good is the static token of every story.
const good = "fake-good-token"

func withGood(config string) string {
	return strings.Replace(config, `"providers": {`, fmt.Sprintf(
		`"providers": {"good": {"type": "static", "tokens": [{"sha256": "%x", "subject": "good"}]}, `, sha256.Sum256([]byte(good))), 1)
}

var panicStories = map[string]struct {
	config func(key *testkey.Key) string
	play   func(s *story, key *testkey.Key)
}{
	"keys": {
		func(*testkey.Key) string { return withGood(discoveredConfig("")) },
		func(s *story, key *testkey.Key) {
			token := key.Token(s.vm.Now(), nil)
			s.send("/", good)
			s.post("/", token)
			s.after(50 * time.Millisecond)
			s.answer("200", `{"issuer": "`+testkey.Issuer+`", "jwks_uri": "`+testkey.Issuer+`/keys"}`)
			s.send("/second", token)
			s.answer("200", testkey.Set(key))
			s.send("/", token)
			s.post("/", token)
			s.send("/", testkey.Forged(token))
			s.send("/", key.Token(s.vm.Now(), members{"exp": 1}))
			s.send("/", "fake-wrong-token")
			s.after(2 * time.Minute)
			s.send("/", token)
		},
	},
	"introspection": {
		func(*testkey.Key) string { return introspected("") },
		func(s *story, _ *testkey.Key) {
			s.post("/", "fake-active")
			s.introspect()
			s.send("/", "fake-active")
			s.introspect()
			s.send("/", "fake-inactive")
			s.introspect()
			s.send("/", "fake-failing")
			s.introspect()
			s.send("/", "fake-active-of-a-client-that-leaves").End()
			s.after(time.Minute)
			s.introspect()
		},
	},
	"revocation": {
		func(key *testkey.Key) string { return revokingConfig(key, "") },
		func(s *story, key *testkey.Key) {
			s.send("/", s.lasting(key, "a"))
			s.after(50 * time.Millisecond)
			s.answer("200", revoked("a"))
			s.send("/", s.lasting(key, "a"))
			s.post("/", s.lasting(key, "b"))
			s.after(time.Minute)
			s.answer("200", revoked("a", "b"))
			s.after(time.Second) // an answer that a panic lost is fetched again
			s.after(time.Minute)
			s.answer("200", revoked("a", "b"))
			s.send("/", s.lasting(key, "b"))
			s.after(time.Minute)
			s.answer("404", "")
		},
	},
}

// play plays a story. The module panics at the host call that is like at, or never where
// that is the zero value. A late panic comes after the host has carried out the call.
func play(t *testing.T, name string, key *testkey.Key, at wasmhost.HostCall, late bool) *story {
	t.Helper()
	vm := startVM(t, wasmhost.Options{AllowHeadersStopIteration: true})
	s := &story{fetching: &fetching{t: t, vm: vm}}
	refuse := vm.Refuse
	if late {
		refuse = vm.Misreport
	}
	refuse(func(call wasmhost.HostCall) (wasmhost.Status, bool) {
		return statusPanic, call.Name == at.Name && call.N == at.N
	})
	told := panicStories[name]
	if s.plugin, s.started = vm.NewPlugin([]byte(told.config(key))); !s.started {
		return s
	}
	told.play(s, key)
	for range 3 {
		s.after(10 * time.Second)
	}
	for _, stream := range s.streams {
		stream.End()
	}
	s.calls = len(vm.Calls())
	s.control = s.plugin.NewStream()
	s.control.RequestHeaders(request("/", "Bearer "+controlToken(s, name, key)), true)
	if name == "introspection" {
		s.introspect()
	}
	s.end = len(vm.Calls())
	s.plugin.Delete()
	return s
}

func controlToken(s *story, name string, key *testkey.Key) string {
	switch name {
	case "keys":
		return good
	case "introspection":
		return "fake-active-control"
	}
	return s.lasting(key, "control")
}

func outcome(s *wasmhost.Stream) string {
	if s.Reply() != nil {
		return fmt.Sprint(s.Reply().Status, " ", s.Reply().Details)
	}
	return string(s.Outcome())
}

// TestPanics: after each host call of each story the module panics, once. The panic
// refuses at most what it concerns: the VM goes on, every request is answered, and none
// goes upstream that would not have gone there without the panic.
func TestPanics(t *testing.T) {
	t.Parallel()
	if !strings.Contains(modulePath(), "faults") {
		t.Skip("make faults-test runs this: it needs a build that panics")
	}
	for name := range panicStories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := testkey.New("k1", "EdDSA")
			plain := play(t, name, key, wasmhost.HostCall{}, false)
			seen := map[string]int{}
			all := plain.vm.Calls()
			for _, at := range slices.Concat(all[:plain.calls], all[plain.end:]) {
				if at.Name == "proxy_log" || at.Name == "proxy_define_metric" {
					continue
				}
				starts := at.Callback == "proxy_on_configure"
				if starts && name != "keys" {
					continue // all start alike
				}
				for _, late := range []bool{false, true} {
					if late && starts {
						continue
					}
					if late && at.Name == "proxy_send_local_response" {
						continue // the module must believe that there is no reply
					}
					// A subtest gives its VM back when it ends.
					t.Run(fmt.Sprintf("%s %d in %s, carried out %v", at.Name, at.N, at.Callback, late), func(t *testing.T) {
						s := play(t, name, key, at, late)
						if panicked(s) { // the SDK makes some calls
							seen[at.Callback]++
							checkPlay(t, s, plain, at)
						}
					})
				}
			}
			t.Logf("panics by callback: %v", seen)
			for _, callback := range []string{"proxy_on_delete", "proxy_on_request_headers", "proxy_on_request_trailers", "proxy_on_http_call_response", "proxy_on_tick"} {
				if seen[callback] == 0 {
					t.Errorf("no panic in %s", callback)
				}
			}
		})
	}
}

// panicked reports whether the module panicked.
func panicked(s *story) bool {
	return slices.ContainsFunc(s.vm.Logs(), func(log wasmhost.Log) bool {
		return strings.Contains(log.Message, "internal fault")
	})
}

func wantSameUpstream(t *testing.T, got, want *wasmhost.Stream) {
	t.Helper()
	if got.Upstream() == nil {
		return
	}
	if a, b := fmt.Sprint(*got.Upstream()), fmt.Sprint(*want.Upstream()); a != b {
		t.Errorf("upstream got %s, want %s", a, b)
	}
}

// checkPlay compares a play with a panic with one without.
func checkPlay(t *testing.T, s, plain *story, at wasmhost.HostCall) {
	t.Helper()
	if err := s.vm.Trapped(); err != nil {
		t.Fatalf("the VM ended: %v", err)
	}
	if !s.started {
		return
	}
	failed := 0
	for n, stream := range s.streams {
		got, want := outcome(stream), outcome(plain.streams[n])
		if got == want {
			wantSameUpstream(t, stream, plain.streams[n])
			continue
		}
		if strings.HasPrefix(got, "500 ") {
			failed++
		}
		// Trailers come when the headers have gone upstream.
		allowed := at.Callback == "proxy_on_request_trailers"
		if !strings.HasPrefix(got, "500 ") && !strings.HasPrefix(got, "503 ") ||
			stream.Upstream() != nil && (!allowed || len(stream.Upstream().Trailers) > 0) {
			t.Errorf("request %d: %s, want %s, 500 or 503", n, got, want)
		}
	}
	if failed > 1 {
		t.Errorf("%d requests have 500, want one", failed)
	}
	if got := outcome(s.control); got != "continued" {
		t.Errorf("a request after the story: %s, want it upstream", got)
	}
}
