package testkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.Hash
	_ "crypto/sha512"
	"crypto/x509"
	"strings"
)

var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

// Sign is the signature of text in the form of RFC 7518 section 3.
func (k *Key) Sign(text string) []byte {
	hash := hashes[k.Algorithm[2:]]
	var digest, signature []byte
	if hash != 0 {
		digest = sum(hash, text)
	}
	var err error
	switch key := k.Private.(type) {
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

func sum(hash crypto.Hash, text string) []byte {
	h := hash.New()
	h.Write([]byte(text))
	return h.Sum(nil)
}

// Forged is a token with another signature of the same form.
func Forged(token string) string {
	i := strings.LastIndexByte(token, '.') + 5
	c := "A"
	if token[i] == 'A' {
		c = "B"
	}
	return token[:i] + c + token[i+1:]
}

// HostVerifies is a jose.HostVerifier that knows what Envoy's verify_signature knows:
// RSA by PKCS #1 and ECDSA in DER, with keys in SubjectPublicKeyInfo.
func HostVerifies(hash string, spki, signature, text []byte) (valid, done bool) {
	h, ok := hashes[strings.TrimPrefix(hash, "sha")]
	if !ok {
		return false, false
	}
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return false, false
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, h, sum(h, string(text)), signature) == nil, true
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, sum(h, string(text)), signature), true
	}
	return false, false
}
