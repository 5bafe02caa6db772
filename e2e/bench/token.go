package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"
)

const (
	issuer   = "https://issuer.example"
	audience = "orders"
	// What makes an RS256 token, header and signature included, 660 bytes long.
	headerLength  = 45
	payloadLength = 192
	keyID         = "key-26"
)

var encoding = base64.RawURLEncoding

// signer is one key of the issuer, made at start.
type signer struct {
	algorithm string
	jwk       map[string]string
	sign      func(text []byte) ([]byte, error)
}

func newSigner(algorithm string) (*signer, error) {
	s := &signer{algorithm: algorithm}
	switch algorithm {
	case "RS256", "PS256":
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		// The exponent is 65537.
		s.jwk = map[string]string{"kty": "RSA", "n": encoding.EncodeToString(key.N.Bytes()), "e": "AQAB"}
		s.sign = func(text []byte) ([]byte, error) {
			digest := sha256.Sum256(text)
			if algorithm == "RS256" {
				return rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
			}
			return rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
	case "ES256":
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		point, err := key.PublicKey.Bytes() // 4, x, y
		if err != nil {
			return nil, err
		}
		s.jwk = map[string]string{
			"kty": "EC", "crv": "P-256",
			"x": encoding.EncodeToString(point[1:33]), "y": encoding.EncodeToString(point[33:]),
		}
		s.sign = func(text []byte) ([]byte, error) {
			digest := sha256.Sum256(text)
			a, b, err := ecdsa.Sign(rand.Reader, key, digest[:])
			if err != nil {
				return nil, err
			}
			signature := make([]byte, 64)
			a.FillBytes(signature[:32])
			b.FillBytes(signature[32:])
			return signature, nil
		}
	case "EdDSA":
		public, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		s.jwk = map[string]string{"kty": "OKP", "crv": "Ed25519", "x": encoding.EncodeToString(public)}
		s.sign = func(text []byte) ([]byte, error) { return ed25519.Sign(key, text), nil }
	case "HS256":
		secret := make([]byte, 32)
		if _, err := rand.Read(secret); err != nil {
			return nil, err
		}
		s.jwk = map[string]string{"kty": "oct", "k": encoding.EncodeToString(secret)}
		s.sign = func(text []byte) ([]byte, error) {
			mac := hmac.New(sha256.New, secret)
			mac.Write(text)
			return mac.Sum(nil), nil
		}
	default:
		return nil, fmt.Errorf("wanted RS256, PS256, ES256, EdDSA or HS256, got %q", algorithm)
	}
	s.jwk["alg"], s.jwk["use"], s.jwk["kid"] = algorithm, "sig", keyID
	return s, nil
}

// jwks is the issuer's key set, with this key alone in it.
func (s *signer) jwks() (string, error) {
	text, err := json.Marshal(map[string]any{"keys": []any{s.jwk}})
	return string(text), err
}

// mint makes the n-th token: all differ, and all have the same length.
func (s *signer) mint(n int, now time.Time) (string, error) {
	header := fmt.Sprintf(`{"alg":%q,"typ":"at+jwt","kid":%q}`, s.algorithm, keyID)
	payload := fmt.Sprintf(`{"iss":%q,"sub":"user-%08d","aud":%q,"exp":%d,"iat":%d,"scope":"orders:read orders:write","tier":"gold","org":"acme","jti":"`,
		issuer, n, audience, now.Add(24*time.Hour).Unix(), now.Unix()-60)
	payload += strings.Repeat("0", max(0, payloadLength-len(payload)-2)) + `"}`
	if len(header) != headerLength || len(payload) != payloadLength {
		return "", fmt.Errorf("wanted a header of %d and a payload of %d bytes, got %d and %d", headerLength, payloadLength, len(header), len(payload))
	}
	text := encoding.EncodeToString([]byte(header)) + "." + encoding.EncodeToString([]byte(payload))
	signature, err := s.sign([]byte(text))
	return text + "." + encoding.EncodeToString(signature), err
}

// mintMany uses all processors: 20,000 RSA signatures take one of them 15 s.
func (s *signer) mintMany(ctx context.Context, n int, now time.Time) ([]string, error) {
	tokens := make([]string, n)
	workers := runtime.GOMAXPROCS(0)
	failures := make([]error, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < n && failures[w] == nil && ctx.Err() == nil; i += workers {
				tokens[i], failures[w] = s.mint(i, now)
			}
		})
	}
	all.Wait()
	return tokens, errors.Join(append(failures, ctx.Err())...)
}

// staticToken is the n-th opaque token, of 43 bytes.
func staticToken(n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "bench token %d", n))
	return encoding.EncodeToString(sum[:])
}

func staticTokens(n int) []string {
	tokens := make([]string, n)
	for i := range tokens {
		tokens[i] = staticToken(i)
	}
	return tokens
}

func staticDigest(n int) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(staticToken(n))))
}
