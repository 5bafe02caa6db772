package policy

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/verdict"
)

// TestPanicOverAnAnswer: if reading an answer panics (the host's verifier is foreign
// code), the shell recovers. The previous answer must not be found under the new token's
// name.
func TestPanicOverAnAnswer(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, signedMember(map[string]any{"algorithms": []string{"RS256"}}), "")
	broken := false
	w.state = w.policy.NewState(Host{
		Knows: jose.Algorithms(0).With(jose.RS256),
		Verify: func(string, []byte, []byte, []byte) (valid, done bool) {
			if broken {
				panic("verifier")
			}
			return false, false
		},
	})
	w.want("/", "good", "wait")
	w.want("/", "other", "wait")
	answer := issuerOnce().signAnswer(w.now, nil, nil)
	w.answer("200", signedMedia, answer)
	w.want("/", "good", "token_valid")
	broken = true
	call := w.calls[0]
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		w.answer("200", signedMedia, answer)
	}()
	w.want("/", "other", "introspection_unavailable")
	// As the shell does with a call whose answer was lost.
	if learned := w.state.Learn(w.now, call, fetch.Answer{}); !learned.Settled {
		t.Errorf("%+v", learned)
	}
	w.want("/", "other", "introspection_unavailable")
	w.want("/", "good", "token_valid")
}

// FuzzSignedAnswer: a server with our key can sign anything, and a token passes only if a
// second reader finds all required claims in the same bytes by other means. Only a
// complete answer denies it, and nothing panics.
func FuzzSignedAnswer(f *testing.F) {
	secret := strings.Repeat("fake", 8)
	config := `{"subject_header":"x-sub","claim_headers":[{"claim":"tier","header":"x-tier"}],"rules":[{"scopes":["read"]}],"providers":{"server":` + introspectionProvider(map[string]any{
		"audiences": []string{"api"},
		"signed_response": map[string]any{
			"issuer": "https://issuer.example", "secret": b64([]byte(secret)), "algorithms": []string{"HS256"}, "max_age": "10s",
		},
	}) + `}}`
	now := testNow.Unix()
	const wholeHeader = `{"alg":"HS256","typ":"token-introspection+jwt"}`
	top := fmt.Sprintf(`"iss":"https://issuer.example","aud":"gate","iat":%d`, now)
	inside := fmt.Sprintf(`{"active":true,"sub":"bob","aud":["x","api"],"scope":"read","tier":"gold","exp":%d}`, now+60)
	wholePayload := `{` + top + `,"token_introspection":` + inside + `}`
	for _, h := range []string{wholeHeader, `{"alg":"HS256","typ":"Application/Token-Introspection+JWT","kid":"x"}`, `{"alg":"none","typ":"token-introspection+jwt"}`, `{"alg":"HS256","typ":"at+jwt"}`, `{}`, ``, `{"alg":"HS256","typ":"token-introspection+jwt","typ":"jwt"}`} {
		f.Add(h, wholePayload)
	}
	for _, payload := range []string{
		`{"token_introspection":` + inside + `,` + top + `}`,
		`{` + top + `,"token_introspection":{"active":false}}`,
		`{` + top + `,"token_introspection":` + inside + `,"token_introspection":{"active":false}}`,
		`{` + top + `,"token_\u0069ntrospection":` + inside + `}`,
		`{` + top + `,"token_introspection":[` + inside + `]}`,
		`{` + top + `,"active":true,"sub":"mallory","scope":"read","tier":"x","token_introspection":{"active":true,"aud":"api"}}`,
		`{` + top + `,"exp":1,"token_introspection":` + inside + `}`,
		`{` + top + `,"nbf":99999999999,"token_introspection":` + inside + `}`,
		`{"iss":"https://issuer.example","aud":["gate"],"iat":1.5e1,"token_introspection":` + inside + `}`,
		`{"iss":"https://issuer.example","aud":{"gate":"gate"},"iat":` + fmt.Sprint(now-39) + `,"token_introspection":` + inside + `}`,
		`{` + top + `,"token_introspection":{"active":true,"active":false}}`,
		`{` + top + `,"token_introspection":{"active":true,"token_type":"DPoP","aud":"api","scope":"read"}}`,
		`{` + top + `,"token_introspection":{"active":true,"cnf":{},"aud":"api","scope":"read"}}`,
		strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), `[]`, `null`, ``, "\xff", inside,
	} {
		f.Add(wholeHeader, payload)
	}
	f.Fuzz(func(t *testing.T, header, payload string) {
		w := introspectionWorldOf(t, config)
		body := secretKey(secret).JWS(header, payload)
		w.want("/", "opaque", "wait")
		w.answer("200", signedMedia, body)
		v := w.decide("/", "opaque")
		var h struct{ Alg, Typ string }
		var c struct {
			Iss                string
			Aud                any
			Iat, Exp, Nbf      *float64
			TokenIntrospection map[string]any `json:"token_introspection"`
		}
		// It takes more than the filter: of several members of a name the last,
		// and names in any case.
		whole := json.Unmarshal([]byte(header), &h) == nil && json.Unmarshal([]byte(payload), &c) == nil && len(body) <= 16<<10 &&
			h.Alg == "HS256" && strings.TrimPrefix(strings.ToLower(h.Typ), "application/") == "token-introspection+jwt" &&
			c.Iss == "https://issuer.example" && holds(c.Aud, "gate") && c.Iat != nil && *c.Iat >= float64(now-40) && *c.Iat <= float64(now+31) &&
			(c.Exp == nil || *c.Exp > float64(now-31)) && (c.Nbf == nil || *c.Nbf <= float64(now+31)) && c.TokenIntrospection != nil
		in := c.TokenIntrospection
		active, known := in["active"].(bool)
		sub, _ := in["sub"].(string)
		switch got := decided(v); {
		case header == wholeHeader && payload == wholePayload && got != "token_valid":
			t.Fatalf("%s: the property says nothing", got)
		case got == "introspection_unavailable":
		case !whole || !known:
			t.Fatalf("%s by %s %s", got, header, payload)
		case got == "inactive":
			if active {
				t.Fatalf("inactive by %s %s", header, payload)
			}
		case got == "token_valid", got == "insufficient_scope":
			scope, _ := in["scope"].(string)
			if !active || !holds(in["aud"], "api") || slices.Contains(strings.Split(scope, " "), "read") != (got == "token_valid") || in["cnf"] != nil {
				t.Fatalf("%s by %s %s", got, header, payload)
			}
			tier, text := in["tier"].(string)
			if got == "token_valid" && (setHeader(v, "x-sub") != claims.HeaderText(sub) || text && setHeader(v, "x-tier") != claims.HeaderText(tier)) {
				t.Fatalf("%q %q by %s %s", setHeader(v, "x-sub"), setHeader(v, "x-tier"), header, payload)
			}
		case !active:
			t.Fatalf("%s by %s %s", got, header, payload)
		}
	})
}

// TestSignedHistories: two servers that sign, one that does not, and a provider of JWTs
// which trusts the keys of one of them, at one gateway. Requests arrive between questions
// and answers in any order, with answers of the wrong server, for the wrong client, of
// yesterday, and about other subjects. A request passes only if the last complete answer
// about its own token called it active, with these claims and no others.
func TestSignedHistories(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 9))
	keys := map[string]*testIssuer{"a": issuerOnce(), "b": newTestIssuer(), "x": newTestIssuer()}
	provider := func(name string) string {
		members := m{"token_prefix": name + "_", "positive_ttl": "20s", "negative_ttl": "10s", "stale_if_error": "30s", "leeway": "0s", "client_id": "gate-" + name}
		if name != "p" {
			members["signed_response"] = m{"issuer": "https://" + name + ".example", "algorithms": []string{"EdDSA"}, "jwks": json.RawMessage(jwkSet(keys[name].jwk("EdDSA", "k1")))}
		}
		return introspectionProvider(members)
	}
	w := introspectionWorldOf(t, `{"subject_header":"x-sub","claim_headers":[{"claim":"tier","header":"x-tier"}],"provider_header":"x-prov","rules":[
		{"match":{"path":"/read"},"scopes":["read"]},{"match":{"path":"/gold"},"claims":[{"claim":"tier","equal":"gold"}]}],
		"providers":{"a":`+provider("a")+`,"b":`+provider("b")+`,"p":`+provider("p")+`,"j":{"type":"jwt","issuer":"https://a.example","audiences":["api"],
		"algorithms":["EdDSA"],"jwks":`+jwkSet(keys["a"].jwk("EdDSA", "k1"))+`}}}`)
	type belief struct {
		reason, sub, tier, scope string
		at, until, stale         time.Time
	}
	said := map[string]belief{}
	one := func(s ...string) string { return s[r.IntN(len(s))] }
	statement := func(n int) (inside m, b belief) {
		b = belief{reason: "token_valid", sub: fmt.Sprint("sub-", n), tier: one("gold", "tin", ""), scope: one("read", "write read", "write", "")}
		inside = m{"active": true, "sub": b.sub, "scope": b.scope, "exp": w.now.Unix() + 1000}
		if b.tier != "" {
			inside["tier"] = b.tier
		}
		if r.IntN(4) == 0 {
			inside["active"], b = false, belief{reason: "inactive"}
		}
		return inside, b
	}
	counts := map[string]int{}
	for n := range 6000 {
		switch r.IntN(8) {
		case 0:
			w.now = w.now.Add(time.Duration(r.IntN(9000)) * time.Millisecond)
		case 1, 2, 3:
			if len(w.calls) == 0 {
				continue
			}
			k := r.IntN(len(w.calls))
			w.calls[0], w.calls[k] = w.calls[k], w.calls[0]
			token := tokenOf(w.calls[0])
			name := token[:1]
			inside, b := statement(n)
			whole := true
			if name == "p" {
				w.answer("200", jsonType, mustJSON(inside))
			} else {
				signer, typ, claims := name, "token-introspection+jwt", m{"iss": "https://" + name + ".example", "aud": "gate-" + name, "token_introspection": inside}
				if r.IntN(2) == 0 {
					whole = false
					switch r.IntN(7) {
					case 0:
						signer = one("x", map[string]string{"a": "b", "b": "a"}[name])
					case 1:
						typ = one("JWT", "at+jwt", "logout+jwt")
					case 2:
						claims["iss"] = "https://" + map[string]string{"a": "b", "b": "a"}[name] + ".example"
					case 3:
						claims["aud"] = "gate-" + map[string]string{"a": "b", "b": "a"}[name]
					case 4:
						claims["iat"] = w.began[token].Unix() - 1
					case 5:
						claims["exp"] = w.now.Unix()
					case 6:
						claims["token_introspection"] = one("x", mustJSON(inside))
					}
				}
				// These claims are about the answer, not about a subject.
				claims["sub"], claims["tier"], claims["scope"], claims["active"] = "mallory", "gold", "read", true
				w.answer("200", signedMedia, keys[signer].signAnswer(w.now, m{"alg": "EdDSA", "typ": typ}, claims))
			}
			if whole {
				b.at = w.now
				b.until, b.stale = w.now.Add(20*time.Second), w.now.Add(50*time.Second)
				if b.reason == "inactive" {
					b.until, b.stale = w.now.Add(10*time.Second), time.Time{}
				}
				said[token] = b
			}
			v := w.decide("/", token)
			counts["answered "+decided(v)]++
			if got := decided(v); whole && (got != b.reason || setHeader(v, "x-sub") != b.sub || setHeader(v, "x-tier") != b.tier) {
				t.Fatalf("%s is %s for %q with %q after %+v", token, got, setHeader(v, "x-sub"), setHeader(v, "x-tier"), b)
			}
		case 4:
			sub, tier := fmt.Sprint("jwt-", n), one("gold", "tin", "")
			token := keys[one("a", "b", "x")].sign(m{"alg": "EdDSA", "typ": one("JWT", "at+jwt", "token-introspection+jwt")}, m{
				"iss": "https://a.example", "sub": sub, "tier": tier, "exp": w.now.Unix() + 60, "iat": w.now.Unix(),
				"token_introspection": m{"active": true, "sub": "mallory", "tier": "gold"},
			})
			if v := w.decide("/", token); decided(v) == "token_valid" && (setHeader(v, "x-sub") != sub || setHeader(v, "x-tier") != tier || setHeader(v, "x-prov") != "j") {
				t.Fatalf("%q %q, want %q %q", setHeader(v, "x-sub"), setHeader(v, "x-tier"), sub, tier)
			} else {
				counts["JWT "+decided(v)]++
			}
		default:
			path, token := one("/", "/read", "/gold"), one("a_", "b_", "p_")+fmt.Sprint(r.IntN(5))
			v := w.decide(path, token)
			b := said[token]
			want := b.reason
			if b.reason == "token_valid" && (path == "/read" && !strings.Contains(b.scope, "read") || path == "/gold" && b.tier != "gold") {
				want = map[string]string{"/read": "insufficient_scope", "/gold": "insufficient_claims"}[path]
			}
			counts[decided(v)]++
			switch v := v.(type) {
			case *verdict.Wait:
				if w.now.Before(b.until) {
					t.Fatalf("%s waits though the server has said %+v", token, b)
				}
			case *verdict.Deny:
				if got := decided(v); got != "introspection_unavailable" && (got != want || !w.now.Before(b.until) && !w.now.Before(b.stale)) || got == "introspection_unavailable" && w.now.Before(b.until) {
					t.Fatalf("%s at %s is %s by %+v", token, path, got, b)
				}
			case *verdict.Allow:
				if want != "token_valid" || !w.now.Before(b.stale) || setHeader(v, "x-sub") != b.sub || setHeader(v, "x-tier") != b.tier || setHeader(v, "x-prov") != token[:1] {
					t.Fatalf("%s at %s passes by %+v", token, path, b)
				}
			}
		}
	}
	for _, reason := range []string{"token_valid", "inactive", "insufficient_scope", "insufficient_claims", "answered token_valid", "answered introspection_unavailable", "JWT token_valid", "JWT wrong_type", "JWT bad_signature"} {
		if counts[reason] < 20 {
			t.Errorf("%d times %s: the histories say little: %v", counts[reason], reason, counts)
		}
	}
}

// holds reports a text that is this one, or an array with it.
func holds(v any, text string) bool {
	list, _ := v.([]any)
	return v == text || slices.Contains(list, any(text))
}
