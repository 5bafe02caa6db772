package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"bearerauth/filter/policy/fetch"
)

// with is a key with other members; nil takes one away.
func with(key map[string]any, members map[string]any) map[string]any {
	key = maps.Clone(key)
	maps.Copy(key, members)
	maps.DeleteFunc(key, func(_ string, v any) bool { return v == nil })
	return key
}

// TestInlineKeysAreSkipped: a set that was copied from an issuer has keys that are
// of no use here. They are left out with a warning, as those of a fetched set, and
// the others verify.
func TestInlineKeysAreSkipped(t *testing.T) {
	t.Parallel()
	good := issuerOnce().jwk("RS256", "k1")
	for name, c := range map[string]struct {
		key any
		why string
	}{
		"for encryption":   {with(good, map[string]any{"kid": "enc", "use": "enc", "alg": "RSA-OAEP"}), `keys[1], kid "enc", is not used: not for signatures (use)`},
		"no alg for it":    {with(good, map[string]any{"kid": "enc", "use": "enc", "alg": nil}), `keys[1], kid "enc", is not used: not for signatures (use)`},
		"unknown kty":      {map[string]any{"kty": "AKP", "kid": "pq", "alg": "ML-DSA-44", "pub": "AA"}, `keys[1], kid "pq", is not used: want kty RSA, EC, OKP or oct`},
		"unknown alg":      {with(good, map[string]any{"kid": "old", "alg": "RS1"}), `keys[1], kid "old", is not used: alg is not a known signature algorithm`},
		"weak":             {with(good, map[string]any{"kid": nil, "n": strings.Repeat("x", 170) + "w"}), `keys[1] is not used: want an RSA modulus of 2048 to 8192 bits`},
		"another curve":    {map[string]any{"kty": "EC", "crv": "secp256k1", "kid": "c", "x": "AA", "y": "AA"}, `keys[1], kid "c", is not used: want a crv that fits kty: P-256, P-384, P-521 or Ed25519`},
		"to sign":          {with(good, map[string]any{"kid": "s", "key_ops": []string{"sign"}}), `keys[1], kid "s", is not used: not for verification (key_ops)`},
		"kid is a number":  {with(good, map[string]any{"kid": 7}), `keys[1] is not used: want kty, kid, use, alg and crv to be strings`},
		"no object":        {"key", `keys[1] is not used: want a JSON object`},
		"a weak secret":    {map[string]any{"kty": "oct", "kid": "hmac", "k": "ZmFrZQ"}, `keys[1], kid "hmac", is not used: want a secret of at least 32 bytes for HS256, got 4`},
		"costs too much":   {with(good, map[string]any{"kid": "e", "n": strings.Repeat("x", 1364) + "xw", "e": "f____w"}), `keys[1], kid "e", is not used: want a smaller RSA exponent, such as 65537, with so long a modulus`},
		"a kid of a novel": {with(good, map[string]any{"kid": strings.Repeat("k", 1000), "use": "enc"}), `keys[1], kid "` + strings.Repeat("k", 64) + `"…, is not used: not for signatures (use)`},
	} {
		set := string(mustMarshal(t, map[string]any{"keys": []any{good, c.key}}))
		for form, jwks := range map[string]any{"object": json.RawMessage(set), "string": set} {
			p := mustParse(t, jwtConfig(t, map[string]any{"jwks": jwks}))
			if got, want := p.Warnings(), []string{"providers.idp.jwks: " + c.why}; !slices.Equal(got, want) {
				t.Errorf("%s, %s: warnings %q, want %q", name, form, got, want)
			}
			if got := decided(p.Decide(p.NewState(Host{}), testNow, bearerRequest(issuerOnce().sign(nil, nil)))); got != "token_valid" {
				t.Errorf("%s, %s: %s", name, form, got)
			}
		}
		// From the network the same key is left out with the same words.
		w := newKeysWorld(t, nil)
		for _, call := range w.begin() {
			learned := w.state.Learn(w.now, call, fetch.Answer{OK: true, Headers: [][2]string{{":status", "200"}}, Body: []byte(set)})
			if len(learned.Warnings) != 1 || !strings.Contains(learned.Warnings[0], c.why) && !strings.Contains(c.why, "hmac") {
				t.Errorf("%s, fetched: %q", name, learned.Warnings)
			}
		}
	}
}

func mustMarshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestInlineKeysStayRefused: a set with a private key is refused, for any other fault of
// that key; so is a set without a usable key.
func TestInlineKeysStayRefused(t *testing.T) {
	t.Parallel()
	good := issuerOnce().jwk("RS256", "k1")
	other := string(mustMarshal(t, good))
	private := "want public keys only"
	for name, c := range map[string]struct{ set, want string }{
		"private":                    {jwkSet(good, with(good, map[string]any{"d": "AA"})), private},
		"private, for encryption":    {jwkSet(good, with(good, map[string]any{"use": "enc", "d": "AA"})), private},
		"private, of an unknown kty": {jwkSet(good, map[string]any{"kty": "AKP", "d": "AA"}), private},
		"private, no kty":            {jwkSet(good, map[string]any{"oth": []any{}}), private},
		"private, weak":              {jwkSet(good, map[string]any{"kty": "RSA", "n": "AQ", "e": "AQAB", "qi": 7}), private},
		"private, and twice":         {`{"keys":[` + other + `,{"kty":"RSA","d":"AA","kty":"RSA"}]}`, private},
		"private, d twice":           {`{"keys":[` + other + `,{"kty":"RSA","d":"AA","d":"AA"}]}`, private},
		"private, twice within":      {`{"keys":[` + other + `,{"kty":"RSA","d":"AA","x5c":[{"a":1,"a":2}]}]}`, private},
		"none is left":               {jwkSet(with(good, map[string]any{"use": "enc"})), "no key of the JWK Set can be used: [0] not for signatures (use)"},
		"none":                       {`{"keys":[]}`, "want at least one key in the JWK Set"},
		"cut off":                    {`{"keys":[` + other, "want valid JSON"},
		"no set":                     {other, "got a single key"},
		"keys twice":                 {`{"keys":[` + other + `],"keys":[` + other + `]}`, "want each name once"},
		"no keys":                    {`{"key":[` + other + `]}`, `want a JWK Set, {"keys": [...]}`},
	} {
		p, err := Parse([]byte(jwtConfig(t, map[string]any{"jwks": c.set})))
		if err == nil || p != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := Parse([]byte(jwtConfig(t, map[string]any{"jwks": json.RawMessage(fmt.Sprintf(`{"keys":[%s,{"kty":"RSA","d":"AA","d":"AA"}]}`, other))}))); err == nil {
		t.Error("a key that says something twice is accepted in an object")
	}
}
