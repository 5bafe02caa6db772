package policy

import "strings"

// A cookie or parameter that only some upstreams read under a location's name is
// never a token, and never stays: nobody has looked at it.

// hasAlias is asked of what does not have the name itself.
func (l *location) hasAlias(name, pair string) bool {
	return l.aliased(name) || l.kind == locationCookie && l.aliasedWithin(pair)
}

// aliased knows PHP, which drops spaces in front of a name, ends it at a NUL,
// takes `.`, space and `[` for `_`, and `name[…]` for name; Django and Starlette,
// which trim every space of Latin-1 off a cookie's name; and URLSearchParams,
// which drops a `?` in front.
func (l *location) aliased(name string) bool {
	if len(name) < len(l.name) {
		return false
	}
	if strings.IndexByte(name, '%') >= 0 {
		name = string(decodeEvery(nil, name))
	}
	if l.kind == locationQuery {
		name = strings.TrimPrefix(name, "?")
	}
	for name != "" && (isLooseSpace(name[0]) || name[0] == '+') {
		name = name[1:]
	}
	if len(name) < len(l.name) {
		return false
	}
	for i := range len(l.name) {
		if foldName(name[i]) != foldName(l.name[i]) {
			return false
		}
	}
	for rest := name[len(l.name):]; rest != ""; rest = rest[1:] {
		if rest[0] == '[' || rest[0] == 0 {
			return true
		}
		if !isLooseSpace(rest[0]) && rest[0] != '+' {
			return false
		}
	}
	return true
}

// aliasedWithin knows those to whom a comma (RFC 2965, Netty) or white
// space (Python's SimpleCookie) ends a cookie.
func (l *location) aliasedWithin(pair string) bool {
	for start := 0; ; {
		i := strings.Index(pair[start:], l.name)
		if i < 0 {
			return false
		}
		i += start
		start = i + len(l.name)
		if i > 0 && pair[i-1] != ',' && !isLooseSpace(pair[i-1]) {
			continue
		}
		behind := start
		for behind < len(pair) && isLooseSpace(pair[behind]) {
			behind++
		}
		if behind < len(pair) && pair[behind] == '=' {
			return true
		}
	}
}

// isLooseSpace is generous: some trim control bytes, and Latin-1's and Unicode's
// spaces.
func isLooseSpace(c byte) bool { return c <= ' ' || c >= 0x7f }

func foldName(c byte) byte {
	switch c {
	case '.', ' ', '+', '[':
		return '_'
	}
	return c
}
