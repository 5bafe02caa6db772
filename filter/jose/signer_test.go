package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"
	"sync"
	"testing"
)

// signers hold one private key per kind; keys are made once per run.
type signers struct {
	rsa    *rsa.PrivateKey
	ec     map[Algorithm]*ecdsa.PrivateKey
	ed     ed25519.PrivateKey
	secret []byte
}

func newSigners() *signers {
	s := &signers{ec: map[Algorithm]*ecdsa.PrivateKey{}, secret: make([]byte, 64)}
	s.rsa, _ = rsa.GenerateKey(rand.Reader, 2048)
	s.ec[ES256], _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.ec[ES384], _ = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	s.ec[ES512], _ = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	_, s.ed, _ = ed25519.GenerateKey(rand.Reader)
	rand.Read(s.secret)
	return s
}

var (
	ours   = sync.OnceValue(newSigners)
	others = sync.OnceValue(newSigners)
)

func hashed(a Algorithm, text string) []byte {
	h := a.scheme().hash.New()
	h.Write([]byte(text))
	return h.Sum(nil)
}

// sign makes the signature of a over text.
func (s *signers) sign(t testing.TB, a Algorithm, text string) []byte {
	t.Helper()
	row := a.scheme()
	var signature []byte
	var err error
	switch {
	case row.pss:
		signature, err = rsa.SignPSS(rand.Reader, s.rsa, row.hash, hashed(a, text),
			&rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case row.family == familyRSA:
		signature, err = rsa.SignPKCS1v15(rand.Reader, s.rsa, row.hash, hashed(a, text))
	case row.family == familyEC:
		var r, ss *big.Int
		r, ss, err = ecdsa.Sign(rand.Reader, s.ec[a], hashed(a, text))
		if err == nil {
			signature = append(r.FillBytes(make([]byte, row.curve.size)), ss.FillBytes(make([]byte, row.curve.size))...)
		}
	case row.family == familyOKP:
		signature = ed25519.Sign(s.ed, []byte(text))
	case row.family == familyOct:
		mac := hmac.New(row.hash.New, s.secret)
		mac.Write([]byte(text))
		signature = mac.Sum(nil)
	}
	if err != nil || len(signature) == 0 {
		t.Fatalf("%s: cannot sign: %v", a, err)
	}
	return signature
}

// public is what verifies a, as crypto/x509 writes it; nil for secrets.
func (s *signers) public(t testing.TB, a Algorithm) []byte {
	t.Helper()
	var key crypto.PublicKey
	switch a.scheme().family {
	case familyRSA:
		key = s.rsa.Public()
	case familyEC:
		key = s.ec[a].Public()
	case familyOKP:
		key = s.ed.Public()
	default:
		return nil
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// key is the verification key for a.
func (s *signers) key(t testing.TB, a Algorithm) *Key {
	t.Helper()
	if a.Symmetric() {
		k, err := NewSecret("", false, s.secret, a)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k, err := readSPKI(s.public(t, a))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func everyAlgorithm(visit func(a Algorithm)) {
	for a := Algorithm(1); a < numAlgorithms; a++ {
		visit(a)
	}
}

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// token is header, payload and signature, the last as octets.
func token(header, payload, signature string) string {
	return b64(header) + "." + b64(payload) + "." + b64(signature)
}

func (s *signers) token(t testing.TB, a Algorithm, header, payload string) string {
	signed := b64(header) + "." + b64(payload)
	return signed + "." + b64(string(s.sign(t, a, signed)))
}

// stdHost is a HostVerifier as Envoy's is: keys from SubjectPublicKeyInfo.
func stdHost(hash string, spki, signature, text []byte) (valid, done bool) {
	h, ok := map[string]crypto.Hash{"sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}[hash]
	if !ok {
		return false, false
	}
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return false, false
	}
	sum := h.New()
	sum.Write(text)
	switch key := key.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, h, sum.Sum(nil), signature) == nil, true
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, sum.Sum(nil), signature), true
	}
	return false, false
}

// object writes a JSON object of strings, in the order given.
func object(pairs ...string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + pairs[i] + `":"` + pairs[i+1] + `"`)
	}
	return b.String() + "}"
}

func set(keys ...string) []byte { return []byte(`{"keys":[` + strings.Join(keys, ",") + `]}`) }
