package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestLeewayKeepsNoAnswer: an answer is not kept beyond the exp in it (RFC 7662
// section 4), whatever clocks may differ by, and not in an outage either.
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

// TestNoOtherWayForJWTs: a JWT that is the server's to judge passes by no keys of
// its issuer: not at another place, not where it is too long for the server, and
// not at the server's own place once it has been seen there.
func TestNoOtherWayForJWTs(t *testing.T) {
	t.Parallel()
	server := `"server":{"type":"introspection","introspection_uri":"https://issuer.example/introspect","jwts":"of_issuers","issuers":["https://issuer.example"],
		"cluster":"issuer","client_id":"gate","client_secret":"fake","token_max_length":2000},`
	parse := func(issuer any) (*Policy, error) {
		config := jwtConfig(t, map[string]any{"issuer": issuer, "token_locations": []any{map[string]any{"header": "authorization"}, map[string]any{"header": "x-tok"}}})
		return Parse([]byte(strings.Replace(config, `"providers":{`, `"providers":{`+server, 1)))
	}
	if _, err := parse("https://issuer.example"); err == nil || !strings.Contains(err.Error(), "providers.server.issuers: want issuers that no provider of type jwt has") {
		t.Errorf("%v", err)
	}
	p, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &introspectionWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow}
	token := issuerOnce().sign(nil, nil)
	for range 2 {
		r := NewRequest([][2]string{{":method", "GET"}, {":path", "/"}, {"x-tok", token}})
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

// TestTwoAnswersThatDoNotHold: a request with two tokens gets through where
// answers hold for no time at all, though they do not come at one moment; whoever
// comes later asks again.
func TestTwoAnswersThatDoNotHold(t *testing.T) {
	t.Parallel()
	provider := func(more string) string {
		return `{"type":"introspection","introspection_uri":"https://issuer.example/introspect","cluster":"issuer",
			"client_id":"gate","client_secret":"fake","positive_ttl":"0s","negative_ttl":"0s"` + more + `}`
	}
	p := mustParse(t, `{"providers":{"one":`+provider("")+`,"two":`+provider(`,"token_locations":[{"header":"x-two"}]`)+`},"rules":[{"all_of":["one","two"]}]}`)
	for first := range 2 {
		for inactive := range 3 {
			w := &introspectionWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow}
			r := NewRequest([][2]string{{":method", "GET"}, {":path", "/"}, {"authorization", "Bearer a"}, {"x-two", "b"}})
			r.MayWait = true
			wait, ok := p.Decide(w.state, w.now, &r).(*Wait)
			if w.calls = w.state.Due(w.now); !ok || len(w.calls) != 2 {
				t.Fatalf("%d calls", len(w.calls))
			}
			r.Since = wait.Since
			w.calls[0], w.calls[1] = w.calls[first], w.calls[1-first]
			for range 2 {
				w.now = w.now.Add(time.Millisecond)
				body := `{"active":true}`
				if w.calls[0].lookup.token == []string{"a", "b", ""}[inactive] {
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
