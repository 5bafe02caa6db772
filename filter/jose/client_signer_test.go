package jose

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"strings"
	"testing"
)

// TestSigner: what is signed verifies under the public key, and no other key or
// form of a key is taken.
func TestSigner(t *testing.T) {
	t.Parallel()
	r, e := ours().rsa, ours().ec[ES256]
	pkcs8 := func(key any) string {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return pemBlock("PRIVATE KEY", der)
	}
	sec1, err := x509.MarshalECPrivateKey(e)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text   string
		public any
	}{
		"PKCS #8, RSA":  {pkcs8(r), &r.PublicKey},
		"PKCS #1":       {pemBlock("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r)), &r.PublicKey},
		"PKCS #8, P256": {pkcs8(e), &e.PublicKey},
		"SEC 1":         {pemBlock("EC PRIVATE KEY", sec1), &e.PublicKey},
	} {
		s, err := ParseSigner(c.text + "\n")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		public, err := x509.MarshalPKIXPublicKey(c.public)
		if err != nil {
			t.Fatal(err)
		}
		key, err := readSPKI(public)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			token, err := s.Sign([]byte(`{"alg":"`+s.Algorithm.String()+`"}`), []byte(`{"iss":"x"}`), nil)
			if err != nil {
				t.Fatal(err)
			}
			m, err := new(Parser).Parse(token)
			if err != nil {
				t.Fatal(err)
			}
			if !key.Verify(m.Algorithm, m.Signed, m.Signature, nil) {
				t.Fatalf("%s: %s does not verify", name, token)
			}
		}
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := pkcs8(e)
	for name, text := range map[string]string{
		"nothing":           "",
		"no PEM":            "secret",
		"a public key":      pemBlock("PUBLIC KEY", x509.MarshalPKCS1PublicKey(&r.PublicKey)),
		"a small modulus":   pkcs8(small),
		"another curve":     pkcs8(other),
		"Ed25519":           pkcs8(ours().ed),
		"two blocks":        good + good,
		"text behind it":    good + "x",
		"cut":               good[:len(good)/2],
		"encrypted by name": strings.ReplaceAll(good, "PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
		"RSA as SEC 1":      pemBlock("EC PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r)),
		"truncated DER":     pemBlock("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r)[:100]),
	} {
		if s, err := ParseSigner(text); err == nil {
			t.Errorf("%s: taken as %v", name, s.Algorithm)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error repeats it: %v", name, err)
		}
	}
}

// TestSignerOfAnotherCurve: a key of another curve with numbers of P-256's size would sign
// tokens that no server can verify.
func TestSignerOfAnotherCurve(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := func(der []byte) string { return pemBlock("EC PRIVATE KEY", der) }
	if _, err := ParseSigner(text(der)); err != nil {
		t.Error(err)
	}
	const name = "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01"
	if _, err := ParseSigner(text(bytes.Replace(der, []byte(name+"\x07"), []byte(name+"\x01"), 1))); err == nil {
		t.Error("taken for a key of P-256")
	}
}
