package policy

import "strings"

// strip takes out of a request what some places lose: names of headers to remove,
// and headers to set, are appended.
func (ls *locations) strip(remove []string, set [][2]string, r *Request, which gone) ([]string, [][2]string) {
	var cookies, parameters gone
	for i := range ls.list {
		l, goes := &ls.list[i], which.named.has(i)
		switch l.kind {
		case locationAuthorization:
			if goes {
				remove = append(remove, "authorization")
			}
		case locationHeader:
			remove = l.appendSpellings(remove, r.Headers, goes)
		case locationCookie:
			cookies.add(i, goes, which.aliased.has(i))
		case locationQuery:
			parameters.add(i, goes, which.aliased.has(i))
		}
	}
	if cookies != (gone{}) {
		remove, set = ls.stripCookies(remove, set, r, cookies)
	}
	if parameters != (gone{}) {
		set = append(set, [2]string{":path", ls.stripParameters(r.Path, parameters)})
	}
	return remove, set
}

// appendSpellings appends the header's names as they stand in pairs: x_token is
// x-token to some upstreams, and nobody has looked at it.
func (l *location) appendSpellings(names []string, pairs [][2]string, exact bool) []string {
	for i := range pairs {
		name := pairs[i][0]
		if sameHeader(name, l.name) && (exact || name != l.name) && !contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// misspelt reports a header that only some upstreams take for one of the locations.
func (ls *locations) misspelt(r *Request) bool {
	for i := range ls.list {
		if l := &ls.list[i]; l.kind == locationHeader && len(l.appendSpellings(nil, r.Headers, false)) > 0 {
			return true
		}
	}
	return false
}

// gone are the places that lose what has their name, and what has it to some
// upstreams only.
type gone struct{ named, aliased places }

func (g *gone) add(i int, named, aliased bool) {
	if named {
		g.named |= 1 << i
	}
	if aliased {
		g.aliased |= 1 << i
	}
}

func (ls *locations) stripCookies(remove []string, set [][2]string, r *Request, which gone) ([]string, [][2]string) {
	var kept []string
	for i := range r.Headers {
		if r.Headers[i][0] != "cookie" {
			continue
		}
		for pair := range strings.SplitSeq(r.Headers[i][1], ";") {
			if pair = trimOWS(pair); pair == "" {
				continue
			}
			if name, _ := cutCookie(pair); !ls.goes(locationCookie, name, pair, which) {
				kept = append(kept, pair)
			}
		}
	}
	remove = append(remove, "cookie")
	if len(kept) > 0 {
		set = append(set, [2]string{"cookie", strings.Join(kept, "; ")})
	}
	return remove, set
}

// stripParameters leaves every octet but those of the parameters.
func (ls *locations) stripParameters(target string, which gone) string {
	path, rest, _ := strings.Cut(target, "?")
	query, fragment, hasFragment := strings.Cut(rest, "#")
	kept := make([]byte, 0, len(target))
	for query != "" {
		pair, behind := cutPair(query)
		name, _, _ := strings.Cut(pair, "=")
		if !ls.goes(locationQuery, name, name, which) {
			kept = append(kept, query[:len(query)-len(behind)]...)
		}
		query = behind
	}
	text := strings.TrimRight(string(kept), "&;")
	if text != "" {
		path += "?" + text
	}
	if hasFragment {
		path += "#" + fragment
	}
	return path
}

func (ls *locations) goes(kind locationKind, name, pair string, which gone) bool {
	named, alias := ls.like(kind, name, pair)
	return named&which.named != 0 || alias&which.aliased != 0
}

// appendTrailers appends the names of trailers that look like credentials: no
// rule reads them there, so none stays.
func (ls *locations) appendTrailers(names []string, trailers [][2]string) []string {
	for i := range ls.list {
		switch l := &ls.list[i]; l.kind {
		case locationAuthorization, locationHeader:
			names = l.appendSpellings(names, trailers, true)
		case locationCookie:
			names = (&location{name: "cookie"}).appendSpellings(names, trailers, true)
		}
	}
	return names
}
