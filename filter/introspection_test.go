package filter_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/testkey"
)

// introspected takes more members of the provider.
func introspected(more string) string {
	return `{"subject_header": "x-auth-subject", "providers": {"server": {"type": "introspection", "cluster": "issuer",
		"introspection_uri": "https://issuer.example/introspect", "client_id": "gate", "client_secret": "fake-secret"` + more + `}}}`
}

func startIntrospecting(t *testing.T, config string) *fetching {
	t.Helper()
	f := startFetching(t, config)
	t.Cleanup(func() {
		for _, log := range f.vm.Logs() {
			for _, secret := range []string{"opaque", "fake", "garbage", "PRIVATE"} {
				if strings.Contains(log.Message, secret) {
					t.Errorf("the log has %q", log.Message)
				}
			}
		}
	})
	return f
}

func (f *fetching) wantNotIntrospected(s *wasmhost.Stream) {
	f.t.Helper()
	wantReply(f.t, s, 503, "introspection_unavailable")
	if s.Reply().Header("retry-after") == "" || s.Reply().Header("www-authenticate") != "" {
		f.t.Fatalf("headers %v, want Retry-After and no challenge", s.Reply().Headers)
	}
}

const (
	activeAlice = `{"active": true, "sub": "alice"}`
	inactive    = `{"active": false}`
)

// TestOneCallForMany: if a waiting client disconnects, also the client whose request began
// the call, the others get their verdict. A call without waiting requests is not lost.
func TestOneCallForMany(t *testing.T) {
	t.Parallel()
	f := startIntrospecting(t, introspected(""))
	var streams []*wasmhost.Stream
	for range 20 {
		streams = append(streams, send(f.plugin, "opaque"))
	}
	post := f.post("opaque", "body")
	call := f.call()
	if call.Cluster != "issuer" || call.Header(":method") != "POST" || call.Header(":path") != "/introspect" || call.Timeout != 2*time.Second ||
		string(call.Body) != "token=opaque&token_type_hint=access_token" || call.Header("content-type") != "application/x-www-form-urlencoded" {
		t.Fatalf("%+v %s", call, call.Body)
	}
	for i := 0; i < len(streams); i += 2 {
		streams[i].End()
	}
	f.after(50 * time.Millisecond)
	f.vm.OnCall(func(c wasmhost.HostCall) {
		if c.Name == "proxy_set_effective_context" && c.Callback == "proxy_on_http_call_response" {
			streams[1].End()
			f.vm.OnCall(nil)
		}
	})
	f.answer("200", activeAlice)
	for i := 3; i < len(streams); i += 2 {
		wantSubject(t, streams[i], "alice")
	}
	wantSubject(t, post, "alice")
	wantSubject(t, send(f.plugin, "opaque"), "alice")
	f.wantNoCall()
	for _, c := range []struct {
		token, body string
	}{{"opaque-2", activeAlice}, {"opaque-3", inactive}} {
		left := send(f.plugin, c.token)
		f.wantWaiting(left)
		left.End()
		f.answer("200", c.body)
	}
	wantSubject(t, send(f.plugin, "opaque-2"), "alice")
	wantReply(t, send(f.plugin, "opaque-3"), 401, "inactive")
	f.after(time.Second)
	if got := f.vm.Metric("result=.=success;.;bearerauth_introspections_total"); got != 3 {
		t.Errorf("%d introspections counted, want 3", got)
	}
	if f.plugin.TickPeriod() != time.Second {
		t.Errorf("a tick each %s with nobody waiting", f.plugin.TickPeriod())
	}
}

// TestEachWaitsForItsOwn: where calls are few, tokens wait for their turn. Each token is
// introspected as it was sent, also after later requests, and each request gets the
// verdict about its own token.
func TestEachWaitsForItsOwn(t *testing.T) {
	t.Parallel()
	f := startIntrospecting(t, introspected(`, "max_calls": 2`))
	const n = 12
	streams := map[string]*wasmhost.Stream{}
	for i := range n {
		token := fmt.Sprintf("opaque-%02d", i)
		streams[token] = send(f.plugin, token)
		f.wantWaiting(streams[token])
	}
	asked := map[string]bool{}
	for len(asked) < n {
		f.vm.Advance(time.Millisecond)
		calls := f.plugin.Callouts()
		if len(calls) == 0 {
			t.Fatalf("no call under way, asked about %v", asked)
		}
		form, err := url.ParseQuery(string(calls[0].Body))
		token := form.Get("token")
		if err != nil || streams[token] == nil || asked[token] {
			t.Fatalf("the call asks about %q: %v", token, err)
		}
		asked[token] = true
		body := inactive
		if len(asked)%3 > 0 {
			body = fmt.Sprintf(`{"active": true, "sub": %q}`, "of-"+token)
		}
		calls[0].Answer([][2]string{{":status", "200"}, {"content-type", "application/json"}}, []byte(body), nil)
		if body == inactive {
			wantReply(t, streams[token], 401, "inactive")
		} else {
			wantSubject(t, streams[token], "of-"+token)
		}
	}
	f.wantNoCall()
}

// TestLateAnswer: no request waits longer than timeout and a second, and a late answer
// serves later requests.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	f := startIntrospecting(t, introspected(""))
	s := send(f.plugin, "opaque")
	call := f.call()
	f.after(2900 * time.Millisecond)
	f.wantWaiting(s)
	f.after(100 * time.Millisecond)
	f.wantNotIntrospected(s)
	s.End()
	call.Answer([][2]string{{":status", "200"}, {"content-type", "application/json"}}, []byte(activeAlice), nil)
	wantSubject(t, send(f.plugin, "opaque"), "alice")
	call.Answer([][2]string{{":status", "200"}, {"content-type", "application/json"}}, []byte(inactive), nil) // a second time
	call.Fail()
	wantSubject(t, send(f.plugin, "opaque"), "alice")
}

// TestRefusedIntrospection: a host that does not begin the call, or loses the
// answer.
func TestRefusedIntrospection(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"proxy_http_call", "proxy_get_buffer_bytes", "proxy_get_current_time_nanoseconds"} {
		f := startIntrospecting(t, introspected(`, "max_calls": 2`))
		for range 5 { // more than calls: none may stay counted as under way
			refusal := f.vm.RefuseNth("proxy_http_call", 0, wasmhost.BadArgument)
			if name != "proxy_http_call" {
				refusal.Lift()
			}
			s := send(f.plugin, "opaque")
			f.wantWaiting(s)
			if name != "proxy_http_call" {
				refusal = f.vm.RefuseNth(name, 0, wasmhost.InternalFailure)
				f.answer("200", activeAlice)
			}
			refusal.Lift()
			f.after(50 * time.Millisecond)
			f.wantNotIntrospected(s)
			s.End()
			f.vm.Advance(time.Millisecond)
		}
		s := send(f.plugin, "opaque")
		f.wantWaiting(s)
		f.answer("200", activeAlice)
		wantSubject(t, s, "alice")
	}
}

// TestHostileIntrospection: no request passes by a hostile answer, and the next good
// answer ends the fault.
func TestHostileIntrospection(t *testing.T) {
	t.Parallel()
	f := startIntrospecting(t, introspected(""))
	for name, body := range map[string]string{
		"nothing":         "",
		"half":            `{"active": true`,
		"twice":           `{"active": false, "active": true}`,
		"a text":          `{"active": "true"}`,
		"an array":        `[{"active": true}]`,
		"two documents":   activeAlice + activeAlice,
		"deep":            `{"active": true, "x": ` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}",
		"large":           `{"active": true, "x": "` + strings.Repeat("x", 70<<10) + `"}`,
		"huge":            `{"active": true, "x": "` + strings.Repeat("x", 2<<20) + `"}`,
		"HTML":            "<title>opaque</title>",
		"zeros":           strings.Repeat("\x00", 1000),
		"no UTF-8":        "{\"active\": true, \"sub\": \"\xff\"}",
		"wrong exp":       `{"active": true, "exp": "tomorrow"}`,
		"a bound token":   `{"active": true, "cnf": {"jkt": "x"}}`,
		"many members":    `{"active": true` + strings.Repeat(`, "x": 1`, 1000) + "}",
		"a surrogate":     `{"active": true, "sub": "\ud800"}`,
		"case":            `{"ACTIVE": true}`,
		"an escaped twin": `{"active": false, "\u0061ctive": true}`,
	} {
		s := send(f.plugin, "opaque-"+strings.ReplaceAll(name, " ", "-"))
		f.wantWaiting(s)
		f.answer("200", body)
		if s.Outcome() != wasmhost.Replied || s.Upstream() != nil || s.Reply().Status != 503 && s.Reply().Status != 401 {
			t.Errorf("%s: %s %+v", name, s.Outcome(), s.Reply())
		}
		s.End()
	}
	for _, status := range []string{"", "100", "204", "301", "400", "401", "403", "404", "429", "500", "999", "abc"} {
		s := send(f.plugin, "opaque-"+status)
		f.answer(status, activeAlice)
		f.wantNotIntrospected(s)
		s.End()
	}
	if err := f.vm.Trapped(); err != nil {
		t.Fatal(err)
	}
	s := send(f.plugin, "opaque")
	f.answer("200", activeAlice)
	wantSubject(t, s, "alice")
	if got := len(warnings(f.vm)); got == 0 || got > 3 {
		t.Errorf("%d warnings within a minute", got)
	}
}

// TestIntrospectionFloodInTheShell: garbage fills the queue, and a token that was good a
// moment ago still finds room.
func TestIntrospectionFloodInTheShell(t *testing.T) {
	t.Parallel()
	f := startIntrospecting(t, introspected(`, "max_calls": 4, "positive_ttl": "10s"`))
	good := send(f.plugin, "opaque")
	f.answer("200", activeAlice)
	wantSubject(t, good, "alice")
	good.End()
	f.vm.Advance(11 * time.Second)
	var waiting []*wasmhost.Stream
	for i := range 1500 {
		s := send(f.plugin, fmt.Sprint("garbage-", i%700))
		if s.Outcome() == wasmhost.Waiting {
			waiting = append(waiting, s)
			continue
		}
		f.wantNotIntrospected(s)
		s.End()
	}
	if len(waiting) != 1000 || len(f.plugin.Callouts()) != 3 {
		t.Fatalf("%d requests wait for %d calls", len(waiting), len(f.plugin.Callouts()))
	}
	good = send(f.plugin, "opaque")
	f.wantWaiting(good)
	calls := f.plugin.Callouts()
	if last := calls[len(calls)-1]; len(calls) != 4 || !strings.HasPrefix(string(last.Body), "token=opaque&") {
		t.Fatalf("%d calls", len(calls))
	}
	calls[3].Answer([][2]string{{":status", "200"}, {"content-type", "application/json"}}, []byte(activeAlice), nil)
	wantSubject(t, good, "alice")
	wantSubject(t, send(f.plugin, "opaque"), "alice")
	f.after(4 * time.Second)
	for _, s := range waiting {
		f.wantNotIntrospected(s)
	}
}

// TestIntrospectionOfTwoPlugins: an answer of one server does not affect the other's
// plugin, and a plugin that ends takes its calls along.
func TestIntrospectionOfTwoPlugins(t *testing.T) {
	t.Parallel()
	a := startIntrospecting(t, introspected(""))
	b := &fetching{t, a.vm, startPlugin(t, a.vm, strings.ReplaceAll(introspected(""), `"issuer"`, `"other"`))}
	sa, sb := send(a.plugin, "opaque"), send(b.plugin, "opaque")
	if a.call().Cluster != "issuer" || b.call().Cluster != "other" {
		t.Fatalf("%q %q", a.call().Cluster, b.call().Cluster)
	}
	b.answer("200", inactive)
	a.wantWaiting(sa)
	wantReply(t, sb, 401, "inactive")
	a.answer("200", activeAlice)
	wantSubject(t, sa, "alice")
	wantReply(t, send(b.plugin, "opaque"), 401, "inactive")
	left := send(a.plugin, "opaque-2")
	under := a.call()
	left.End()
	a.plugin.Delete()
	if under.Answer([][2]string{{":status", "200"}}, []byte(activeAlice), nil) {
		t.Error("a deleted plugin took an answer")
	}
	wantReply(t, send(b.plugin, "opaque"), 401, "inactive")
	if err := a.vm.Trapped(); err != nil {
		t.Fatal(err)
	}
}

// TestHostSigns: client assertions are signed by the host where it can, and in
// any case they are right.
func TestHostSigns(t *testing.T) {
	t.Parallel()
	signer := testkey.New("", "RS256")
	key := signer.Private.(*rsa.PrivateKey)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	config := strings.Replace(introspected(fmt.Sprintf(`, "client_authentication": "private_key_jwt", "private_key": %q, "assertion_audience": "https://issuer.example"`, text)),
		`"client_secret": "fake-secret", `, "", 1)
	config = strings.Replace(config, `, "client_secret": "fake-secret"`, "", 1)
	signed := func(argument []byte) []byte {
		if string(fieldOf(argument, 1)) != "sha256" || !strings.HasPrefix(string(fieldOf(argument, 4)), "-----BEGIN RSA") {
			panic("asked for another signature")
		}
		return signer.Sign(string(fieldOf(argument, 3)))
	}
	used := 0
	for name, sign := range map[string]wasmhost.ForeignFunction{
		"none":    nil,
		"refuses": func([]byte) ([]byte, wasmhost.Status) { return nil, wasmhost.BadArgument },
		"says no": func([]byte) ([]byte, wasmhost.Status) { return []byte{8, 0, 26, 1, 'x'}, wasmhost.OK },
		"nothing": func([]byte) ([]byte, wasmhost.Status) { return nil, wasmhost.OK },
		"cut": func(a []byte) ([]byte, wasmhost.Status) {
			return append([]byte{8, 1, 18, 0xff, 0x7f}, signed(a)...), wasmhost.OK
		},
		"wrong": func(a []byte) ([]byte, wasmhost.Status) {
			return append([]byte{8, 1, 18, 0x80, 2}, make([]byte, 256)...), wasmhost.OK
		},
		"right, then not": func(a []byte) ([]byte, wasmhost.Status) {
			return append([]byte{8, 1, 18, 0x80, 2}, signed(a)...), wasmhost.OK
		},
		"right": func(a []byte) ([]byte, wasmhost.Status) {
			used++
			return append([]byte{8, 1, 18, 0x80, 2}, signed(a)...), wasmhost.OK
		},
	} {
		vm := startVM(t, wasmhost.Options{AllowHeadersStopIteration: true})
		if sign != nil {
			vm.ForeignFunctions["sign"] = sign
		}
		f := &fetching{t, vm, startPlugin(t, vm, config)}
		if name == "right, then not" {
			vm.ForeignFunctions["sign"] = func([]byte) ([]byte, wasmhost.Status) { return []byte{8, 1, 18, 1, 0}, wasmhost.OK }
		}
		s := send(f.plugin, "opaque")
		form, err := url.ParseQuery(string(f.call().Body))
		if err != nil {
			t.Fatal(err)
		}
		assertion := form.Get("client_assertion")
		at := strings.LastIndexByte(assertion, '.')
		signature, err := base64.RawURLEncoding.DecodeString(assertion[at+1:])
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(assertion[:at]))
		if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		f.answer("200", activeAlice)
		wantSubject(t, s, "alice")
	}
	if used != 2 { // at the start, to see whether it can
		t.Errorf("the host was asked %d times", used)
	}
}

// fieldOf is a bytes field of a protobuf message.
func fieldOf(message []byte, number byte) []byte {
	for len(message) > 2 {
		tag, size, n := message[0], 0, 1
		for shift := 0; ; shift += 7 {
			size |= int(message[n]&0x7f) << shift
			n++
			if message[n-1] < 0x80 {
				break
			}
		}
		if tag>>3 == number {
			return message[n : n+size]
		}
		message = message[n+size:]
	}
	return nil
}

// TestTwoAnswersWithoutLifetime: a request with two tokens does not ask about the
// first again and again because it had to wait for the second.
func TestTwoAnswersWithoutLifetime(t *testing.T) {
	t.Parallel()
	provider := func(location string) string {
		return `{"type": "introspection", "cluster": "issuer", "introspection_uri": "https://issuer.example/introspect", "client_id": "gate",
			"client_secret": "fake-secret", "positive_ttl": "0s", "token_locations": [{"header": "` + location + `"}]}`
	}
	f := startIntrospecting(t, `{"subject_header": "x-auth-subject", "providers": {"one": `+provider("authorization")+`, "two": `+provider("x-two")+`},
		"rules": [{"all_of": ["one", "two"]}]}`)
	for range 2 {
		s := f.plugin.NewStream()
		s.RequestHeaders(request("/", "Bearer opaque-1", [2]string{"x-two", "opaque-2"}), true)
		calls := f.plugin.Callouts()
		if len(calls) != 2 {
			t.Fatalf("%d calls", len(calls))
		}
		for _, call := range calls {
			f.wantWaiting(s)
			f.vm.Advance(5 * time.Millisecond)
			call.Answer([][2]string{{":status", "200"}, {"content-type", "application/json"}}, []byte(activeAlice), nil)
		}
		wantSubject(t, s, "alice")
		f.wantNoCall()
		f.vm.Advance(5 * time.Millisecond) // a later request asks again
	}
}
