package jose

// The few structures of DER that keys and signatures need, by hand:
// crypto/x509 would add 1.6 MB to the module.

// A SubjectPublicKeyInfo (RFC 5280 section 4.1, RFC 5480, RFC 8410) of an
// elliptic curve is one of these and the point.
const (
	prefixP256 = "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01" + // ecPublicKey
		"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00" // prime256v1
	prefixP384 = "\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01" +
		"\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00" // secp384r1
	prefixP521 = "\x30\x81\x9b\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01" +
		"\x06\x05\x2b\x81\x04\x00\x23\x03\x81\x86\x00" // secp521r1
	prefixEd25519 = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"
	rsaAlgorithm  = "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00" // rsaEncryption, NULL
)

const (
	tagInteger   = 0x02
	tagBitString = 0x03
	tagSequence  = 0x30
	tagVersion   = 0xa0 // [0] of a certificate
)

// appendDER appends tag, length and content.
func appendDER(dst []byte, tag byte, content []byte) []byte {
	n := len(content)
	switch {
	case n < 0x80:
		dst = append(dst, tag, byte(n))
	case n < 0x100:
		dst = append(dst, tag, 0x81, byte(n))
	default: // a modulus of 8192 bits stays far below 64 KiB
		dst = append(dst, tag, 0x82, byte(n>>8), byte(n))
	}
	return append(dst, content...)
}

// appendInteger appends an unsigned number of any width.
func appendInteger(dst, number []byte) []byte {
	number = trimZeros(number)
	if len(number) == 0 || number[0] >= 0x80 {
		number = append([]byte{0}, number...)
	}
	return appendDER(dst, tagInteger, number)
}

// rsaPKCS1 is the RSAPublicKey of RFC 8017 appendix A.1.1.
func rsaPKCS1(n, e []byte) []byte {
	return appendDER(nil, tagSequence, appendInteger(appendInteger(nil, n), e))
}

func rsaSPKI(n, e []byte) []byte {
	bits := append([]byte{0}, rsaPKCS1(n, e)...) // no unused bits
	return appendDER(nil, tagSequence, appendDER([]byte(rsaAlgorithm), tagBitString, bits))
}

// ecdsaDER turns r and s side by side (RFC 7518 section 3.4) into the SEQUENCE
// that Go and BoringSSL read.
func ecdsaDER(signature []byte) []byte {
	half := len(signature) / 2
	content := make([]byte, 0, len(signature)+8)
	content = appendInteger(appendInteger(content, signature[:half]), signature[half:])
	return appendDER(make([]byte, 0, len(content)+3), tagSequence, content)
}

// cutDER takes the element with this tag off the front. Lengths that are
// indefinite, longer than two bytes or not minimal are refused.
func cutDER(der []byte, tag byte) (content, rest []byte, ok bool) {
	if len(der) < 2 || der[0] != tag {
		return nil, nil, false
	}
	n, head := int(der[1]), 2
	switch {
	case n == 0x81 && len(der) > 2 && der[2] >= 0x80:
		n, head = int(der[2]), 3
	case n == 0x82 && len(der) > 3 && der[2] > 0:
		n, head = int(der[2])<<8|int(der[3]), 4
	case n >= 0x80:
		return nil, nil, false
	}
	if len(der)-head < n {
		return nil, nil, false
	}
	return der[head : head+n], der[head+n:], true
}
