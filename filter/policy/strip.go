package policy

import "strings"

// strip takes tokens out of the request, each from where it stood: those that
// were verified unless verified are kept, the others unless others are. An
// upstream that finds a token may take it for verified.
func (p *Policy) strip(s *State, a *Allow, r *Request, keepVerified, keepOthers bool) {
	var cookies, parameters gone
	for i := range s.found {
		c, l := &s.found[i], &p.locations[i]
		goes := c.named && !(c.used && keepVerified) && !(!c.used && keepOthers)
		switch l.kind {
		case locationAuthorization:
			if goes {
				a.Remove = append(a.Remove, "authorization")
			}
		case locationHeader:
			a.Remove = l.appendSpellings(a.Remove, r.Headers, goes)
		case locationCookie:
			cookies.add(i, goes, c.aliased)
		case locationQuery:
			parameters.add(i, goes, c.aliased)
		}
	}
	if cookies != (gone{}) {
		p.stripCookies(a, r, cookies)
	}
	if parameters != (gone{}) {
		a.Set = append(a.Set, [2]string{":path", p.stripParameters(r.Path, parameters)})
	}
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

func (p *Policy) stripCookies(a *Allow, r *Request, which gone) {
	var kept []string
	for i := range r.Headers {
		if r.Headers[i][0] != "cookie" {
			continue
		}
		for pair := range strings.SplitSeq(r.Headers[i][1], ";") {
			if name, _ := cutCookie(pair); !p.goes(name, pair, which) && trimOWS(pair) != "" {
				kept = append(kept, trimOWS(pair))
			}
		}
	}
	a.Remove = append(a.Remove, "cookie")
	if len(kept) > 0 {
		a.Set = append(a.Set, [2]string{"cookie", strings.Join(kept, "; ")})
	}
}

// stripParameters leaves every octet but those of the parameters.
func (p *Policy) stripParameters(target string, which gone) string {
	path, rest, _ := strings.Cut(target, "?")
	query, fragment, hasFragment := strings.Cut(rest, "#")
	kept := make([]byte, 0, len(target))
	for query != "" {
		pair, behind := cutAny(query, "&;")
		name, _, _ := strings.Cut(pair, "=")
		if !p.goes(name, name, which) {
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

func (p *Policy) goes(name, pair string, which gone) bool {
	for i := range p.locations {
		l := &p.locations[i]
		if which.named.has(i) && l.named(name) ||
			which.aliased.has(i) && !l.named(name) && l.hasAlias(name, pair) {
			return true
		}
	}
	return false
}

// AppendCredentials appends the names of trailers that look like credentials: no
// rule reads them there, so none stays.
func (p *Policy) AppendCredentials(names []string, trailers [][2]string) []string {
	for i := range p.locations {
		switch l := &p.locations[i]; l.kind {
		case locationAuthorization, locationHeader:
			names = l.appendSpellings(names, trailers, true)
		case locationCookie:
			names = (&location{name: "cookie"}).appendSpellings(names, trailers, true)
		}
	}
	return names
}
