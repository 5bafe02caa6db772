package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// TestLeewayKeepsNoAnswer: an answer is not kept beyond the exp in it (RFC 7662 section
// 4), for any leeway, and not in an outage either.
func TestLeewayKeepsNoAnswer(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, map[string]any{"positive_ttl": "1m", "stale_if_error": "1h"}, "")
	began := testNow.Truncate(time.Second)
	body := fmt.Sprintf(`{"active":true,"exp":%d}`, began.Unix()+10)
	w.want("/", "good", "wait")
	w.answer("200", jsonType, body)
	w.now = began.Add(10*time.Second - time.Millisecond)
	w.want("/", "good", "token_valid")
	w.now = began.Add(10 * time.Second)
	w.want("/", "good", "wait")
	w.answer("500", "", "")
	w.want("/", "good", "introspection_unavailable")
	w.now = began.Add(20 * time.Second)
	w.want("/", "good", "wait")
	w.answer("200", jsonType, body) // its clock is behind
	w.want("/", "good", "token_valid")
	w.now = w.now.Add(time.Millisecond)
	w.want("/", "good", "wait")
	w.answer("200", jsonType, `{"active":false}`)
	w.want("/", "good", "inactive")
}

// TestAnswerThatAdds: what a server says of a JWT that another provider has
// verified opens nothing once the JWT has expired, though the server has JWTs of
// its own at the same place.
func TestAnswerThatAdds(t *testing.T) {
	t.Parallel()
	server := `"server":{"type":"introspection","introspection_uri":"https://issuer.example/introspect","jwts":"of_issuers","issuers":["https://b.example"],
		"cluster":"issuer","client_id":"gate","client_secret":"fake","positive_ttl":"1h"},`
	p := mustParse(t, strings.Replace(jwtConfig(t, map[string]any{"introspect_after_verify": "server"}), `"providers":{`, `"providers":{`+server, 1))
	w := &introspectionWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow}
	token := issuerOnce().sign(nil, map[string]any{"exp": testNow.Unix() + 60})
	w.want("/", token, "wait")
	w.answer("200", jsonType, `{"active":true,"iss":"https://b.example","sub":"mallory"}`)
	if v := w.decide("/", token); setHeader(v, "x-sub") != "alice" {
		t.Fatalf("%s %q", decided(v), setHeader(v, "x-sub"))
	}
	w.now = testNow.Add(2 * time.Minute)
	for range 3 {
		w.want("/", token, "expired")
	}
}

// TestIntrospectedJWTsPassByNoKeys: a JWT that only the server decides about passes by no keys of its
// issuer: not at another location, not if it is too long for the server, and not at the
// server's own location after the server has seen it.
func TestIntrospectedJWTsPassByNoKeys(t *testing.T) {
	t.Parallel()
	server := `"server":{"type":"introspection","introspection_uri":"https://issuer.example/introspect","jwts":"of_issuers","issuers":["https://issuer.example"],
		"cluster":"issuer","client_id":"gate","client_secret":"fake","token_max_length":2000},`
	parse := func(issuer any) (*Policy, error) {
		config := jwtConfig(t, map[string]any{"issuer": issuer, "token_locations": []any{map[string]any{"header": "authorization"}, map[string]any{"header": "x-tok"}}})
		return Parse([]byte(strings.Replace(config, `"providers":{`, `"providers":{`+server, 1)))
	}
	if _, err := parse("https://issuer.example"); err == nil || !strings.Contains(err.Error(), "providers.server.issuers: want issuers of no provider of type jwt") {
		t.Errorf("%v", err)
	}
	p, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &introspectionWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow}
	token := issuerOnce().sign(nil, nil)
	for range 2 {
		r := request.NewRequest([][2]string{{":method", "GET"}, {":path", "/"}, {"x-tok", token}})
		if got := decided(p.Decide(w.state, w.now, &r)); got != "wrong_issuer" {
			t.Errorf("elsewhere: %s", got)
		}
	}
	w.want("/", token, "wait")
	w.answer("200", jsonType, `{"active":false,"iss":"https://issuer.example"}`)
	w.want("/", token, "inactive")
	w.want("/", issuerOnce().sign(nil, map[string]any{"more": strings.Repeat("x", 2000)}), "wrong_issuer")
	w.want("/", issuerOnce().sign(nil, map[string]any{"iss": "https://other.example"}), "token_valid")
}

// TestTwoAnswersWithoutLifetime: a request with two tokens passes with answers that are
// valid for no time at all, though they do not arrive at the same moment. A later request
// asks again.
func TestTwoAnswersWithoutLifetime(t *testing.T) {
	t.Parallel()
	provider := func(more string) string {
		return `{"type":"introspection","introspection_uri":"https://issuer.example/introspect","cluster":"issuer",
			"client_id":"gate","client_secret":"fake","positive_ttl":"0s","negative_ttl":"0s"` + more + `}`
	}
	p := mustParse(t, `{"providers":{"one":`+provider("")+`,"two":`+provider(`,"token_locations":[{"header":"x-two"}]`)+`},"rules":[{"all_of":["one","two"]}]}`)
	for first := range 2 {
		for inactive := range 3 {
			w := &introspectionWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow}
			r := request.NewRequest([][2]string{{":method", "GET"}, {":path", "/"}, {"authorization", "Bearer a"}, {"x-two", "b"}})
			r.MayWait = true
			wait, ok := p.Decide(w.state, w.now, &r).(*verdict.Wait)
			if w.calls = w.state.Due(w.now); !ok || len(w.calls) != 2 {
				t.Fatalf("%d calls", len(w.calls))
			}
			r.Since = wait.Since
			w.calls[0], w.calls[1] = w.calls[first], w.calls[1-first]
			for range 2 {
				w.now = w.now.Add(time.Millisecond)
				body := `{"active":true}`
				if tokenOf(w.calls[0]) == []string{"a", "b", ""}[inactive] {
					body = `{"active":false}`
				}
				w.answer("200", jsonType, body)
			}
			want := []string{"inactive", "inactive", "token_valid"}[inactive]
			if got := decided(p.Decide(w.state, w.now, &r)); got != want {
				t.Errorf("answers in order %d, %d inactive: %s, want %s", first, inactive, got, want)
			}
			r.Since = time.Time{}
			if got := decided(p.Decide(w.state, w.now.Add(time.Millisecond), &r)); got != "wait" {
				t.Errorf("whoever comes later: %s", got)
			}
			r.Since = w.now.Add(time.Millisecond)
			if got := decided(p.Decide(w.state, w.now.Add(2*time.Millisecond), &r)); got != "wait" {
				t.Errorf("whoever has waited for something else: %s", got)
			}
		}
	}
}

// attackConfig has JWTs that are asked about after they verify, and opaque tokens
// of the same server at a header of their own.
func attackConfig(t *testing.T, server, more string) string {
	config := strings.Replace(jwtConfig(t, map[string]any{"introspect_after_verify": "server"}), `"providers":{`,
		`"providers":{"server": {"type": "introspection", "introspection_uri": "https://issuer.example/introspect",
		"cluster": "issuer", "client_id": "gate", "client_secret": "fake", "positive_ttl": "10s"`+server+`},`, 1)
	return strings.TrimSuffix(config, "}") + more + "}"
}

func (w *introspectionWorld) send(headers ...[2]string) verdict.Verdict {
	r := request.NewRequest(append([][2]string{{":method", "GET"}, {":path", "/"}}, headers...))
	r.MayWait = true
	v := w.policy.Decide(w.state, w.now, &r)
	w.calls = append(w.calls, w.state.Due(w.now)...)
	return v
}

// TestBothOfOneServer: one rule, a JWT that is asked about and an opaque token,
// one server; answers in both orders, and one says no.
func TestBothOfOneServer(t *testing.T) {
	t.Parallel()
	jwt := issuerOnce().sign(nil, nil)
	for order := range 2 {
		for no := range 3 {
			p := mustParse(t, attackConfig(t, `, "token_locations": [{"header":"x-opaque"}]`, `,"rules":[{"all_of":["idp","server"]}]`))
			w := &introspectionWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow}
			ask := func() verdict.Verdict {
				return w.send([2]string{"x-opaque", "opaque"}, [2]string{"authorization", "Bearer " + jwt})
			}
			if got := decided(ask()); got != "wait" || len(w.calls) != 2 {
				t.Fatal(got, len(w.calls))
			}
			w.calls[0], w.calls[1] = w.calls[order], w.calls[1-order]
			for i := range 2 {
				w.answer("200", jsonType, fmt.Sprintf(`{"active":%t,"sub":"server-says"}`, i != no))
			}
			v := ask()
			if no == 2 && setHeader(v, "x-sub") != "alice" || no < 2 && decided(v) != "inactive" {
				t.Errorf("order %d no %d: %s %s", order, no, decided(v), setHeader(v, "x-sub"))
			}
		}
	}
}

// TestAfterVerifyClaims: the server's own conditions hold for a JWT that it is
// asked about.
func TestAfterVerifyClaims(t *testing.T) {
	t.Parallel()
	token := issuerOnce().sign(nil, nil)
	for body, want := range map[string]string{
		`{"active":true,"aud":"other"}`:                   "wrong_audience",
		`{"active":true,"aud":"api","exp":1}`:             "expired",
		`{"active":true,"aud":"api","nbf":99999999999}`:   "not_yet_valid",
		`{"active":true,"aud":"api","cnf":{"jkt":"x"}}`:   "sender_constrained",
		`{"active":true,"aud":"api","token_type":"DPoP"}`: "wrong_type",
		`{"active":true,"aud":"api"}`:                     "token_valid",
		`{"active":true,"aud":7}`:                         "introspection_unavailable",
	} {
		p := mustParse(t, attackConfig(t, `, "only_after_verify": true, "audiences":["api"]`, ""))
		w := &introspectionWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow}
		w.want("/", token, "wait")
		w.answer("200", jsonType, body)
		w.want("/", token, want)
	}
}

// TestOptionalIsNoWayAround: where a token is optional, a token without a good answer does
// not pass. Where no token is read, no server is called.
func TestOptionalIsNoWayAround(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, nil, `,"rules":[{"match":{"path":"/open"},"access":"anonymous"},{"match":{"path":"/present"},"access":"insecure_presence_only"},{"match":{"path":"/no"},"access":"deny"},{"access":"optional"}]`)
	for path, want := range map[string]string{"/open": "anonymous", "/present": "presence_only", "/no": "forbidden"} {
		if w.want(path, "opaque", want); len(w.calls) != 0 {
			t.Errorf("%s: asked", path)
		}
	}
	w.want("/", "opaque", "wait")
	w.answer("500", "", "")
	w.want("/", "opaque", "introspection_unavailable")
	w.want("/", "opaque-2", "wait")
	w.answer("200", jsonType, `{"active":false}`)
	w.want("/", "opaque-2", "inactive")
}

// TestTwoServers: what one server says of a token is nothing that the other has
// said.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	server := func(more string) string {
		return `{"type":"introspection","introspection_uri":"https://issuer.example/introspect","cluster":"issuer","client_id":"gate","client_secret":"fake"` + more + `}`
	}
	p := mustParse(t, `{"subject_header":"x-sub","providers":{"one":`+server("")+`,"two":`+server(`,"token_locations":[{"header":"x-two"}]`)+`},
		"rules":[{"match":{"path":"/1"},"providers":["one"]},{"match":{"path":"/2"},"providers":["two"]}]}`)
	w := &introspectionWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow}
	w.send([2]string{"x-two", "same"})
	w.answer("200", jsonType, `{"active":true,"sub":"of-two"}`)
	v := w.send([2]string{"authorization", "Bearer same"})
	if decided(v) != "wait" {
		t.Fatalf("%s %s", decided(v), setHeader(v, "x-sub"))
	}
	w.answer("200", jsonType, `{"active":false}`)
	if got := decided(w.send([2]string{"authorization", "Bearer same"})); got != "inactive" {
		t.Error(got)
	}
	if got := decided(w.send([2]string{"x-two", "same"})); got != "token_valid" {
		t.Error(got)
	}
}

// TestQuickAfterVerify: Quick does not take a verified JWT for one that the server
// was asked about.
func TestQuickAfterVerify(t *testing.T) {
	t.Parallel()
	config := attackConfig(t, `, "only_after_verify": true, "stale_if_error":"1h"`, "")
	config = strings.Replace(config, `"subject_header":"x-sub"`, `"realm":"x"`, 1)
	config = strings.Replace(config, `"claim_headers":[{"claim":"tier","header":"x-tier"}],`, "", 1)
	p := mustParse(t, config)
	w := &introspectionWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow}
	if !p.OnlyCredential() {
		t.Fatal("not for Quick")
	}
	token := issuerOnce().sign(nil, nil)
	quick := func() bool { return p.Quick(w.state, w.now, "Bearer "+token, "/") != nil }
	w.want("/", token, "wait")
	if quick() {
		t.Error("before the answer")
	}
	w.answer("500", "", "")
	if quick() {
		t.Error("after a failure")
	}
	w.want("/", token, "introspection_unavailable")
	w.now = w.now.Add(time.Minute)
	w.want("/", token, "wait")
	w.answer("200", jsonType, `{"active":true}`)
	w.want("/", token, "token_valid")
	if !quick() {
		t.Error("not with an answer")
	}
	w.now = w.now.Add(11 * time.Second)
	if quick() {
		t.Error("with a stale one")
	}
	w.want("/", token, "wait")
	w.answer("200", jsonType, `{"active":false}`)
	if quick() {
		t.Error("inactive")
	}
	w.now = w.now.Add(11 * time.Second)
	if quick() {
		t.Error("negative answer over")
	}
}

// TestAnswerNumbers: numbers beyond what a time can be neither pass for ever nor
// panic.
func TestAnswerNumbers(t *testing.T) {
	t.Parallel()
	for _, n := range []string{"1e400", "-1e400", "1e300", "99999999999999999999", "9223372036854775807", "-9223372036854775808", "1e-400", "0", "-0", "-1", "0.5", "null", "true", `""`, "[]", "{}"} {
		for _, member := range []string{"exp", "iat", "nbf"} {
			w := newIntrospectionWorld(t, map[string]any{"stale_if_error": "1h", "require_expiry": true, "max_lifetime": "1h"}, "")
			w.want("/", "opaque", "wait")
			w.answer("200", jsonType, `{"active":true,"`+member+`":`+n+`}`)
			if got := decided(w.decide("/", "opaque")); got == "token_valid" || got == "wait" {
				t.Errorf("%s %s: %s", member, n, got)
			}
		}
	}
}

// TestClockSetBackWhileWaiting: an answer from before the clock was set back is of
// unknown age. It did not come while a request waited, though its time is later
// than that at which the request began to.
func TestClockSetBackWhileWaiting(t *testing.T) {
	t.Parallel()
	for _, said := range []string{`{"active":true}`, `{"active":false}`} {
		w := newIntrospectionWorld(t, nil, "")
		w.want("/", "good", "wait")
		w.answer("200", jsonType, said)
		w.now = w.now.Add(-time.Hour)
		wait, ok := w.decide("/", "good").(*verdict.Wait)
		if !ok {
			t.Fatalf("%s: it does not wait", said)
		}
		w.now = w.now.Add(time.Millisecond)
		w.answer("500", "", "")
		r := request.NewRequest([][2]string{{":method", "GET"}, {":path", "/"}, {"authorization", "Bearer good"}})
		r.MayWait, r.Since = true, wait.Since
		if got := decided(w.policy.Decide(w.state, w.now, &r)); got != "introspection_unavailable" {
			t.Errorf("%s an hour later, and then nothing: %s", said, got)
		}
	}
}
