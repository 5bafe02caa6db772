// Package syntax has the character classes and escapes of the RFCs: tokens and
// optional white space (RFC 9110 sections 5.6.2 and 5.6.3), b64token (RFC 6750 section
// 2.1), scopes (RFC 6749 section 3.3), percent-encoding (RFC 3986 section 2.1). It
// compares bytes and never a locale. It has no type of its own.
package syntax

import (
	"strings"
	"unsafe"
)

// Character classes of RFC 9110, 6749 and 6750; octets, never locale.

func IsAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func IsDigit(c byte) bool { return c >= '0' && c <= '9' }

func IsB64Char(c byte) bool {
	return IsAlpha(c) || IsDigit(c) || c == '-' || c == '.' || c == '_' || c == '~' || c == '+' || c == '/'
}

// IsTchar: RFC 9110 section 5.6.2.
func IsTchar(c byte) bool {
	return IsAlpha(c) || IsDigit(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func IsToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if !IsTchar(s[i]) {
			return false
		}
	}
	return s != ""
}

// IsScopeToken: RFC 6749 section 3.3, 1*( %x21 / %x23-5B / %x5D-7E ).
func IsScopeToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}

// IsPrintableASCII allows inner spaces, not those at the ends: a header field
// would lose them.
func IsPrintableASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return s != "" && s[0] != ' ' && s[len(s)-1] != ' '
}

func TrimOWS(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// EqualFoldASCII compares with lower, which is in lower case already.
// strings.EqualFold would also fold U+017F and U+212A into ASCII.
func EqualFoldASCII(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// HexDigit returns the value of a hexadecimal digit, -1 for anything else.
func HexDigit(c byte) int {
	switch {
	case IsDigit(c):
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// Borrow is b as a string for as long as b stays as it is. TinyGo copies for every
// string(b), even one that is only compared.
func Borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// CutPair cuts a query at the first `&`, or `;`, which some take for it.
func CutPair(query string) (pair, rest string) {
	for i := 0; i < len(query); i++ {
		if query[i] == '&' || query[i] == ';' {
			return query[:i], query[i+1:]
		}
	}
	return query, ""
}

// MaxTokenBytes bounds the work that a stranger can cause.
const MaxTokenBytes = 16 << 10

// IsB64Token: 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=".
func IsB64Token(s string) bool {
	i := 0
	for i < len(s) && b64Octets[s[i]] {
		i++
	}
	if i == 0 {
		return false
	}
	for i < len(s) && s[i] == '=' {
		i++
	}
	return i == len(s)
}

var b64Octets = func() (table [256]bool) {
	for c := range table {
		table[c] = IsB64Char(byte(c))
	}
	return table
}()

// SameHeader compares header names in any case, and with any other sign for -.
func SameHeader(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if foldHeader(a[i]) != foldHeader(b[i]) {
			return false
		}
	}
	return true
}

// foldHeader knows those to whom every sign is the same: CGI has _ for -, lighttpd
// for all that is no letter or digit, and PHP for the dot, too. The colon is no
// part of a name but marks Envoy's own.
func foldHeader(c byte) byte {
	switch {
	case c >= 'a' && c <= 'z', IsDigit(c), c == ':':
		return c
	case c >= 'A' && c <= 'Z':
		return c | 0x20
	}
	return '-'
}

func Contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

func HasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
