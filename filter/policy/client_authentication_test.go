package policy

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/policy/fetch"
)

// assertionWorld asks with private_key_jwt.
func assertionWorld(t *testing.T) *introspectionWorld {
	t.Helper()
	return newIntrospectionWorld(t, map[string]any{
		"client_authentication": "private_key_jwt", "client_secret": nil, "private_key": issuerOnce().key("ES256", "").PEM(), "private_key_id": "gate-1",
		"assertion_audience": "https://issuer.example", "positive_ttl": "0s", "max_calls": 2,
	}, "")
}

func shown(t *testing.T, call *fetch.Call) string {
	t.Helper()
	form, err := url.ParseQuery(string(call.Body))
	if err != nil {
		t.Fatal(err)
	}
	if form.Get("client_id") != "gate" || form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" ||
		len(form["client_assertion"]) != 1 || form.Has("client_secret") {
		t.Fatalf("asked with %v", form)
	}
	return form.Get("client_assertion")
}

// TestClientAuthentication: each kind shows what it should and nothing else.
func TestClientAuthentication(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{
		"client_secret_basic": "Basic " + base64.StdEncoding.EncodeToString([]byte("gate:fake-secret")),
		"client_secret_post":  "",
		"bearer":              "Bearer fake-secret",
	} {
		config := map[string]any{"client_authentication": kind}
		if kind == "bearer" {
			config["client_id"] = nil
		}
		w := newIntrospectionWorld(t, config, "")
		w.want("/", "opaque", "wait")
		if got := fetch.HeaderValue(w.calls[0].Headers, "authorization"); got != want {
			t.Errorf("%s: authorization %q, want %q", kind, got, want)
		}
		form, err := url.ParseQuery(string(w.calls[0].Body))
		if err != nil {
			t.Fatal(err)
		}
		if post := kind == "client_secret_post"; post != (form.Get("client_secret") == "fake-secret") || post != (form.Get("client_id") == "gate") {
			t.Errorf("%s: %v", kind, form)
		}
	}
}

// TestAssertion: one serves a minute of calls, and says what RFC 7523 wants.
func TestAssertion(t *testing.T) {
	t.Parallel()
	w := assertionWorld(t)
	seen := map[string]bool{}
	for range 100 {
		w.want("/", "opaque", "wait")
		call, _ := w.answer("200", jsonType, `{"active":true}`)
		seen[shown(t, &call)] = true
		w.now = w.now.Add(time.Second)
	}
	if len(seen) != 2 {
		t.Fatalf("%d assertions in 100 seconds, want 2", len(seen))
	}
	ids := map[any]bool{}
	for text := range seen {
		parts := strings.Split(text, ".")
		var header, claims map[string]any
		for i, into := range []*map[string]any{&header, &claims} {
			raw, err := base64.RawURLEncoding.DecodeString(parts[i])
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(raw, into); err != nil {
				t.Fatalf("%s: %v", raw, err)
			}
		}
		if fmt.Sprint(header) != "map[alg:ES256 kid:gate-1 typ:JWT]" {
			t.Errorf("header %v", header)
		}
		life := claims["exp"].(float64) - claims["iat"].(float64)
		if claims["iss"] != "gate" || claims["sub"] != "gate" || claims["aud"] != "https://issuer.example" || life != 180 || claims["jti"] == "" || ids[claims["jti"]] {
			t.Errorf("claims %v", claims)
		}
		ids[claims["jti"]] = true
	}
}

// TestAssertionTakenOnce: a server that takes each assertion but once is found
// out, without a request that pays for it.
func TestAssertionTakenOnce(t *testing.T) {
	t.Parallel()
	w := assertionWorld(t)
	taken := map[string]bool{}
	serve := func() fetch.Learned {
		w.t.Helper()
		text := shown(t, &w.calls[0])
		status, body := "200", `{"active":true}`
		if taken[text] {
			status, body = "401", `{"error":"invalid_client"}`
		}
		taken[text] = true
		_, l := w.answer(status, jsonType, body)
		if l.Next != nil {
			w.calls = append(w.calls, *l.Next)
		}
		return l
	}
	again := 0
	for i := range 20 {
		token := fmt.Sprint("opaque-", i)
		w.want("/", token, "wait")
		l := serve()
		if l.Next != nil {
			if l.Settled || l.Failure != "" {
				t.Fatalf("%+v", l)
			}
			again++
			l = serve()
		}
		if !l.Settled || l.Failure != "" {
			t.Fatalf("call %d: %+v", i, l)
		}
		w.want("/", token, "token_valid")
		w.now = w.now.Add(time.Millisecond)
	}
	if again != 1 {
		t.Errorf("%d calls were made twice, want 1", again)
	}
	// A server that takes none at all is not asked twice each time.
	w = assertionWorld(t)
	calls := 0
	for i := range 20 {
		w.want("/", fmt.Sprint("opaque-", i), "wait")
		for len(w.calls) > 0 {
			calls++
			if _, l := w.answer("401", jsonType, `{"error":"invalid_client"}`); l.Next != nil {
				w.calls = append(w.calls, *l.Next)
			}
		}
	}
	if calls != 21 {
		t.Errorf("%d calls for 20 tokens, want one more", calls)
	}
}
