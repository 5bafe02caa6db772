package policy

import (
	"strconv"
	"testing"
	"time"
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

// TestStrangersDoNotStopRotation: clients that ask for kids while a fetch is
// under way and leave before its answer must not fill the memory of kids until
// the next scheduled fetch, or no new kid would be asked for.
func TestStrangersDoNotStopRotation(t *testing.T) {
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
			for i := range 2 * maxAskedKids {
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
				w.now = w.now.Add(lastBackoff)
				w.finish(w.begin())
			}
			// The strangers have gone. Half a minute later the issuer has a new key.
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
	nameless := func(i *testIssuer) map[string]any {
		key := i.jwk("RS256", "")
		delete(key, "kid")
		return key
	}
	other := newTestIssuer()
	w := newKeysWorld(t, map[string]any{"refresh": "24h"})
	w.served = jwkSet(nameless(other))
	w.fetch()
	w.now = w.now.Add(time.Minute)
	w.served = jwkSet(nameless(other), issuerOnce().jwk("RS256", "k2"))
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
		l := s.Learn(testNow, s.Due(testNow)[0], Answer{OK: true, Headers: [][2]string{{":status", "200"}}, Body: []byte(body)})
		if got := l.Next != nil; got != want {
			t.Errorf("%s: taken %t, want %t: %s", uri, got, want, l.Failure)
		}
	}
}

// TestRefreshBeforeStale: however long the issuer allows, an outage at the time
// of the refresh finds keys that still serve for a while.
func TestRefreshBeforeStale(t *testing.T) {
	t.Parallel()
	for name, members := range map[string]map[string]any{
		"defaults":  nil,
		"all alike": {"refresh": "1m", "min_refresh": "1m", "max_refresh": "1m", "max_stale": "1m"},
	} {
		for range 50 {
			w := newKeysWorld(t, members)
			w.state.jitter = jitter(time.Now().UnixNano()) | 1
			w.header = [][2]string{{"cache-control", "max-age=86400, private"}}
			w.fetch()
			st := w.state.keys.sources[0]
			if left := st.learned.Add(st.source.maxStale).Sub(st.next); left < st.source.maxStale/4 {
				t.Fatalf("%s: refreshed %s before the keys are given up", name, left)
			}
		}
	}
}
