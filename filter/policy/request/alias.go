package request

import (
	"bytes"
	"strings"

	"bearerauth/filter/policy/syntax"
)

// Likeness is how the name of a cookie or of a query parameter is like one that
// the configuration names. What is like it but not the same binds requirements
// and opens nothing; as a token it is never read and never stays.
type Likeness uint8

const (
	Unlike  Likeness = iota
	within           // `name.x`: something below it to some upstreams, no token to any
	Aliased          // some upstreams read it under the name
	Same
)

// LikeName compares a name, decoded, with one that is wanted. It knows
//   - PHP, which drops spaces in front of a name, ends it at a NUL, takes `.`, space
//     and `[` for `_`, and `name[…]` for name;
//   - Rack and qs, to which `[name]` and `name]` are name, and qs and Spring, which
//     find an object's members in `name.x`;
//   - ASP.NET, to which case makes no difference, of cookies neither;
//   - Spring, which takes `!name` for a default, and Zope, for which a type stands
//     behind a colon;
//   - Django and Starlette, which trim every space of Latin-1 off a cookie's name;
//   - URLSearchParams, which drops a `?` in front;
//   - decoders that drop a byte order mark, control bytes and what is no UTF-8.
//
// The name is one from trimName.
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
			return within
		case !IsLooseSpace(c) && c != '+':
			return Unlike
		}
	}
	return Aliased
}

// TrimName drops what some upstream drops in front of a name, up to the byte that
// a wanted name begins with, where that is of this kind itself.
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

// CutName cuts off what some upstream takes for the wanted name.
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

// IsLooseSpace is generous: some trim control bytes, and Latin-1's and Unicode's
// spaces.
func IsLooseSpace(c byte) bool { return c <= ' ' || c >= 0x7f }

func FoldName(c byte) byte {
	switch {
	case c == '.' || c == ' ' || c == '+' || c == '[':
		return '_'
	case c >= 'A' && c <= 'Z':
		return c | 0x20
	}
	return c
}

// DecodeFully decodes escapes and what they bring out, however often, and the
// `%u0064` of ASP.NET.
func DecodeFully(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	return string(AppendDecoded(make([]byte, 0, len(s)), s))
}

// DecodesTo says that a name, decoded once, is the wanted one.
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

// DecodesOnce says that decoding brings out no escape.
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

// AppendDecoded takes an empty slice.
func AppendDecoded(out []byte, s string) []byte {
	percent := -1 // where the last one stands in out
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

// wholeEscape is the byte that `%64` or `%u0064` stands for. Bytes that are no
// ASCII are all the same here.
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
