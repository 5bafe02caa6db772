package request

import (
	"bytes"
	"strings"

	"bearerauth/filter/policy/syntax"
)

// Likeness says how the name of a cookie or of a query parameter compares with a
// configured name. A name that is like it but not the same binds requirements and
// opens nothing. A token under such a name is never read, and it is always removed.
type Likeness uint8

const (
	Unlike  Likeness = iota // another name
	nested                  // `name.x`: some upstreams read a member of name; it is never a token
	Aliased                 // some upstreams take it for the wanted name
	Same                    // the wanted name
)

// LikeName compares a decoded name with a wanted name. parameter is true for a query
// parameter and false for a cookie. The name must come from TrimName. It covers
//   - PHP, which drops spaces in front of a name, ends it at a NUL, reads `.`, space
//     and `[` as `_`, and `name[…]` as name;
//   - Rack and qs, which read `[name]` and `name]` as name, and qs and Spring, which
//     read `name.x` as a member of the object name;
//   - ASP.NET, which ignores case, in cookies, too;
//   - Spring, which reads `!name` as a default, and Zope, which reads a type behind a
//     colon;
//   - Django and Starlette, which trim every space of Latin-1 off a cookie's name;
//   - URLSearchParams, which drops a `?` in front;
//   - decoders that drop a byte order mark, control bytes and invalid UTF-8.
func LikeName(name, want string, parameter bool) Likeness {
	rest, ok := CutName(name, want)
	if !ok {
		return Unlike
	}
	for ; rest != ""; rest = rest[1:] {
		switch c := rest[0]; {
		case c == '[' || c == 0 || parameter && (c == ']' || c == ':' || c == '\'' || c == '"'):
			return Aliased
		case parameter && c == '.':
			return nested
		case !IsLooseSpace(c) && c != '+':
			return Unlike
		}
	}
	return Aliased
}

// TrimName removes what some upstream drops in front of a name. It stops at the byte
// upTo, the first of the wanted name, where that is itself a byte that could be
// dropped.
func TrimName(name string, parameter bool, upTo byte) string {
	for name != "" {
		switch c := name[0]; {
		case upTo != 0 && FoldName(c) == FoldName(upTo):
			return name
		case IsLooseSpace(c) || c == '+':
		case parameter && (c == '?' || c == '[' || c == ']' || c == '!' || c == '\'' || c == '"'):
		default:
			return name
		}
		name = name[1:]
	}
	return name
}

// CutName removes the wanted name from the start of name, in any spelling that some
// upstream takes for it.
func CutName(name, want string) (rest string, ok bool) {
	i := 0
	for k := 0; k < len(want); i++ {
		if i == len(name) {
			return "", false
		}
		switch c := name[i]; {
		case c == want[k] || FoldName(c) == FoldName(want[k]):
			k++
		case c >= ' ' && c < 0x7f: // others may be dropped
			return "", false
		}
	}
	return name[i:], true
}

// IsLooseSpace reports whether some upstream trims c. It is generous: some trim
// control bytes, and the spaces of Latin-1 and Unicode.
func IsLooseSpace(c byte) bool { return c <= ' ' || c >= 0x7f }

// FoldName maps a byte of a name to what upstreams make of it: PHP's `_`, and lower
// case.
func FoldName(c byte) byte {
	switch {
	case c == '.' || c == ' ' || c == '+' || c == '[':
		return '_'
	case c >= 'A' && c <= 'Z':
		return c | 0x20
	}
	return c
}

// DecodeFully decodes escapes until none is left, also those that decoding reveals
// and the `%u0064` of ASP.NET.
func DecodeFully(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	return string(AppendDecoded(make([]byte, 0, len(s)), s))
}

// DecodesTo reports whether name, decoded once, equals want.
func DecodesTo(name, want string) bool {
	for i := 0; i < len(name); i++ {
		c, ok := syntax.EscapeAt(name, i)
		if ok {
			i += 2
		} else {
			c = name[i]
		}
		if want == "" || c != want[0] {
			return false
		}
		want = want[1:]
	}
	return want == ""
}

// DecodesOnce reports whether every escape of s is intact and decoding reveals no
// further one.
func DecodesOnce(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if c, ok := syntax.EscapeAt(s, i); !ok || c == '%' {
				return false
			}
			i += 2
		}
	}
	return true
}

// AppendDecoded is DecodeFully into out, which must be empty.
func AppendDecoded(out []byte, s string) []byte {
	percent := -1 // the index of the last one in out
	for i := 0; i < len(s); i++ {
		out = append(out, s[i])
		if s[i] == '%' {
			percent = len(out) - 1
			continue
		}
		for percent >= 0 && (len(out)-percent == 3 || len(out)-percent == 6) {
			c, ok := wholeEscape(out[percent:])
			if !ok {
				break
			}
			if out = append(out[:percent], c); c != '%' {
				before := max(0, percent-5) // as far as an escape reaches
				if percent = bytes.LastIndexByte(out[before:], '%'); percent >= 0 {
					percent += before
				}
			}
		}
	}
	return out
}

// wholeEscape returns the byte that `%64` or `%u0064` encodes. All values beyond 0xff
// become 0xff: only ASCII matters here.
func wholeEscape(b []byte) (c byte, ok bool) {
	digits := b[1:]
	if len(b) == 6 {
		if b[1]|0x20 != 'u' {
			return 0, false
		}
		digits = b[2:]
	}
	code := 0
	for _, digit := range digits {
		value := syntax.HexDigit(digit)
		if value < 0 {
			return 0, false
		}
		code = code<<4 | value
	}
	return byte(min(code, 0xff)), true
}
