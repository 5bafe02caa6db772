package syntax

func IsUnreserved(c byte) bool {
	return IsAlpha(c) || IsDigit(c) || c == '-' || c == '.' || c == '_' || c == '~'
}

// DecodeEvery appends s with every escape decoded once. Broken ones stay.
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

// EscapeAt is the byte that the escape at s[i:] stands for.
func EscapeAt(s string, i int) (c byte, ok bool) {
	if s[i] != '%' || i+2 >= len(s) {
		return 0, false
	}
	high, low := hexDigits[s[i+1]], hexDigits[s[i+2]]
	return high<<4 | low&0xf, high|low < 16
}

// hexDigits are 16 where a byte is none.
var hexDigits = func() (table [256]byte) {
	for c := range table {
		table[c] = 16
		if digit := HexDigit(byte(c)); digit >= 0 {
			table[c] = byte(digit)
		}
	}
	return table
}()
