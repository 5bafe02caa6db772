// Package credential reads tokens from the locations of a request: Authorization (RFC
// 6750 section 2.1), other headers, cookies and the query (section 2.3). It also
// removes them. It verifies no token and does not know any rule.
package credential

import (
	"math/bits"
	"strings"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
)

// Location is a place in a request that can hold a token.
type Location struct {
	Kind   LocationKind
	Name   string // the name of the header, the cookie or the query parameter
	prefix string // the beginning of a header's value, in lower case
}

// LocationKind is the part of a request in which a location is.
type LocationKind uint8

// The kinds of locations.
const (
	Authorization LocationKind = iota // RFC 6750 section 2.1
	header
	cookie
	Query // RFC 6750 section 2.3
)

// Locations are all locations of all providers.
type Locations struct {
	List             []Location
	kinds            uint8 // the kinds that occur: bit k is locationKind k
	ReadsAccessToken bool  // the query parameter access_token is among them
}

// Places is a set of locations: bit i is Locations.List[i].
type Places uint32

// MaxLocations bounds the locations of a configuration. Everywhere has all of them.
const (
	MaxLocations = 32
	Everywhere   = ^Places(0)
)

// Has reports whether location i is in the set.
func (p Places) Has(i int) bool { return p>>i&1 == 1 }

// Read returns the credential at a location other than Authorization, for which see
// the function Read. found is the result of Locations.Search for the location.
// Several values are never resolved to the first or the last: the upstream may read
// another.
func (l *Location) Read(r *request.Request, found *Found) Credential {
	switch l.Kind {
	case header:
		return l.readHeader(r)
	case cookie:
		return found.cookie()
	}
	return found.parameter()
}

// Found is the result of the search for one cookie or query parameter.
type Found struct {
	value   string
	count   int
	aliased bool
}

// Search looks for all cookies and query parameters in one pass: the client chooses
// the length of these headers.
func (ls *Locations) Search(at *[MaxLocations]Found, r *request.Request) {
	if ls.kinds&(1<<cookie) != 0 {
		for i := range r.Headers {
			if r.Headers[i][0] == "cookie" {
				ls.searchCookies(at, r.Headers[i][1])
			}
		}
	}
	if ls.kinds&(1<<Query) != 0 {
		ls.searchParameters(at, r.Path)
	}
}

func (ls *Locations) searchCookies(at *[MaxLocations]Found, cookies string) {
	for cookies != "" {
		var pair string
		if pair, cookies, _ = strings.Cut(cookies, ";"); pair == "" {
			continue
		}
		name, value := cutCookie(pair)
		named, alias := ls.locate(cookie, name, pair)
		note(at, named, alias, value)
	}
}

func (ls *Locations) searchParameters(at *[MaxLocations]Found, target string) {
	_, query := cutQuery(target)
	for query != "" {
		var pair string
		if pair, query = syntax.CutPair(query); pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		named, alias := ls.locate(Query, name, name)
		note(at, named, alias, value)
	}
}

func note(at *[MaxLocations]Found, named, alias Places, value string) {
	for all := named | alias; all != 0; all &= all - 1 {
		found := &at[bits.TrailingZeros32(uint32(all))]
		if named&all&-all != 0 {
			found.value = value
			found.count++
		} else {
			found.aliased = true
		}
	}
}

func (l *Location) readHeader(r *request.Request) Credential {
	value, lines := r.Header(l.Name)
	switch {
	case lines == 0:
		return Credential{Kind: None}
	case lines > 1:
		return Credential{Kind: Several, Named: true}
	case hasStrayBytes(value):
		return Credential{Kind: Malformed, Named: true}
	}
	value = syntax.TrimOWS(value)
	if len(value) < len(l.prefix) || !syntax.EqualFoldASCII(value[:len(l.prefix)], l.prefix) {
		return l.readOddHeader(value)
	}
	return wholeToken(strings.TrimLeft(value[len(l.prefix):], " "))
}

// readOddHeader reads a value that does not begin with the prefix. That is another
// scheme, as Basic is in Authorization, unless some upstream finds the prefix in it
// after it splits the value at tabs or commas.
func (l *Location) readOddHeader(value string) Credential {
	scheme := strings.TrimRight(l.prefix, " ")
	for element := range strings.SplitSeq(value, ",") {
		element = syntax.TrimOWS(element)
		if len(element) < len(scheme) || !syntax.EqualFoldASCII(element[:len(scheme)], scheme) ||
			len(element) > len(scheme) && scheme != l.prefix && syntax.IsTchar(element[len(scheme)]) {
			continue
		}
		switch {
		case len(value) == len(scheme):
			return Credential{Kind: None, Named: true}
		case strings.IndexByte(value, ',') >= 0:
			return Credential{Kind: Several, Named: true}
		}
		return Credential{Kind: Malformed, Named: true}
	}
	return Credential{Kind: None}
}

// wholeToken returns the credential of a value that is nothing but a token.
func wholeToken(token string) Credential {
	switch {
	case token == "":
		return Credential{Kind: None, Named: true}
	case len(token) > syntax.MaxTokenBytes || !syntax.IsB64Token(token):
		return Credential{Kind: Malformed, Named: true}
	}
	return Credential{Kind: Bearer, Token: token, Named: true}
}

func (s *Found) cookie() (c Credential) {
	switch s.count {
	case 0:
		c = Credential{Kind: None}
	case 1:
		c = wholeToken(s.value)
	default:
		c = Credential{Kind: Several, Named: true}
	}
	c.Aliased = s.aliased
	return c
}

// cutCookie splits one pair of a Cookie header (RFC 6265 section 4.2.1).
func cutCookie(pair string) (name, value string) {
	name, value, _ = strings.Cut(pair, "=")
	return syntax.TrimOWS(name), syntax.TrimOWS(value)
}

func (s *Found) parameter() (c Credential) {
	switch {
	case s.count == 0:
		c = Credential{Kind: None}
	case s.count > 1:
		c = Credential{Kind: Several, Named: true}
	case strings.IndexByte(s.value, '+') >= 0:
		// Decoders of forms read a space, others a plus.
		c = Credential{Kind: Malformed, Named: true}
	case strings.IndexByte(s.value, '%') >= 0:
		c = wholeToken(string(syntax.DecodeEvery(nil, s.value)))
	default:
		c = wholeToken(s.value)
	}
	c.Aliased = s.aliased
	return c
}

// cutQuery splits a request target at the first `?`. A fragment is in neither part.
func cutQuery(target string) (path, query string) {
	path, query, _ = strings.Cut(target, "?")
	query, _, _ = strings.Cut(query, "#")
	return path, query
}
