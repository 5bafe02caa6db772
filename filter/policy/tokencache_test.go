package policy

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/testkey"
)

// TestCacheAgrees: over time, key changes and outages, a State with memory and a State
// without give the same verdict and the same identity to every request.
func TestCacheAgrees(t *testing.T) {
	t.Parallel()
	issuer := issuerOnce()
	other := newTestIssuer()
	sets := []string{
		jwkSet(issuer.jwk("RS256", "k1")),
		jwkSet(issuer.jwk("RS256", "k1"), issuer.jwk("ES256", "k2")),
		jwkSet(issuer.jwk("ES256", "k2"), issuer.jwk("EdDSA", "k3")),
		jwkSet(other.jwk("RS256", "k1")), // the same name for another key
		"",
	}
	r := rand.New(rand.NewPCG(7, 7))
	reasons := map[string]int{}
	for round := range 12 {
		members := map[string]any{
			"refresh": "1m", "min_refresh": "1s", "max_refresh": "1m", "max_stale": "5m", "leeway": "5s",
			"algorithms": []string{"RS256", "ES256", "EdDSA"},
		}
		with, without := newKeysWorld(t, members), newKeysWorld(t, members)
		// The answers to the rules' questions and the headers are remembered with a token.
		with.policy = mustParse(t, cacheConfig(t, members, round))
		with.state = with.policy.NewState(Host{})
		without.policy = mustParse(t, cacheConfig(t, members, round))
		without.policy.cacheBytes = 0
		without.state = without.policy.NewState(Host{})
		if round%3 == 0 { // small enough to forget all the time
			with.policy.cacheBytes = 4096
			with.state = with.policy.NewState(Host{})
		}
		var tokens []string
		for i := range 40 {
			claims := map[string]any{"iat": nil, "exp": testNow.Unix() + r.Int64N(900), "jti": strconv.Itoa(i)}
			claims["scope"] = pick[any](r, "read", "write admin", "", nil, []string{"read"})
			claims["org"] = pick[any](r, nil, map[string]any{"roles": []any{"admin", 7}}, map[string]any{"roles": []any{"user"}}, "admin")
			claims["tier"] = pick[any](r, "gold", "gold", 7, nil, []string{"gold"}, "\u00e9")
			switch r.IntN(6) {
			case 0:
				claims["aud"] = "other"
			case 1:
				claims["nbf"] = testNow.Unix() + r.Int64N(900)
			case 2:
				claims["iss"] = "https://other.example"
			}
			by := []*testIssuer{issuer, issuer, issuer, other}[r.IntN(4)]
			key := [][2]string{{"k1", "RS256"}, {"k2", "ES256"}, {"k3", "EdDSA"}, {"k9", "RS256"}}[r.IntN(4)]
			tokens = append(tokens, by.sign(map[string]any{"kid": key[0], "alg": key[1]}, claims))
		}
		tokens = append(tokens, "a.b.c", tokens[0]+"x", tokens[1][:len(tokens[1])-4]+"AAAA")
		for range 400 {
			switch r.IntN(12) {
			case 0:
				set := sets[r.IntN(len(sets))]
				with.served, without.served = set, set
			case 1:
				step := time.Duration(r.IntN(60)) * time.Second
				with.now, without.now = with.now.Add(step), without.now.Add(step)
				with.fetch()
				without.fetch()
			case 2:
				with.state.Sweep(with.now)
			}
			token := tokens[r.IntN(len(tokens))]
			// Waiting would show nothing: both fetch at the same moments or never.
			request := bearerRequest(token)
			request.Path = pick(r, "/", "/", "/scopes", "/claims")
			v := with.policy.Decide(with.state, with.now, request)
			a, b := verdictText(v), verdictText(without.policy.Decide(without.state, without.now, request))
			if a != b {
				t.Fatalf("round %d after %s:\n%s with memory,\n%s without", round, with.now.Sub(testNow), a, b)
			}
			reasons[decided(v)]++
		}
	}
	for _, reason := range []string{
		"token_valid", "expired", "not_yet_valid", "wrong_audience", "wrong_issuer", "bad_signature", "malformed_token", "keys_unavailable",
		"insufficient_scope", "insufficient_claims",
	} {
		if reasons[reason] < 5 {
			t.Errorf("%s came up %d times: the property says little of it", reason, reasons[reason])
		}
	}
}

// cacheConfig requires and propagates every claim in which the tokens above differ.
func cacheConfig(t *testing.T, members map[string]any, round int) string {
	t.Helper()
	config := map[string]any{}
	if err := json.Unmarshal([]byte(remoteConfig(t, members)), &config); err != nil {
		t.Fatal(err)
	}
	config["filter_state"] = []string{"scope", "provider"}
	config["payload_header"] = "x-payload"
	config["claim_headers"] = []any{map[string]any{"claim": "tier", "header": "x-tier", "filter_state": "tier", "missing": []string{"omit", "deny"}[round%2]}}
	config["rules"] = raw(`[
		{"match": {"path": "/scopes"}, "any_scopes": ["read", "admin"]},
		{"match": {"path": "/claims"}, "claims": [{"claim": ["org", "roles"], "contains": "admin"}, {"claim": "tier", "one_of": ["gold", 7]}]}]`)
	return mustJSON(config)
}

// TestGarbageDoesNotDisplaceTokens: refusals have room of their own.
func TestGarbageDoesNotDisplaceTokens(t *testing.T) {
	t.Parallel()
	p := mustParse(t, jwtConfig(t, nil))
	checks := 0
	s := p.NewState(counted(&checks))
	good := issuerOnce().sign(nil, nil)
	p.Decide(s, testNow, bearerRequest(good))
	for i := range 20_000 {
		p.Decide(s, testNow, bearerRequest("a."+strconv.Itoa(i)+".c"))
	}
	if got := decided(p.Decide(s, testNow, bearerRequest(good))); got != "token_valid" || checks != 1 {
		t.Errorf("the good token: %s after %d checks, want one", got, checks)
	}
}

// TestRefusalsAreForgotten: a refusal is remembered for a minute, so that memory is
// not held by tokens that are not sent any more.
func TestRefusalsAreForgotten(t *testing.T) {
	t.Parallel()
	checks := 0
	p := mustParse(t, jwtConfig(t, nil))
	s := p.NewState(counted(&checks))
	token := testkey.Forged(issuerOnce().sign(nil, nil))
	for after, want := range []int{1, 0, 1} {
		checks = 0
		if got := decided(p.Decide(s, testNow.Add(time.Duration(after)*time.Minute-time.Duration(after%2)*time.Second), bearerRequest(token))); got != "bad_signature" || checks != want {
			t.Errorf("after %d: %s, %d checks, want %d", after, got, checks, want)
		}
	}
}

// TestHostIsUsedForItsAlgorithms: a host that failed the self-test in an algorithm is not
// used for it.
func TestHostIsUsedForItsAlgorithms(t *testing.T) {
	t.Parallel()
	p := mustParse(t, jwtConfig(t, nil))
	yes := func(string, []byte, []byte, []byte) (bool, bool) { return true, true }
	// The signature is that of another token of this key: a stranger's can be above the
	// key's modulus, and is refused then before the host is asked.
	one, other := issuerOnce().sign(nil, nil), issuerOnce().sign(nil, map[string]any{"sub": "mallory"})
	forged := other[:strings.LastIndexByte(other, '.')] + one[strings.LastIndexByte(one, '.'):]
	for knows, want := range map[jose.Algorithms]string{
		0: "bad_signature", jose.Algorithms(0).With(jose.ES256): "bad_signature", jose.Algorithms(0).With(jose.RS256): "token_valid",
	} {
		if got := decided(p.Decide(p.NewState(Host{Knows: knows, Verify: yes}), testNow, bearerRequest(forged))); got != want {
			t.Errorf("%s: %s, want %s", knows, got, want)
		}
	}
}
