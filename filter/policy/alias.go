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
	for name != "" && (isLooseSpace(name[0]) || name[0] == '+' || parameter && strings.IndexByte(`?[]!'"`, name[0]) >= 0) {
		name = name[1:]
	}
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

// likeCookie also knows those to whom a comma (RFC 2965, Netty) or white space
// (Python's SimpleCookie) ends a cookie.
func likeCookie(name, pair, want string) likeness {
	if like := likeName(decodeFully(name), want, false); like != unlike {
		return like
	}
	border := true
	for i := 0; i < len(pair); i++ {
		if pair[i] == ',' || isLooseSpace(pair[i]) {
			border = true
			continue
		}
		if border {
			if rest, ok := cutName(pair[i:], want); ok && namesCookie(rest) {
				return aliased
			}
		}
		border = false
	}
	return unlike
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

// hasAlias is asked of what does not have the name itself.
func (l *location) hasAlias(name, pair string) bool {
	if l.kind == locationCookie {
		return likeCookie(name, pair, l.name) >= aliased
	}
	return likeName(decodeFully(name), l.name, true) >= aliased
}

// decodeFully decodes escapes and what they bring out, however often, and the
// `%u0064` of ASP.NET.
func decodeFully(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		out = append(out, s[i])
		for {
			c, length := endingEscape(out)
			if length == 0 {
				break
			}
			out = append(out[:len(out)-length], c)
		}
	}
	return string(out)
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
