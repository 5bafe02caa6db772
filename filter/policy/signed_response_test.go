package policy

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/verdict"
	"bearerauth/filter/testkey"
)

const signedMedia = "application/token-introspection+jwt"

// signedMember is a provider's signed_response, with the test issuer's key in it.
func signedMember(members map[string]any) map[string]any {
	all := map[string]any{
		"issuer": "https://issuer.example", "jwks": json.RawMessage(jwkSet(issuerOnce().jwk("RS256", "k1"))),
	}
	maps.Copy(all, members)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return map[string]any{"signed_response": all}
}

// fetchedMember is signedMember with keys from the network.
func fetchedMember(members map[string]any) map[string]any {
	all := map[string]any{"jwks": nil, "jwks_uri": "https://issuer.example/keys", "cluster": "keys", "algorithms": []string{"RS256"}}
	maps.Copy(all, members)
	return signedMember(all)
}

// signAnswer is an introspection response as RFC 9701 section 5 has it: alice's
// token is active. header and claims override what is usual, as in sign.
func (i *testIssuer) signAnswer(at time.Time, header, claims map[string]any) string {
	alg, _ := header["alg"].(string)
	return signedAnswer(i.key(alg, "k1"), at, header, claims)
}

func signedAnswer(key *testkey.Key, at time.Time, header, claims map[string]any) string {
	h := map[string]any{"typ": "token-introspection+jwt"}
	maps.Copy(h, header)
	c := map[string]any{
		"aud": "gate", "iat": at.Unix(), "sub": nil, "exp": nil, "scope": nil,
		"token_introspection": map[string]any{"active": true, "sub": "alice", "exp": at.Unix() + 600},
	}
	maps.Copy(c, claims)
	return signedBy(key, h, c)
}

// TestSignedResponses: only an answer that the server has signed, for this client, after
// the question, counts. For every other answer the result is 503.
func TestSignedResponses(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	issuer, stranger := issuerOnce(), newTestIssuer()
	now := testNow.Unix()
	const header = `{"alg":"RS256","kid":"k1","typ":"token-introspection+jwt"}`
	top := `{"iss":"https://issuer.example","aud":"gate","iat":` + mustJSON(now)
	inside := func(members m) m { return m{"token_introspection": members} }
	sign := func(header, claims m) string { return issuer.signAnswer(testNow, header, claims) }
	good := sign(nil, nil)
	const refused = "introspection_unavailable"
	for _, c := range []struct {
		name, contentType, body, want string
		members                       m // of signed_response
	}{
		{"signed", signedMedia, good, "token_valid", nil},
		{"media type with a parameter, in another case", "Application/Token-Introspection+JWT ; charset=utf-8", good, "token_valid", nil},
		{"inactive", signedMedia, sign(nil, inside(m{"active": false})), "inactive", nil},
		{"inactive, with claims", signedMedia, sign(nil, inside(m{"active": false, "sub": "alice"})), "inactive", nil},

		// Downgrades, and other documents.
		{"plain JSON", jsonType, `{"active":true,"sub":"alice"}`, refused, nil},
		{"plain JSON, inactive", jsonType, `{"active":false}`, refused, nil},
		{"plain JSON, called signed", signedMedia, `{"active":true,"sub":"alice"}`, refused, nil},
		{"signed, called JSON", jsonType, good, refused, nil},
		{"signed, called a JWT", "application/jwt", good, refused, nil},
		{"signed, without a media type", "", good, refused, nil},
		{"media type with more behind it", signedMedia + "x", good, refused, nil},
		{"two media types", "application/json, " + signedMedia, good, refused, nil},
		{"nothing", signedMedia, "", refused, nil},
		{"as a JSON string", signedMedia, mustJSON(good), refused, nil},
		{"two of them", signedMedia, good + good, refused, nil},
		{"a newline behind it", signedMedia, good + "\n", refused, nil},
		{"a space before it", signedMedia, " " + good, refused, nil},
		{"encrypted", signedMedia, "e30.e30.e30.e30.e30", refused, nil},
		{"JWS in JSON", signedMedia, `{"payload":"","signatures":[]}`, refused, nil},
		{"huge", signedMedia, sign(nil, inside(m{"active": true, "x": strings.Repeat("x", 32<<10)})), refused, nil},

		// Signatures.
		{"alg none", signedMedia, sign(m{"alg": "none"}, nil), refused, nil},
		{"no signature", signedMedia, good[:strings.LastIndexByte(good, '.')+1], refused, nil},
		{"an algorithm that is not listed", signedMedia, sign(m{"alg": "PS256"}, nil), refused, nil},
		{"HMAC under the public key", signedMedia, sign(m{"alg": "HS256"}, nil), refused, nil},
		{"a stranger's key under the same kid", signedMedia, stranger.signAnswer(testNow, nil, nil), refused, nil},
		{"a stranger's key in the header", signedMedia, stranger.signAnswer(testNow, m{"jwk": stranger.jwk("RS256", "k1")}, nil), refused, nil},
		{"unknown kid", signedMedia, sign(m{"kid": "k2"}, nil), refused, nil},
		{"no kid", signedMedia, sign(m{"kid": nil}, nil), "token_valid", nil},
		{"critical extension", signedMedia, sign(m{"crit": []string{"exp"}}, nil), refused, nil},
		{"a token inside", signedMedia, sign(m{"cty": "JWT"}, nil), refused, nil},
		{"another payload under the signature", signedMedia, strings.Split(good, ".")[0] + "." + strings.Split(sign(nil, m{"x": 1}), ".")[1] + "." + strings.Split(good, ".")[2], refused, nil},

		// Other JWTs of the same issuer.
		{"typ, long form, in another case", signedMedia, sign(m{"typ": "application/Token-Introspection+JWT"}, nil), "token_valid", nil},
		{"typ with a parameter", signedMedia, sign(m{"typ": "token-introspection+jwt; v=1"}, nil), refused, nil},
		{"no typ", signedMedia, sign(m{"typ": nil}, nil), refused, nil},
		{"an access token with such a claim", signedMedia, sign(m{"typ": "at+jwt"}, nil), refused, nil},
		{"an ID token with such a claim", signedMedia, sign(m{"typ": "JWT"}, nil), refused, nil},
		{"a logout token with such a claim", signedMedia, sign(m{"typ": "logout+jwt"}, nil), refused, nil},

		// These are issuer, audience and time.
		{"another issuer", signedMedia, sign(nil, m{"iss": "https://issuer.example/"}), refused, nil},
		{"no issuer", signedMedia, sign(nil, m{"iss": nil}), refused, nil},
		{"issuer of another type", signedMedia, sign(nil, m{"iss": []string{"https://issuer.example"}}), refused, nil},
		{"for us among others", signedMedia, sign(nil, m{"aud": []string{"other", "gate"}}), "token_valid", nil},
		{"for another resource server", signedMedia, sign(nil, m{"aud": "other"}), refused, nil},
		{"for nobody", signedMedia, sign(nil, m{"aud": nil}), refused, nil},
		{"for an empty list", signedMedia, sign(nil, m{"aud": []string{}}), refused, nil},
		{"for us in another case", signedMedia, sign(nil, m{"aud": "Gate"}), refused, nil},
		{"audience, configured", signedMedia, sign(nil, m{"aud": "https://api.example"}), "token_valid", m{"audience": "https://api.example"}},
		{"audience, configured, but for the client", signedMedia, good, refused, m{"audience": "https://api.example"}},
		{"no iat", signedMedia, sign(nil, m{"iat": nil}), refused, nil},
		{"iat as a string", signedMedia, sign(nil, m{"iat": mustJSON(now)}), refused, nil},
		{"iat in milliseconds", signedMedia, sign(nil, m{"iat": now * 1000}), refused, nil},
		{"an answer from before the question", signedMedia, sign(nil, m{"iat": now - 31}), refused, nil},
		{"from before it, within the leeway", signedMedia, sign(nil, m{"iat": now - 30}), "token_valid", nil},
		{"from before it, within max_age", signedMedia, sign(nil, m{"iat": now - 90}), "token_valid", m{"max_age": "1m"}},
		{"from before it, beyond max_age", signedMedia, sign(nil, m{"iat": now - 91}), refused, m{"max_age": "1m"}},
		{"from the future", signedMedia, sign(nil, m{"iat": now + 32}), refused, nil},
		{"from the future, within the leeway", signedMedia, sign(nil, m{"iat": now + 30}), "token_valid", nil},
		{"expired as a document", signedMedia, sign(nil, m{"exp": now - 31}), refused, nil},
		{"not yet a document", signedMedia, sign(nil, m{"nbf": now + 32}), refused, nil},
		{"with a subject and an expiry of its own", signedMedia, sign(nil, m{"sub": "mallory", "exp": now + 60}), "token_valid", nil},
		{"expiry of another type", signedMedia, sign(nil, m{"exp": "x"}), refused, nil},

		// What it says.
		{"no token_introspection", signedMedia, sign(nil, m{"token_introspection": nil}), refused, nil},
		{"active outside only", signedMedia, sign(nil, m{"token_introspection": nil, "active": true}), refused, nil},
		{"active outside, nothing inside", signedMedia, sign(nil, m{"token_introspection": m{}, "active": true}), refused, nil},
		{"inactive inside, active outside", signedMedia, sign(nil, m{"token_introspection": m{"active": false}, "active": true}), "inactive", nil},
		{"a text", signedMedia, sign(nil, m{"token_introspection": `{"active":true}`}), refused, nil},
		{"an array", signedMedia, sign(nil, m{"token_introspection": []any{m{"active": true}}}), refused, nil},
		{"true", signedMedia, sign(nil, m{"token_introspection": true}), refused, nil},
		{"null", signedMedia, issuer.signText(header, top+`,"token_introspection":null}`), refused, nil},
		{"deeper", signedMedia, sign(nil, m{"token_introspection": m{"token_introspection": m{"active": true}}}), refused, nil},
		{"active as a text", signedMedia, sign(nil, inside(m{"active": "true"})), refused, nil},
		{"active as a number", signedMedia, sign(nil, inside(m{"active": 1})), refused, nil},
		{"Active", signedMedia, sign(nil, inside(m{"Active": true})), refused, nil},
		{"twice", signedMedia, issuer.signText(header, top+`,"token_introspection":{"active":false},"token_introspection":{"active":true}}`), refused, nil},
		{"twice by an escape", signedMedia, issuer.signText(header, top+`,"token_introspection":{"active":false},"token\u005fintrospection":{"active":true}}`), refused, nil},
		{"aud twice", signedMedia, issuer.signText(header, top+`,"aud":"gate","token_introspection":{"active":true}}`), refused, nil},
		{"active twice", signedMedia, issuer.signText(header, top+`,"token_introspection":{"active":false,"active":true}}`), refused, nil},
		{"active twice by an escape", signedMedia, issuer.signText(header, top+`,"token_introspection":{"active":false,"\u0061ctive":true}}`), refused, nil},
		{"typ twice", signedMedia, issuer.signText(`{"alg":"RS256","kid":"k1","typ":"JWT","typ":"token-introspection+jwt"}`, top+`,"token_introspection":{"active":true}}`), refused, nil},
		{"no UTF-8", signedMedia, issuer.signText(header, top+`,"token_introspection":{"active":true,"sub":"`+"\xff"+`"}}`), refused, nil},
		{"two documents", signedMedia, issuer.signText(header, top+`,"token_introspection":{"active":true}}{}`), refused, nil},
		{"expired inside", signedMedia, sign(nil, inside(m{"active": true, "exp": 1})), "expired", nil},
		{"expiry inside of another type", signedMedia, sign(nil, inside(m{"active": true, "exp": "x"})), refused, nil},
		{"not yet valid inside", signedMedia, sign(nil, inside(m{"active": true, "nbf": now + 100})), "not_yet_valid", nil},
		{"a refresh token", signedMedia, sign(nil, inside(m{"active": true, "token_type": "refresh_token"})), "wrong_type", nil},
		{"sender-constrained", signedMedia, sign(nil, inside(m{"active": true, "cnf": m{"jkt": "x"}})), "sender_constrained", nil},
		{"a cnf outside only", signedMedia, sign(nil, m{"cnf": m{"jkt": "x"}}), "token_valid", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newIntrospectionWorld(t, signedMember(c.members), "")
			w.want("/", "opaque", "wait")
			w.now = w.now.Add(500 * time.Millisecond)
			call, learned := w.answer("200", c.contentType, c.body)
			if got := fetch.HeaderValue(call.Headers, "accept"); got != signedMedia {
				t.Errorf("asked for %q", got)
			}
			if !learned.Settled || (learned.Failure != "") != (c.want == refused) || learned.Misconfigured {
				t.Errorf("learned %+v", learned)
			}
			if strings.Contains(learned.Failure, "alice") || strings.Contains(learned.Failure, "eyJ") {
				t.Errorf("%q repeats the answer", learned.Failure)
			}
			v := w.decide("/", "opaque")
			if got := decided(v); got != c.want {
				t.Errorf("%s, want %s (%s)", got, c.want, learned.Failure)
			}
			if d, ok := v.(*verdict.Deny); ok && c.want == refused && d.Status != 503 {
				t.Errorf("status %d: a client would throw a good token away", d.Status)
			}
			if subject := setHeader(v, "x-sub"); c.want == "token_valid" && subject != "alice" && subject != "" {
				t.Errorf("the subject is %q", subject)
			}
		})
	}
}

// TestSignedResponseClaims: the inner claims are checked as in a plain answer, and no
// outer claim replaces them.
func TestSignedResponseClaims(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	for _, c := range []struct {
		name          string
		config        m // of the provider
		inside, top   m
		want, subject string
	}{
		{"audience inside", m{"audiences": []string{"api"}}, m{"aud": "api"}, nil, "token_valid", "alice"},
		{"audience outside only", m{"audiences": []string{"gate"}}, nil, nil, "wrong_audience", ""},
		{"issuer inside", m{"issuers": []string{"https://issuer.example"}}, m{"iss": "https://issuer.example"}, nil, "token_valid", "alice"},
		{"issuer outside only", m{"issuers": []string{"https://issuer.example"}}, nil, nil, "wrong_issuer", ""},
		{"expiry outside only", m{"require_expiry": true}, m{"exp": nil}, m{"exp": testNow.Unix() + 60}, "no_expiry", ""},
		{"subject outside only", nil, m{"sub": nil}, m{"sub": "mallory"}, "token_valid", ""},
		{"claim outside only", m{"required_claims": []m{{"claim": "tier", "values": []string{"gold"}}}}, nil, m{"tier": "gold"}, "wrong_claim", ""},
		{"claim inside", m{"required_claims": []m{{"claim": "tier", "values": []string{"gold"}}}}, m{"tier": "gold"}, nil, "token_valid", "alice"},
	} {
		config := signedMember(nil)
		maps.Copy(config, c.config)
		w := newIntrospectionWorld(t, config, "")
		w.want("/", "opaque", "wait")
		inside := m{"active": true, "sub": "alice", "exp": testNow.Unix() + 600}
		maps.Copy(inside, c.inside)
		maps.DeleteFunc(inside, func(_ string, v any) bool { return v == nil })
		top := m{"token_introspection": inside}
		maps.Copy(top, c.top)
		w.answer("200", signedMedia, issuerOnce().signAnswer(testNow, nil, top))
		v := w.decide("/", "opaque")
		if got, subject := decided(v), setHeader(v, "x-sub"); got != c.want || subject != c.subject {
			t.Errorf("%s: %s for %q, want %s for %q", c.name, got, subject, c.want, c.subject)
		}
	}
}

// TestSignedResponseIsRemembered: the memory of a signed answer is that of a plain
// one. A replayed one, from before the token was revoked, does not prolong it.
func TestSignedResponseIsRemembered(t *testing.T) {
	t.Parallel()
	config := signedMember(nil)
	maps.Copy(config, map[string]any{"positive_ttl": "1m", "leeway": "5s"})
	w := newIntrospectionWorld(t, config, `, "rules": [{"match": {"path": "/admin"}, "scopes": ["admin"]}]`)
	w.want("/", "good", "wait")
	until := func(d time.Duration) map[string]any {
		return map[string]any{"token_introspection": map[string]any{"active": true, "exp": w.now.Add(d).Unix(), "scope": "read"}}
	}
	active := issuerOnce().signAnswer(w.now, nil, until(time.Hour))
	w.answer("200", signedMedia, active)
	w.now = testNow.Add(59 * time.Second)
	w.want("/", "good", "token_valid")
	w.want("/admin", "good", "insufficient_scope")
	w.now = testNow.Add(time.Minute)
	w.want("/", "good", "wait")
	w.answer("200", signedMedia, active) // of a minute ago
	w.want("/", "good", "introspection_unavailable")
	w.now = w.now.Add(time.Second)
	w.want("/", "good", "wait")
	// The expiry inside ends the memory, not the ttl.
	w.answer("200", signedMedia, issuerOnce().signAnswer(w.now, nil, until(20*time.Second)))
	w.now = w.now.Add(18 * time.Second)
	w.want("/", "good", "token_valid")
	w.now = w.now.Add(3 * time.Second)
	w.want("/", "good", "wait")
}

// TestSignedResponseErrors: errors are not signed (RFC 9701 has none of its own).
func TestSignedResponseErrors(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, signedMember(nil), "")
	w.want("/", "opaque", "wait")
	_, learned := w.answer("401", jsonType, `{"error":"invalid_client"}`)
	if !learned.Misconfigured || !strings.Contains(learned.Failure, "invalid_client") {
		t.Errorf("%+v", learned)
	}
	w.want("/", "opaque", "introspection_unavailable")
}

// TestPlainResponseIsPlain: without signed_response no signature is read.
func TestPlainResponseIsPlain(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, nil, "")
	w.want("/", "opaque", "wait")
	call, _ := w.answer("200", signedMedia, issuerOnce().signAnswer(testNow, nil, nil))
	if got := fetch.HeaderValue(call.Headers, "accept"); got != "application/json" {
		t.Errorf("asked for %q", got)
	}
	w.want("/", "opaque", "introspection_unavailable")
}

// TestSignedResponseIsNoToken: a thief cannot use a signed answer as an access token of
// the same issuer for the same audience (RFC 9701 section 8.1).
func TestSignedResponseIsNoToken(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	claims := m{"aud": []string{"gate", "api"}, "sub": "alice", "exp": testNow.Unix() + 600}
	for _, typ := range []string{"token-introspection+jwt", "Application/Token-Introspection+JWT", "token-introspection+jwt; v=1", "token-introspection+jwt "} {
		answer := issuerOnce().signAnswer(testNow, m{"typ": typ}, claims)
		for _, types := range []any{nil, []string{"at+jwt"}, []string{"jwt", "at+jwt"}} {
			p := mustParse(t, jwtConfig(t, m{"types": types}))
			if got := decided(p.Decide(p.NewState(Host{}), testNow, bearerRequest(answer))); got != "wrong_type" {
				t.Errorf("typ %s with types %v: %s", typ, types, got)
			}
		}
	}
}

// TestSignedResponseAlgorithms: a key that could serve several algorithms serves
// those that are listed.
func TestSignedResponseAlgorithms(t *testing.T) {
	t.Parallel()
	key := issuerOnce().jwk("RS256", "k1")
	delete(key, "alg")
	members := signedMember(map[string]any{"algorithms": []string{"RS256"}, "jwks": json.RawMessage(jwkSet(key))})
	for alg, want := range map[string]string{"RS256": "token_valid", "PS256": "introspection_unavailable"} {
		w := newIntrospectionWorld(t, members, "")
		w.want("/", "opaque", "wait")
		w.answer("200", signedMedia, issuerOnce().signAnswer(testNow, map[string]any{"alg": alg}, nil))
		w.want("/", "opaque", want)
	}
}

// TestSignedResponseFailures: the log says what was wanted, and nothing of what
// the server sent.
func TestSignedResponseFailures(t *testing.T) {
	t.Parallel()
	sign := func(header, claims map[string]any) string { return issuerOnce().signAnswer(testNow, header, claims) }
	for _, c := range []struct{ contentType, body, want string }{
		{jsonType, `{"active":true}`, "want the content-type application/token-introspection+jwt"},
		{signedMedia, "e30.e30.e30.e30.e30", "want a signed JWT: want three parts: header, payload, signature"},
		{signedMedia, sign(map[string]any{"typ": "x"}, nil), "want a JWT with the typ token-introspection+jwt"},
		{signedMedia, sign(map[string]any{"alg": "ES256"}, nil), "want a JWT with an alg of RS256"},
		{signedMedia, newTestIssuer().signAnswer(testNow, nil, nil), "want a signature that one of the server's keys verifies"},
		{signedMedia, sign(nil, map[string]any{"aud": 1}), "want claims of the types in RFC 7519 section 4.1"},
		{signedMedia, sign(nil, map[string]any{"iss": "x"}), `want the iss "https://issuer.example"`},
		{signedMedia, sign(nil, map[string]any{"aud": "x"}), `want the aud "gate"`},
		{signedMedia, sign(nil, map[string]any{"iat": 1}), "want an iat that is not before the request, except for leeway and max_age"},
		{signedMedia, sign(nil, map[string]any{"exp": 1}), "want an answer that is valid now, by its iat, nbf and exp"},
		{signedMedia, sign(nil, map[string]any{"token_introspection": nil}), "want token_introspection to be an object"},
		{signedMedia, sign(nil, map[string]any{"token_introspection": []any{}}), "want token_introspection to be an object"},
		{signedMedia, sign(nil, map[string]any{"token_introspection": map[string]any{}}), "want active to be true or false"},
	} {
		w := newIntrospectionWorld(t, signedMember(nil), "")
		w.want("/", "opaque", "wait")
		if _, learned := w.answer("200", c.contentType, c.body); learned.Failure != c.want {
			t.Errorf("%q, want %q", learned.Failure, c.want)
		}
	}
}

// TestSignedResponseHMAC: a secret of the client can sign, as a provider of JWTs
// has it: from the configuration, never from the network.
func TestSignedResponseHMAC(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("fake", 8)
	w := newIntrospectionWorld(t, signedMember(map[string]any{"jwks": nil, "secret": b64([]byte(secret)), "algorithms": []string{"HS256"}}), "")
	for token, c := range map[string]struct{ secret, want string }{
		"good": {secret, "token_valid"}, "bad": {strings.Repeat("FAKE", 8), "introspection_unavailable"},
	} {
		w.want("/", token, "wait")
		w.answer("200", signedMedia, signedAnswer(secretKey(c.secret), testNow, nil, nil))
		w.want("/", token, c.want)
	}
}
