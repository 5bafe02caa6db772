package credential

import (
	"strings"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
)

// Strip removes from a request the credentials that mask selects. It returns remove
// with the names of headers to remove appended, and set with the headers to set.
func (ls *Locations) Strip(remove []string, set [][2]string, r *request.Request, mask StripMask) ([]string, [][2]string) {
	var cookies, parameters StripMask
	for i := range ls.List {
		l, strip := &ls.List[i], mask.Named.Has(i)
		switch l.Kind {
		case Authorization:
			if strip {
				remove = append(remove, "authorization")
			}
		case header:
			remove = l.appendSpellings(remove, r.Headers, strip)
		case cookie:
			cookies.Add(i, strip, mask.Aliased.Has(i))
		case Query:
			parameters.Add(i, strip, mask.Aliased.Has(i))
		}
	}
	if cookies != (StripMask{}) {
		remove, set = ls.stripCookies(remove, set, r, cookies)
	}
	if parameters != (StripMask{}) {
		set = append(set, [2]string{":path", ls.stripParameters(r.Path, parameters)})
	}
	return remove, set
}

// appendSpellings appends the header's names as pairs spell them. Some
// upstreams take x_token for x-token, and the filter has not verified what is in it.
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

// StripMask selects what Strip removes: at the Named locations the credential under
// the configured name, at the Aliased locations those under names that only some
// upstreams take for it.
type StripMask struct{ Named, Aliased Places }

// Add selects location i.
func (m *StripMask) Add(i int, named, aliased bool) {
	if named {
		m.Named |= 1 << i
	}
	if aliased {
		m.Aliased |= 1 << i
	}
}

func (ls *Locations) stripCookies(remove []string, set [][2]string, r *request.Request, mask StripMask) ([]string, [][2]string) {
	var kept []string
	for i := range r.Headers {
		if r.Headers[i][0] != "cookie" {
			continue
		}
		for pair := range strings.SplitSeq(r.Headers[i][1], ";") {
			if pair = syntax.TrimOWS(pair); pair == "" {
				continue
			}
			if name, _ := cutCookie(pair); !ls.strips(cookie, name, pair, mask) {
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

// stripParameters removes parameters from a request target and leaves all other
// bytes.
func (ls *Locations) stripParameters(target string, mask StripMask) string {
	path, rest, _ := strings.Cut(target, "?")
	query, fragment, hasFragment := strings.Cut(rest, "#")
	kept := make([]byte, 0, len(target))
	for query != "" {
		pair, behind := syntax.CutPair(query)
		name, _, _ := strings.Cut(pair, "=")
		if !ls.strips(Query, name, name, mask) {
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

// strips reports whether the mask removes a cookie or parameter of this name.
func (ls *Locations) strips(kind LocationKind, name, pair string, mask StripMask) bool {
	named, alias := ls.locate(kind, name, pair)
	return named&mask.Named != 0 || alias&mask.Aliased != 0
}

// AppendTrailers appends the names of trailers that look like credentials. No rule
// reads tokens in trailers, so none is passed on.
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
