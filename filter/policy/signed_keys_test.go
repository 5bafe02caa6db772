package policy

import (
	"encoding/json"
	"maps"
	"strconv"
	"testing"
	"time"

	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/verdict"
)

// wantCall is the oldest call, to that path.
func (w *introspectionWorld) wantCall(path string) {
	w.t.Helper()
	if len(w.calls) != 1 || w.calls[0].Path != path {
		w.t.Fatalf("calls %+v, want one to %s", w.calls, path)
	}
}

// TestSignedKeysFirst: the keys are fetched ahead. Without keys a request waits for them,
// as one with a JWT does: an answer could not be verified.
func TestSignedKeysFirst(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, fetchedMember(nil), "")
	w.due()
	w.wantCall("/keys")
	if call := w.calls[0]; call.Cluster != "keys" || (call.For.Kind == fetch.ErrandToken) || call.Provider != "server" {
		t.Errorf("%+v", call)
	}
	w.want("/", "opaque", "wait")
	w.wantCall("/keys")
	if _, learned := w.answer("200", jsonType, jwkSet(issuerOnce().jwk("RS256", "k1"))); !learned.Settled || learned.Failure != "" {
		t.Errorf("%+v", learned)
	}
	w.want("/", "opaque", "wait")
	w.wantCall("/introspect")
	w.answer("200", signedMedia, issuerOnce().signAnswer(w.now, nil, nil))
	w.want("/", "opaque", "token_valid")
}

// TestSignedAnswerAfterForgedTokens: what forged tokens have cost a request is not the
// answer's.
func TestSignedAnswerAfterForgedTokens(t *testing.T) {
	t.Parallel()
	keys := newKeys("ES512", 6)
	set := setOf(keys[1:], noKid)
	signed := signedMember(map[string]any{"algorithms": []string{"ES512"}, "jwks": json.RawMessage(set)})
	w := introspectionWorldOf(t, `{"providers":{"server":`+introspectionProvider(signed)+`,
		"idp":{"type":"jwt","issuer":"https://issuer.example","audiences":["api"],"algorithms":["ES512"],"jwks":`+set+`}}}`)
	w.want("/", "opaque", "wait")
	w.want("/", named(keys[0], "", ""), "bad_signature")
	w.answer("200", signedMedia, signedAnswer(keys[5], w.now, nil, nil))
	w.want("/", "opaque", "token_valid")
}

// TestSignedKeysByDiscovery: from the issuer's own document.
func TestSignedKeysByDiscovery(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, fetchedMember(map[string]any{"jwks_uri": nil, "discovery": true}), "")
	w.due()
	w.wantCall("/.well-known/openid-configuration")
	_, learned := w.answer("200", jsonType, `{"issuer":"https://issuer.example","jwks_uri":"https://issuer.example/certs"}`)
	w.calls = append(w.calls, *learned.Next)
	w.wantCall("/certs")
	w.answer("200", jsonType, jwkSet(issuerOnce().jwk("RS256", "k1")))
	w.want("/", "opaque", "wait")
	w.answer("200", signedMedia, issuerOnce().signAnswer(w.now, nil, nil))
	w.want("/", "opaque", "token_valid")
}

// TestSignedKeysOutage: without keys the answer is 503, and no call is made; remembered
// answers are valid as long as stale_if_error permits.
func TestSignedKeysOutage(t *testing.T) {
	t.Parallel()
	config := fetchedMember(map[string]any{"refresh": "10s", "min_refresh": "10s", "max_refresh": "10s", "max_stale": "10s"})
	maps.Copy(config, map[string]any{"positive_ttl": "1s", "stale_if_error": "20s"})
	w := newIntrospectionWorld(t, config, "")
	w.due()
	w.answer("", "", "")
	w.want("/", "opaque", "introspection_unavailable")
	w.now = w.now.Add(2 * time.Second)
	w.due()
	w.wantCall("/keys")
	w.answer("200", jsonType, jwkSet(issuerOnce().jwk("RS256", "k1")))
	w.want("/", "opaque", "wait")
	w.answer("200", signedMedia, issuerOnce().signAnswer(w.now, nil, nil))
	w.want("/", "opaque", "token_valid")
	asked := w.asked
	for w.now = w.now.Add(8 * time.Second); len(w.calls) == 0; w.now = w.now.Add(time.Second) {
		w.due()
	}
	w.wantCall("/keys")
	w.answer("503", "", "")
	w.now = w.now.Add(4 * time.Second) // the keys are given up, and the next fetch has failed, too
	w.due()
	w.answer("503", "", "")
	w.want("/", "opaque", "token_valid") // stale
	w.want("/", "other", "introspection_unavailable")
	w.now = w.now.Add(20 * time.Second)
	for w.due(); len(w.calls) > 0; w.due() {
		w.answer("503", "", "")
	}
	w.want("/", "opaque", "introspection_unavailable")
	if len(w.calls) != 0 || w.asked < asked+2 {
		t.Errorf("calls %+v", w.calls)
	}
}

// TestSignedKeysInShadow: a rule in shadow has the keys fetched, and delays no request.
func TestSignedKeysInShadow(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, fetchedMember(nil), `, "rules": [{"shadow": true}]`)
	w.due()
	w.answer("", "", "")
	w.now = w.now.Add(2 * time.Second)
	a, ok := w.decide("/", "opaque").(*verdict.Allow)
	if !ok || a.Shadowed.Reason != verdict.ReasonIntrospectionUnavailable {
		t.Errorf("%+v", a)
	}
	w.wantCall("/keys")
}

// TestSignedUnknownKid: an answer under a key that is not in the set is no answer, and has
// the keys fetched, at the rate for tokens. It is never "not active": no verified answer
// says so.
func TestSignedUnknownKid(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, fetchedMember(map[string]any{"refresh": "1h"}), "")
	w.due()
	w.answer("200", jsonType, jwkSet(issuerOnce().jwk("RS256", "k1")))
	rotated := func() string { return issuerOnce().signAnswer(w.now, map[string]any{"kid": "k2"}, nil) }
	w.want("/", "opaque", "wait")
	w.answer("200", signedMedia, rotated())
	w.wantCall("/keys") // at once
	w.want("/", "opaque", "introspection_unavailable")
	w.now = w.now.Add(time.Millisecond)
	w.answer("200", jsonType, jwkSet(issuerOnce().jwk("RS256", "k1"), issuerOnce().jwk("RS256", "k2")))
	w.want("/", "opaque", "wait")
	w.answer("200", signedMedia, rotated())
	w.want("/", "opaque", "token_valid")

	fetches := 0
	for i := range 50 {
		w.now = w.now.Add(time.Millisecond)
		w.want("/", "other-"+strconv.Itoa(i), "wait")
		w.answer("200", signedMedia, issuerOnce().signAnswer(w.now, map[string]any{"kid": "x" + strconv.Itoa(i)}, nil))
		w.want("/", "other-"+strconv.Itoa(i), "introspection_unavailable")
		for len(w.calls) > 0 {
			w.wantCall("/keys")
			fetches++
			w.answer("200", jsonType, jwkSet(issuerOnce().jwk("RS256", "k1"), issuerOnce().jwk("RS256", "k2")))
		}
	}
	if fetches == 0 || fetches > 4 { // in the bucket
		t.Errorf("%d fetches for made-up kids", fetches)
	}
}

// TestSignedKeyThatLeaves: the keys verify an answer when it comes. What it said
// holds for its ttl, as a plain answer does; the next one needs a key that is there.
func TestSignedKeyThatLeaves(t *testing.T) {
	t.Parallel()
	config := fetchedMember(map[string]any{"refresh": "10s", "min_refresh": "1s", "max_refresh": "10s"})
	config["positive_ttl"] = "30s"
	w := newIntrospectionWorld(t, config, "")
	w.due()
	w.answer("200", jsonType, jwkSet(issuerOnce().jwk("RS256", "k1")))
	w.want("/", "opaque", "wait")
	w.answer("200", signedMedia, issuerOnce().signAnswer(w.now, nil, nil))
	w.now = w.now.Add(10 * time.Second)
	w.due()
	w.answer("200", jsonType, jwkSet(newTestIssuer().jwk("RS256", "k2")))
	w.want("/", "opaque", "token_valid")
	w.want("/", "other", "wait")
	w.answer("200", signedMedia, issuerOnce().signAnswer(w.now, nil, nil))
	w.want("/", "other", "introspection_unavailable")
}

// TestKeysOfOthers: a key that another provider trusts signs no answers, and a
// server's key no tokens (RFC 8725 section 3.8).
func TestKeysOfOthers(t *testing.T) {
	t.Parallel()
	other := newTestIssuer()
	w := introspectionWorldOf(t, `{"providers": {"server": `+introspectionProvider(signedMember(nil))+`,
		"idp": {"type": "jwt", "issuer": "https://issuer.example", "jwks": `+jwkSet(other.jwk("RS256", "k1"))+`}}}`)
	w.want("/", "opaque", "wait")
	w.answer("200", signedMedia, other.signAnswer(w.now, nil, nil))
	w.want("/", "opaque", "introspection_unavailable")
	w.want("/", issuerOnce().sign(nil, nil), "bad_signature")
	w.want("/", other.sign(nil, nil), "token_valid")
}

// TestSignedResponseOfVerifiedJWT: signed answers are required also for JWTs that have
// verified.
func TestSignedResponseOfVerifiedJWT(t *testing.T) {
	t.Parallel()
	config := fetchedMember(nil)
	config["only_after_verify"] = true
	w := introspectionWorldOf(t, `{"providers": {"server": `+introspectionProvider(config)+`, "idp": {"type": "jwt",
		"introspect_after_verify": "server", "issuer": "https://issuer.example", "jwks": `+jwkSet(issuerOnce().jwk("RS256", "k1"))+`}}}`)
	token := issuerOnce().sign(nil, nil)
	w.want("/", token, "wait")
	w.wantCall("/keys")
	w.answer("200", jsonType, jwkSet(issuerOnce().jwk("RS256", "k1")))
	w.want("/", token, "wait")
	w.answer("200", jsonType, `{"active":true}`)
	w.want("/", token, "introspection_unavailable")
	w.now = w.now.Add(time.Millisecond)
	w.want("/", token, "wait")
	w.answer("200", signedMedia, issuerOnce().signAnswer(w.now, nil, nil))
	w.want("/", token, "token_valid")
}
