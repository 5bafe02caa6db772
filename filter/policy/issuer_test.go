package policy

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// testIssuer signs tokens and publishes keys.
type testIssuer struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
	ed  ed25519.PrivateKey
}

var issuerOnce = sync.OnceValue(func() *testIssuer { return newTestIssuer() })

func newTestIssuer() *testIssuer {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return &testIssuer{r, e, ed}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwk is the public key of an algorithm's family, under a kid.
func (i *testIssuer) jwk(alg, kid string) map[string]any {
	switch alg[:2] {
	case "ES":
		point, err := i.ec.PublicKey.Bytes()
		if err != nil {
			panic(err)
		}
		return map[string]any{"kty": "EC", "crv": "P-256", "kid": kid, "alg": alg, "x": b64(point[1:33]), "y": b64(point[33:])}
	case "Ed":
		return map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": kid, "alg": alg, "x": b64(i.ed.Public().(ed25519.PublicKey))}
	}
	return map[string]any{
		"kty": "RSA", "kid": kid, "alg": alg,
		"n": b64(i.rsa.N.Bytes()), "e": b64(big.NewInt(int64(i.rsa.E)).Bytes()),
	}
}

func jwkSet(keys ...map[string]any) string {
	document, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	return string(document)
}

// sign makes a token. header and claims override what is usual; a nil value
// takes a member away.
func (i *testIssuer) sign(header, claims map[string]any) string {
	h := map[string]any{"alg": "RS256", "kid": "k1", "typ": "JWT"}
	maps.Copy(h, header)
	now := testNow.Unix()
	c := map[string]any{
		"iss": "https://issuer.example", "sub": "alice", "aud": "api", "iat": now - 10, "exp": now + 600, "scope": "read write",
	}
	maps.Copy(c, claims)
	part := func(m map[string]any) string {
		maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
		b, err := json.Marshal(m)
		if err != nil {
			panic(err)
		}
		return b64(b)
	}
	alg, _ := h["alg"].(string)
	signed := part(h) + "." + part(c)
	return signed + "." + b64(i.signature(alg, signed))
}

func (i *testIssuer) signature(alg, signed string) []byte {
	digest := sha256.Sum256([]byte(signed))
	var signature []byte
	var err error
	switch alg {
	case "RS256":
		signature, err = rsa.SignPKCS1v15(rand.Reader, i.rsa, crypto.SHA256, digest[:])
	case "PS256":
		signature, err = rsa.SignPSS(rand.Reader, i.rsa, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case "ES256":
		r, s, signErr := ecdsa.Sign(rand.Reader, i.ec, digest[:])
		err = signErr
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case "EdDSA":
		signature = ed25519.Sign(i.ed, []byte(signed))
	default:
		signature = []byte("no signature")
	}
	if err != nil {
		panic(err)
	}
	return signature
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
