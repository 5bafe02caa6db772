package filter_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/testkey"
)

// wasmhost fails a test in which one callback asks for more than a hundred ends of
// streams: Envoy runs them nested, and V8's stack bears some three hundred.

// answered counts streams that have their verdict.
func answered(streams []*wasmhost.Stream) (n int) {
	for _, s := range streams {
		if s.Outcome() != wasmhost.Waiting {
			n++
		}
	}
	return n
}

// TestBurstInTurns: a thousand requests that wait for one answer are decided in the order
// of their arrival, some in each callback, and all within 50 ms.
func TestBurstInTurns(t *testing.T) {
	t.Parallel()
	key, other := testkey.New("k1", "EdDSA"), testkey.New("k1", "EdDSA")
	f := startFetching(t, fetchedConfig(""))
	f.after(0)
	good, bad := key.Token(f.vm.Now(), nil), other.Token(f.vm.Now(), nil)
	var streams []*wasmhost.Stream
	for n := range 1000 {
		streams = append(streams, send(f.plugin, map[bool]string{true: good, false: bad}[n%3 > 0]))
	}
	f.call().Answer([][2]string{{":status", "200"}}, []byte(testkey.Set(key)), nil)
	began := f.vm.Now()
	for last := 0; last < len(streams); {
		n := answered(streams)
		if n == last {
			t.Fatalf("%d requests have their answer, and a tick brings no more", n)
		}
		if n != answered(streams[:n]) {
			t.Fatalf("%d requests have their answer, but not those that came first", n)
		}
		last = n
		// Some of those that wait for their turn leave, and new ones come.
		if last+1 < len(streams) && streams[last+1].Outcome() == wasmhost.Waiting {
			streams[last+1].End()
			streams = append(streams[:last+1], streams[last+2:]...)
		}
		wantSubject(t, send(f.plugin, good), "alice")
		if f.plugin.TickPeriod() != time.Millisecond && last < len(streams) {
			t.Fatalf("%d requests wait for a tick in %s", len(streams)-last, f.plugin.TickPeriod())
		}
		f.vm.Advance(time.Millisecond)
		f.plugin.Tick()
	}
	if took := f.vm.Now().Sub(began); took > 50*time.Millisecond {
		t.Errorf("the last answer came after %s", took)
	}
	for _, s := range streams {
		if s.Outcome() != wasmhost.Continued {
			wantReply(t, s, 401, "bad_signature")
		}
	}
	f.after(time.Second)
	if f.plugin.TickPeriod() != time.Second {
		t.Errorf("a tick each %s with nothing to do", f.plugin.TickPeriod())
	}
}

// TestBursts: each of a thousand waiting requests gets its answer, for each kind of
// answer, and no callback ends too many streams.
func TestBursts(t *testing.T) {
	t.Parallel()
	key, unknown := testkey.New("k1", "EdDSA"), testkey.New("k2", "EdDSA")
	asked := introspected(`, "timeout": "2s"`)
	two := strings.Replace(asked, `"providers": {`, `"providers": {"idp": {"type": "jwt", "issuer": "`+testkey.Issuer+`", "algorithms": ["EdDSA"],
		"cluster": "issuer", "jwks_uri": "https://issuer.example/keys"}, `, 1)
	listed := fmt.Sprintf(`{"providers": {"idp": {"type": "jwt", "issuer": %q, "algorithms": ["EdDSA"], "jwks": %s}},
		"revocations": {"uri": "https://issuer.example/revoked", "cluster": "issuer", "timeout": "2s"}}`, testkey.Issuer, testkey.Set(key))
	jwt := func(k *testkey.Key) func(*fetching, int) string {
		return func(f *fetching, _ int) string { return k.Token(f.vm.Now(), nil) }
	}
	each := func(_ *fetching, n int) string { return fmt.Sprint("opaque-", n) }
	for name, c := range map[string]struct {
		config  string
		warm    bool
		token   func(*fetching, int) string
		noHosts bool
		answer  string // "": none ever comes
		status  int    // 0: it passes
	}{
		"cold keys":                  {config: fetchedConfig(""), token: jwt(key), answer: testkey.Set(key)},
		"cold keys, hung":            {config: fetchedConfig(""), token: jwt(key), status: 503},
		"cold keys, no hosts":        {config: fetchedConfig(""), token: jwt(key), noHosts: true, status: 503},
		"an unknown kid":             {config: fetchedConfig(""), warm: true, token: jwt(unknown), answer: testkey.Set(key), status: 401},
		"an unknown kid, hung":       {config: fetchedConfig(""), warm: true, token: jwt(unknown), status: 503},
		"an opaque token":            {config: asked, token: func(*fetching, int) string { return "opaque" }, answer: `{"active": false}`, status: 401},
		"an opaque token, hung":      {config: asked, token: func(*fetching, int) string { return "opaque" }, status: 503},
		"an opaque token, no hosts":  {config: asked, token: func(*fetching, int) string { return "opaque" }, noHosts: true, status: 503},
		"opaque tokens":              {config: asked, token: each, answer: `{"active": false}`, status: 401},
		"opaque tokens, hung":        {config: asked, token: each, status: 503},
		"opaque tokens, no hosts":    {config: asked, token: each, noHosts: true, status: 503},
		"opaque tokens and keys":     {config: two, token: each, answer: `{"active": false}`, status: 401},
		"revocations":                {config: listed, token: jwt(key), answer: `{"revoked": []}`},
		"revocations, hung":          {config: listed, token: jwt(key), status: 503},
		"a list that cannot be read": {config: listed, token: jwt(key), answer: `{}`, status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startFetching(t, c.config)
			if c.warm {
				f.after(50 * time.Millisecond)
				f.serve(key)
			}
			f.vm.NoHosts = c.noHosts
			var streams []*wasmhost.Stream
			for n := range 1000 {
				streams = append(streams, send(f.plugin, c.token(f, n)))
			}
			if !c.noHosts && answered(streams) > 0 {
				t.Fatalf("%d requests do not wait: %+v", answered(streams), streams[0].Reply())
			}
			for f.after(0); c.answer != "" && answered(streams) < len(streams); f.after(10 * time.Millisecond) {
				calls := f.plugin.Callouts()
				if len(calls) == 0 {
					t.Fatalf("%d of %d have their answer, and no call is under way", answered(streams), len(streams))
				}
				for _, call := range calls {
					call.Answer([][2]string{{":status", "200"}, {"content-type", "application/json"}}, []byte(c.answer), nil)
				}
			}
			for range 100 { // no request waits longer than its server's timeout
				f.after(100 * time.Millisecond)
			}
			for n, s := range streams {
				switch {
				case c.status == 0:
					if s.Outcome() != wasmhost.Continued {
						t.Fatalf("request %d: %s %+v", n, s.Outcome(), s.Reply())
					}
				case s.Outcome() != wasmhost.Replied || s.Reply().Status != c.status:
					t.Fatalf("request %d: %s %+v, want %d", n, s.Outcome(), s.Reply(), c.status)
				}
			}
			if err := f.vm.Trapped(); err != nil {
				t.Fatal(err)
			}
			f.after(time.Second)
			if f.plugin.TickPeriod() != time.Second {
				t.Errorf("a tick each %s with nothing to do", f.plugin.TickPeriod())
			}
		})
	}
}

// TestFailureIsForAll: a server's failure is the answer for all that waited for
// it, also for those whose turn comes later. They do not ask again.
func TestFailureIsForAll(t *testing.T) {
	t.Parallel()
	f := startIntrospecting(t, introspected(`, "negative_ttl": "0s", "positive_ttl": "0s"`))
	for _, c := range []struct {
		status, body string
		want         int
	}{{"500", "", 503}, {"200", `{"active": false}`, 401}, {"200", activeAlice, 0}} {
		f.after(time.Minute)
		var streams []*wasmhost.Stream
		for range 200 {
			streams = append(streams, send(f.plugin, "opaque"))
		}
		f.answer(c.status, c.body)
		f.wantNoCall()
		for _, s := range streams {
			if c.want == 0 {
				wantSubject(t, s, "alice")
			} else if s.Outcome() != wasmhost.Replied || s.Reply().Status != c.want {
				t.Fatalf("%s %+v, want %d", s.Outcome(), s.Reply(), c.want)
			}
			s.End()
		}
	}
}

// TestPluginEndsInTurns: a plugin that is taken away while its requests wait for
// their turn leaves nothing to do for the others of its VM.
func TestPluginEndsInTurns(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	f := startFetching(t, fetchedConfig(""))
	neighbour := startPlugin(t, f.vm, oneToken("fake-token", "bob"))
	f.after(0)
	token := key.Token(f.vm.Now(), nil)
	for range 1000 {
		send(f.plugin, token)
	}
	f.call().Answer([][2]string{{":status", "200"}}, []byte(testkey.Set(key)), nil)
	if !f.plugin.Delete() {
		t.Fatal("the plugin does not end")
	}
	wantSubject(t, send(neighbour, "fake-token"), "bob")
	for range 3 {
		f.vm.Advance(time.Second)
		neighbour.Tick()
	}
	wantSubject(t, send(neighbour, "fake-token"), "bob")
}

// TestTrailersOfWaitingRequests: the host shows trailers while the headers wait, and sends
// them without another callback once the request continues.
func TestTrailersOfWaitingRequests(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	for _, config := range []string{fetchedConfig(`, "token_locations": [{"header": "authorization"}, {"header": "x-token"}, {"cookie": "token"}]`), introspected("")} {
		f := startFetching(t, config)
		f.after(0)
		token := "opaque"
		if strings.Contains(config, "jwks_uri") {
			token = key.Token(f.vm.Now(), nil)
		}
		s := f.plugin.NewStream()
		headers := request("/", "Bearer "+token)
		headers[0][1] = "POST"
		s.RequestHeaders(headers, false)
		s.RequestBody([]byte("body"), false)
		forged := [][2]string{{"x-auth-subject", "root"}, {"x_auth_subject", "root"}, {"authorization", "Bearer " + token}, {"x-checksum", "kept"}}
		if strings.Contains(config, "x-token") {
			forged = append(forged, [2]string{"x-token", token}, [2]string{"x_token", token}, [2]string{"cookie", "token=" + token})
		}
		s.RequestTrailers(forged)
		f.wantWaiting(s)
		body := activeAlice
		if strings.Contains(config, "jwks_uri") {
			body = testkey.Set(key)
		}
		f.answer("200", body)
		wantSubject(t, s, "alice")
		if got := s.Upstream().Trailers; len(got) != 1 || got[0][0] != "x-checksum" {
			t.Errorf("trailers %v upstream", got)
		}
	}
}
