package filter_test

import (
	"fmt"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/testkey"
)

// TestRefusedFetch: a host that does not know the cluster.
func TestRefusedFetch(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	for _, status := range []wasmhost.Status{wasmhost.BadArgument, wasmhost.InternalFailure} {
		f := startFetching(t, fetchedConfig(""))
		refusal := f.vm.RefuseNth("proxy_http_call", 0, status)
		early := f.send(key)
		f.wantWaiting(early)
		f.after(50 * time.Millisecond)
		f.wantUnavailable(early)
		if refusal.Count() == 0 || refusal.Count() > 2 {
			t.Errorf("%d calls refused", refusal.Count())
		}
		f.wantUnavailable(f.send(key))
		refusal.Lift()
		f.after(2 * time.Second)
		f.serve(key)
		wantSubject(t, f.send(key), "alice")
	}
}

// TestRefusedSecondFetch: the same between discovery and keys.
func TestRefusedSecondFetch(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	f := startFetching(t, discoveredConfig(""))
	f.after(0)
	s := f.send(key)
	refusal := f.vm.RefuseNth("proxy_http_call", 0, wasmhost.BadArgument)
	f.call().Answer([][2]string{{":status", "200"}}, []byte(`{"issuer": "`+testkey.Issuer+`", "jwks_uri": "`+testkey.Issuer+`/keys"}`), nil)
	f.wantWaiting(s)
	f.after(time.Millisecond)
	f.wantUnavailable(s)
	if refusal.Count() != 1 {
		t.Errorf("%d calls refused", refusal.Count())
	}
}

// TestRefusedCallsWhileWaiting: if the host refuses any call after the verdict, no request
// passes that should not, and no request is lost.
func TestRefusedCallsWhileWaiting(t *testing.T) {
	t.Parallel()
	key, other := testkey.New("k1", "EdDSA"), testkey.New("k1", "EdDSA")
	for _, c := range []struct {
		call   string
		token  *testkey.Key
		status int // of the answer after the host recovered; 0: the request passed
	}{
		{"proxy_set_effective_context", key, 500},
		{"proxy_set_effective_context", other, 500},
		{"proxy_get_header_map_pairs", key, 500},
		{"proxy_get_header_map_pairs", other, 500},
		{"proxy_set_property", key, 500},
		{"proxy_replace_header_map_value", key, 500},
		{"proxy_remove_header_map_value", key, 500},
		{"proxy_continue_stream", key, 500},
		{"proxy_send_local_response", other, 500},
		{"proxy_get_current_time_nanoseconds", key, 503},
		{"proxy_get_buffer_bytes", key, 503},
		{"proxy_log", key, 0},
	} {
		for _, when := range []string{"answer", "deadline"} {
			t.Run(c.call+fmt.Sprint(" ", c.status, " ", when), func(t *testing.T) {
				t.Parallel()
				f := startFetching(t, fetchedConfig(""))
				f.after(0)
				s := f.post(c.token.Token(f.vm.Now(), nil), "body")
				f.wantWaiting(s)
				call := f.call()
				refusal := f.vm.RefuseNth(c.call, 0, wasmhost.InternalFailure)
				if when == "answer" {
					call.Answer([][2]string{{":status", "200"}}, []byte(testkey.Set(key, testkey.New("x", "HS256"))), nil)
					if refusal.Count() == 0 {
						t.Fatal("the call was never made")
					}
				} else {
					f.after(5 * time.Second)
				}
				if c.status != 0 && s.Upstream() != nil {
					t.Fatalf("the request went upstream")
				}
				s.RequestBody([]byte("more"), true)
				refusal.Lift()
				for range 3 {
					if f.vm.Trapped() == nil {
						f.after(10 * time.Second)
					}
				}
				if c.status != 0 && s.Upstream() != nil {
					t.Fatalf("the request went upstream after the host recovered")
				}
				if f.vm.Trapped() == nil && s.Outcome() == wasmhost.Waiting {
					t.Fatal("the request waits for ever")
				}
				if when == "answer" && c.status != 0 && f.vm.Trapped() == nil && s.Reply().Status != c.status {
					t.Errorf("status %d, want %d", s.Reply().Status, c.status)
				}
			})
		}
	}
}

// TestRefusedAnswer: the keys are learned although the host refuses what comes
// with the answer, once the host recovers.
func TestRefusedAnswer(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	for _, call := range []string{"proxy_get_buffer_bytes", "proxy_get_header_map_pairs", "proxy_get_current_time_nanoseconds"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			f := startFetching(t, fetchedConfig(""))
			f.after(0)
			refusal := f.vm.RefuseNth(call, 0, wasmhost.InternalFailure)
			f.serve(key)
			if refusal.Count() == 0 {
				t.Fatal("the call was never made")
			}
			refusal.Lift()
			for range 30 {
				f.after(time.Second)
			}
			if len(f.plugin.Callouts()) == 0 {
				t.Fatal("the keys are never fetched again")
			}
			f.serve(key)
			wantSubject(t, f.send(key), "alice")
		})
	}
}
