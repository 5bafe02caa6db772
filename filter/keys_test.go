package filter_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/testkey"
)

// fetching is a plugin whose keys come over the network; the test is the network.
type fetching struct {
	t      *testing.T
	vm     *wasmhost.VM
	plugin *wasmhost.Plugin
}

// fetchedConfig takes more members of the provider, each with a comma before it.
func fetchedConfig(more string) string {
	return fmt.Sprintf(`{"subject_header": "x-auth-subject", "providers": {"idp": {
		"type": "jwt", "issuer": %q, "algorithms": ["EdDSA", "ES256"],
		"cluster": "issuer", "jwks_uri": "https://issuer.example/keys"%s}}}`, testkey.Issuer, more)
}

func discoveredConfig(more string) string {
	return strings.Replace(fetchedConfig(more), `"jwks_uri": "https://issuer.example/keys"`, `"discovery": true`, 1)
}

func startFetching(t *testing.T, config string) *fetching {
	t.Helper()
	vm := startVM(t, wasmhost.Options{AllowHeadersStopIteration: true})
	return &fetching{t, vm, startPlugin(t, vm, config)}
}

// startWithKeys has fetched them already.
func startWithKeys(t *testing.T, config string, keys ...*testkey.Key) *fetching {
	t.Helper()
	f := startFetching(t, config)
	f.after(50 * time.Millisecond)
	f.serve(keys...)
	return f
}

// after lets time pass, with a tick at its end.
func (f *fetching) after(d time.Duration) {
	f.vm.Advance(d)
	f.plugin.Tick()
	f.catchUp()
}

// catchUp ticks as the host does while the module asks for the shortest period:
// what one callback may do is bounded.
func (f *fetching) catchUp() {
	for range 100 {
		if f.plugin.TickPeriod() != time.Millisecond || f.vm.Trapped() != nil {
			return
		}
		f.vm.Advance(time.Millisecond)
		f.plugin.Tick()
	}
	f.t.Fatal("the module asks for the shortest period for ever")
}

// call is the one fetch under way.
func (f *fetching) call() *wasmhost.Callout {
	f.t.Helper()
	f.catchUp()
	calls := f.plugin.Callouts()
	if len(calls) != 1 {
		f.t.Fatalf("%d fetches under way, want one", len(calls))
	}
	return calls[0]
}

func (f *fetching) wantNoCall() {
	f.t.Helper()
	if calls := f.plugin.Callouts(); len(calls) != 0 {
		f.t.Fatalf("%d fetches under way, want none", len(calls))
	}
}

// answer answers the fetch under way, some time after it began.
func (f *fetching) answer(status, body string, more ...[2]string) {
	f.t.Helper()
	call := f.call()
	f.vm.Advance(time.Millisecond)
	call.Answer(append([][2]string{{":status", status}, {"content-type", "application/json"}}, more...), []byte(body), nil)
	f.catchUp()
}

func (f *fetching) serve(keys ...*testkey.Key) {
	f.t.Helper()
	f.answer("200", testkey.Set(keys...))
}

func (f *fetching) send(k *testkey.Key) *wasmhost.Stream {
	return send(f.plugin, k.Token(f.vm.Now(), nil))
}

func (f *fetching) wantWaiting(s *wasmhost.Stream) {
	f.t.Helper()
	if s.Outcome() != wasmhost.Waiting || s.Upstream() != nil {
		f.t.Fatalf("%s %+v, want the request to wait", s.Outcome(), s.Reply())
	}
}

func (f *fetching) wantUnavailable(s *wasmhost.Stream) {
	f.t.Helper()
	wantReply(f.t, s, 503, "keys_unavailable")
	if s.Reply().Header("retry-after") == "" || s.Reply().Header("www-authenticate") != "" {
		f.t.Fatalf("headers %v, want Retry-After and no challenge", s.Reply().Headers)
	}
}

// TestPrefetch: keys are fetched before a request needs them, once.
func TestPrefetch(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	f := startFetching(t, fetchedConfig(`, "timeout": "2s"`))
	f.wantNoCall() // not at the start: a canary VM must not make calls
	f.after(50 * time.Millisecond)
	call := f.call()
	if call.Cluster != "issuer" || call.Timeout != 2*time.Second || len(call.Body) != 0 {
		t.Errorf("%+v", call)
	}
	for name, want := range map[string]string{
		":method": "GET", ":scheme": "https", ":authority": "issuer.example", ":path": "/keys", "authorization": "",
	} {
		if got := call.Header(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	f.after(time.Second)
	f.serve(key)
	wantSubject(t, f.send(key), "alice")
	f.after(time.Second)
	f.wantNoCall()
	if got := f.vm.Metric("result=.=success;.;bearerauth_key_fetches_total"); got != 1 {
		t.Errorf("%d successful fetches counted", got)
	}
}

// TestUnknownKid: it causes one fetch for any number of tokens that name it, and no other
// for a while.
func TestUnknownKid(t *testing.T) {
	t.Parallel()
	key, rotated, unknown := testkey.New("k1", "EdDSA"), testkey.New("k2", "EdDSA"), testkey.New("k3", "EdDSA")
	f := startWithKeys(t, fetchedConfig(""), key)
	var found, missing []*wasmhost.Stream
	for range 3 {
		found = append(found, f.send(rotated))
	}
	f.vm.Advance(time.Millisecond)
	for range 3 {
		missing = append(missing, f.send(unknown))
	}
	wantSubject(t, f.send(key), "alice") // others do not wait
	for _, s := range append(found, missing...) {
		f.wantWaiting(s)
	}
	f.serve(key, rotated)
	for _, s := range found {
		wantSubject(t, s, "alice")
	}
	// The fetch had begun before the other kid came: the key may be there by now.
	for _, s := range missing {
		f.wantWaiting(s)
	}
	f.after(50 * time.Millisecond)
	f.serve(key, rotated)
	for _, s := range missing {
		wantReply(t, s, 401, "unknown_key")
	}
	f.vm.Advance(9 * time.Second)
	wantReply(t, f.send(unknown), 401, "unknown_key")
	f.wantNoCall()
	f.vm.Advance(2 * time.Second)
	s := f.send(unknown)
	f.wantWaiting(s)
	f.serve(key, rotated, unknown)
	wantSubject(t, s, "alice")
}

// TestUnfitKid: a key of that name is there, for another algorithm. That is one
// fetch, too, not all that the bucket holds.
func TestUnfitKid(t *testing.T) {
	t.Parallel()
	key, other := testkey.New("k1", "EdDSA"), testkey.New("k1", "ES256")
	f := startWithKeys(t, fetchedConfig(""), key)
	s := f.send(other)
	fetches := 0
	for len(f.plugin.Callouts()) > 0 {
		fetches++
		f.serve(key)
		f.after(50 * time.Millisecond)
	}
	wantReply(t, s, 401, "unknown_key")
	if fetches != 1 {
		t.Errorf("%d fetches, want one", fetches)
	}
}

// TestKidFlood: clients with made-up kids cause few fetches, then get 401, and delay no
// request with a known key.
func TestKidFlood(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	f := startWithKeys(t, fetchedConfig(""), key)
	stranger := *key
	fetches := 0
	flood := func(from, to int) {
		for i := from; i < to; i++ {
			stranger.ID = fmt.Sprint("made-up-", i)
			s := f.send(&stranger)
			if len(f.plugin.Callouts()) > 0 {
				fetches++
				f.wantWaiting(s)
				f.serve(key)
			}
			wantReply(t, s, 401, "unknown_key")
		}
	}
	flood(0, 600)
	if fetches != 4 {
		t.Errorf("%d fetches for 600 made-up kids, want 4", fetches)
	}
	wantSubject(t, f.send(key), "alice")
	f.vm.Advance(10 * time.Second)
	flood(600, 620)
	if fetches != 5 {
		t.Errorf("%d fetches after ten seconds, want one more", fetches)
	}
	stranger.ID = strings.Repeat("x", 300)
	f.vm.Advance(time.Minute)
	wantReply(t, f.send(&stranger), 401, "unknown_key")
}

// TestRefresh: keys are fetched again ahead of time, as Cache-Control has it
// within its bounds.
func TestRefresh(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		headers [][2]string
		want    time.Duration
	}{
		{"nothing said", nil, 10 * time.Minute},
		{"max-age", [][2]string{{"cache-control", "public, Max-Age=3600"}}, time.Hour},
		{"max-age, quoted", [][2]string{{"cache-control", `max-age="120"`}}, 2 * time.Minute},
		{"too short", [][2]string{{"cache-control", "max-age=1"}}, time.Minute},
		{"zero", [][2]string{{"cache-control", "max-age=0"}}, time.Minute},
		{"too long", [][2]string{{"cache-control", "max-age=31536000"}}, 24 * time.Hour},
		{"beyond numbers", [][2]string{{"cache-control", "max-age=99999999999999999999"}}, 24 * time.Hour},
		{"no number", [][2]string{{"cache-control", "max-age=soon"}}, 10 * time.Minute},
		{"no-cache", [][2]string{{"cache-control", "no-cache"}}, time.Minute},
		{"no-store beside max-age", [][2]string{{"cache-control", "max-age=3600, no-store"}}, time.Minute},
		{"no-cache in another line", [][2]string{{"cache-control", "max-age=3600"}, {"cache-control", "no-cache"}}, time.Minute},
		{"age", [][2]string{{"cache-control", "max-age=3600"}, {"age", "1800"}}, 30 * time.Minute},
		{"older than its age", [][2]string{{"cache-control", "max-age=3600"}, {"age", "7200"}}, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			key := testkey.New("k1", "EdDSA")
			f := startFetching(t, fetchedConfig(`, "max_stale": "48h"`))
			f.after(0)
			f.answer("200", testkey.Set(key), c.headers...)
			f.after(c.want*3/4 - time.Second)
			f.wantNoCall()
			f.after(c.want/4 + time.Second)
			f.call()
			wantSubject(t, f.send(key), "alice")
		})
	}
}

// TestMixedSet: usable keys of a set are used, and the log names the others without
// showing them.
func TestMixedSet(t *testing.T) {
	t.Parallel()
	key, secret := testkey.New("k1", "EdDSA"), testkey.New("k2", "HS256")
	private := key.JWK()
	private["d"] = b64([]byte("a-private-key-that-leaked"))
	f := startFetching(t, fetchedConfig(""))
	f.after(0)
	f.answer("200", string(mustJSON(members{"keys": []any{secret.JWK(), "x", private}})))
	wantSubject(t, f.send(key), "alice")
	wantReply(t, f.send(secret), 401, "algorithm")
	got := strings.Join(warnings(f.vm), "\n")
	if strings.Count(got, "\n") != 2 || !strings.Contains(got, "keys[0]") || !strings.Contains(got, "keys[1]") || !strings.Contains(got, "private") {
		t.Errorf("warnings %q, want one for each unusable key and one for the private one", got)
	}
	if strings.Contains(got, b64([]byte("a-private-key"))[:12]) || strings.Contains(got, b64(secret.Private.([]byte))[:12]) {
		t.Error("a key is in the log")
	}
}
