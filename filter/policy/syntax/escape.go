package syntax

// IsUnreserved reports whether c is an unreserved character (RFC 3986 section 2.3).
func IsUnreserved(c byte) bool {
	return IsAlpha(c) || IsDigit(c) || c == '-' || c == '.' || c == '_' || c == '~'
}

// DecodeEvery appends s to dst with every percent-encoded byte decoded, once. A
// broken escape stays as it is.
func DecodeEvery(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c, ok := EscapeAt(s, i)
		if ok {
			i += 2
		} else {
			c = s[i]
		}
		dst = append(dst, c)
	}
	return dst
}

// EscapeAt decodes the escape at the start of s[i:]. ok is false where there is none.
func EscapeAt(s string, i int) (c byte, ok bool) {
	if s[i] != '%' || i+2 >= len(s) {
		return 0, false
	}
	high, low := hexDigits[s[i+1]], hexDigits[s[i+2]]
	return high<<4 | low&0xf, high|low < 16
}

// hexDigits maps a byte to the value of the hexadecimal digit, and every other byte to
// 16.
var hexDigits = func() (table [256]byte) {
	for c := range table {
		table[c] = 16
		if digit := HexDigit(byte(c)); digit >= 0 {
			table[c] = byte(digit)
		}
	}
	return table
}()
