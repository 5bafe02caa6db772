package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"encoding/pem"
	"math/big"
)

// Signer makes tokens that authenticate the filter to a server: client assertions of
// RFC 7523. It signs with RS256 or ES256, depending on its key.
type Signer struct {
	Algorithm Algorithm
	PEM       string // the key as it was given, for hosts that sign by themselves
	rsa       *rsa.PrivateKey
	ec        *ecdsa.PrivateKey
}

const (
	errSignerPEM refusal = "want one PEM block with a private RSA key of 2048 to 8192 bits or a P-256 key, not encrypted: " +
		"PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY"
	errSign refusal = "the private key does not sign"
)

// The AlgorithmIdentifier of a P-256 key in PKCS #8 (RFC 5915, RFC 5480).
const p256Algorithm = "\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"

// p256Curve names the curve in a key of SEC 1.
const p256Curve = "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"

const (
	tagOctetString = 0x04
	tagParameters  = 0xa0 // [0], of a key of SEC 1
)

// ParseSigner reads a private key: PKCS #8 (RFC 5208), PKCS #1 (RFC 8017) or SEC 1
// (RFC 5915). No error repeats any of it.
func ParseSigner(text string) (*Signer, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(bytes.TrimSpace(rest)) != 0 || len(block.Headers) != 0 {
		return nil, errSignerPEM
	}
	s := &Signer{PEM: text}
	ok := false
	switch block.Type {
	case "PRIVATE KEY":
		ok = s.readPKCS8(block.Bytes)
	case "RSA PRIVATE KEY":
		ok = s.readRSA(block.Bytes)
	case "EC PRIVATE KEY":
		ok = s.readEC(block.Bytes)
	}
	if !ok {
		return nil, errSignerPEM
	}
	return s, nil
}

func (s *Signer) readPKCS8(der []byte) bool {
	content, rest, ok := cutDER(der, tagSequence)
	if !ok || len(rest) != 0 {
		return false
	}
	if _, content, ok = cutDER(content, tagInteger); !ok {
		return false
	}
	isRSA := bytes.HasPrefix(content, []byte(rsaAlgorithm))
	isEC := bytes.HasPrefix(content, []byte(p256Algorithm))
	if _, content, ok = cutDER(content, tagSequence); !ok {
		return false
	}
	key, _, ok := cutDER(content, tagOctetString)
	return ok && (isRSA && s.readRSA(key) || isEC && s.readEC(key))
}

func (s *Signer) readRSA(der []byte) bool {
	content, rest, ok := cutDER(der, tagSequence)
	if !ok || len(rest) != 0 {
		return false
	}
	var numbers [6]*big.Int // version, n, e, d, p, q
	for i := range numbers {
		var number []byte
		if number, content, ok = cutDER(content, tagInteger); !ok || len(number) == 0 || number[0] >= 0x80 {
			return false
		}
		numbers[i] = new(big.Int).SetBytes(number)
	}
	n, e := numbers[1], numbers[2]
	if n.BitLen() < minModulusBits || n.BitLen() > maxModulusBits || !e.IsInt64() || e.Int64() > 1<<31-1 {
		return false
	}
	s.rsa = &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: n, E: int(e.Int64())}, D: numbers[3], Primes: []*big.Int{numbers[4], numbers[5]},
	}
	if s.rsa.Validate() != nil {
		return false
	}
	s.rsa.Precompute()
	s.Algorithm = RS256
	return true
}

func (s *Signer) readEC(der []byte) bool {
	content, rest, ok := cutDER(der, tagSequence)
	if !ok || len(rest) != 0 {
		return false
	}
	if _, content, ok = cutDER(content, tagInteger); !ok {
		return false
	}
	scalar, content, ok := cutDER(content, tagOctetString)
	if !ok || len(scalar) != p256.size {
		return false
	}
	if curve, _, ok := cutDER(content, tagParameters); ok && string(curve) != p256Curve {
		// A scalar of another curve's is a number for this one, too, but another key.
		return false
	}
	key, err := ecdsa.ParseRawPrivateKey(p256.curve, scalar)
	if err != nil {
		return false
	}
	s.ec, s.Algorithm = key, ES256
	return true
}

// HostSigner is a signature by RSASSA-PKCS1-v1_5 outside this module, as Envoy's
// sign has it. done is false where the host could not.
type HostSigner func(hash, key string, text []byte) (signature []byte, done bool)

// SignedBy reports whether a host signs right with this key.
func (s *Signer) SignedBy(host HostSigner) bool {
	if s.rsa == nil {
		return false
	}
	text := []byte("bearerauth")
	signature, done := host("sha256", s.PEM, text)
	return done && rsa.VerifyPKCS1v15(&s.rsa.PublicKey, crypto.SHA256, digest(crypto.SHA256, text), signature) == nil
}

// Sign makes a compact JWS of a header's and a payload's JSON. RSA takes Go long in
// Wasm, so a host that can is asked first.
func (s *Signer) Sign(header, payload []byte, host HostSigner) (string, error) {
	signed := base64.RawURLEncoding.AppendEncode(nil, header)
	signed = append(signed, '.')
	signed = base64.RawURLEncoding.AppendEncode(signed, payload)
	sum := digest(crypto.SHA256, signed)
	var signature []byte
	var err error
	switch {
	case s.rsa != nil:
		done := false
		if host != nil {
			signature, done = host("sha256", s.PEM, signed)
		}
		if !done || rsa.VerifyPKCS1v15(&s.rsa.PublicKey, crypto.SHA256, sum, signature) != nil {
			signature, err = rsa.SignPKCS1v15(nil, s.rsa, crypto.SHA256, sum)
		}
	case s.ec != nil:
		signature, err = s.signEC(sum)
	default:
		err = errSign
	}
	if err != nil {
		return "", errSign
	}
	signed = append(signed, '.')
	return string(base64.RawURLEncoding.AppendEncode(signed, signature)), nil
}

// signEC writes r and s side by side (RFC 7518 section 3.4). Its nonce comes from
// key and digest (RFC 6979): nothing here takes randomness from anywhere.
func (s *Signer) signEC(sum []byte) ([]byte, error) {
	der, err := s.ec.Sign(nil, sum, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	content, _, ok := cutDER(der, tagSequence)
	if !ok {
		return nil, errSign
	}
	signature := make([]byte, 2*p256.size)
	for half := range 2 {
		var number []byte
		if number, content, ok = cutDER(content, tagInteger); !ok {
			return nil, errSign
		}
		number = trimZeros(number)
		copy(signature[(half+1)*p256.size-len(number):], number)
	}
	return signature, nil
}
