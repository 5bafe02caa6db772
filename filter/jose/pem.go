package jose

import (
	"bytes"
	"encoding/pem"
	"strings"
)

const (
	errPEMNone    refusal = "want PEM: -----BEGIN PUBLIC KEY----- and so on"
	errPEMBroken  refusal = "want nothing but whole PEM blocks"
	errPEMHeaders refusal = "want a PEM block without headers"
	errPEMPrivate refusal = "want a public key, got a private key: openssl pkey -in FILE -pubout makes the public one"
	errPEMKey     refusal = "want an RSA, P-256, P-384, P-521 or Ed25519 key in DER, a point uncompressed: " +
		"openssl pkey -pubin -in FILE -pubout -ec_conv_form uncompressed rewrites it"
	errPEMType        refusal = "want PUBLIC KEY, RSA PUBLIC KEY and CERTIFICATE blocks only"
	errPEMCertificate refusal = "cannot find the key in this certificate: openssl x509 -in FILE -noout -pubkey shows it"
)

// ParsePEM reads public keys: PUBLIC KEY, RSA PUBLIC KEY and CERTIFICATE
// blocks. A certificate is only a wrapping here: to configure it is to trust its key, and
// its dates and its issuer are not checked. The keys have neither name nor algorithm.
func ParsePEM(text []byte) ([]*Key, error) {
	var keys []*Key
	for {
		text = bytes.TrimSpace(text)
		if len(text) == 0 {
			break
		}
		// The decoder passes over what it cannot read. A key that is left out
		// should be noticed here, not when its tokens are refused.
		if !bytes.HasPrefix(text, []byte("-----BEGIN ")) {
			return nil, errPEMNone
		}
		block, rest := pem.Decode(text)
		if block == nil || bytes.Count(text[:len(text)-len(rest)], []byte("-----BEGIN ")) != 1 {
			return nil, errPEMBroken
		}
		text = rest
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return nil, errPEMPrivate
		}
		if len(block.Headers) != 0 {
			return nil, errPEMHeaders
		}
		key, err := readPEM(block)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errPEMNone
	}
	return keys, nil
}

func readPEM(block *pem.Block) (*Key, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return readSPKI(block.Bytes)
	case "RSA PUBLIC KEY":
		return readPKCS1(block.Bytes)
	case "CERTIFICATE":
		spki, ok := certificateKey(block.Bytes)
		if !ok {
			return nil, errPEMCertificate
		}
		return readSPKI(spki)
	}
	return nil, errPEMType
}

// readSPKI accepts a key only if our own encoding of it has the same bytes. So no
// reader of DER, ours or the host's, can find another key in it.
func readSPKI(der []byte) (*Key, error) {
	var key *Key
	err := error(errPEMKey)
	for _, c := range curves {
		if point, ok := bytes.CutPrefix(der, []byte(c.prefix+"\x04")); ok && len(point) == 2*c.size {
			key, err = newEC(c, point[:c.size], point[c.size:])
		}
	}
	if public, ok := bytes.CutPrefix(der, []byte(prefixEd25519)); ok {
		key, err = newEd(public)
	}
	if content, _, ok := cutDER(der, tagSequence); ok {
		if bits, ok := bytes.CutPrefix(content, []byte(rsaAlgorithm)); ok {
			if bits, _, ok := cutDER(bits, tagBitString); ok && len(bits) > 0 {
				key, err = readPKCS1(bits[1:])
			}
		}
	}
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(key.spki, der) {
		return nil, errPEMKey
	}
	return key, nil
}

func readPKCS1(der []byte) (*Key, error) {
	content, _, ok := cutDER(der, tagSequence)
	if !ok {
		return nil, errPEMKey
	}
	n, rest, ok := cutDER(content, tagInteger)
	if !ok {
		return nil, errPEMKey
	}
	e, _, ok := cutDER(rest, tagInteger)
	if !ok || !bytes.Equal(rsaPKCS1(n, e), der) {
		return nil, errPEMKey
	}
	return newRSA(n, e)
}

// certificateKey finds the SubjectPublicKeyInfo (RFC 5280 section 4.1): the
// seventh field of the first, after serial number, signature algorithm,
// issuer, validity and subject.
func certificateKey(der []byte) ([]byte, bool) {
	certificate, rest, ok := cutDER(der, tagSequence)
	if !ok || len(rest) != 0 {
		return nil, false
	}
	fields, _, ok := cutDER(certificate, tagSequence)
	if !ok {
		return nil, false
	}
	if _, rest, ok := cutDER(fields, tagVersion); ok {
		fields = rest
	}
	for _, tag := range [...]byte{tagInteger, tagSequence, tagSequence, tagSequence, tagSequence} {
		if _, fields, ok = cutDER(fields, tag); !ok {
			return nil, false
		}
	}
	_, rest, ok = cutDER(fields, tagSequence)
	return fields[:len(fields)-len(rest)], ok
}
