package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/testkey"
)

// newKeys are n keys of one algorithm.
func newKeys(alg string, n int) (keys []*testkey.Key) {
	for range n {
		keys = append(keys, testkey.New("", alg))
	}
	return keys
}

// setOf publishes keys without alg, each under the kid of its index, without a kid for "".
func setOf(keys []*testkey.Key, kid func(int) string) string {
	var all []map[string]any
	for i := range keys {
		key := *keys[i]
		key.ID = kid(i)
		jwk := key.JWK()
		delete(jwk, "alg")
		all = append(all, jwk)
	}
	return jwkSet(all...)
}

func noKid(int) string      { return "" }
func numbered(i int) string { return fmt.Sprint("k", i) }
func sameForAll(int) string { return "k" }

// named is a token of a key under a kid; jti makes it another one.
func named(key *testkey.Key, kid, jti string) string {
	under := *key
	under.ID = kid
	return signedBy(&under, nil, map[string]any{"jti": jti})
}

// counted is a host that counts the checks and leaves them to Go.
func counted(checks *int) Host {
	return Host{Knows: jose.AllAlgorithms, Verify: func(string, []byte, []byte, []byte) (bool, bool) {
		*checks++
		return false, false
	}}
}

// most is the largest number of keys that a configuration may have.
func most(t *testing.T, alg string, keys []*testkey.Key) int {
	for n := 1; n <= len(keys); n++ {
		_, err := Parse([]byte(jwtConfig(t, map[string]any{"algorithms": []string{alg}, "jwks": json.RawMessage(setOf(keys[:n], noKid))})))
		if err == nil {
			continue
		}
		for _, want := range []string{fmt.Sprint("checked with ", n, " keys for ", alg), "want fewer keys, or key_ids"} {
			if !strings.Contains(err.Error(), want) {
				t.Fatalf("want %q in: %v", want, err)
			}
		}
		return n - 1
	}
	t.Fatalf("%s: %d keys are accepted", alg, len(keys))
	return 0
}

// TestTokensWithoutKid: where the configuration is accepted, a token is good by
// whichever key it is signed, with and without kids, and one that is forged costs
// no more than the bound. The second time it costs nothing.
func TestTokensWithoutKid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		alg  string
		want int
	}{{"ES256", 62}, {"ES512", 5}} {
		t.Run(c.alg, func(t *testing.T) {
			t.Parallel()
			keys := newKeys(c.alg, c.want+2)
			n := most(t, c.alg, keys[:c.want+1])
			if n != c.want {
				t.Errorf("%d keys are accepted, want %d", n, c.want)
			}
			stranger := keys[len(keys)-1]
			for name, kid := range map[string]func(int) string{"no kids": noKid, "kids in the set": numbered, "one kid": sameForAll} {
				checks := 0
				p := mustParse(t, jwtConfig(t, map[string]any{"algorithms": []string{c.alg}, "jwks": json.RawMessage(setOf(keys[:n], kid))}))
				s := p.NewState(counted(&checks))
				ask := func(token string) string { return decided(p.Decide(s, testNow, bearerRequest(token))) }
				for _, i := range []int{0, 4, n - 1} {
					if got := ask(named(keys[i], "", name)); got != "token_valid" {
						t.Errorf("%s: a token without kid by key %d of %d: %s", name, i, n, got)
					}
				}
				forged := []string{named(stranger, "", name), named(stranger, "", name+"2"), named(stranger, kid(0), name)}
				for _, token := range forged {
					checks = 0
					if got := ask(token); got != "bad_signature" {
						t.Errorf("%s: forged: %s", name, got)
					}
					if checks == 0 || checks > c.want { // so many cost jose.MaxCost at most
						t.Errorf("%s: a forged token costs %d checks", name, checks)
					}
				}
				checks = 0
				for range 3 {
					for _, token := range forged {
						ask(token)
					}
				}
				if checks != 0 {
					t.Errorf("%s: forged tokens that are known to be so cost %d checks", name, checks)
				}
			}
		})
	}
}

// TestKeyIDsBoundTheCost: with key_ids, what counts is the keys of one kid, and a
// token without one is refused unchecked.
func TestKeyIDsBoundTheCost(t *testing.T) {
	t.Parallel()
	keys := newKeys("ES512", 12)
	config := func(kid func(int) string) string {
		return jwtConfig(t, map[string]any{
			"algorithms": []string{"ES512"}, "jwks": json.RawMessage(setOf(keys, kid)), "key_ids": []string{"k0", "k11", "k"},
		})
	}
	checks := 0
	p := mustParse(t, config(numbered))
	s := p.NewState(counted(&checks))
	for token, want := range map[string]string{
		named(keys[11], "", ""): "unknown_key", named(keys[11], "k11", ""): "token_valid", named(keys[11], "k0", ""): "bad_signature",
		named(keys[11], "k1", ""): "unknown_key",
	} {
		if got := decided(p.Decide(s, testNow, bearerRequest(token))); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if checks != 2 {
		t.Errorf("%d checks, want 2", checks)
	}
	for name, kid := range map[string]func(int) string{"no kids": noKid, "one kid": sameForAll} {
		if _, err := Parse([]byte(config(kid))); err == nil || !strings.Contains(err.Error(), "checked with 12 keys for ES512") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTooManyFetchedKeys: an issuer may have more keys than are tried. That is
// said with the set and with each refusal, and ends with the set.
func TestTooManyFetchedKeys(t *testing.T) {
	t.Parallel()
	keys := newKeys("ES512", 6)
	w := newKeysWorld(t, map[string]any{"algorithms": []string{"ES256", "ES512"}})
	fetch := func(n int) (warnings []string) {
		w.now = w.now.Add(time.Hour)
		w.served = setOf(keys[6-n:], noKid)
		for _, call := range w.begin() {
			learned := w.state.Learn(w.now, call, fetch.Answer{OK: true, Headers: [][2]string{{":status", "200"}}, Body: []byte(w.served)})
			warnings = append(warnings, learned.Warnings...)
		}
		return warnings
	}
	token := func(i int) string {
		signed := named(keys[i], "", "")
		return signed
	}
	ask := func(token string) string { return decided(w.policy.Decide(w.state, testNow, bearerRequest(token))) }
	if got := fetch(5); len(got) != 0 {
		t.Fatalf("warnings about 5 keys: %q", got)
	}
	first, last := token(1), token(5)
	if got := ask(last); got != "token_valid" {
		t.Fatalf("the last of five keys: %s", got)
	}
	got := fetch(6)
	if len(got) != 1 || !strings.Contains(got[0], "checked with 6 keys for ES512") || !strings.Contains(got[0], "too_many_keys") {
		t.Fatalf("warnings about 6 keys: %q", got)
	}
	if got := ask(first); got != "token_valid" {
		t.Errorf("the second of six keys: %s", got)
	}
	if got := ask(last); got != "token_valid" {
		t.Errorf("a token that was good, of a key that is still there: %s", got)
	}
	w.state = w.policy.NewState(Host{})
	fetch(6)
	for range 2 {
		if got := ask(last); got != "too_many_keys" {
			t.Errorf("the last of six keys: %s", got)
		}
	}
	fetch(5)
	if got := ask(last); got != "token_valid" {
		t.Errorf("the last of five keys again: %s", got)
	}
}

// TestTriedTokensCostNothing: which keys a token was tried against is remembered
// for all forged tokens, not only for the newest, and for as long as these are the
// keys. A fetch is still requested.
func TestTriedTokensCostNothing(t *testing.T) {
	t.Parallel()
	keys := newKeys("ES256", 3)
	w := newKeysWorld(t, map[string]any{"refresh": "1h"})
	checks := 0
	w.state = w.policy.NewState(counted(&checks))
	w.served = setOf(keys[:2], numbered)
	w.fetch()
	tokens := []string{named(keys[2], "", "1"), named(keys[2], "", "2"), named(keys[2], "", "3")}
	for round, want := range []int{6, 0, 0, 0} {
		checks = 0
		for _, token := range tokens {
			if got := w.askToken(token); got != "wait" {
				t.Errorf("%s, want wait", got)
			}
		}
		if checks != want {
			t.Errorf("round %d: %d checks, want %d", round, checks, want)
		}
	}
	// The same keys once more: what waited for them is not checked again.
	w.fetch()
	checks = 0
	for _, token := range tokens {
		if got := w.askToken(token); got != "unknown_key" {
			t.Errorf("after a fetch of the same keys: %s", got)
		}
	}
	w.now = w.now.Add(11 * time.Second)
	if got := w.askToken(tokens[0]); got != "wait" || checks != 0 {
		t.Errorf("after a fetch of the same keys: %s, %d checks", got, checks)
	}
	// The fetch brings the key: none of the refusals may outlive it.
	w.served = setOf(keys, numbered)
	w.fetch()
	for _, token := range tokens {
		if got := w.askToken(token); got != "token_valid" {
			t.Errorf("after the fetch: %s", got)
		}
	}
}

// TestExpiredTokensCostNothing: an expired token is sent over and over. Only the
// first time its signature is checked; a clock that was wrong makes it good again.
func TestExpiredTokensCostNothing(t *testing.T) {
	t.Parallel()
	checks := 0
	p := mustParse(t, jwtConfig(t, map[string]any{"leeway": "10s"}))
	s := p.NewState(counted(&checks))
	token := issuerOnce().sign(nil, map[string]any{"exp": testNow.Unix() - 10})
	ask := func(after time.Duration) string {
		return decided(p.Decide(s, testNow.Add(after), bearerRequest(token)))
	}
	for range 5 {
		if got := ask(0); got != "expired" {
			t.Fatal(got)
		}
	}
	if checks != 1 {
		t.Errorf("%d checks, want 1", checks)
	}
	if got := ask(-time.Second); got != "token_valid" {
		t.Errorf("before it expires: %s", got)
	}
	if got := ask(time.Second); got != "expired" {
		t.Errorf("after it expired: %s", got)
	}
}

// TestCostOfSeveralTokens: the bound counts for the request with any number of tokens. A
// token that was not tried because of the bound is not remembered as bad.
func TestCostOfSeveralTokens(t *testing.T) {
	t.Parallel()
	keys := newKeys("ES512", 6)
	providers := map[string]any{}
	names := []string{"a", "b", "c", "d"}
	for i, name := range names {
		providers[name] = map[string]any{
			"type": "jwt", "issuer": "https://issuer.example", "audiences": []string{name}, "algorithms": []string{"ES512"},
			"token_locations": []any{map[string]any{"header": "x-" + name}},
		}
		provider := providers[name].(map[string]any)
		provider["audiences"] = []string{name}
		provider["issuer"] = "https://" + name + ".example"
		if i == 0 {
			provider["jwks_uri"], provider["cluster"] = "https://issuer.example/keys", "issuer"
		} else {
			provider["jwks"] = json.RawMessage(setOf(keys[:5], noKid))
		}
	}
	config, err := json.Marshal(map[string]any{"providers": providers, "rules": []any{map[string]any{"all_of": names}}})
	if err != nil {
		t.Fatal(err)
	}
	p := mustParse(t, string(config))
	checks := 0
	s := p.NewState(counted(&checks))
	token := func(key *testkey.Key, name, jti string) string {
		return signedBy(key, nil, map[string]any{"iss": "https://" + name + ".example", "aud": name, "jti": jti})
	}
	ask := func(tokens ...string) string {
		pairs := [][2]string{{":method", "GET"}, {":path", "/"}, {":authority", "api.example"}}
		for i, token := range tokens {
			pairs = append(pairs, [2]string{"x-" + names[i], token})
		}
		r := request.NewRequest(pairs)
		r.MayWait = true
		return decided(p.Decide(s, testNow, &r))
	}
	learn := func(set string) {
		for _, call := range s.Due(testNow) {
			s.Learn(testNow, call, fetch.Answer{OK: true, Headers: [][2]string{{":status", "200"}}, Body: []byte(set)})
		}
	}
	learn(setOf(keys[:1], noKid))
	// The first waits for a key that may be newer, and the others are looked at meanwhile.
	late, good := token(keys[5], "a", ""), token(keys[4], "d", "good")
	if got := ask(late, token(keys[5], "b", "forged"), token(keys[5], "c", "forged"), good); got != "wait" {
		t.Fatalf("%s, want wait", got)
	}
	if checks > 5 { // as many as one token may cost, and the good one makes none
		t.Errorf("the tokens of one request cost %d checks", checks)
	}
	learn(setOf(keys[5:], noKid))
	if got := ask(late, token(keys[4], "b", ""), token(keys[4], "c", ""), good); got != "token_valid" {
		t.Errorf("four good tokens, each of its last key: %s", got)
	}
}
