package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	_ "crypto/sha256" // registers the hashes of the table
	_ "crypto/sha512"
	"crypto/subtle"
	"unsafe"
)

// HostVerifier is a signature check outside this module, as Envoy's
// verify_signature: RSASSA-PKCS1-v1_5 or ECDSA, as spki says, over text. The
// signature of ECDSA is in DER. done is false where the host could not say.
// It must not keep or change what it is given.
type HostVerifier func(hash string, spki, signature, text []byte) (valid, done bool)

// Verify reports whether signature is one of k over signed. What the
// algorithm demands of key and signature is checked first, and so alike for
// the host and for Go. A host may only be given for algorithms that SelfTest
// found it to know.
func (k *Key) Verify(a Algorithm, signed string, signature []byte, host HostVerifier) bool {
	if !k.Fits(a) || !k.wellFormed(a, signature) {
		return false
	}
	s := a.scheme()
	// Nothing below writes to text.
	text := unsafe.Slice(unsafe.StringData(signed), len(signed))
	if k.family == familyEC {
		signature = ecdsaDER(signature)
	}
	if host != nil && s.hashName != "" {
		if valid, done := host(s.hashName, k.spki, signature, text); done {
			return valid
		}
	}
	switch k.family {
	case familyRSA:
		if s.pss {
			options := rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: s.hash}
			return rsa.VerifyPSS(k.rsa, s.hash, digest(s.hash, text), signature, &options) == nil
		}
		return rsa.VerifyPKCS1v15(k.rsa, s.hash, digest(s.hash, text), signature) == nil
	case familyEC:
		return ecdsa.VerifyASN1(k.ec, digest(s.hash, text), signature)
	case familyOKP:
		return ed25519.Verify(k.ed, text, signature)
	case familyOct:
		mac := hmac.New(s.hash.New, k.secret)
		mac.Write(text)
		return subtle.ConstantTimeCompare(mac.Sum(nil), signature) == 1
	}
	return false
}

func digest(hash crypto.Hash, text []byte) []byte {
	h := hash.New()
	h.Write(text)
	return h.Sum(nil)
}

// wellFormed checks what can be known of a signature without computing, as
// the standards demand it. Verifiers differ in what of it they check, and an
// empty signature is never one (requirement 48).
func (k *Key) wellFormed(a Algorithm, signature []byte) bool {
	switch k.family {
	case familyRSA: // RFC 8017 sections 8.1.2 and 8.2.2
		return len(signature) == len(k.limit) && bytes.Compare(signature, k.limit) < 0
	case familyEC: // RFC 7518 section 3.4; zeros are CVE-2022-21449
		n := k.curve.size
		return len(signature) == 2*n && inOrder(signature[:n], k.curve.order) && inOrder(signature[n:], k.curve.order)
	case familyOKP: // RFC 8032 section 5.1.7; else a second signature follows from the first
		return len(signature) == ed25519.SignatureSize && belowEdOrder(signature[32:])
	case familyOct:
		return len(signature) == a.scheme().hash.Size()
	}
	return false
}

// inOrder reports 1 <= number < order, for two of one length.
func inOrder(number, order []byte) bool {
	return bytes.Compare(number, order) < 0 && len(trimZeros(number)) > 0
}

// edOrder is the L of RFC 8032 in little-endian bytes.
const edOrder = "\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10"

func belowEdOrder(littleEndian []byte) bool {
	for i := len(edOrder) - 1; i >= 0; i-- {
		if littleEndian[i] != edOrder[i] {
			return littleEndian[i] < edOrder[i]
		}
	}
	return false
}
