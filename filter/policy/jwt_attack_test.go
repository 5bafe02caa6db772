package policy

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/fetch"
)

// askToken sends one token, which may wait.
func (w *keysWorld) askToken(token string) string {
	r := bearerRequest(token)
	r.MayWait = true
	return decided(w.policy.Decide(w.state, w.now, r))
}

// TestRefusalEndsWithNewKey: a signature that was bad under the keys of then may
// be good under those of now, also where the old key is still there.
func TestRefusalEndsWithNewKey(t *testing.T) {
	t.Parallel()
	old, fresh := issuerOnce(), newTestIssuer()
	for name, c := range map[string]struct {
		header         map[string]any
		before, served string
	}{
		"token without kid": {map[string]any{"kid": nil}, "wait", jwkSet(old.jwk("RS256", "k1"), fresh.jwk("RS256", "k2"))},
		"one kid for both":  {nil, "bad_signature", jwkSet(old.jwk("RS256", "k1"), fresh.jwk("RS256", "k1"))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newKeysWorld(t, map[string]any{"refresh": "5s", "min_refresh": "1s", "max_refresh": "5s"})
			w.fetch()
			token := fresh.sign(c.header, nil)
			if got := w.askToken(token); got != c.before {
				t.Fatalf("before the rotation: %s", got)
			}
			w.served = c.served
			w.now = w.now.Add(5 * time.Second)
			w.fetch()
			if got := w.askToken(token); got != "token_valid" {
				t.Errorf("after the rotation: %s", got)
			}
		})
	}
}

// TestUnknownKidsDoNotStopRotation: clients that send unknown kids during a fetch and
// disconnect before its answer must not fill the memory of kids until the next scheduled
// fetch. Otherwise no new kid would be fetched.
func TestUnknownKidsDoNotStopRotation(t *testing.T) {
	t.Parallel()
	for name, answered := range map[string]bool{"answered": true, "failed": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newKeysWorld(t, map[string]any{"refresh": "1h"})
			w.fetch()
			w.now = w.now.Add(time.Hour)
			calls := w.begin()
			if len(calls) != 1 {
				t.Fatalf("%d scheduled fetches", len(calls))
			}
			w.now = w.now.Add(time.Millisecond)
			for i := range 2 * 256 { // twice what is remembered
				w.ask("x"+strconv.Itoa(i), "RS256")
			}
			w.now = w.now.Add(50 * time.Millisecond)
			good := w.served
			if !answered {
				w.served = ""
			}
			w.finish(calls)
			w.served = good
			if !answered {
				// The keys come back by the retry, whose answer names none of them.
				w.now = w.now.Add(fetch.MaxBackoff)
				w.finish(w.begin())
			}
			// The clients have disconnected. Half a minute later the issuer has a new key.
			w.now = w.now.Add(30 * time.Second)
			w.served = jwkSet(issuerOnce().jwk("RS256", "k1"), issuerOnce().jwk("RS256", "k2"))
			if got := w.ask("k2", "RS256"); got != "wait" {
				t.Fatalf("a kid that is new: %s, want wait", got)
			}
			w.fetch()
			if got := w.ask("k2", "RS256"); got != "token_valid" {
				t.Errorf("after the fetch: %s", got)
			}
		})
	}
}

// TestNamelessKeysHideNoKid: a set with a key without kid still has no key of
// the token's kid, which a fetch may bring.
func TestNamelessKeysHideNoKid(t *testing.T) {
	t.Parallel()
	other := newTestIssuer()
	w := newKeysWorld(t, map[string]any{"refresh": "24h"})
	w.served = jwkSet(other.jwk("RS256", ""))
	w.fetch()
	w.now = w.now.Add(time.Minute)
	w.served = jwkSet(other.jwk("RS256", ""), issuerOnce().jwk("RS256", "k2"))
	if got := w.ask("k2", "RS256"); got != "wait" {
		t.Fatalf("a kid that the set has not: %s, want wait", got)
	}
	w.fetch()
	if got := w.ask("k2", "RS256"); got != "token_valid" {
		t.Errorf("after the fetch: %s", got)
	}
	if got := w.askToken(other.sign(map[string]any{"kid": "any"}, map[string]any{"exp": w.now.Unix() + 60})); got != "token_valid" {
		t.Errorf("a token of the key without a name: %s", got)
	}
	if got := w.askToken(newTestIssuer().sign(map[string]any{"kid": "k2"}, map[string]any{"exp": w.now.Unix() + 60})); got != "bad_signature" {
		t.Errorf("a forgery under a name that is there: %s", got)
	}
}

// TestDiscoveryKeepsTLS: a host with a cluster of its own is no way out of TLS.
func TestDiscoveryKeepsTLS(t *testing.T) {
	t.Parallel()
	p := mustParse(t, remoteConfig(t, map[string]any{
		"jwks_uri": nil, "discovery": true, "jwks_clusters": map[string]string{"keys.example": "keys"},
	}))
	for uri, want := range map[string]bool{
		"https://keys.example/": true, "http://keys.example/": false, "http://issuer.example/": false, "https://KEYS.example/": false,
		"https://keys.example:443/": false, "https://keys.example.evil.example/": false, "https://keys.example@evil.example/": false,
		"https://issuer.example\\@keys.example/": false, "https://issuer.example/../x": true, "//keys.example/": false,
	} {
		s := p.NewState(Host{})
		body := mustJSON(map[string]string{"issuer": "https://issuer.example", "jwks_uri": uri})
		l := s.Learn(testNow, s.Due(testNow)[0], fetch.Answer{OK: true, Headers: [][2]string{{":status", "200"}}, Body: []byte(body)})
		if got := l.Next != nil; got != want {
			t.Errorf("%s: taken %t, want %t: %s", uri, got, want, l.Failure)
		}
	}
}

// TestRefreshBeforeStale: for any time that the issuer allows, an outage at the time of
// the refresh finds keys that still serve for a while.
func TestRefreshBeforeStale(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		members  map[string]any
		maxStale time.Duration
	}{
		"defaults":  {nil, 24 * time.Hour},
		"all alike": {map[string]any{"refresh": "1m", "min_refresh": "1m", "max_refresh": "1m", "max_stale": "1m"}, time.Minute},
	} {
		for range 50 {
			w := newKeysWorld(t, c.members)
			w.state.jitter = fetch.Jitter(time.Now().UnixNano()) | 1
			w.header = [][2]string{{"cache-control", "max-age=86400, private"}}
			w.fetch()
			if next := w.untilNext(c.maxStale / 1000); next > c.maxStale/1000*750 {
				t.Fatalf("%s: refreshed after %s, the keys are given up after %s", name, next, c.maxStale)
			}
		}
	}
}

// TestKeyLeavesAndReturns: an issuer that takes a key out and puts it back, in the
// same words or in others, is believed each time: neither the memory of good tokens
// nor that of bad ones outlives the set that it is about.
func TestKeyLeavesAndReturns(t *testing.T) {
	t.Parallel()
	other := newTestIssuer()
	with, without := jwkSet(issuerOnce().jwk("RS256", "k1")), jwkSet(other.jwk("RS256", "k1"))
	unnamed := jwkSet(other.jwk("RS256", "k2"), issuerOnce().jwk("RS256", ""))
	for name, header := range map[string]map[string]any{"kid": nil, "no kid": {"kid": nil}} {
		w := newKeysWorld(t, map[string]any{"refresh": "5s", "min_refresh": "1s", "max_refresh": "5s"})
		token := issuerOnce().sign(header, map[string]any{"exp": testNow.Unix() + 3600})
		for i, step := range []struct{ set, want string }{
			{with, "token_valid"},
			{without, map[string]string{"kid": "bad_signature", "no kid": "wait"}[name]},
			{with, "token_valid"},
			// A fetch did not bring it a moment ago, so none is made for it again yet.
			{without, map[string]string{"kid": "bad_signature", "no kid": "unknown_key"}[name]},
			{unnamed, "token_valid"},
			{with, "token_valid"},
		} {
			w.served = step.set
			w.now = w.now.Add(5 * time.Second)
			w.fetch()
			for range 3 {
				if got := w.askToken(token); got != step.want {
					t.Errorf("%s, step %d: %s, want %s", name, i, got, step.want)
				}
			}
		}
	}
}

// TestSkippedKeySignsNothing: a key that is left out of a set serves no algorithm,
// neither its own nor, as a secret, that which its alg names.
func TestSkippedKeySignsNothing(t *testing.T) {
	t.Parallel()
	good, bad := issuerOnce(), newTestIssuer()
	modulus := bad.jwk("RS256", "")["n"].(string)
	for name, key := range map[string]map[string]any{
		"alg HS256":       with(bad.jwk("RS256", "bad"), map[string]any{"alg": "HS256"}),
		"for encryption":  with(bad.jwk("RS256", "bad"), map[string]any{"use": "enc"}),
		"only to wrap":    with(bad.jwk("RS256", "bad"), map[string]any{"key_ops": []string{"wrapKey"}}),
		"alg of another":  with(bad.jwk("RS256", "bad"), map[string]any{"alg": "ES256"}),
		"a secret's type": {"kty": "oct", "kid": "bad", "alg": "RS256", "k": modulus},
	} {
		p := mustParse(t, jwtConfig(t, map[string]any{"jwks": jwkSet(key, good.jwk("RS256", "k1"))}))
		if len(p.Warnings()) != 1 {
			t.Errorf("%s: warnings %q", name, p.Warnings())
		}
		s := p.NewState(Host{})
		for _, header := range []map[string]any{{"kid": "bad"}, {"kid": nil}, {"kid": "k1"}} {
			if got := decided(p.Decide(s, testNow, bearerRequest(bad.sign(header, nil)))); got == "token_valid" {
				t.Errorf("%s, %v: %s", name, header, got)
			}
			secrets := []string{modulus, string(good.rsa.N.Bytes()), string(bad.rsa.N.Bytes())}
			for _, secret := range secrets {
				token := signedBy(secretKey(secret), header, nil)
				if got := decided(p.Decide(s, testNow, bearerRequest(token))); got != "algorithm" {
					t.Errorf("%s, HS256 with %v: %s", name, header, got)
				}
			}
		}
	}
}

// TestFloodOfForgedTokens: more forged tokens than are remembered do not push a good one
// out.
func TestFloodOfForgedTokens(t *testing.T) {
	t.Parallel()
	checks := 0
	p := mustParse(t, jwtConfig(t, map[string]any{"algorithms": []string{"ES256"}, "jwks": jwkSet(issuerOnce().jwk("ES256", ""))}))
	s := p.NewState(Host{Knows: jose.AllAlgorithms, Verify: func(_ string, _, _, text []byte) (bool, bool) {
		checks++
		return strings.HasSuffix(string(text), goodPayload), true
	}})
	good := "eyJhbGciOiJFUzI1NiJ9." + goodPayload + "." + b64([]byte(strings.Repeat("\x01", 64)))
	ask := func(token string) string { return decided(p.Decide(s, testNow, bearerRequest(token))) }
	if got := ask(good); got != "token_valid" {
		t.Fatal(got)
	}
	for i := range 12_000 { // three times what is remembered
		payload := b64([]byte(fmt.Sprintf(`{"iss":"https://issuer.example","n":%d}`, i)))
		if got := ask("eyJhbGciOiJFUzI1NiJ9." + payload + "." + b64([]byte(strings.Repeat("\x01", 64)))); got != "bad_signature" {
			t.Fatal(got)
		}
	}
	checks = 0
	if got := ask(good); got != "token_valid" || checks != 0 {
		t.Errorf("the good token: %s after %d checks", got, checks)
	}
}

var goodPayload = b64([]byte(fmt.Sprintf(`{"iss":"https://issuer.example","aud":"api","exp":%d}`, testNow.Unix()+600)))

// TestBordersOfValidity: a token is valid from nbf on, that moment included, until
// exp, that moment excluded (RFC 7519 sections 4.1.4 and 4.1.5).
func TestBordersOfValidity(t *testing.T) {
	t.Parallel()
	p := mustParse(t, jwtConfig(t, map[string]any{"leeway": "0s"}))
	at := testNow.Truncate(time.Second)
	token := issuerOnce().sign(nil, map[string]any{"iat": nil, "nbf": at.Unix(), "exp": at.Unix() + 10})
	issued := issuerOnce().sign(nil, map[string]any{"iat": at.Unix(), "exp": at.Unix() + 10})
	for after, want := range map[time.Duration]string{
		-time.Millisecond: "not_yet_valid", 0: "token_valid", 10*time.Second - time.Millisecond: "token_valid", 10 * time.Second: "expired",
	} {
		for _, token := range []string{token, issued} {
			s := p.NewState(Host{})
			for range 2 {
				if got := decided(p.Decide(s, at.Add(after), bearerRequest(token))); got != want {
					t.Errorf("after %v: %s, want %s", after, got, want)
				}
			}
		}
	}
}
