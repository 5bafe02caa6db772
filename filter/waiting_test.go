package filter_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/testkey"
)

// post begins a request with a body and stops half-way through it.
func (f *fetching) post(token, body string) *wasmhost.Stream {
	s := f.plugin.NewStream()
	headers := request("/", "Bearer "+token)
	headers[0][1] = "POST"
	s.RequestHeaders(headers, false)
	s.RequestBody([]byte(body), false)
	return s
}

// TestWaiting: requests that arrive before the first keys get their own verdicts, for
// requests of every kind, and no part of them is forwarded before.
func TestWaiting(t *testing.T) {
	t.Parallel()
	key, other := testkey.New("k1", "EdDSA"), testkey.New("k1", "EdDSA")
	f := startFetching(t, fetchedConfig(""))
	var good, bad, posts, badPosts []*wasmhost.Stream
	for i := range 5 {
		token := key.Token(f.vm.Now(), members{"sub": fmt.Sprint("user", i)})
		good = append(good, send(f.plugin, token))
		bad = append(bad, f.send(other))
		posts = append(posts, f.post(token, "first"))
		badPosts = append(badPosts, f.post(other.Token(f.vm.Now(), nil), "first"))
		wantReply(t, send(f.plugin, "x.y.z"), 401, "malformed_token")
		if i == 1 {
			f.after(50 * time.Millisecond)
		}
		if action := badPosts[i].RequestBody([]byte("second"), true); action != wasmhost.Pause {
			t.Errorf("the second part of a waiting body: %s", action)
		}
		if action := badPosts[i].RequestTrailers([][2]string{{"x", "y"}}); action != wasmhost.Pause {
			t.Errorf("the trailers of a waiting request: %s", action)
		}
	}
	for _, list := range [][]*wasmhost.Stream{good, bad, posts, badPosts} {
		for _, s := range list {
			f.wantWaiting(s)
		}
	}
	f.serve(key)
	for i := range good {
		wantSubject(t, good[i], fmt.Sprint("user", i))
		wantReply(t, bad[i], 401, "bad_signature")
		wantSubject(t, posts[i], fmt.Sprint("user", i))
		wantReply(t, badPosts[i], 401, "bad_signature")
		posts[i].RequestBody([]byte("second"), true)
		if got := string(posts[i].Upstream().Body); got != "firstsecond" {
			t.Errorf("the upstream got the body %q", got)
		}
		if got := posts[i].FilterState()["wasm.bearerauth.sub"]; got != fmt.Sprint("user", i) {
			t.Errorf("subject %q in the filter state", got)
		}
	}
	f.plugin.Tick()
	if got := f.vm.Metric("decision=.=allow;.;reason=.=token_valid;.;bearerauth_requests_total"); got != 10 {
		t.Errorf("%d allowed requests counted, want 10", got)
	}
	if f.plugin.TickPeriod() != time.Second {
		t.Errorf("a tick each %s with nobody waiting", f.plugin.TickPeriod())
	}
}

// TestClientsLeave: clients disconnect while they wait, and from within the answer. The
// fetch continues, and the others get their verdict.
func TestClientsLeave(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	f := startFetching(t, fetchedConfig(""))
	var streams []*wasmhost.Stream
	for range 20 {
		streams = append(streams, f.send(key))
	}
	for i := 0; i < len(streams); i += 2 { // the one among them that began the fetch
		streams[i].End()
	}
	f.after(50 * time.Millisecond)
	f.vm.OnCall(func(call wasmhost.HostCall) {
		if call.Name == "proxy_set_effective_context" && call.Callback == "proxy_on_http_call_response" {
			streams[1].End() // the host ends it just before it would get its verdict
			f.vm.OnCall(nil)
		}
	})
	f.serve(key)
	for i := 3; i < len(streams); i += 2 {
		wantSubject(t, streams[i], "alice")
		streams[i].End()
	}
	if err := f.vm.Trapped(); err != nil {
		t.Fatal(err)
	}
	f.after(time.Second)
	wantSubject(t, f.send(key), "alice")
}

// TestDeadline: no request waits longer than the timeout, for any time of the answer.
func TestDeadline(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	f := startFetching(t, fetchedConfig(`, "timeout": "2s"`))
	f.after(50 * time.Millisecond)
	call := f.call()
	s := f.send(key)
	f.after(1900 * time.Millisecond)
	f.wantWaiting(s)
	if f.plugin.TickPeriod() > 100*time.Millisecond {
		t.Errorf("a tick each %s while somebody waits", f.plugin.TickPeriod())
	}
	f.after(100 * time.Millisecond)
	f.wantUnavailable(s)
	s.End()
	late := f.send(key)
	f.wantWaiting(late)
	set := []byte(testkey.Set(key))
	call.Answer([][2]string{{":status", "200"}}, set, nil)
	wantSubject(t, late, "alice")
	// Once more, and again when another fetch is under way.
	call.Answer([][2]string{{":status", "200"}}, []byte(testkey.Set(testkey.New("evil", "EdDSA"))), nil)
	wantSubject(t, f.send(key), "alice")
	f.after(10 * time.Minute)
	f.call()
	call.Fail()
	call.Answer([][2]string{{":status", "200"}}, []byte(testkey.Set(testkey.New("evil", "EdDSA"))), nil)
	f.serve(key)
	wantSubject(t, f.send(key), "alice")
	if got := warnings(f.vm); len(got) != 0 {
		t.Errorf("warnings %q", got)
	}
}

// TestWaitingByTwoHeaders: a policy that needs two headers only reads no others of a
// request that passes. A request that waits or fails is decided with all headers.
func TestWaitingByTwoHeaders(t *testing.T) {
	t.Parallel()
	key, other := testkey.New("k1", "EdDSA"), testkey.New("k1", "EdDSA")
	vm := startVM(t, wasmhost.Options{AllowHeadersStopIteration: true})
	vm.ForeignFunctions["verify_signature"] = envoyVerifies
	f := &fetching{t, vm, startPlugin(t, vm, strings.Replace(fetchedConfig(""), `"subject_header": "x-auth-subject",`, "", 1))}
	good, bad := f.send(key), f.post(other.Token(f.vm.Now(), nil), "body")
	f.wantWaiting(good)
	f.wantWaiting(bad)
	f.after(50 * time.Millisecond)
	f.serve(key)
	wantReply(t, bad, 401, "bad_signature")
	for _, call := range []string{"", "proxy_get_header_map_value", "proxy_get_header_map_pairs"} {
		refusal := f.vm.RefuseNth(call, 0, wasmhost.InternalFailure)
		if s := f.send(key); s.Outcome() != wasmhost.Continued && s.Reply().Status != 500 || call == "" && s.Outcome() != wasmhost.Continued {
			t.Errorf("without %s: %s %+v", call, s.Outcome(), s.Reply())
		}
		for _, s := range []*wasmhost.Stream{f.send(other), send(f.plugin, "x"), f.send(testkey.New("k2", "EdDSA"))} {
			if s.Upstream() != nil {
				t.Errorf("without %s a request passes", call)
			}
			s.End()
		}
		refusal.Lift()
	}
	if good.Outcome() != wasmhost.Continued {
		t.Errorf("%s, want the request to go on", good.Outcome())
	}
}

// TestManyWaiting: there is room for a thousand; beyond it the answer comes at once.
func TestManyWaiting(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	f := startFetching(t, fetchedConfig(""))
	f.after(0)
	token := key.Token(f.vm.Now(), nil)
	var streams []*wasmhost.Stream
	for range 1000 {
		streams = append(streams, send(f.plugin, token))
	}
	for _, s := range streams {
		f.wantWaiting(s)
	}
	f.wantUnavailable(send(f.plugin, token))
	streams[500].End()
	streams[500] = send(f.plugin, token)
	f.wantWaiting(streams[500])
	f.wantUnavailable(send(f.plugin, token))
	f.serve(key)
	for _, s := range streams {
		wantSubject(t, s, "alice")
	}
}

// TestWaitingForTwo: a request that needs the keys of two issuers has its verdict
// as soon as both have answered, in whichever order, and not when its time is over.
func TestWaitingForTwo(t *testing.T) {
	t.Parallel()
	one, two := testkey.New("k1", "EdDSA"), testkey.New("k1", "EdDSA")
	provider := func(name, more string) string {
		return fmt.Sprintf(`%q: {"type": "jwt", "issuer": "https://%s.example", "algorithms": ["EdDSA"], "cluster": %q,
			"jwks_uri": "https://%s.example/keys"%s}`, name, name, name, name, more)
	}
	config := `{"subject_header": "x-auth-subject", "providers": {` + provider("one", "") + `, ` + provider("two", `, "token_locations": [{"header": "x-two"}]`) + `},
		"rules": [{"all_of": ["one", "two"]}]}`
	for _, order := range [][]string{{"one", "two"}, {"two", "one"}} {
		f := startFetching(t, config)
		now := f.vm.Now()
		send := func(second *testkey.Key) *wasmhost.Stream {
			s := f.plugin.NewStream()
			s.RequestHeaders(request("/", "Bearer "+one.Token(now, members{"iss": "https://one.example"}),
				[2]string{"x-two", second.Token(now, members{"iss": "https://two.example", "sub": "device"})}), true)
			return s
		}
		good, bad := send(two), send(testkey.New("k1", "EdDSA"))
		f.after(50 * time.Millisecond)
		for _, name := range order {
			f.wantWaiting(good)
			for _, call := range f.plugin.Callouts() {
				if call.Cluster == name {
					call.Answer([][2]string{{":status", "200"}}, []byte(testkey.Set(map[string]*testkey.Key{"one": one, "two": two}[name])), nil)
				}
			}
		}
		wantSubject(t, good, "alice")
		wantReply(t, bad, 401, "bad_signature")
	}
}

// TestPathsOfWaiting: a request that waits can end at any time, and access logs show
// its path. So the host has it without a token until the verdict. What is kept of
// these paths is bounded.
func TestPathsOfWaiting(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	f := startFetching(t, fetchedConfig(`, "token_locations": [{"header": "authorization"}, {"insecure_query_parameter": "key"}]`))
	wait := func(path string) (s *wasmhost.Stream, shown string) {
		s = f.plugin.NewStream()
		s.RequestHeaders(request(path, ""), true)
		f.wantWaiting(s)
		for _, call := range s.Calls() {
			if call.Name == "proxy_replace_header_map_value" {
				shown = call.Arguments
			}
		}
		return s, shown
	}
	token := key.Token(f.vm.Now(), nil)
	read := "/x?a=1&key=" + token + "&b=2"
	first, shown := wait(read)
	if strings.Contains(shown, token) || !strings.Contains(shown, "/x?a=1&b=2") {
		t.Errorf("the host has the path %s", shown)
	}
	var flood []*wasmhost.Stream
	long := read + "&" + strings.Repeat("c", 50_000)
	before := len(f.vm.Memory())
	for range 999 {
		s, _ := wait(long)
		flood = append(flood, s)
		f.vm.Forget()
	}
	if grown := len(f.vm.Memory()) - before; grown > 16<<20 {
		t.Errorf("%d KiB for the paths of waiting requests", grown>>10)
	}
	for _, s := range flood {
		s.End()
	}
	if _, shown := wait(long); shown == "" || strings.Contains(shown, token) {
		t.Error("the paths of requests that left are kept")
	}
	f.serve(key)
	wantSubject(t, first, "alice")
	if got := header(first.Upstream().Headers, ":path"); got != "/x?a=1&b=2" {
		t.Errorf("the upstream gets %s", got)
	}
}
