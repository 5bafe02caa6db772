package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// TestFloodOfGarbage: during a flood of unknown tokens, a token that was good a moment ago
// is introspected at once, and its answer stays in memory.
func TestFloodOfGarbage(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, map[string]any{"max_calls": 4, "positive_ttl": "10s", "negative_ttl": "1h", "cache_bytes": 64 << 10}, "")
	w.want("/", "good", "wait")
	w.answer("200", jsonType, `{"active":true,"sub":"alice"}`)
	// Answered garbage, far more than fits.
	for i := range 5000 {
		w.want("/", fmt.Sprint("inactive-", i), "wait")
		w.answer("200", jsonType, `{"active":false}`)
	}
	w.want("/", "good", "token_valid")
	w.now = testNow.Add(11 * time.Second)
	// Unanswered garbage, more than can wait, in numbers and in bytes.
	for i := range 2000 {
		w.decide("/", fmt.Sprint("waiting-", i))
	}
	for i := range 600 {
		w.decide("/", fmt.Sprint(strings.Repeat("x", 4000), i))
	}
	if len(w.calls) != 3 {
		t.Fatalf("%d calls for strangers, want 3 of 4", len(w.calls))
	}
	w.want("/", "stranger", "introspection_unavailable")
	// No room for strangers to wait, but for those that are known.
	r := request.NewRequest([][2]string{{":method", "GET"}, {":path", "/"}, {"authorization", "Bearer good"}})
	r.KnownMayWait = true
	if got := decided(w.policy.Decide(w.state, w.now, &r)); got != "wait" {
		t.Fatalf("the good token: %s, want wait", got)
	}
	other := request.NewRequest([][2]string{{":method", "GET"}, {":path", "/"}, {"authorization", "Bearer waiting-1"}})
	other.KnownMayWait = true
	if got := decided(w.policy.Decide(w.state, w.now, &other)); got != "introspection_unavailable" {
		t.Errorf("a stranger where only the known may wait: %s", got)
	}
	due := w.state.Due(w.now)
	if len(due) != 1 || !strings.HasPrefix(string(due[0].Body), "token=good&") {
		t.Fatalf("the good token waits behind the garbage: %d calls", len(due))
	}
	w.calls = due
	w.answer("200", jsonType, `{"active":true,"sub":"alice"}`)
	w.want("/", "good", "token_valid")
	// No request waits for the garbage any longer: there is room again.
	w.now = w.now.Add(5 * time.Second)
	w.want("/", "stranger", "wait")
}

// TestLongGarbage: what waits is bounded in bytes, too.
func TestLongGarbage(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, map[string]any{"max_calls": 2}, "")
	waiting := 0
	for i := range 600 {
		if decided(w.decide("/", fmt.Sprint(strings.Repeat("x", 4000), i))) == "wait" {
			waiting++
		}
	}
	if waiting < 200 || waiting > (1<<20)/4000 {
		t.Errorf("%d tokens of 4000 bytes wait", waiting)
	}
}

// TestKnownGoFirst: the next free call is for a token that was good.
func TestKnownGoFirst(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, map[string]any{"max_calls": 4, "positive_ttl": "10s"}, "")
	for i := range 6 {
		w.want("/", fmt.Sprint("good-", i), "wait")
		w.answer("200", jsonType, `{"active":true}`)
	}
	w.now = w.now.Add(11 * time.Second)
	for i := range 4 {
		w.want("/", fmt.Sprint("good-", i), "wait")
	}
	w.want("/", "stranger", "wait")
	w.want("/", "good-4", "wait")
	w.answer("200", jsonType, `{"active":true}`)
	if next := tokenOf(w.calls[len(w.calls)-1]); len(w.calls) != 4 || next != "good-4" {
		t.Errorf("%s goes first", next)
	}
}

// TestRevokedIsAStranger: a token that is no longer good has no privilege.
func TestRevokedIsAStranger(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, map[string]any{"positive_ttl": "10s", "negative_ttl": "0s"}, "")
	w.want("/", "good", "wait")
	w.answer("200", jsonType, `{"active":true}`)
	w.now = w.now.Add(time.Minute)
	w.want("/", "good", "wait")
	if !w.knows("good") {
		t.Error("a token that was good is a stranger")
	}
	w.answer("200", jsonType, `{"active":false}`)
	w.want("/", "good", "inactive")
	w.now = w.now.Add(time.Millisecond)
	w.want("/", "good", "wait")
	if w.knows("good") {
		t.Error("a revoked token is known")
	}
	// So is one that was good long ago.
	w = newIntrospectionWorld(t, map[string]any{"positive_ttl": "10s"}, "")
	w.want("/", "good", "wait")
	w.answer("200", jsonType, `{"active":true}`)
	w.now = w.now.Add(time.Hour)
	w.want("/", "good", "wait")
	if w.knows("good") {
		t.Error("good an hour ago is known")
	}
}

// TestQuestionAnsweredTwice: a shell that fails half-way delivers an answer again.
func TestQuestionAnsweredTwice(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, map[string]any{"max_calls": 2}, "")
	w.want("/", "one", "wait")
	call, _ := w.answer("200", jsonType, `{"active":true}`)
	for range 5 {
		if l := w.state.Learn(w.now, call, fetch.Answer{}); !l.Settled {
			t.Error("whoever waits is not woken")
		}
	}
	w.want("/", "one", "token_valid")
	for i := range 10 {
		w.want("/", fmt.Sprint("more-", i), "wait")
	}
	if len(w.calls) != 1 {
		t.Errorf("%d calls under way, want 1", len(w.calls))
	}
}

// TestLookupAnsweredTwiceAndAskedAgain: the second answer comes when the same token
// is asked about anew. It can only be a failure, and it lets nothing pass. The answer
// to the new question is then too late and changes nothing.
func TestLookupAnsweredTwiceAndAskedAgain(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, map[string]any{"max_calls": 2, "negative_ttl": "0s"}, "")
	w.want("/", "one", "wait")
	first, _ := w.answer("200", jsonType, `{"active":false}`)
	w.now = w.now.Add(time.Second)
	w.want("/", "one", "wait")
	if len(w.calls) != 1 {
		t.Fatalf("%d calls under way, want the new one", len(w.calls))
	}
	if l := w.state.Learn(w.now, first, fetch.Answer{}); !l.Settled || l.Failure == "" {
		t.Errorf("%+v, want a failure", l)
	}
	w.answer("200", jsonType, `{"active":true}`)
	for i := range 10 {
		w.want("/", fmt.Sprint("more-", i), "wait")
	}
	if len(w.calls) != 1 { // strangers get one of two
		t.Errorf("%d calls under way, want 1", len(w.calls))
	}
	w.want("/", "one", "introspection_unavailable")
	w.now = w.now.Add(time.Millisecond)
	w.want("/", "one", "wait")
}

// TestStale: what the server said of a good token holds while it cannot be
// asked, for a bounded time, and without a call at each request.
func TestStale(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, map[string]any{"positive_ttl": "10s", "stale_if_error": "60s", "leeway": "0s"}, "")
	exp := testNow.Add(40 * time.Second).Unix()
	for token, body := range map[string]string{"good": `{"active":true}`, "short": fmt.Sprintf(`{"active":true,"exp":%d}`, exp)} {
		w.want("/", token, "wait")
		w.answer("200", jsonType, body)
	}
	w.now = testNow.Add(11 * time.Second)
	w.want("/", "good", "wait")
	w.answer("", "", "")
	w.want("/", "good", "token_valid")
	w.now = w.now.Add(5*time.Second - time.Millisecond)
	w.want("/", "good", "token_valid")
	w.now = w.now.Add(time.Millisecond)
	w.want("/", "good", "wait")
	w.answer("200", jsonType, `{"active":false}`)
	w.want("/", "good", "inactive")
	w.now = w.now.Add(time.Millisecond)
	// A request whose time is over, or that finds no room, gets the stale answer.
	r := bearerRequest("short")
	if got := decided(w.policy.Decide(w.state, w.now, r)); got != "token_valid" {
		t.Errorf("without time to wait: %s", got)
	}
	w.now = testNow.Add(41 * time.Second)
	for range 2 {
		w.want("/", "short", "wait")
		w.answer("503", "", "")
		w.want("/", "short", "expired")
		w.now = w.now.Add(10 * time.Second)
	}
}

// TestQuestionFailures: which failure is whose, and nothing that the server says
// gets into the log.
func TestQuestionFailures(t *testing.T) {
	t.Parallel()
	const secret = "fake-secret-token"
	for _, c := range []struct {
		status, contentType, body, want string
		mistake                         bool
	}{
		{"401", jsonType, `{"error":"invalid_client"}`, "invalid_client", true},
		{"401", jsonType, `{"error":"` + secret + `"}`, "401", true},
		{"403", "text/html", `<p>` + secret, "403", true},
		{"404", "", "", "introspection_uri", true},
		{"400", jsonType, `{"error":"unsupported_token_type"}`, "unsupported_token_type", true},
		{"429", jsonType, `{"error":"invalid_client"}`, "429", false},
		{"408", "", "", "408", false},
		{"500", jsonType, secret, "500", false},
		{"302", secret, secret, "302", false},
		{"200", secret, `{"active":true}`, "application/json", false},
		{"200", jsonType, `{"active":"` + secret + `"}`, "active", false},
		{"200", jsonType, `{"` + secret + `":1,"` + secret + `":2}`, "", false},
		{"", "", "", "no answer", false},
	} {
		w := newIntrospectionWorld(t, nil, "")
		w.want("/", "opaque", "wait")
		_, l := w.answer(c.status, c.contentType, c.body)
		if l.Failure == "" || !strings.Contains(l.Failure, c.want) || l.Misconfigured != c.mistake || strings.Contains(l.Failure, secret) {
			t.Errorf("%s %q: %+v", c.status, c.body, l)
		}
		w.want("/", "opaque", "introspection_unavailable")
	}
}

// TestQuestionInShadow: a shadow rule delays no request, and still asks the server.
func TestQuestionInShadow(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, nil, `, "rules": [{"shadow": true}]`)
	v := w.decide("/", "good")
	if a, ok := v.(*verdict.Allow); !ok || a.Shadowed == nil || a.Shadowed.Reason != verdict.ReasonIntrospectionUnavailable || a.Identity != nil || len(w.calls) != 1 {
		t.Fatalf("%+v and %d calls", v, len(w.calls))
	}
	w.answer("200", jsonType, `{"active":true,"sub":"alice"}`)
	if got := setHeader(w.decide("/", "good"), "x-sub"); got != "alice" {
		t.Errorf("it is %q", got)
	}
}

// TestQuickIntrospection: a remembered answer is quick, and no other.
func TestQuickIntrospection(t *testing.T) {
	p := mustParse(t, `{"providers": {"server": {"type": "introspection", "introspection_uri": "https://issuer.example/introspect",
		"cluster": "issuer", "client_id": "gate", "client_secret": "fake", "positive_ttl": "10s", "stale_if_error": "60s"}}}`)
	if !p.OnlyCredential() {
		t.Fatal("not for Quick")
	}
	w := &introspectionWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow}
	quick := func(token string) bool { return p.Quick(w.state, w.now, "Bearer "+token, "/") != nil }
	if quick("good") || len(w.state.Due(w.now)) != 0 {
		t.Fatal("Quick lets pass or asks")
	}
	w.want("/", "good", "wait")
	w.answer("200", jsonType, `{"active":true}`)
	w.want("/", "bad", "wait")
	w.answer("200", jsonType, `{"active":false}`)
	if !quick("good") || quick("bad") {
		t.Error("what is remembered")
	}
	if n := testing.AllocsPerRun(100, func() { quick("good") }); n > 1 { // the header's text
		t.Errorf("%v allocations", n)
	}
	w.now = w.now.Add(11 * time.Second)
	if quick("good") {
		t.Error("Quick takes what is stale")
	}
}

// TestIntrospectAfterVerify: a JWT is good if it verifies and the server calls
// it active; the server never sees one that does not verify.
func TestIntrospectAfterVerify(t *testing.T) {
	t.Parallel()
	issuer := issuerOnce()
	config := strings.Replace(jwtConfig(t, map[string]any{"introspect_after_verify": "server"}), `"providers":{`,
		`"providers":{"server": {"type": "introspection", "introspection_uri": "https://issuer.example/introspect", "only_after_verify": true,
		"cluster": "issuer", "client_id": "gate", "client_secret": "fake", "positive_ttl": "10s"},`, 1)
	p := mustParse(t, config)
	w := &introspectionWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow}
	for token, want := range map[string]string{
		newTestIssuer().sign(nil, nil):                                   "bad_signature",
		issuer.sign(nil, map[string]any{"exp": testNow.Unix() - 60}):     "expired",
		issuer.sign(nil, map[string]any{"iss": "https://other.example"}): "wrong_issuer",
		"opaque":    "unknown_token",
		"a.b.c.d.e": "unknown_token",
	} {
		w.want("/", token, want)
	}
	token := issuer.sign(nil, map[string]any{"sub": "alice"})
	for range 3 {
		w.want("/", token, "wait")
	}
	if len(w.calls) != 1 || !w.knows(token) {
		t.Fatalf("%d calls", len(w.calls))
	}
	w.answer("200", jsonType, `{"active":true,"sub":"mallory"}`)
	w.want("/", token, "token_valid")
	if got := setHeader(w.decide("/", token), "x-sub"); got != "alice" {
		t.Errorf("it is %q, want what the token says", got)
	}
	w.now = w.now.Add(11 * time.Second)
	w.want("/", token, "wait")
	w.answer("200", jsonType, `{"active":false}`)
	w.want("/", token, "inactive")
	other := issuer.sign(nil, map[string]any{"sub": "bob"})
	w.want("/", other, "wait")
	w.answer("503", "", "")
	w.want("/", other, "introspection_unavailable")
}

// TestQuestionForTwo: both tokens of a request are asked about at once.
func TestQuestionForTwo(t *testing.T) {
	t.Parallel()
	provider := func(more string) string {
		return `{"type": "introspection", "introspection_uri": "https://issuer.example/introspect", "cluster": "issuer",
			"client_id": "gate", "client_secret": "fake"` + more + `}`
	}
	p := mustParse(t, `{"providers": {"one": `+provider("")+`, "two": `+provider(`, "token_locations": [{"header": "x-two"}]`)+`},
		"rules": [{"all_of": ["one", "two"]}]}`)
	for first := range 2 {
		w := &introspectionWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow}
		ask := func() string {
			r := request.NewRequest([][2]string{{":method", "GET"}, {":path", "/"}, {"authorization", "Bearer a"}, {"x-two", "b"}})
			r.MayWait = true
			return decided(p.Decide(w.state, w.now, &r))
		}
		if got := ask(); got != "wait" {
			t.Fatal(got)
		}
		w.calls = w.state.Due(w.now)
		if len(w.calls) != 2 {
			t.Fatalf("%d calls at once, want 2", len(w.calls))
		}
		w.calls[0], w.calls[1] = w.calls[first], w.calls[1-first]
		w.answer("200", jsonType, `{"active":true}`)
		if got := ask(); got != "wait" {
			t.Errorf("with one answer: %s", got)
		}
		w.answer("200", jsonType, `{"active":true}`)
		if got := ask(); got != "token_valid" {
			t.Errorf("with both: %s", got)
		}
	}
}

// TestQuestionLivesAsLongAsItsWaiters: a request that joins late still gets an answer.
func TestQuestionLivesAsLongAsItsWaiters(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, map[string]any{"max_calls": 2, "timeout": "2s"}, "")
	w.want("/", "first", "wait")
	w.want("/", "second", "wait") // in the queue
	w.now = w.now.Add(1900 * time.Millisecond)
	v := w.decide("/", "second")
	wait, ok := v.(*verdict.Wait)
	if !ok {
		t.Fatal(decided(v))
	}
	w.now = w.now.Add(500 * time.Millisecond)
	w.answer("", "", "")
	if len(w.calls) != 1 || !strings.HasPrefix(string(w.calls[0].Body), "token=second&") {
		t.Fatalf("%d calls: the question went before the last who waits", len(w.calls))
	}
	if !w.now.Before(wait.Until) {
		t.Error("nobody waits")
	}
}

// TestOutlivedAnswer: an active token whose exp is past is not asked about at
// each request.
func TestOutlivedAnswer(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, map[string]any{"negative_ttl": "10s"}, "")
	w.want("/", "old", "wait")
	w.answer("200", jsonType, `{"active":true,"exp":1}`)
	w.now = w.now.Add(9 * time.Second)
	w.want("/", "old", "expired")
	w.now = w.now.Add(time.Second)
	w.want("/", "old", "wait")
}
