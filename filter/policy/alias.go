package policy

import "strings"

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
func likeName(name, want string, parameter bool) likeness {
	rest, ok := cutName(trimName(name, parameter), want)
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

// trimName drops what some upstream drops in front of a name.
func trimName(name string, parameter bool) string {
	for name != "" && (isLooseSpace(name[0]) || name[0] == '+' || parameter && strings.IndexByte(`?[]!'"`, name[0]) >= 0) {
		name = name[1:]
	}
	return name
}

// nameInitial tells most names apart: what is like a name has its initial, or
// anyInitial.
func nameInitial(name string, parameter bool) byte {
	trimmed := trimName(name, parameter)
	if trimmed == "" || len(trimmed) < len(name) {
		return anyInitial
	}
	return foldName(trimmed[0])
}

const anyInitial = 0

// cutName cuts off what some upstream takes for the wanted name.
func cutName(name, want string) (rest string, ok bool) {
	for want != "" {
		switch {
		case len(name) == 0:
			return "", false
		case foldName(name[0]) == foldName(want[0]):
			want = want[1:]
		case name[0] >= ' ' && name[0] < 0x7f: // others may be dropped
			return "", false
		}
		name = name[1:]
	}
	return name, true
}

// like finds the locations of a kind that have a name, and those that have it to
// some upstreams only.
func (ls *locations) like(kind locationKind, name, pair string) (named, alias places) {
	if strings.IndexByte(name, '%') < 0 {
		return ls.likeDecoded(kind, name, name, name, pair)
	}
	var once, full [96]byte
	return ls.likeDecoded(kind, name, borrow(appendDecodedOnce(once[:0], name)), borrow(appendDecoded(full[:0], name)), pair)
}

func (ls *locations) likeDecoded(kind locationKind, name, once, full, pair string) (named, alias places) {
	for i := range ls.list {
		switch l := &ls.list[i]; {
		case l.kind != kind:
		case name == l.name || once == l.name: // PHP decodes the names of cookies, too
			named |= 1 << i
		case likeName(full, l.name, kind == locationQuery) >= aliased:
			alias |= 1 << i
		}
	}
	if kind == locationCookie {
		alias |= ls.cookiesWithin(pair) &^ named
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

// decodeName decodes a name as often as possible, and once.
func decodeName(s string) (full, once string) {
	if strings.IndexByte(s, '%') < 0 {
		return s, s
	}
	full = decodeFully(s)
	if once = string(decodeEvery(nil, s)); once == full {
		once = full
	}
	return full, once
}

// decodeFully decodes escapes and what they bring out, however often, and the
// `%u0064` of ASP.NET.
func decodeFully(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	return string(appendDecoded(make([]byte, 0, len(s)), s))
}

func appendDecodedOnce(out []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c, ok := escapeAt(s, i)
		if ok {
			i += 2
		} else {
			c = s[i]
		}
		out = append(out, c)
	}
	return out
}

func appendDecoded(out []byte, s string) []byte {
	first := len(out)
	for i := 0; i < len(s); i++ {
		out = append(out, s[i])
		for {
			c, length := endingEscape(out[first:])
			if length == 0 {
				break
			}
			out = append(out[:len(out)-length], c)
		}
	}
	return out
}

// endingEscape is the byte that the escape at the end of b stands for. Bytes that
// are no ASCII are all the same here.
func endingEscape(b []byte) (c byte, length int) {
	if n := len(b) - 3; n >= 0 && b[n] == '%' {
		if high, low := hexDigit(b[n+1]), hexDigit(b[n+2]); high >= 0 && low >= 0 {
			return byte(high<<4 | low), 3
		}
	}
	if n := len(b) - 6; n >= 0 && b[n] == '%' && b[n+1]|0x20 == 'u' {
		code := 0
		for _, digit := range b[n+2:] {
			value := hexDigit(digit)
			if value < 0 {
				return 0, 0
			}
			code = code<<4 | value
		}
		if code > 0x7f {
			code = 0xff
		}
		return byte(code), 6
	}
	return 0, 0
}
