// Package testkey makes keys for tests, and of them tokens and JWK Sets. It is not
// part of the built module.
package testkey

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"time"
)

// algorithms are those that a Key can have.
var algorithms = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512",
}

var curves = map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}

// Issuer is the iss of a Token that claims no other.
const Issuer = "https://issuer.example"

// Key signs tokens in one algorithm. A copy with another ID is the same key under
// another kid.
type Key struct {
	ID        string // the kid; without it, neither the JWK nor the tokens have one
	Algorithm string
	Private   any // *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey, or a secret as []byte
}

// Members are those of a JSON object: claims, a header or a JWK.
type Members = map[string]any

// New makes a key. It panics without a known algorithm, as do the methods on what
// cannot happen.
func New(id, algorithm string) *Key {
	k := &Key{ID: id, Algorithm: algorithm}
	var err error
	switch algorithm {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		k.Private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256", "ES384", "ES512":
		k.Private, err = ecdsa.GenerateKey(curves[algorithm], rand.Reader)
	case "EdDSA":
		_, k.Private, err = ed25519.GenerateKey(rand.Reader)
	case "HS256", "HS384", "HS512":
		secret := make([]byte, 64)
		_, err = rand.Read(secret)
		k.Private = secret
	default:
		err = fmt.Errorf("no algorithm %q", algorithm)
	}
	must(err)
	return k
}

// All makes a key for each algorithm, with the algorithm's name as its ID. Those for
// RSA share one private key: to generate it takes long.
func All() []*Key {
	shared := New("", "RS256").Private
	keys := make([]*Key, len(algorithms))
	for i, algorithm := range algorithms {
		if algorithm[1] == 'S' && (algorithm[0] == 'R' || algorithm[0] == 'P') {
			keys[i] = &Key{ID: algorithm, Algorithm: algorithm, Private: shared}
		} else {
			keys[i] = New(algorithm, algorithm)
		}
	}
	return keys
}

// JWK is what verifies the key's tokens; for HS algorithms, the secret itself.
func (k *Key) JWK() Members {
	m := Members{"alg": k.Algorithm, "use": "sig"}
	if k.ID != "" {
		m["kid"] = k.ID
	}
	switch key := k.Private.(type) {
	case []byte:
		maps.Copy(m, Members{"kty": "oct", "k": b64(key)})
	case *rsa.PrivateKey:
		maps.Copy(m, Members{"kty": "RSA", "n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes())})
	case *ecdsa.PrivateKey:
		point, err := key.PublicKey.Bytes()
		must(err)
		size := len(point) / 2
		maps.Copy(m, Members{"kty": "EC", "crv": key.Params().Name, "x": b64(point[1 : 1+size]), "y": b64(point[1+size:])})
	case ed25519.PrivateKey:
		maps.Copy(m, Members{"kty": "OKP", "crv": "Ed25519", "x": b64(key.Public().(ed25519.PublicKey))})
	}
	return m
}

// Set is a JWK Set of the keys, as JSON.
func Set(keys ...*Key) string {
	list := []Members{}
	for _, k := range keys {
		list = append(list, k.JWK())
	}
	return encode(Members{"keys": list})
}

// PEM is the private key in PKCS #8.
func (k *Key) PEM() string {
	der, err := x509.MarshalPKCS8PrivateKey(k.Private)
	must(err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// Token is a JWT for alice, good for ten minutes from now. claims replace the usual
// ones; a nil value takes a claim away.
func (k *Key) Token(now time.Time, claims Members) string {
	all := Members{"iss": Issuer, "sub": "alice", "iat": now.Unix(), "exp": now.Unix() + 600}
	maps.Copy(all, claims)
	return k.JWT(nil, all)
}

// JWT is a JWT of these claims. header replaces members of the usual one. A nil value
// in header or claims takes a member away.
func (k *Key) JWT(header, claims Members) string {
	all := Members{"alg": k.Algorithm, "typ": "JWT"}
	if k.ID != "" {
		all["kid"] = k.ID
	}
	maps.Copy(all, header)
	return k.JWS(encode(present(all)), encode(present(claims)))
}

// JWS is the compact form of a header and a payload, which are signed as they are.
func (k *Key) JWS(header, payload string) string {
	return k.Signed(b64([]byte(header)) + "." + b64([]byte(payload)))
}

// Signed is text and behind it, after a dot, its signature.
func (k *Key) Signed(text string) string { return text + "." + b64(k.Sign(text)) }

func present(members Members) Members {
	members = maps.Clone(members)
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
	return members
}

func encode(members Members) string {
	text, err := json.Marshal(members)
	must(err)
	return string(text)
}

func b64(octets []byte) string { return base64.RawURLEncoding.EncodeToString(octets) }

func must(err error) {
	if err != nil {
		panic(err)
	}
}
