package credential

import (
	"strings"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
)

// locate returns the locations of a kind that have this name, and those that have it
// to some upstreams only.
func (ls *Locations) locate(kind LocationKind, name, pair string) (named, alias Places) {
	full := name
	if strings.IndexByte(name, '%') >= 0 {
		var buffer [96]byte
		full = syntax.Borrow(request.AppendDecoded(buffer[:0], name))
	}
	trimmed := request.TrimName(full, kind == Query, 0)
	for i := range ls.List {
		l := &ls.List[i]
		if l.Kind != kind || len(trimmed) < len(l.Name) || request.FoldName(trimmed[0]) != request.FoldName(l.Name[0]) {
			continue
		}
		switch {
		case request.DecodesTo(name, l.Name): // PHP decodes the names of cookies, too
			named |= 1 << i
		case request.LikeName(trimmed, l.Name, kind == Query) >= request.Aliased:
			alias |= 1 << i
		}
	}
	if kind == cookie {
		alias |= ls.cookiesWithin(pair)
	}
	return named, alias
}

// cookiesWithin finds cookies inside the pair of another: to some upstreams a comma
// (RFC 2965, Netty) or white space (Python's SimpleCookie) ends a cookie.
func (ls *Locations) cookiesWithin(pair string) (found Places) {
	border := false // the start of the pair is its own name
	for i := 0; i < len(pair); i++ {
		if pair[i] == ',' || request.IsLooseSpace(pair[i]) {
			border = true
			continue
		}
		if border {
			for k := range ls.List {
				if l := &ls.List[k]; l.Kind == cookie {
					if rest, ok := request.CutName(pair[i:], l.Name); ok && namesCookie(rest) {
						found |= 1 << k
					}
				}
			}
		}
		border = false
	}
	return found
}

// namesCookie reports whether the name ends before an equals sign, apart from spaces.
func namesCookie(rest string) bool {
	for rest != "" && request.IsLooseSpace(rest[0]) {
		rest = rest[1:]
	}
	return rest != "" && rest[0] == '='
}
