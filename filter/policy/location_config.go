package policy

import "strings"

// readLocations reads where a provider's tokens stand in a request.
func (ls *locations) read(o *object, own func(name string) bool) (at places) {
	items := o.array("token_locations")
	if !o.has("token_locations") {
		return ls.place(location{kind: locationAuthorization, name: "authorization"}, o)
	}
	for _, item := range items {
		l := asObject(item, o.problems)
		if l == nil {
			continue
		}
		before := len(o.problems.list)
		found := readLocation(l)
		if len(o.problems.list) > before {
			continue
		}
		if found.kind == locationHeader && own(found.name) {
			l.wrong("header", "want a header that the filter does not set itself")
		}
		bit := ls.place(found, l)
		if at&bit != 0 {
			o.problems.add(item.path, "duplicate location")
		}
		at |= bit
	}
	return at
}

func readLocation(l *object) (found location) {
	kinds := 0
	if name := l.checked("header", "", wantTokenHeader); l.has("header") {
		kinds++
		found = location{kind: locationHeader, name: name}
		if name == "authorization" {
			found.kind = locationAuthorization
		}
	}
	prefix := l.checked("prefix", "", wantPrefix)
	if name := l.checked("cookie", "", wantCookie); l.has("cookie") {
		kinds++
		found = location{kind: locationCookie, name: name}
	}
	if name := l.checked("insecure_query_parameter", "", wantParameter); l.has("insecure_query_parameter") {
		kinds++
		found = location{kind: locationQuery, name: name}
	}
	l.done()
	if kinds != 1 {
		l.problems.add(l.path, "want exactly one of header, cookie, insecure_query_parameter")
	}
	if l.has("prefix") {
		if found.kind != locationHeader {
			l.wrong("prefix", "want it only with a header, and not with authorization, whose tokens are Bearer tokens")
		}
		found.prefix = strings.ToLower(prefix)
	}
	return found
}

// place is the bit of a location, which several providers can share.
func (ls *locations) place(l location, o *object) places {
	for i := range ls.list {
		have := &ls.list[i]
		if *have == l {
			return 1 << i
		}
		if have.kind == locationHeader && l.kind == locationHeader && sameHeader(have.name, l.name) {
			o.wrong("prefix", "want the same header and prefix as elsewhere: "+quote(have.name)+" is read with the prefix "+quote(have.prefix)+", too")
			return 0
		}
	}
	// Each of these reads the whole header or query, whatever a stranger puts in.
	const maxSearched = 8
	searched := 0
	for i := range ls.list {
		if ls.list[i].kind >= locationCookie {
			searched++
		}
	}
	if l.kind >= locationCookie && searched == maxSearched {
		o.problems.add(o.path, "want at most 8 different cookies and query parameters in all")
		return 0
	}
	if len(ls.list) == maxLocations {
		o.problems.add(o.path, "want at most 32 different locations in all")
		return 0
	}
	ls.list = append(ls.list, l)
	ls.kinds |= 1 << l.kind
	ls.readsAccessToken = ls.readsAccessToken || l.kind == locationQuery && l.name == "access_token"
	return 1 << (len(ls.list) - 1)
}

func wantTokenHeader(s string) string {
	if s == "authorization" {
		return ""
	}
	if s == "cookie" {
		return "want no header cookie: cookies are a location of their own"
	}
	return wantOwnHeader(s)
}

// wantPrefix keeps a prefix apart from the token behind it.
func wantPrefix(s string) string {
	if len(s) > 64 || !isPrintableASCII(strings.TrimRight(s, " ")) || isB64Char(s[len(s)-1]) {
		return `want 1 to 64 printable ASCII characters, the last of which no token has, as in "Token "`
	}
	return ""
}

// wantCookie is RFC 6265's cookie-name.
func wantCookie(s string) string {
	for i := 0; i < len(s); i++ {
		if !isTchar(s[i]) || s[i] == '%' {
			return "want the name of a cookie"
		}
	}
	if s == "" || len(s) > 128 {
		return "want the name of a cookie"
	}
	return ""
}

func wantParameter(s string) string {
	for i := 0; i < len(s); i++ {
		if !isUnreserved(s[i]) {
			return "want the name of a query parameter: letters, digits, -, ., _ and ~"
		}
	}
	if s == "" || len(s) > 128 {
		return "want the name of a query parameter: letters, digits, -, ., _ and ~"
	}
	return ""
}
