package policy

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/policy/claims"
)

// TestJWTClaims: each case differs from a good token in one thing. Each is decided twice,
// since the second verdict comes from memory.
func TestJWTClaims(t *testing.T) {
	t.Parallel()
	issuer := issuerOnce()
	now := float64(testNow.UnixNano()) / 1e9
	type m = map[string]any
	for _, c := range []struct {
		name           string
		config         m
		header, claims m
		want           string
	}{
		{"good", nil, nil, nil, "token_valid"},
		{"another issuer", nil, nil, m{"iss": "https://other.example"}, "wrong_issuer"},
		{"issuer with a slash", nil, nil, m{"iss": "https://issuer.example/"}, "wrong_issuer"},
		{"issuer in another case", nil, nil, m{"iss": "https://Issuer.example"}, "wrong_issuer"},
		{"no issuer", nil, nil, m{"iss": nil}, "wrong_issuer"},
		{"issuer of another type", nil, nil, m{"iss": []string{"https://issuer.example"}}, "malformed_token"},
		{"audience in an array", nil, nil, m{"aud": []string{"x", "api"}}, "token_valid"},
		{"another audience", nil, nil, m{"aud": "other"}, "wrong_audience"},
		{"audience that starts alike", nil, nil, m{"aud": "api2"}, "wrong_audience"},
		{"empty audience", nil, nil, m{"aud": ""}, "wrong_audience"},
		{"empty array of audiences", nil, nil, m{"aud": []string{}}, "wrong_audience"},
		{"array with an empty audience", nil, nil, m{"aud": []string{""}}, "wrong_audience"},
		{"no audience", nil, nil, m{"aud": nil}, "wrong_audience"},
		{"null audience", nil, nil, m{"aud": json.RawMessage("null")}, "malformed_token"},
		{"audience of another type", nil, nil, m{"aud": 1}, "malformed_token"},
		{"audiences of mixed types", nil, nil, m{"aud": []any{"api", 1}}, "malformed_token"},
		{"audience with a scheme", nil, nil, m{"aud": "https://api/"}, "wrong_audience"},
		{"audience with a scheme, lax", m{"insecure_lax_audiences": true}, nil, m{"aud": "https://api/"}, "token_valid"},
		{"expired", m{"leeway": "0s"}, nil, m{"exp": now - 1}, "expired"},
		{"expires now", m{"leeway": "0s"}, nil, m{"exp": now}, "expired"},
		{"expires in a blink", m{"leeway": "0s"}, nil, m{"exp": now + 0.01}, "token_valid"},
		{"expired within the leeway", m{"leeway": "30s"}, nil, m{"exp": now - 29}, "token_valid"},
		{"expired beyond the leeway", m{"leeway": "30s"}, nil, m{"exp": now - 31}, "expired"},
		{"no expiry", nil, nil, m{"exp": nil}, "no_expiry"},
		{"no expiry, allowed by name", m{"insecure_allow_no_expiry": true}, nil, m{"exp": nil}, "token_valid"},
		{"expiry as a string", nil, nil, m{"exp": "9999999999"}, "malformed_token"},
		{"expiry null", nil, nil, m{"exp": json.RawMessage("null")}, "malformed_token"},
		{"expiry in milliseconds", nil, nil, m{"exp": now * 1000}, "malformed_token"},
		{"expiry beyond floats", nil, nil, m{"exp": json.RawMessage("1e999")}, "malformed_token"},
		{"negative expiry", nil, nil, m{"exp": -1}, "malformed_token"},
		{"not before, a fraction ahead", m{"leeway": "0s"}, nil, m{"nbf": now + 0.2}, "not_yet_valid"},
		{"not before, a fraction ago", m{"leeway": "0s"}, nil, m{"nbf": now - 0.2}, "token_valid"},
		{"not before within the leeway", m{"leeway": "30s"}, nil, m{"nbf": now + 29}, "token_valid"},
		{"not before as a string", nil, nil, m{"nbf": "0"}, "malformed_token"},
		{"issued in the future", m{"leeway": "0s"}, nil, m{"iat": now + 1}, "not_yet_valid"},
		{"issued as a string", nil, nil, m{"iat": "0"}, "malformed_token"},
		{"lifetime", m{"max_lifetime": "10m"}, nil, m{"iat": now - 1, "exp": now + 590}, "token_valid"},
		{"lifetime too long", m{"max_lifetime": "10m"}, nil, m{"iat": now - 100, "exp": now + 600}, "lifetime"},
		{"lifetime unknown", m{"max_lifetime": "10m"}, nil, m{"iat": nil}, "lifetime"},
		{"sender-constrained", nil, nil, m{"cnf": m{"jkt": "x"}}, "sender_constrained"},
		{"sender-constrained, null", nil, nil, m{"cnf": json.RawMessage("null")}, "sender_constrained"},
		{"no typ", nil, m{"typ": nil}, nil, "token_valid"},
		{"access token", nil, m{"typ": "at+jwt"}, nil, "token_valid"},
		{"access token, long form", nil, m{"typ": "application/at+jwt"}, nil, "token_valid"},
		{"DPoP proof", nil, m{"typ": "dpop+jwt"}, nil, "wrong_type"},
		{"logout token", nil, m{"typ": "Logout+JWT"}, nil, "wrong_type"},
		{"security event", nil, m{"typ": "application/secevent+jwt"}, nil, "wrong_type"},
		{"security event with a parameter", nil, m{"typ": "secevent+jwt ;charset=utf-8"}, nil, "wrong_type"},
		{"access token with a parameter", nil, m{"typ": "at+jwt;v=1"}, nil, "token_valid"},
		{"typ required", m{"types": []string{"at+jwt"}}, m{"typ": "AT+JWT"}, nil, "token_valid"},
		{"typ required, another", m{"types": []string{"at+jwt"}}, m{"typ": "JWT"}, nil, "wrong_type"},
		{"typ required, none", m{"types": []string{"application/at+jwt"}}, m{"typ": nil}, nil, "wrong_type"},
		{"subject", m{"subjects": []m{{"prefix": "al"}}}, nil, nil, "token_valid"},
		{"another subject", m{"subjects": []m{{"prefix": "bo"}, {"equal": "al"}}}, nil, nil, "wrong_subject"},
		{"no subject", m{"subjects": []m{{"regex": ".*"}}}, nil, m{"sub": nil}, "wrong_subject"},
		{"subject by expression", m{"subjects": []m{{"regex": "a[a-z]+"}}}, nil, nil, "token_valid"},
		{"subject by expression, anchored", m{"subjects": []m{{"regex": "a"}}}, nil, nil, "wrong_subject"},
		{"subject of another type", nil, nil, m{"sub": 7}, "malformed_token"},
		{"claim", m{"required_claims": []m{{"claim": "azp", "values": []string{"a", "b"}}}}, nil, m{"azp": "b"}, "token_valid"},
		{"claim in an array", m{"required_claims": []m{{"claim": "azp", "values": []string{"b"}}}}, nil, m{"azp": []string{"x", "b"}}, "token_valid"},
		{"claim true", m{"required_claims": []m{{"claim": "email_verified", "values": []string{"true"}}}}, nil, m{"email_verified": true}, "token_valid"},
		{"claim, another value", m{"required_claims": []m{{"claim": "azp", "values": []string{"a"}}}}, nil, m{"azp": "A"}, "wrong_claim"},
		{"claim, absent", m{"required_claims": []m{{"claim": "azp", "values": []string{"a"}}}}, nil, nil, "wrong_claim"},
		{"claim, null", m{"required_claims": []m{{"claim": "azp", "values": []string{"null"}}}}, nil, m{"azp": json.RawMessage("null")}, "wrong_claim"},
		{"claim, object", m{"required_claims": []m{{"claim": "azp", "values": []string{"{}"}}}}, nil, m{"azp": m{}}, "wrong_claim"},
		{"another kid", nil, m{"kid": "k2"}, nil, "unknown_key"},
		{"no kid", nil, m{"kid": nil}, nil, "token_valid"},
		{"kid of another type", nil, m{"kid": 1}, nil, "malformed_token"},
		{"algorithm not listed", nil, m{"alg": "PS256"}, nil, "algorithm"},
		{"algorithm none", nil, m{"alg": "none"}, nil, "malformed_token"},
		{"HMAC under a public key", nil, m{"alg": "HS256"}, nil, "algorithm"},
		{"critical extension", nil, m{"crit": []string{"exp"}}, nil, "malformed_token"},
		{"key in the header", nil, m{"jwk": issuer.jwk("RS256", "k1"), "kid": "k2"}, nil, "unknown_key"},
		{"template", m{"issuer": nil, "issuer_template": "https://login.example/{tid}/v2", "issuer_template_values": []string{"t1", "t2"}}, nil, m{"iss": "https://login.example/t2/v2", "tid": "t2"}, "token_valid"},
		{"template, other tenant's claim", m{"issuer": nil, "issuer_template": "https://login.example/{tid}/v2", "issuer_template_values": []string{"t1", "t2"}}, nil, m{"iss": "https://login.example/t2/v2", "tid": "t1"}, "wrong_issuer"},
		{"template, no claim", m{"issuer": nil, "issuer_template": "https://login.example/{tid}/v2", "issuer_template_values": []string{"t1"}}, nil, m{"iss": "https://login.example/t1/v2"}, "wrong_issuer"},
		{"template, unknown tenant", m{"issuer": nil, "issuer_template": "https://login.example/{tid}/v2", "issuer_template_values": []string{"t1"}}, nil, m{"iss": "https://login.example/t3/v2", "tid": "t3"}, "wrong_issuer"},
		{"template itself", m{"issuer": nil, "issuer_template": "https://login.example/{tid}/v2", "issuer_template_values": []string{"t1"}}, nil, m{"iss": "https://login.example/{tid}/v2", "tid": "{tid}"}, "wrong_issuer"},
		{"list of issuers", m{"issuer": nil, "issuers": []string{"https://a.example", "https://issuer.example"}}, nil, nil, "token_valid"},
		{"any issuer", m{"issuer": nil}, nil, m{"iss": "https://whoever.example"}, "token_valid"},
		{"any issuer, none", m{"issuer": nil}, nil, m{"iss": nil}, "token_valid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := mustParse(t, jwtConfig(t, c.config))
			s := p.NewState(Host{})
			token := issuer.sign(c.header, c.claims)
			for _, time := range []string{"first", "second"} {
				if got := decided(p.Decide(s, testNow, bearerRequest(token))); got != c.want {
					t.Errorf("%s time: %s, want %s", time, got, c.want)
				}
			}
		})
	}
}

// TestJWTForgeries: every change of a good token is refused.
func TestJWTForgeries(t *testing.T) {
	t.Parallel()
	issuer := issuerOnce()
	p := mustParse(t, jwtConfig(t, map[string]any{"jwks": json.RawMessage(jwkSet(
		issuer.jwk("RS256", "rs"), issuer.jwk("ES256", "es"), issuer.jwk("EdDSA", "ed"),
	))}))
	s := p.NewState(Host{})
	for kid, alg := range map[string]string{"rs": "RS256", "es": "ES256", "ed": "EdDSA"} {
		token := issuer.sign(map[string]any{"alg": alg, "kid": kid}, nil)
		if got := decided(p.Decide(s, testNow, bearerRequest(token))); got != "token_valid" {
			t.Fatalf("%s: %s", alg, got)
		}
		for i := range token {
			for _, c := range []byte("Ab_.") {
				if token[i] == c {
					continue
				}
				forged := token[:i] + string(c) + token[i+1:]
				if got := decided(p.Decide(s, testNow, bearerRequest(forged))); got == "token_valid" {
					t.Fatalf("%s: %q at %d passes", alg, c, i)
				}
			}
		}
		parts := strings.Split(token, ".")
		other := strings.Split(issuer.sign(map[string]any{"alg": alg, "kid": kid}, map[string]any{"sub": "root"}), ".")
		for name, forged := range map[string]string{
			"another payload":    parts[0] + "." + other[1] + "." + parts[2],
			"another signature":  parts[0] + "." + parts[1] + "." + other[2],
			"no signature":       parts[0] + "." + parts[1] + ".",
			"no signature, none": b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
			"another key's name": issuer.sign(map[string]any{"alg": alg, "kid": map[string]string{"rs": "es", "es": "ed", "ed": "rs"}[kid]}, nil),
		} {
			if got := decided(p.Decide(s, testNow, bearerRequest(forged))); got == "token_valid" {
				t.Errorf("%s: %s passes", alg, name)
			}
		}
	}
}

// TestJWTIdentity: claims become headers in a form that clients cannot imitate.
func TestJWTIdentity(t *testing.T) {
	t.Parallel()
	p := mustParse(t, jwtConfig(t, nil))
	s := p.NewState(Host{})
	for _, c := range []struct{ claim, want string }{
		{`"gold"`, "gold"},
		{`"with space"`, "with space"},
		{`"é\n%"`, "%C3%A9%0A%25"},
		{`" edge "`, "%20edge%20"},
		{`9007199254740993`, "9007199254740993"},
		{`1.50`, "1.50"},
		{`true`, "true"},
		{`null`, ""},
		{`["a"]`, ""},
		{`{"a":1}`, ""},
		{`"` + strings.Repeat("x", claims.MaxHeaderText+1) + `"`, ""},
	} {
		token := issuerOnce().sign(nil, map[string]any{"tier": json.RawMessage(c.claim), "sub": "al\u00efce"})
		v := p.Decide(s, testNow, bearerRequest(token))
		if got := setHeader(v, "x-tier"); got != c.want {
			t.Errorf("%.40s: %.40q, want %q", c.claim, got, c.want)
		}
		if got := setHeader(v, "x-sub"); got != "al%C3%AFce" {
			t.Errorf("subject %q", got)
		}
	}
}

// TestRememberedTokenExpires: the clock decides about a remembered token each time.
func TestRememberedTokenExpires(t *testing.T) {
	t.Parallel()
	p := mustParse(t, jwtConfig(t, map[string]any{"leeway": "0s"}))
	s := p.NewState(Host{})
	token := issuerOnce().sign(nil, map[string]any{"nbf": testNow.Unix() + 10, "exp": testNow.Unix() + 20})
	for _, step := range []struct {
		at   time.Duration
		want string
	}{
		{0, "not_yet_valid"},
		{9 * time.Second, "not_yet_valid"},
		{10 * time.Second, "token_valid"},
		{19 * time.Second, "token_valid"},
		{20 * time.Second, "expired"},
		{21 * time.Second, "expired"},
		{15 * time.Second, "token_valid"}, // a clock that was set back
	} {
		if got := decided(p.Decide(s, testNow.Add(step.at), bearerRequest(token))); got != step.want {
			t.Errorf("after %s: %s, want %s", step.at, got, step.want)
		}
	}
}
