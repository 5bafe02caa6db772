// Package syntax has the character classes and escapes of the RFCs: tokens and
// optional white space (RFC 9110 sections 5.6.2 and 5.6.3), b64token (RFC 6750 section
// 2.1), scopes (RFC 6749 section 3.3), percent-encoding (RFC 3986 section 2.1). It
// compares bytes and never a locale. It has no type of its own.
package syntax

import (
	"strings"
	"unsafe"
)

// IsAlpha reports whether c is an ASCII letter.
func IsAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// IsDigit reports whether c is an ASCII digit.
func IsDigit(c byte) bool { return c >= '0' && c <= '9' }

// IsB64Char reports whether c may be in a b64token before its padding (RFC 6750
// section 2.1).
func IsB64Char(c byte) bool {
	return IsAlpha(c) || IsDigit(c) || c == '-' || c == '.' || c == '_' || c == '~' || c == '+' || c == '/'
}

// IsTchar reports whether c is a tchar (RFC 9110 section 5.6.2).
func IsTchar(c byte) bool {
	return IsAlpha(c) || IsDigit(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// IsToken reports whether s is a token (RFC 9110 section 5.6.2). A bearer token is a
// b64token: see IsB64Token.
func IsToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if !IsTchar(s[i]) {
			return false
		}
	}
	return s != ""
}

// IsScopeToken reports whether s is one scope: 1*( %x21 / %x23-5B / %x5D-7E ) (RFC 6749
// section 3.3).
func IsScopeToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}

// IsPrintableASCII reports whether s is printable ASCII and not empty. It allows inner
// spaces, but none at the ends: a header field would lose those.
func IsPrintableASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return s != "" && s[0] != ' ' && s[len(s)-1] != ' '
}

// TrimOWS trims optional white space (RFC 9110 section 5.6.3) off both ends.
func TrimOWS(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// EqualFoldASCII compares s, in any case, with lower, which must be in lower case.
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

// Borrow returns b as a string without a copy. The string is valid only as long as b
// is not written to. TinyGo copies for every string(b), even in a comparison.
func Borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// CutPair cuts a query at the first `&` or `;`: some servers separate parameters by
// the semicolon, too.
func CutPair(query string) (pair, rest string) {
	for i := 0; i < len(query); i++ {
		if query[i] == '&' || query[i] == ';' {
			return query[:i], query[i+1:]
		}
	}
	return query, ""
}

// MaxTokenBytes is the longest token that is read, in bytes. It bounds the work that an
// unauthenticated client can cause.
const MaxTokenBytes = 16 << 10

// IsB64Token reports whether s is a b64token (RFC 6750 section 2.1):
// 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=".
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

// SameHeader reports whether some upstream may take two header names for the same: in
// any case, and with another punctuation character in place of the hyphen.
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

// foldHeader maps a byte of a header name to what upstreams make of it. CGI writes _
// for the hyphen, lighttpd for every byte that is no letter or digit, PHP for the dot,
// too. The colon stays: it marks pseudo-headers and is not part of any other name.
func foldHeader(c byte) byte {
	switch {
	case c >= 'a' && c <= 'z', IsDigit(c), c == ':':
		return c
	case c >= 'A' && c <= 'Z':
		return c | 0x20
	}
	return '-'
}

// Contains reports whether s is in list.
func Contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

// HasControl reports whether s has a control character of ASCII.
func HasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
