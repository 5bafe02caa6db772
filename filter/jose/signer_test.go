package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"sync"
	"testing"

	"bearerauth/filter/testkey"
)

// signers hold one private key per kind; keys are made once per run.
type signers struct {
	rsa    *rsa.PrivateKey
	ec     map[Algorithm]*ecdsa.PrivateKey
	ed     ed25519.PrivateKey
	secret []byte
}

func newSigners() *signers {
	s := &signers{ec: map[Algorithm]*ecdsa.PrivateKey{}}
	for _, key := range testkey.All() {
		switch private := key.Private.(type) {
		case *rsa.PrivateKey:
			s.rsa = private
		case *ecdsa.PrivateKey:
			a, _ := ParseAlgorithm(key.Algorithm)
			s.ec[a] = private
		case ed25519.PrivateKey:
			s.ed = private
		case []byte:
			s.secret = private
		}
	}
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

// private is the key of a, which signs.
func (s *signers) private(a Algorithm) *testkey.Key {
	key := &testkey.Key{Algorithm: a.String()}
	switch a.scheme().family {
	case familyRSA:
		key.Private = s.rsa
	case familyEC:
		key.Private = s.ec[a]
	case familyOKP:
		key.Private = s.ed
	case familyOct:
		key.Private = s.secret
	}
	return key
}

// sign makes the signature of a over text.
func (s *signers) sign(a Algorithm, text string) []byte { return s.private(a).Sign(text) }

// public is what verifies a, as crypto/x509 writes it; nil for secrets.
func (s *signers) public(t testing.TB, a Algorithm) []byte {
	t.Helper()
	private, ok := s.private(a).Private.(crypto.Signer)
	if !ok {
		return nil
	}
	der, err := x509.MarshalPKIXPublicKey(private.Public())
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
