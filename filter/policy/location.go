package policy

import "strings"

// location is a place in a request where a token may stand.
type location struct {
	kind   locationKind
	name   string // of the header, the cookie or the query parameter
	prefix string // what a header's value begins with, in lower case
}

type locationKind uint8

const (
	locationAuthorization locationKind = iota // RFC 6750 section 2.1
	locationHeader
	locationCookie
	locationQuery // RFC 6750 section 2.3
)

// places is a set of locations: bit i stands for Policy.locations[i].
type places uint32

const (
	maxLocations = 32
	everyPlace   = ^places(0)
)

func (p places) has(i int) bool { return p>>i&1 == 1 }

// read finds what stands at a location. Several of a kind are never resolved to
// the first or the last: the upstream may read the other.
func (l *location) read(r *Request) credential {
	switch l.kind {
	case locationAuthorization:
		return readCredential(r, hasQueryToken(r.Path))
	case locationHeader:
		return l.readHeader(r)
	case locationCookie:
		return l.readCookie(r)
	}
	return l.readParameter(r)
}

func (l *location) readHeader(r *Request) credential {
	value, lines := "", 0
	for i := range r.Headers {
		if r.Headers[i][0] == l.name {
			value = r.Headers[i][1]
			lines++
		}
	}
	switch {
	case lines == 0:
		return credential{kind: credentialNone}
	case lines > 1:
		return credential{kind: credentialSeveral, named: true}
	case hasStrayBytes(value):
		return credential{kind: credentialMalformed, named: true}
	}
	value = trimOWS(value)
	if len(value) < len(l.prefix) || !equalFoldASCII(value[:len(l.prefix)], l.prefix) {
		// Another scheme, as Basic is in Authorization: not for us.
		return credential{kind: credentialNone}
	}
	return wholeToken(strings.TrimLeft(value[len(l.prefix):], " "))
}

// wholeToken is a credential of which nothing but the token is left.
func wholeToken(token string) credential {
	switch {
	case token == "":
		return credential{kind: credentialNone, named: true}
	case len(token) > maxTokenBytes || !isB64Token(token):
		return credential{kind: credentialMalformed, named: true}
	}
	return credential{kind: credentialBearer, token: token, named: true}
}

func (l *location) readCookie(r *Request) credential {
	value, found := "", 0
	for i := range r.Headers {
		if r.Headers[i][0] != "cookie" {
			continue
		}
		for pair := range strings.SplitSeq(r.Headers[i][1], ";") {
			if name, v := cutCookie(pair); l.named(name) {
				value = v
				found++
			}
		}
	}
	switch found {
	case 0:
		return credential{kind: credentialNone}
	case 1:
		return wholeToken(value)
	}
	return credential{kind: credentialSeveral, named: true}
}

// cutCookie splits one pair of a Cookie header (RFC 6265 section 4.2.1).
func cutCookie(pair string) (name, value string) {
	name, value, _ = strings.Cut(pair, "=")
	return strings.Trim(name, " \t"), strings.Trim(value, " \t")
}

// named reports whether a cookie or a parameter has the location's name, also
// to those who decode names (PHP does for cookies).
func (l *location) named(name string) bool {
	return name == l.name || strings.IndexByte(name, '%') >= 0 && string(decodeEvery(nil, name)) == l.name
}

func (l *location) readParameter(r *Request) credential {
	value, found := "", 0
	_, query := cutQuery(r.Path)
	for query != "" {
		var pair string
		pair, query = cutAny(query, "&;") // some take `;` for `&`
		name, v, _ := strings.Cut(pair, "=")
		if l.named(name) {
			value = v
			found++
		}
	}
	switch {
	case found == 0:
		return credential{kind: credentialNone}
	case found > 1:
		return credential{kind: credentialSeveral, named: true}
	case strings.IndexByte(value, '+') >= 0:
		// A space in a form, a plus to others.
		return credential{kind: credentialMalformed, named: true}
	case strings.IndexByte(value, '%') >= 0:
		value = string(decodeEvery(nil, value))
	}
	return wholeToken(value)
}

// cutQuery splits a target at the first `?`; a fragment belongs to neither part.
func cutQuery(target string) (path, query string) {
	path, query, _ = strings.Cut(target, "?")
	query, _, _ = strings.Cut(query, "#")
	return path, query
}

// credentials reads what stands at each location.
func (s *State) credentials(p *Policy, r *Request) {
	s.found = s.found[:0]
	for i := range p.locations {
		var c credential
		if p.locations[i].kind == locationAuthorization {
			c = s.credential(p, r)
		} else {
			c = p.locations[i].read(r)
		}
		c.location = i
		s.found = append(s.found, c)
	}
}

// only is the one credential at these places. Two of them are two methods, and
// the upstream may look at the other (RFC 6750 section 2).
func (s *State) only(at places) *credential {
	found := &noCredential
	for i := range s.found {
		c := &s.found[i]
		if !at.has(i) || c.kind == credentialNone {
			continue
		}
		if found.kind != credentialNone {
			return &severalCredentials
		}
		found = c
	}
	return found
}

var (
	noCredential       = credential{kind: credentialNone}
	severalCredentials = credential{kind: credentialSeveral}
)

// strip takes tokens out of the request, each from where it stood: those that
// were verified unless verified are kept, the others unless others are. An
// upstream that finds a token may take it for verified.
func (p *Policy) strip(s *State, a *Allow, r *Request, keepVerified, keepOthers bool) {
	var cookies, parameters places
	for i := range s.found {
		c, l := &s.found[i], &p.locations[i]
		gone := c.named && !(c.used && keepVerified) && !(!c.used && keepOthers)
		switch l.kind {
		case locationAuthorization:
			if gone {
				a.Remove = append(a.Remove, "authorization")
			}
		case locationHeader:
			a.Remove = l.appendSpellings(a.Remove, r.Headers, gone)
		case locationCookie:
			if gone {
				cookies |= 1 << i
			}
		case locationQuery:
			if gone {
				parameters |= 1 << i
			}
		}
	}
	if cookies != 0 {
		p.stripCookies(a, r, cookies)
	}
	if parameters != 0 {
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

func (p *Policy) stripCookies(a *Allow, r *Request, which places) {
	var kept []string
	for i := range r.Headers {
		if r.Headers[i][0] != "cookie" {
			continue
		}
		for pair := range strings.SplitSeq(r.Headers[i][1], ";") {
			if name, _ := cutCookie(pair); !p.namesPlace(name, which) && trimOWS(pair) != "" {
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
func (p *Policy) stripParameters(target string, which places) string {
	path, rest, _ := strings.Cut(target, "?")
	query, fragment, hasFragment := strings.Cut(rest, "#")
	kept := make([]byte, 0, len(target))
	for query != "" {
		pair, behind := cutAny(query, "&;")
		name, _, _ := strings.Cut(pair, "=")
		if !p.namesPlace(name, which) {
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

func (p *Policy) namesPlace(name string, which places) bool {
	for i := range p.locations {
		if which.has(i) && p.locations[i].named(name) {
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
