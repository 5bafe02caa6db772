package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"
)

var algorithms = []string{"RS256", "PS256", "ES256", "EdDSA", "HS256"}

// Each algorithm's tokens verify with the published key, and with no other.
func TestMint(t *testing.T) {
	for _, algorithm := range algorithms {
		t.Run(algorithm, func(t *testing.T) {
			s, other := mustSigner(t, algorithm), mustSigner(t, algorithm)
			tokens, err := s.mintMany(t.Context(), 5, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for _, token := range tokens {
				seen[token] = true
				if len(token) != len(tokens[0]) {
					t.Errorf("wanted tokens of one length, got %d and %d", len(token), len(tokens[0]))
				}
				if !verified(t, s, token) {
					t.Errorf("wanted a token that verifies, got %s", token)
				}
				if verified(t, other, token) {
					t.Error("wanted a token that verifies with its own key only")
				}
			}
			if len(seen) != len(tokens) {
				t.Errorf("wanted %d different tokens, got %d", len(tokens), len(seen))
			}
			if algorithm == "RS256" && len(tokens[0]) != 660 {
				t.Errorf("wanted a token of 660 bytes, got %d", len(tokens[0]))
			}
			claims := map[string]any{}
			part, err := encoding.DecodeString(strings.Split(tokens[3], ".")[1])
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(part, &claims); err != nil {
				t.Fatal(err)
			}
			for name, wanted := range map[string]any{
				"iss": issuer, "aud": audience, "sub": "user-00000003", "scope": "orders:read orders:write", "tier": "gold", "org": "acme",
			} {
				if claims[name] != wanted {
					t.Errorf("%s: wanted %v, got %v", name, wanted, claims[name])
				}
			}
		})
	}
	if _, err := newSigner("none"); err == nil {
		t.Error("wanted an error for an algorithm that is none")
	}
}

func mustSigner(t *testing.T, algorithm string) *signer {
	t.Helper()
	s, err := newSigner(algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// verified goes by the key set's text alone.
func verified(t *testing.T, s *signer, token string) bool {
	t.Helper()
	text, err := s.jwks()
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal([]byte(text), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("wanted a key set with one key, got %s, %v", text, err)
	}
	key := set.Keys[0]
	bytes := func(text string) []byte {
		b, err := encoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	number := func(name string) *big.Int { return new(big.Int).SetBytes(bytes(key[name])) }
	dot := strings.LastIndexByte(token, '.')
	signed, signature := []byte(token[:dot]), bytes(token[dot+1:])
	digest := sha256.Sum256(signed)
	switch key["alg"] {
	case "RS256":
		public := &rsa.PublicKey{N: number("n"), E: int(number("e").Int64())}
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil
	case "PS256":
		public := &rsa.PublicKey{N: number("n"), E: int(number("e").Int64())}
		return rsa.VerifyPSS(public, crypto.SHA256, digest[:], signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	case "ES256":
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, bytes(key["x"])...), bytes(key["y"])...))
		if err != nil || len(signature) != 64 {
			return false
		}
		return ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case "EdDSA":
		return ed25519.Verify(bytes(key["x"]), signed, signature)
	case "HS256":
		mac := hmac.New(sha256.New, bytes(key["k"]))
		mac.Write(signed)
		return hmac.Equal(mac.Sum(nil), signature)
	}
	return false
}
