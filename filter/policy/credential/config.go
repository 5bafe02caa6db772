package credential

import (
	"strings"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/syntax"
)

// Read reads the token_locations of a provider and adds them to ls. By default that
// is Authorization. owned reports whether the filter sets a header.
func (ls *Locations) Read(o *config.Object, owned func(name string) bool) (at Places) {
	items := o.Array("token_locations")
	if !o.Has("token_locations") {
		return ls.add(Location{Kind: Authorization, Name: "authorization"}, o)
	}
	for _, item := range items {
		l := config.AsObject(item, o.Problems)
		if l == nil {
			continue
		}
		before := len(o.Problems.List)
		found := readLocation(l)
		if len(o.Problems.List) > before {
			continue
		}
		if found.Kind == header && owned(found.Name) {
			l.Wrong("header", "want a header that the filter does not set itself")
		}
		bit := ls.add(found, l)
		if at&bit != 0 {
			o.Problems.Add(item.Path, "duplicate location")
		}
		at |= bit
	}
	return at
}

func readLocation(l *config.Object) (found Location) {
	kinds := 0
	if name := l.Checked("header", "", wantTokenHeader); l.Has("header") {
		kinds++
		found = Location{Kind: header, Name: name}
		if name == "authorization" {
			found.Kind = Authorization
		}
	}
	prefix := l.Checked("prefix", "", wantPrefix)
	if name := l.Checked("cookie", "", wantCookie); l.Has("cookie") {
		kinds++
		found = Location{Kind: cookie, Name: name}
	}
	if name := l.Checked("insecure_query_parameter", "", wantParameter); l.Has("insecure_query_parameter") {
		kinds++
		found = Location{Kind: Query, Name: name}
	}
	l.Done()
	if kinds != 1 {
		l.Problems.Add(l.Path, "want exactly one of header, cookie, insecure_query_parameter")
	}
	if l.Has("prefix") {
		if found.Kind != header {
			l.Wrong("prefix", "allowed only with a header other than authorization: tokens in authorization follow Bearer")
		}
		found.prefix = strings.ToLower(prefix)
	}
	return found
}

// add returns the bit of a location, which several providers can share.
func (ls *Locations) add(l Location, o *config.Object) Places {
	for i := range ls.List {
		have := &ls.List[i]
		if *have == l {
			return 1 << i
		}
		if have.Kind == header && l.Kind == header && syntax.SameHeader(have.Name, l.Name) {
			o.Wrong("prefix", "want the same header and prefix: "+config.Quote(have.Name)+" is already read with the prefix "+config.Quote(have.prefix))
			return 0
		}
	}
	// The search for each compares it with every cookie or parameter, of which a client
	// can send many.
	const maxSearched = 8
	searched := 0
	for i := range ls.List {
		if ls.List[i].Kind >= cookie {
			searched++
		}
	}
	if l.Kind >= cookie && searched == maxSearched {
		o.Problems.Add(o.Path, "want at most 8 different cookies and query parameters in all")
		return 0
	}
	if len(ls.List) == MaxLocations {
		o.Problems.Add(o.Path, "want at most 32 different locations in all")
		return 0
	}
	ls.List = append(ls.List, l)
	ls.kinds |= 1 << l.Kind
	ls.ReadsAccessToken = ls.ReadsAccessToken || l.Kind == Query && l.Name == "access_token"
	return 1 << (len(ls.List) - 1)
}

func wantTokenHeader(s string) string {
	if s == "authorization" {
		return ""
	}
	if s == "cookie" {
		return "want a header other than cookie: use the location cookie"
	}
	return config.WantOwnHeader(s)
}

// wantPrefix checks the prefix of a header value. Its last character must not be one
// of a token, so that the prefix and the token are distinct.
func wantPrefix(s string) string {
	if len(s) > 64 || !syntax.IsPrintableASCII(strings.TrimRight(s, " ")) || syntax.IsB64Char(s[len(s)-1]) {
		return `want 1 to 64 printable ASCII characters, the last not allowed in a token, as in "Token "`
	}
	return ""
}

// wantCookie checks a cookie-name (RFC 6265 section 4.1.1).
func wantCookie(s string) string {
	for i := 0; i < len(s); i++ {
		if !syntax.IsTchar(s[i]) || s[i] == '%' {
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
		if !syntax.IsUnreserved(s[i]) {
			return "want the name of a query parameter: letters, digits, -, ., _ and ~"
		}
	}
	if s == "" || len(s) > 128 {
		return "want the name of a query parameter: letters, digits, -, ., _ and ~"
	}
	return ""
}
