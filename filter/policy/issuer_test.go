package policy

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
	"bearerauth/filter/testkey"
)

// testIssuer signs tokens and publishes keys.
type testIssuer struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
	ed  ed25519.PrivateKey
}

var issuerOnce = sync.OnceValue(func() *testIssuer { return newTestIssuer() })

func newTestIssuer() *testIssuer {
	return &testIssuer{
		rsa: testkey.New("", "RS256").Private.(*rsa.PrivateKey),
		ec:  testkey.New("", "ES256").Private.(*ecdsa.PrivateKey),
		ed:  testkey.New("", "EdDSA").Private.(ed25519.PrivateKey),
	}
}

// key is the key of an algorithm, under a kid. By another algorithm's name the RSA key
// signs as for RS256.
func (i *testIssuer) key(alg, kid string) *testkey.Key {
	switch alg {
	case "ES256":
		return &testkey.Key{ID: kid, Algorithm: alg, Private: i.ec}
	case "EdDSA":
		return &testkey.Key{ID: kid, Algorithm: alg, Private: i.ed}
	case "PS256":
		return &testkey.Key{ID: kid, Algorithm: alg, Private: i.rsa}
	}
	return &testkey.Key{ID: kid, Algorithm: "RS256", Private: i.rsa}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwk is the public key of an algorithm, under a kid.
func (i *testIssuer) jwk(alg, kid string) map[string]any { return i.key(alg, kid).JWK() }

func jwkSet(keys ...map[string]any) string {
	document, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	return string(document)
}

// sign makes a token by the key of the header's alg. header and claims override what
// is usual; a nil value takes a member away.
func (i *testIssuer) sign(header, claims map[string]any) string {
	alg, _ := header["alg"].(string)
	return signedBy(i.key(alg, "k1"), header, claims)
}

// signText signs a header and a payload as they are.
func (i *testIssuer) signText(header, payload string) string {
	return i.key("RS256", "").JWS(header, payload)
}

// signRaw signs a payload as it is.
func (i *testIssuer) signRaw(payload string) string {
	return i.signText(`{"alg":"RS256","kid":"k1"}`, payload)
}

// signedBy is a token as sign makes it, by this key.
func signedBy(key *testkey.Key, header, claims map[string]any) string {
	all := map[string]any{
		"iss": "https://issuer.example", "sub": "alice", "aud": "api", "iat": testNow.Unix() - 10, "exp": testNow.Unix() + 600,
		"scope": "read write",
	}
	maps.Copy(all, claims)
	return key.JWT(header, all)
}

// secretKey signs by HS256 with a secret.
func secretKey(secret string) *testkey.Key {
	return &testkey.Key{Algorithm: "HS256", Private: []byte(secret)}
}

// testNow has a fraction, as real clocks do.
var testNow = time.Date(2030, 1, 2, 3, 4, 5, 600_000_000, time.UTC)

// jwtConfig is a configuration with one provider, to whose members more are added.
func jwtConfig(t testing.TB, members map[string]any) string {
	t.Helper()
	provider := map[string]any{
		"type": "jwt", "issuer": "https://issuer.example", "audiences": []string{"api"},
		"jwks": json.RawMessage(jwkSet(issuerOnce().jwk("RS256", "k1"))),
	}
	maps.Copy(provider, members)
	maps.DeleteFunc(provider, func(_ string, v any) bool { return v == nil })
	config, err := json.Marshal(map[string]any{
		"subject_header": "x-sub", "claim_headers": []map[string]string{{"claim": "tier", "header": "x-tier"}},
		"providers": map[string]any{"idp": provider},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(config)
}

func mustParse(t testing.TB, config string) *Policy {
	t.Helper()
	p, err := Parse([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func bearerRequest(token string) *request.Request {
	r := request.NewRequest([][2]string{
		{":method", "GET"}, {":authority", "api.example"}, {":path", "/"}, {"authorization", "Bearer " + token},
	})
	return &r
}

// decided is the reason of a verdict, and "wait" for one that is not yet in.
func decided(v verdict.Verdict) string {
	switch v := v.(type) {
	case *verdict.Allow:
		return v.Reason.String()
	case *verdict.Deny:
		return v.Reason.String()
	case *verdict.Reply:
		return v.Reason.String()
	case *verdict.Wait:
		return "wait"
	}
	return "none"
}

func setHeader(v verdict.Verdict, name string) string {
	if a, ok := v.(*verdict.Allow); ok {
		for _, h := range a.Set {
			if strings.EqualFold(h[0], name) {
				return h[1]
			}
		}
	}
	return ""
}

// digestOf is what a static token is configured as.
func digestOf(token string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(token))) }
