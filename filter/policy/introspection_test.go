package policy

import (
	"encoding/base64"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// introspectionWorld is a policy that asks a server, and the server.
type introspectionWorld struct {
	t      *testing.T
	policy *Policy
	state  *State
	now    time.Time
	calls  []fetch.Call
	asked  int
	began  map[string]time.Time // the newest call about a token
}

func newIntrospectionWorld(t *testing.T, members map[string]any, more string) *introspectionWorld {
	t.Helper()
	return introspectionWorldOf(t, `{"subject_header": "x-sub", "providers": {"server": `+introspectionProvider(members)+`}`+more+`}`)
}

func introspectionWorldOf(t *testing.T, config string) *introspectionWorld {
	t.Helper()
	p := mustParse(t, config)
	return &introspectionWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow}
}

// introspectionProvider takes more members, and no longer those that are nil.
func introspectionProvider(members map[string]any) string {
	all := map[string]any{
		"type": "introspection", "introspection_uri": "https://issuer.example/introspect", "cluster": "issuer",
		"client_id": "gate", "client_secret": "fake-secret",
	}
	maps.Copy(all, members)
	for name, value := range all {
		if value == nil {
			delete(all, name)
		}
	}
	return mustJSON(all)
}

func (w *introspectionWorld) decide(path, token string) verdict.Verdict {
	r := request.NewRequest([][2]string{{":method", "GET"}, {":path", path}, {"authorization", "Bearer " + token}})
	r.MayWait = true
	v := w.policy.Decide(w.state, w.now, &r)
	w.due()
	return v
}

func (w *introspectionWorld) want(path, token, want string) {
	w.t.Helper()
	v := w.decide(path, token)
	got := decided(v)
	if _, ok := v.(*verdict.Wait); ok {
		got = "wait"
	}
	if got != want {
		w.t.Errorf("%s: %s, want %s", token, got, want)
	}
}

// due takes the calls that begin now.
func (w *introspectionWorld) due() {
	calls := w.state.Due(w.now)
	w.calls = append(w.calls, calls...)
	for _, call := range calls {
		if w.began == nil {
			w.began = map[string]time.Time{}
		}
		w.began[tokenOf(call)] = w.now
	}
}

// answer gives the oldest call an answer, and returns what its request said.
func (w *introspectionWorld) answer(status, contentType, body string) (fetch.Call, fetch.Learned) {
	w.t.Helper()
	if len(w.calls) == 0 {
		w.t.Fatal("nobody has asked")
	}
	call := w.calls[0]
	w.calls = w.calls[1:]
	w.asked++
	a := fetch.Answer{OK: status != "", Headers: [][2]string{{":status", status}, {"content-type", contentType}}, Body: []byte(body)}
	l := w.state.Learn(w.now, call, a)
	w.due()
	return call, l
}

// tokenOf is the token that a call asks about.
func tokenOf(call fetch.Call) string {
	form, err := url.ParseQuery(string(call.Body))
	if err != nil {
		panic(err)
	}
	return form.Get("token")
}

// knows reports whether a token counts as known: it may wait where unknown ones may not.
func (w *introspectionWorld) knows(token string) bool {
	r := bearerRequest(token)
	r.KnownMayWait = true
	return decided(w.policy.Decide(w.state, w.now, r)) == "wait"
}

const jsonType = "application/json;charset=UTF-8"

// TestIntrospectionAnswers: only an active that is true passes, and the server's claims
// are checked as a JWT's.
func TestIntrospectionAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, status, contentType, body, want string
		config                                map[string]any
	}{
		{"active", "200", jsonType, `{"active":true,"sub":"alice"}`, "token_valid", nil},
		{"inactive", "200", jsonType, `{"active":false}`, "inactive", nil},
		{"inactive, with claims", "200", jsonType, `{"active":false,"sub":"alice"}`, "inactive", nil},
		{"active as a text", "200", jsonType, `{"active":"true"}`, "introspection_unavailable", nil},
		{"active as a number", "200", jsonType, `{"active":1}`, "introspection_unavailable", nil},
		{"active null", "200", jsonType, `{"active":null}`, "introspection_unavailable", nil},
		{"no active", "200", jsonType, `{"sub":"alice"}`, "introspection_unavailable", nil},
		{"Active", "200", jsonType, `{"Active":true}`, "introspection_unavailable", nil},
		{"active twice", "200", jsonType, `{"active":true,"active":false}`, "introspection_unavailable", nil},
		{"active by an escape twice", "200", jsonType, `{"active":false,"\u0061ctive":true}`, "introspection_unavailable", nil},
		{"inside", "200", jsonType, `{"x":{"active":true}}`, "introspection_unavailable", nil},
		{"an array", "200", jsonType, `[{"active":true}]`, "introspection_unavailable", nil},
		{"two documents", "200", jsonType, `{"active":true}{}`, "introspection_unavailable", nil},
		{"nothing", "200", jsonType, ``, "introspection_unavailable", nil},
		{"no UTF-8", "200", jsonType, "{\"active\":true,\"sub\":\"\xff\"}", "introspection_unavailable", nil},
		{"HTML", "200", "text/html", `{"active":true}`, "introspection_unavailable", nil},
		{"no type", "200", "", `{"active":true}`, "introspection_unavailable", nil},
		{"a signed answer that nobody asked for", "200", "application/token-introspection+jwt", `a.b.c`, "introspection_unavailable", nil},
		{"201", "201", jsonType, `{"active":true}`, "introspection_unavailable", nil},
		{"a redirect", "302", jsonType, `{"active":true}`, "introspection_unavailable", nil},
		{"401", "401", jsonType, `{"active":true}`, "introspection_unavailable", nil},
		{"429", "429", jsonType, `{"active":true}`, "introspection_unavailable", nil},
		{"500", "500", jsonType, `{"active":true}`, "introspection_unavailable", nil},
		{"no answer", "", "", ``, "introspection_unavailable", nil},
		{"huge", "200", jsonType, `{"active":true,"x":"` + strings.Repeat("a", fetch.MaxAnswerBytes) + `"}`, "introspection_unavailable", nil},
		{"expired", "200", jsonType, `{"active":true,"exp":1}`, "expired", nil},
		{"expiry of another type", "200", jsonType, `{"active":true,"exp":"9999999999"}`, "introspection_unavailable", nil},
		{"no expiry, required", "200", jsonType, `{"active":true}`, "no_expiry", map[string]any{"require_expiry": true}},
		{"not yet", "200", jsonType, `{"active":true,"nbf":9999999999}`, "not_yet_valid", nil},
		{"audience", "200", jsonType, `{"active":true,"aud":["x","api"]}`, "token_valid", map[string]any{"audiences": []string{"api"}}},
		{"another audience", "200", jsonType, `{"active":true,"aud":"x"}`, "wrong_audience", map[string]any{"audiences": []string{"api"}}},
		{"no audience", "200", jsonType, `{"active":true}`, "wrong_audience", map[string]any{"audiences": []string{"api"}}},
		{"issuer", "200", jsonType, `{"active":true,"iss":"https://a"}`, "token_valid", map[string]any{"issuers": []string{"https://a"}}},
		{"another issuer", "200", jsonType, `{"active":true,"iss":"https://a/"}`, "wrong_issuer", map[string]any{"issuers": []string{"https://a"}}},
		{"no issuer", "200", jsonType, `{"active":true}`, "wrong_issuer", map[string]any{"issuers": []string{"https://a"}}},
		{"a bearer token", "200", jsonType, `{"active":true,"token_type":"bearer","token_use":"access_token"}`, "token_valid", nil},
		{"a refresh token", "200", jsonType, `{"active":true,"token_type":"Bearer","token_use":"refresh_token"}`, "wrong_type", nil},
		{"a refresh token by its type", "200", jsonType, `{"active":true,"token_type":"refresh_token"}`, "wrong_type", nil},
		{"a type that is no text", "200", jsonType, `{"active":true,"token_type":["Bearer"]}`, "wrong_type", nil},
		{"DPoP", "200", jsonType, `{"active":true,"token_type":"DPoP"}`, "wrong_type", nil},
		{"sender-constrained", "200", jsonType, `{"active":true,"cnf":{"jkt":"x"}}`, "sender_constrained", nil},
		{"claim", "200", jsonType, `{"active":true,"username":"bob"}`, "token_valid", map[string]any{"required_claims": []any{map[string]any{"claim": "username", "values": []string{"bob"}}}}},
		{"another claim", "200", jsonType, `{"active":true,"username":"eve"}`, "wrong_claim", map[string]any{"required_claims": []any{map[string]any{"claim": "username", "values": []string{"bob"}}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newIntrospectionWorld(t, c.config, "")
			w.want("/", "opaque", "wait")
			if _, learned := w.answer(c.status, c.contentType, c.body); !learned.Settled {
				t.Error("whoever waits is not judged again")
			}
			w.want("/", "opaque", c.want)
		})
	}
}

// TestIntrospectionRequest: the token is in the body and nowhere else.
func TestIntrospectionRequest(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, map[string]any{"client_id": "a b:c", "client_secret": "p%:w"}, "")
	token := "fake~token+/=="
	w.want("/", token, "wait")
	call, _ := w.answer("200", jsonType, `{"active":true}`)
	form, err := url.ParseQuery(string(call.Body))
	if err != nil || form.Get("token") != token || form.Get("token_type_hint") != "access_token" || len(form) != 2 {
		t.Errorf("asked with %q %v", call.Body, err)
	}
	if call.Method != "POST" || call.Path != "/introspect" || call.Authority != "issuer.example" || call.Cluster != "issuer" {
		t.Errorf("%+v", call)
	}
	if got, want := fetch.HeaderValue(call.Headers, "authorization"), "Basic "+base64.StdEncoding.EncodeToString([]byte("a%20b%3Ac:p%25%3Aw")); got != want {
		t.Errorf("authorization %q, want %q", got, want)
	}
	for _, h := range call.Headers {
		if strings.Contains(h[1], "fake~token") {
			t.Errorf("the token stands in %v", h)
		}
	}
}

// TestIntrospectionCache: an answer is valid for its ttl or until exp, whichever comes
// first, and rules decide each time.
func TestIntrospectionCache(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, map[string]any{"positive_ttl": "30s", "negative_ttl": "5s", "leeway": "0s"},
		`, "rules": [{"match": {"path": "/admin"}, "scopes": ["admin"]}]`)
	w.want("/", "good", "wait")
	w.answer("200", jsonType, `{"active":true,"sub":"alice","scope":"read"}`)
	for _, at := range []time.Duration{0, 29 * time.Second} {
		w.now = testNow.Add(at)
		w.want("/", "good", "token_valid")
		w.want("/admin", "good", "insufficient_scope")
	}
	if got := setHeader(w.decide("/", "good"), "x-sub"); got != "alice" {
		t.Errorf("it is %q", got)
	}
	w.now = testNow.Add(30 * time.Second)
	w.want("/", "good", "wait")
	w.answer("200", jsonType, `{"active":false}`)
	w.want("/", "good", "inactive")
	w.now = w.now.Add(4 * time.Second)
	w.want("/", "good", "inactive")
	w.now = w.now.Add(time.Second)
	w.want("/", "good", "wait")
	exp := w.now.Add(10 * time.Second).Unix()
	w.answer("200", jsonType, `{"active":true,"exp":`+mustJSON(exp)+`}`)
	w.want("/", "good", "token_valid")
	w.now = w.now.Add(11 * time.Second)
	w.want("/", "good", "wait")
	if w.asked != 3 {
		t.Errorf("%d questions, want 3", w.asked)
	}
}

// TestIntrospectionOnce: many requests with one token are one question, and with
// no ttl at all they still get its answer.
func TestIntrospectionOnce(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, map[string]any{"positive_ttl": "0s", "negative_ttl": "0s"}, "")
	for range 10 {
		w.want("/", "good", "wait")
	}
	if len(w.calls) != 1 {
		t.Fatalf("%d questions, want one", len(w.calls))
	}
	w.answer("200", jsonType, `{"active":true}`)
	for range 10 {
		w.want("/", "good", "token_valid")
	}
	w.now = w.now.Add(time.Millisecond)
	w.want("/", "good", "wait")
	w.answer("", "", "")
	w.want("/", "good", "introspection_unavailable")
	w.now = w.now.Add(time.Millisecond)
	w.want("/", "good", "wait")
}

// TestIntrospectionOutage: what a good token was a moment ago holds where the
// configuration says so, and not for long.
func TestIntrospectionOutage(t *testing.T) {
	t.Parallel()
	for stale, want := range map[string]string{"0s": "introspection_unavailable", "20s": "token_valid"} {
		w := newIntrospectionWorld(t, map[string]any{"positive_ttl": "10s", "stale_if_error": stale}, "")
		w.want("/", "good", "wait")
		w.answer("200", jsonType, `{"active":true}`)
		w.want("/", "bad", "wait")
		w.answer("200", jsonType, `{"active":false}`)
		w.now = testNow.Add(11 * time.Second)
		w.want("/", "good", "wait")
		w.answer("503", "", "")
		w.want("/", "good", want)
		w.want("/", "bad", "wait")
		w.answer("503", "", "")
		w.want("/", "bad", "introspection_unavailable")
		w.now = testNow.Add(31 * time.Second)
		w.want("/", "good", "wait")
		w.answer("503", "", "")
		w.want("/", "good", "introspection_unavailable")
	}
}

// TestIntrospectionFlood: garbage takes a part of the calls only, and tokens that
// were good get through.
func TestIntrospectionFlood(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, map[string]any{"max_calls": 4, "positive_ttl": "10s"}, "")
	w.want("/", "good", "wait")
	w.answer("200", jsonType, `{"active":true}`)
	w.now = testNow.Add(11 * time.Second)
	for i := range 500 {
		w.want("/", "garbage-"+mustJSON(i), "wait")
	}
	if len(w.calls) != 3 {
		t.Fatalf("%d calls for strangers, want 3 of 4", len(w.calls))
	}
	w.want("/", "good", "wait")
	if len(w.calls) != 4 || !strings.Contains(string(w.calls[3].Body), "token=good") {
		t.Fatalf("the good token waits behind the garbage")
	}
	w.calls = w.calls[3:]
	w.answer("200", jsonType, `{"active":true}`)
	w.want("/", "good", "token_valid")
	// Questions without waiting requests are not asked.
	w.now = w.now.Add(time.Minute)
	if due := w.state.Due(w.now); len(due) != 0 {
		t.Errorf("%d questions that nobody waits for", len(due))
	}
}

// TestIntrospectionSelection: a JWT is not sent to a server, except on purpose.
func TestIntrospectionSelection(t *testing.T) {
	t.Parallel()
	issuer := issuerOnce()
	jwt := issuer.sign(nil, nil)
	stranger := newTestIssuer().sign(nil, map[string]any{"iss": "https://stranger.example"})
	for _, c := range []struct {
		name   string
		config map[string]any
		token  string
		want   string
	}{
		{"opaque", nil, "opaque", "wait"},
		{"a JWT", nil, jwt, "unknown_token"},
		{"a JWT on purpose", map[string]any{"jwts": "of_issuers", "issuers": []string{"https://issuer.example"}}, jwt, "wait"},
		{"a JWT of a stranger", map[string]any{"jwts": "of_issuers", "issuers": []string{"https://issuer.example"}}, stranger, "unknown_token"},
		{"what looks like a JWT", map[string]any{"jwts": "of_issuers", "issuers": []string{"https://issuer.example"}}, "a.b.c", "unknown_token"},
		{"five parts", nil, "a.b.c.d.e", "wait"},
		{"two parts", nil, "a.b", "wait"},
		{"the prefix", map[string]any{"token_prefix": "tok_"}, "tok_1", "wait"},
		{"another prefix", map[string]any{"token_prefix": "tok_"}, "TOK_1", "unknown_token"},
		{"too short", map[string]any{"token_min_length": 5}, "1234", "unknown_token"},
		{"too long", map[string]any{"token_max_length": 5}, "123456", "unknown_token"},
		{"expression", map[string]any{"token_regex": "[0-9]+"}, "123", "wait"},
		{"expression, anchored", map[string]any{"token_regex": "[0-9]+"}, "123a", "unknown_token"},
	} {
		w := newIntrospectionWorld(t, c.config, "")
		t.Log(c.name)
		w.want("/", c.token, c.want)
		if got := len(w.calls); (got == 1) != (c.want == "wait") {
			t.Errorf("%s: %d calls", c.name, got)
		}
	}
}

// TestEveryMemberSaysAccessToken: an answer may say of a token what it is under two
// names. A refresh token is none to pass with, whichever of them says so.
func TestEveryMemberSaysAccessToken(t *testing.T) {
	t.Parallel()
	for members, want := range map[string]string{
		`"token_use":"refresh_token","token_type":"bearer"`: "wrong_type", `"token_type":"bearer","token_use":"refresh_token"`: "wrong_type",
		`"token_use":"access_token","token_type":"DPoP"`: "wrong_type", `"token_type":"DPoP","token_use":"access_token"`: "wrong_type",
		`"token_use":"access_token","token_type":"Bearer"`: "token_valid", `"token_type":"bearer"`: "token_valid",
	} {
		w := newIntrospectionWorld(t, nil, "")
		w.want("/", "opaque", "wait")
		w.answer("200", jsonType, `{"active":true,`+members+`}`)
		w.want("/", "opaque", want)
	}
}
