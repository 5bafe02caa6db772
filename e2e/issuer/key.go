// Package issuer is a fake issuer of JWTs for tests: it publishes keys, signs
// tokens, and goes wrong in whatever way a test wants.
package issuer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"time"
)

// Algorithms are those that a Key can have.
var Algorithms = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512",
}

// Key signs tokens in one algorithm.
type Key struct {
	ID        string // "" for none
	Algorithm string
	private   any // a crypto.Signer, or the octets of a secret
}

// Claims are a token's, or whatever is to override the usual ones. A nil claim
// is left out.
type Claims = map[string]any

var curves = map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}

// NewKey makes a key. Without a known algorithm it panics, as do the methods on
// what cannot happen: this is for tests.
func NewKey(id, algorithm string) *Key {
	k := &Key{ID: id, Algorithm: algorithm}
	var err error
	switch algorithm[:2] {
	case "RS", "PS":
		k.private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES":
		k.private, err = ecdsa.GenerateKey(curves[algorithm], rand.Reader)
	case "Ed":
		_, k.private, err = ed25519.GenerateKey(rand.Reader)
	case "HS":
		secret := make([]byte, 64)
		_, err = rand.Read(secret)
		k.private = secret
	default:
		err = fmt.Errorf("no algorithm %q", algorithm)
	}
	must(err)
	return k
}

// SeededKey is the Ed25519 key of a seed of 32 octets: always the same one.
func SeededKey(id string, seed []byte) *Key {
	return &Key{ID: id, Algorithm: "EdDSA", private: ed25519.NewKeyFromSeed(seed)}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func encode(v any) []byte {
	b, err := json.Marshal(v)
	must(err)
	return b
}

// JWK is what verifies the key's tokens; for HS algorithms, the secret itself.
func (k *Key) JWK() map[string]any {
	m := map[string]any{"alg": k.Algorithm, "use": "sig"}
	if k.ID != "" {
		m["kid"] = k.ID
	}
	switch key := k.private.(type) {
	case []byte:
		maps.Copy(m, map[string]any{"kty": "oct", "k": b64(key)})
	case *rsa.PrivateKey:
		maps.Copy(m, map[string]any{"kty": "RSA", "n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes())})
	case *ecdsa.PrivateKey:
		point, err := key.PublicKey.Bytes()
		must(err)
		size := len(point) / 2
		maps.Copy(m, map[string]any{"kty": "EC", "crv": key.Params().Name, "x": b64(point[1 : 1+size]), "y": b64(point[1+size:])})
	case ed25519.PrivateKey:
		maps.Copy(m, map[string]any{"kty": "OKP", "crv": "Ed25519", "x": b64(key.Public().(ed25519.PublicKey))})
	}
	return m
}

// Set is a JWK Set of the keys, as JSON.
func Set(keys ...*Key) string {
	list := []map[string]any{}
	for _, k := range keys {
		list = append(list, k.JWK())
	}
	return string(encode(map[string]any{"keys": list}))
}

// Token is one for alice, good for ten minutes, with some claims of its own.
func (k *Key) Token(issuer string, claims Claims) string {
	now := time.Now().Unix()
	all := Claims{"iss": issuer, "sub": "alice", "iat": now, "exp": now + 600}
	maps.Copy(all, claims)
	return k.compact("JWT", all)
}

// IntrospectionType is the typ of signed answers about tokens (RFC 9701 section 5).
const IntrospectionType = "token-introspection+jwt"

// Introspected is a signed answer about a token, of now, with some claims of its own
// beside the answer.
func (k *Key) Introspected(issuer, audience string, answer, claims Claims) string {
	all := Claims{"iss": issuer, "aud": audience, "iat": time.Now().Unix(), "token_introspection": answer}
	maps.Copy(all, claims)
	return k.compact(IntrospectionType, all)
}

// compact is a JWT with these claims, without those that are nil.
func (k *Key) compact(typ string, claims Claims) string {
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	header := map[string]any{"alg": k.Algorithm, "typ": typ}
	if k.ID != "" {
		header["kid"] = k.ID
	}
	return k.Signed(b64(encode(header)) + "." + b64(encode(claims)))
}

// Signed is a JWS of a header and a payload, both in base64url and with a dot between.
func (k *Key) Signed(text string) string { return text + "." + b64(k.sign(text)) }

// Forged is a token with another signature of the same form.
func Forged(token string) string {
	i := strings.LastIndexByte(token, '.') + 5
	c := "A"
	if token[i] == 'A' {
		c = "B"
	}
	return token[:i] + c + token[i+1:]
}

func (k *Key) sign(text string) []byte {
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[k.Algorithm[2:]]
	var digest []byte
	if hash != 0 {
		h := hash.New()
		h.Write([]byte(text))
		digest = h.Sum(nil)
	}
	var signature []byte
	var err error
	switch key := k.private.(type) {
	case []byte:
		mac := hmac.New(hash.New, key)
		mac.Write([]byte(text))
		signature = mac.Sum(nil)
	case *rsa.PrivateKey:
		if k.Algorithm[0] == 'P' {
			signature, err = rsa.SignPSS(rand.Reader, key, hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			signature, err = rsa.SignPKCS1v15(rand.Reader, key, hash, digest)
		}
	case *ecdsa.PrivateKey:
		r, s, signErr := ecdsa.Sign(rand.Reader, key, digest)
		must(signErr)
		size := (key.Params().BitSize + 7) / 8
		signature = append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	case ed25519.PrivateKey:
		signature = ed25519.Sign(key, []byte(text))
	}
	must(err)
	return signature
}
