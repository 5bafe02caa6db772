package policy

import (
	"bytes"
	"strings"
)

// likeness is how the name of a cookie or of a query parameter is like one that
// the configuration names. What is like it but not the same binds requirements
// and opens nothing; as a token it is never read and never stays.
type likeness uint8

const (
	unlike  likeness = iota
	within           // `name.x`: something below it to some upstreams, no token to any
	aliased          // some upstreams read it under the name
	same
)

// likeName compares a name, decoded, with one that is wanted. It knows
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
func likeName(name, want string, parameter bool) likeness {
	rest, ok := cutName(name, want)
	if !ok {
		return unlike
	}
	for ; rest != ""; rest = rest[1:] {
		switch c := rest[0]; {
		case c == '[' || c == 0 || parameter && (c == ']' || c == ':' || c == '\'' || c == '"'):
			return aliased
		case parameter && c == '.':
			return within
		case !isLooseSpace(c) && c != '+':
			return unlike
		}
	}
	return aliased
}

// trimName drops what some upstream drops in front of a name, up to the byte that
// a wanted name begins with, where that is of this kind itself.
func trimName(name string, parameter bool, upTo byte) string {
	for name != "" {
		switch c := name[0]; {
		case upTo != 0 && foldName(c) == foldName(upTo):
			return name
		case isLooseSpace(c) || c == '+':
		case parameter && (c == '?' || c == '[' || c == ']' || c == '!' || c == '\'' || c == '"'):
		default:
			return name
		}
		name = name[1:]
	}
	return name
}

// cutName cuts off what some upstream takes for the wanted name.
func cutName(name, want string) (rest string, ok bool) {
	i := 0
	for k := 0; k < len(want); i++ {
		if i == len(name) {
			return "", false
		}
		switch c := name[i]; {
		case c == want[k] || foldName(c) == foldName(want[k]):
			k++
		case c >= ' ' && c < 0x7f: // others may be dropped
			return "", false
		}
	}
	return name[i:], true
}

// like finds the locations of a kind that have a name, and those that have it to
// some upstreams only.
func (ls *locations) like(kind locationKind, name, pair string) (named, alias places) {
	full := name
	if strings.IndexByte(name, '%') >= 0 {
		var buffer [96]byte
		full = borrow(appendDecoded(buffer[:0], name))
	}
	trimmed := trimName(full, kind == locationQuery, 0)
	for i := range ls.list {
		l := &ls.list[i]
		if l.kind != kind || len(trimmed) < len(l.name) || foldName(trimmed[0]) != foldName(l.name[0]) {
			continue
		}
		switch {
		case decodesTo(name, l.name): // PHP decodes the names of cookies, too
			named |= 1 << i
		case likeName(trimmed, l.name, kind == locationQuery) >= aliased:
			alias |= 1 << i
		}
	}
	if kind == locationCookie {
		alias |= ls.cookiesWithin(pair)
	}
	return named, alias
}

// cookiesWithin knows those to whom a comma (RFC 2965, Netty) or white space
// (Python's SimpleCookie) ends a cookie.
func (ls *locations) cookiesWithin(pair string) (found places) {
	border := false // what stands at the beginning is the name
	for i := 0; i < len(pair); i++ {
		if pair[i] == ',' || isLooseSpace(pair[i]) {
			border = true
			continue
		}
		if border {
			for k := range ls.list {
				if l := &ls.list[k]; l.kind == locationCookie {
					if rest, ok := cutName(pair[i:], l.name); ok && namesCookie(rest) {
						found |= 1 << k
					}
				}
			}
		}
		border = false
	}
	return found
}

// namesCookie says that the name ends before an equals sign, spaces apart.
func namesCookie(rest string) bool {
	for rest != "" && isLooseSpace(rest[0]) {
		rest = rest[1:]
	}
	return rest != "" && rest[0] == '='
}

// isLooseSpace is generous: some trim control bytes, and Latin-1's and Unicode's
// spaces.
func isLooseSpace(c byte) bool { return c <= ' ' || c >= 0x7f }

func foldName(c byte) byte {
	switch {
	case c == '.' || c == ' ' || c == '+' || c == '[':
		return '_'
	case c >= 'A' && c <= 'Z':
		return c | 0x20
	}
	return c
}

// decodeFully decodes escapes and what they bring out, however often, and the
// `%u0064` of ASP.NET.
func decodeFully(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	return string(appendDecoded(make([]byte, 0, len(s)), s))
}

// decodesTo says that a name, decoded once, is the wanted one.
func decodesTo(name, want string) bool {
	for i := 0; i < len(name); i++ {
		c, ok := escapeAt(name, i)
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

// decodesOnce says that decoding brings out no escape.
func decodesOnce(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if c, ok := escapeAt(s, i); !ok || c == '%' {
				return false
			}
			i += 2
		}
	}
	return true
}

// appendDecoded takes an empty slice.
func appendDecoded(out []byte, s string) []byte {
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
		value := hexDigit(digit)
		if value < 0 {
			return 0, false
		}
		code = code<<4 | value
	}
	return byte(min(code, 0xff)), true
}
