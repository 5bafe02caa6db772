package policy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/request"
)

// ecKeys are n keys of one curve, for ES256 or ES512.
func ecKeys(t testing.TB, curve elliptic.Curve, n int) (keys []*ecdsa.PrivateKey) {
	for range n {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	return keys
}

// ecSet publishes keys, each under the kid of that index, without a kid for "".
func ecSet(t testing.TB, keys []*ecdsa.PrivateKey, kid func(int) string) string {
	var all []map[string]any
	for i, key := range keys {
		point, err := key.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		x, y := point[1:1+len(point)/2], point[1+len(point)/2:]
		j := map[string]any{"kty": "EC", "crv": key.Params().Name, "x": b64(x), "y": b64(y)}
		if name := kid(i); name != "" {
			j["kid"] = name
		}
		all = append(all, j)
	}
	return jwkSet(all...)
}

func noKid(int) string       { return "" }
func numbered(i int) string  { return fmt.Sprint("k", i) }
func sameForAll(int) string  { return "k" }
func fakeKid(kid string) any { return map[bool]any{true: nil, false: kid}[kid == ""] }

// ecToken is a token of a key; jti makes it another one.
func ecToken(t testing.TB, key *ecdsa.PrivateKey, kid, jti string) string {
	alg, digest := "ES256", func(b []byte) []byte { d := sha256.Sum256(b); return d[:] }
	if key.Params().BitSize == 521 {
		alg, digest = "ES512", func(b []byte) []byte { d := sha512.Sum512(b); return d[:] }
	}
	signed := issuerOnce().sign(map[string]any{"alg": alg, "kid": fakeKid(kid)}, map[string]any{"jti": jti})
	signed = signed[:strings.LastIndexByte(signed, '.')]
	r, s, err := ecdsa.Sign(rand.Reader, key, digest([]byte(signed)))
	if err != nil {
		t.Fatal(err)
	}
	size := (key.Params().BitSize + 7) / 8
	return signed + "." + b64(append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...))
}

// counted is a host that counts the checks and leaves them to Go.
func counted(checks *int) Host {
	return Host{Knows: jose.AllAlgorithms, Verify: func(string, []byte, []byte, []byte) (bool, bool) {
		*checks++
		return false, false
	}}
}

// most is the largest number of keys that a configuration may have.
func most(t *testing.T, alg string, keys []*ecdsa.PrivateKey) int {
	for n := 1; n <= len(keys); n++ {
		_, err := Parse([]byte(jwtConfig(t, map[string]any{"algorithms": []string{alg}, "jwks": json.RawMessage(ecSet(t, keys[:n], noKid))})))
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
		alg   string
		curve elliptic.Curve
		want  int
	}{{"ES256", elliptic.P256(), 62}, {"ES512", elliptic.P521(), 5}} {
		t.Run(c.alg, func(t *testing.T) {
			t.Parallel()
			keys := ecKeys(t, c.curve, c.want+2)
			n := most(t, c.alg, keys[:c.want+1])
			if n != c.want {
				t.Errorf("%d keys are accepted, want %d", n, c.want)
			}
			stranger := keys[len(keys)-1]
			for name, kid := range map[string]func(int) string{"no kids": noKid, "kids in the set": numbered, "one kid": sameForAll} {
				checks := 0
				p := mustParse(t, jwtConfig(t, map[string]any{"algorithms": []string{c.alg}, "jwks": json.RawMessage(ecSet(t, keys[:n], kid))}))
				s := p.NewState(counted(&checks))
				ask := func(token string) string { return decided(p.Decide(s, testNow, bearerRequest(token))) }
				for _, i := range []int{0, 4, n - 1} {
					if got := ask(ecToken(t, keys[i], "", name)); got != "token_valid" {
						t.Errorf("%s: a token without kid by key %d of %d: %s", name, i, n, got)
					}
				}
				checks = 0
				forged := []string{ecToken(t, stranger, "", name), ecToken(t, stranger, "", name+"2"), ecToken(t, stranger, kid(0), name)}
				for _, token := range forged {
					if got := ask(token); got != "bad_signature" {
						t.Errorf("%s: forged: %s", name, got)
					}
					if s.keys.Spent > jose.MaxCost {
						t.Errorf("%s: a forged token costs %d us", name, s.keys.Spent)
					}
				}
				t.Logf("%s, %s: a forged token costs as much as %.1f checks, at most %d us", c.alg, name, float64(checks)/3, jose.MaxCost)
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
	keys := ecKeys(t, elliptic.P521(), 12)
	config := func(kid func(int) string) string {
		return jwtConfig(t, map[string]any{
			"algorithms": []string{"ES512"}, "jwks": json.RawMessage(ecSet(t, keys, kid)), "key_ids": []string{"k0", "k11", "k"},
		})
	}
	checks := 0
	p := mustParse(t, config(numbered))
	s := p.NewState(counted(&checks))
	for token, want := range map[string]string{
		ecToken(t, keys[11], "", ""): "unknown_key", ecToken(t, keys[11], "k11", ""): "token_valid", ecToken(t, keys[11], "k0", ""): "bad_signature",
		ecToken(t, keys[11], "k1", ""): "unknown_key",
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
	keys := ecKeys(t, elliptic.P521(), 6)
	w := newKeysWorld(t, map[string]any{"algorithms": []string{"ES256", "ES512"}})
	fetch := func(n int) (warnings []string) {
		w.now = w.now.Add(time.Hour)
		w.served = ecSet(t, keys[6-n:], noKid)
		for _, call := range w.begin() {
			learned := w.state.Learn(w.now, call, fetch.Answer{OK: true, Headers: [][2]string{{":status", "200"}}, Body: []byte(w.served)})
			warnings = append(warnings, learned.Warnings...)
		}
		return warnings
	}
	token := func(i int) string {
		signed := ecToken(t, keys[i], "", "")
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
	keys := ecKeys(t, elliptic.P256(), 3)
	w := newKeysWorld(t, map[string]any{"refresh": "1h"})
	checks := 0
	w.state = w.policy.NewState(counted(&checks))
	w.served = ecSet(t, keys[:2], numbered)
	w.fetch()
	tokens := []string{ecToken(t, keys[2], "", "1"), ecToken(t, keys[2], "", "2"), ecToken(t, keys[2], "", "3")}
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
	w.served = ecSet(t, keys, numbered)
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
	keys := ecKeys(t, elliptic.P521(), 6)
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
			provider["jwks"] = json.RawMessage(ecSet(t, keys[:5], noKid))
		}
	}
	config, err := json.Marshal(map[string]any{"providers": providers, "rules": []any{map[string]any{"all_of": names}}})
	if err != nil {
		t.Fatal(err)
	}
	p := mustParse(t, string(config))
	checks := 0
	s := p.NewState(counted(&checks))
	token := func(key *ecdsa.PrivateKey, name, jti string) string {
		signed := issuerOnce().sign(map[string]any{"alg": "ES512", "kid": nil}, map[string]any{"iss": "https://" + name + ".example", "aud": name, "jti": jti})
		signed = signed[:strings.LastIndexByte(signed, '.')]
		digest := sha512.Sum512([]byte(signed))
		r, v, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return signed + "." + b64(append(r.FillBytes(make([]byte, 66)), v.FillBytes(make([]byte, 66))...))
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
	learn(ecSet(t, keys[:1], noKid))
	// The first waits for a key that may be newer, and the others are looked at meanwhile.
	late, good := token(keys[5], "a", ""), token(keys[4], "d", "good")
	if got := ask(late, token(keys[5], "b", "forged"), token(keys[5], "c", "forged"), good); got != "wait" {
		t.Fatalf("%s, want wait", got)
	}
	if s.keys.Spent > jose.MaxCost {
		t.Errorf("the tokens of one request cost %d us", s.keys.Spent)
	}
	t.Logf("four tokens: %d checks", checks)
	learn(ecSet(t, keys[5:], noKid))
	if got := ask(late, token(keys[4], "b", ""), token(keys[4], "c", ""), good); got != "token_valid" {
		t.Errorf("four good tokens, each of its last key: %s", got)
	}
}
