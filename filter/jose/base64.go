package jose

import "slices"

// Base64url is decoded here rather than by encoding/base64, which skips CR and
// LF, so that one token could be written in many ways (requirement 31). Without
// malleability, a token can be cached and revoked by its text.

// badSymbol has a bit that no symbol has, so that one look at several symbols
// together finds a bad one.
const badSymbol = 0x80

// symbols holds the six bits of each symbol of RFC 4648 section 5.
var symbols = func() (t [256]uint8) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range t {
		t[i] = badSymbol
	}
	for i := range len(alphabet) {
		t[alphabet[i]] = uint8(i)
	}
	return t
}()

// decodedLen is the number of bytes in n symbols.
func decodedLen(n int) int { return n/4*3 + n%4*3/4 }

// DecodeBase64 decodes strict base64url.
func DecodeBase64(encoded string) ([]byte, bool) { return appendDecoded(nil, encoded) }

// appendDecoded appends what encoded holds. It refuses padding, white space,
// foreign characters, and trailing bits that are not zero.
func appendDecoded[Text string | []byte](dst []byte, encoded Text) ([]byte, bool) {
	// The bytes are written in place: appending each would check the room each time.
	whole := len(encoded) / 4 * 3
	dst = slices.Grow(dst, whole+2)
	out := dst[len(dst) : len(dst)+whole]
	for len(encoded) >= 4 && len(out) >= 3 {
		a, b, c, d := symbols[encoded[0]], symbols[encoded[1]], symbols[encoded[2]], symbols[encoded[3]]
		if (a|b|c|d)&badSymbol != 0 {
			return dst, false
		}
		out[0], out[1], out[2] = a<<2|b>>4, b<<4|c>>2, c<<6|d
		out, encoded = out[3:], encoded[4:]
	}
	dst = dst[:len(dst)+whole]
	switch len(encoded) {
	case 0:
		return dst, true
	case 2:
		a, b := symbols[encoded[0]], symbols[encoded[1]]
		if (a|b)&badSymbol != 0 || b&0xf != 0 {
			return dst, false
		}
		return append(dst, a<<2|b>>4), true
	case 3:
		a, b, c := symbols[encoded[0]], symbols[encoded[1]], symbols[encoded[2]]
		if (a|b|c)&badSymbol != 0 || c&0x3 != 0 {
			return dst, false
		}
		return append(dst, a<<2|b>>4, b<<4|c>>2), true
	}
	return dst, false // one symbol alone holds no byte
}
