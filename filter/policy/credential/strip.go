package credential

import (
	"strings"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
)

// Strip takes out of a request what some places lose: names of headers to remove,
// and headers to set, are appended.
func (ls *Locations) Strip(remove []string, set [][2]string, r *request.Request, which StripMask) ([]string, [][2]string) {
	var cookies, parameters StripMask
	for i := range ls.List {
		l, goes := &ls.List[i], which.Named.Has(i)
		switch l.Kind {
		case Authorization:
			if goes {
				remove = append(remove, "authorization")
			}
		case header:
			remove = l.appendSpellings(remove, r.Headers, goes)
		case cookie:
			cookies.Add(i, goes, which.Aliased.Has(i))
		case Query:
			parameters.Add(i, goes, which.Aliased.Has(i))
		}
	}
	if cookies != (StripMask{}) {
		remove, set = ls.stripCookies(remove, set, r, cookies)
	}
	if parameters != (StripMask{}) {
		set = append(set, [2]string{":path", ls.StripParameters(r.Path, parameters)})
	}
	return remove, set
}

// appendSpellings appends the header's names as they stand in pairs: x_token is
// x-token to some upstreams, and nobody has looked at it.
func (l *Location) appendSpellings(names []string, pairs [][2]string, exact bool) []string {
	for i := range pairs {
		name := pairs[i][0]
		if syntax.SameHeader(name, l.Name) && (exact || name != l.Name) && !syntax.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Misspelt reports a header that only some upstreams take for one of the locations.
func (ls *Locations) Misspelt(r *request.Request) bool {
	for i := range ls.List {
		if l := &ls.List[i]; l.Kind == header && len(l.appendSpellings(nil, r.Headers, false)) > 0 {
			return true
		}
	}
	return false
}

// Mask are the places that lose what has their name, and what has it to some
// upstreams only.
type StripMask struct{ Named, Aliased Places }

func (g *StripMask) Add(i int, named, aliased bool) {
	if named {
		g.Named |= 1 << i
	}
	if aliased {
		g.Aliased |= 1 << i
	}
}

func (ls *Locations) stripCookies(remove []string, set [][2]string, r *request.Request, which StripMask) ([]string, [][2]string) {
	var kept []string
	for i := range r.Headers {
		if r.Headers[i][0] != "cookie" {
			continue
		}
		for pair := range strings.SplitSeq(r.Headers[i][1], ";") {
			if pair = syntax.TrimOWS(pair); pair == "" {
				continue
			}
			if name, _ := cutCookie(pair); !ls.strips(cookie, name, pair, which) {
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

// StripParameters leaves every octet but those of the parameters.
func (ls *Locations) StripParameters(target string, which StripMask) string {
	path, rest, _ := strings.Cut(target, "?")
	query, fragment, hasFragment := strings.Cut(rest, "#")
	kept := make([]byte, 0, len(target))
	for query != "" {
		pair, behind := syntax.CutPair(query)
		name, _, _ := strings.Cut(pair, "=")
		if !ls.strips(Query, name, name, which) {
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

func (ls *Locations) strips(kind locationKind, name, pair string, which StripMask) bool {
	named, alias := ls.locate(kind, name, pair)
	return named&which.Named != 0 || alias&which.Aliased != 0
}

// AppendTrailers appends the names of trailers that look like credentials: no
// rule reads them there, so none stays.
func (ls *Locations) AppendTrailers(names []string, trailers [][2]string) []string {
	for i := range ls.List {
		switch l := &ls.List[i]; l.Kind {
		case Authorization, header:
			names = l.appendSpellings(names, trailers, true)
		case cookie:
			names = (&Location{Name: "cookie"}).appendSpellings(names, trailers, true)
		}
	}
	return names
}
