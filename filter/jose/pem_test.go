package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

func pemBlock(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func selfSigned(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1 << 40), Subject: pkix.Name{CommonName: "issuer", Organization: []string{"é"}}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestParsePEM(t *testing.T) {
	t.Parallel()
	s := ours()
	for a, private := range map[Algorithm]crypto.Signer{RS256: s.rsa, ES256: s.ec[ES256], ES384: s.ec[ES384], ES512: s.ec[ES512], EdDSA: s.ed} {
		texts := []string{
			pemBlock("PUBLIC KEY", s.public(t, a)), "\n \n" + pemBlock("PUBLIC KEY", s.public(t, a)) + "\n\n", strings.ReplaceAll(pemBlock("PUBLIC KEY", s.public(t, a)), "\n", "\r\n"),
			pemBlock("CERTIFICATE", selfSigned(t, private)), pemBlock("PUBLIC KEY", s.public(t, a)) + pemBlock("CERTIFICATE", selfSigned(t, private)),
		}
		if a == RS256 {
			texts = append(texts, pemBlock("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&s.rsa.PublicKey)))
		}
		for i, text := range texts {
			keys, err := ParsePEM([]byte(text))
			if err != nil {
				t.Errorf("%s, text %d: %v", a, i, err)
				continue
			}
			for _, k := range keys {
				if !both(t, k, a, "x", s.sign(a, "x")) || k.Symmetric() || k.HasID || k.Algorithm != 0 || !bytes.Equal(k.spki, s.public(t, a)) {
					t.Errorf("%s, text %d: another key: %+v", a, i, k)
				}
			}
		}
	}
}

func TestParsePEMRefuses(t *testing.T) {
	t.Parallel()
	s := ours()
	good := pemBlock("PUBLIC KEY", s.public(t, RS256))
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(s.rsa)
	sec1, _ := x509.MarshalECPrivateKey(s.ec[ES256])
	p224, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	p224DER, _ := x509.MarshalPKIXPublicKey(p224.Public())
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	smallDER, _ := x509.MarshalPKIXPublicKey(small.Public())
	spki := s.public(t, RS256)
	ec := s.public(t, ES256)
	compressed := append(append([]byte("\x30\x39"), ec[2:23]...), append([]byte("\x03\x22\x00\x02"), ec[27:59]...)...)
	x25519 := append([]byte("\x30\x2a\x30\x05\x06\x03\x2b\x65\x6e\x03\x21\x00"), make([]byte, 32)...)
	for name, c := range map[string]struct{ text, says string }{
		"nothing": {"", "want PEM"}, "white space": {" \n", "want PEM"}, "base64 alone": {b64(string(spki)), "want PEM"}, "JWK": {rsaJWK(), "want PEM"},
		"PKCS 8": {pemBlock("PRIVATE KEY", pkcs8), "private"}, "PKCS 1": {pemBlock("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(s.rsa)), "private"}, "SEC 1": {pemBlock("EC PRIVATE KEY", sec1), "private"},
		"encrypted": {pemBlock("ENCRYPTED PRIVATE KEY", pkcs8), "private"}, "OpenSSH": {pemBlock("OPENSSH PRIVATE KEY", pkcs8), "private"},
		"private after public": {good + pemBlock("PRIVATE KEY", pkcs8), "private"},
		"request":              {pemBlock("CERTIFICATE REQUEST", spki), "CERTIFICATE blocks only"}, "text in front": {"my key:\n" + good, "want PEM"}, "text behind": {good + "x", "want PEM"},
		"cut off": {good[:len(good)-10], "whole"}, "broken inside": {strings.Replace(good, "M", "!", 1) + good, "whole"}, "broken, then good": {good[:100] + "\n" + good, "whole"},
		"headers": {strings.Replace(good, "KEY-----\n", "KEY-----\nA: b\n\n", 1), "headers"}, "empty block": {pemBlock("PUBLIC KEY", nil), "DER"},
		"RSA of 1024 bits": {pemBlock("PUBLIC KEY", smallDER), "2048"}, "P-224": {pemBlock("PUBLIC KEY", p224DER), "P-256"}, "X25519": {pemBlock("PUBLIC KEY", x25519), "Ed25519"},
		"compressed point": {pemBlock("PUBLIC KEY", compressed), "uncompressed"}, "byte behind": {pemBlock("PUBLIC KEY", append(bytes.Clone(spki), 0)), "DER"},
		"byte behind EC": {pemBlock("PUBLIC KEY", append(bytes.Clone(ec), 0)), "DER"}, "not on the curve": {pemBlock("PUBLIC KEY", append(bytes.Clone(ec[:60]), make([]byte, len(ec)-60)...)), "curve"},
		"PKCS 1 as SPKI": {pemBlock("PUBLIC KEY", x509.MarshalPKCS1PublicKey(&s.rsa.PublicKey)), "DER"}, "SPKI as PKCS 1": {pemBlock("RSA PUBLIC KEY", spki), "DER"},
		"no certificate": {pemBlock("CERTIFICATE", spki), "certificate"}, "long form of a length": {pemBlock("PUBLIC KEY", bytes.Replace(ec, []byte("\x30\x59\x30"), []byte("\x30\x81\x59\x30"), 1)), "DER"},
	} {
		keys, err := ParsePEM([]byte(c.text))
		if err == nil || keys != nil {
			t.Errorf("%s: accepted", name)
		} else if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: says %q, want %q in it", name, err, c.says)
		}
	}
}

// FuzzPEM: what we take from DER, crypto/x509 takes as the same key.
func FuzzPEM(f *testing.F) {
	s := ours()
	seeds := [][]byte{s.public(f, RS256), s.public(f, ES256), s.public(f, ES512), s.public(f, EdDSA), selfSigned(f, s.ec[ES256]), selfSigned(f, s.rsa), x509.MarshalPKCS1PublicKey(&s.rsa.PublicKey)}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, der := range seeds {
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		same := func(k *Key, public any, err error) {
			if err != nil {
				t.Fatalf("crypto/x509 refuses: %v", err)
			}
			want, err := x509.MarshalPKIXPublicKey(public)
			if err != nil || !bytes.Equal(want, k.spki) {
				t.Fatalf("crypto/x509 sees another key: %x, %v", want, err)
			}
		}
		if k, err := readSPKI(der); err == nil {
			public, err := x509.ParsePKIXPublicKey(der)
			same(k, public, err)
		}
		if k, err := readPKCS1(der); err == nil {
			public, err := x509.ParsePKCS1PublicKey(der)
			same(k, public, err)
		}
		if spki, ok := certificateKey(der); ok {
			if certificate, err := x509.ParseCertificate(der); err == nil && !bytes.Equal(certificate.RawSubjectPublicKeyInfo, spki) {
				t.Fatalf("crypto/x509 finds the key elsewhere")
			}
		}
	})
}
