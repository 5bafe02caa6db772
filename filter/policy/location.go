package policy

import (
	"math/bits"
	"strings"
)

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

// locations are all those at which some provider's tokens may stand.
type locations struct {
	list             []location
	kinds            uint8 // of them, a bit for each
	readsAccessToken bool  // one of them is the parameter access_token
}

// places is a set of locations: bit i stands for the one at i.
type places uint32

const (
	maxLocations = 32
	everyPlace   = ^places(0)
)

func (p places) has(i int) bool { return p>>i&1 == 1 }

// read finds what stands at a location other than Authorization, which
// State.credential reads. Several of a kind are never resolved to
// the first or the last: the upstream may read the other.
func (l *location) read(r *Request, found *search) credential {
	switch l.kind {
	case locationHeader:
		return l.readHeader(r)
	case locationCookie:
		return found.cookie()
	}
	return found.parameter()
}

// search is what was found under the name of a cookie or of a parameter.
type search struct {
	value   string
	found   int
	aliased bool
}

// search looks for all cookies and parameters at once: how long they are the
// client chooses.
func (ls *locations) search(at *[maxLocations]search, r *Request) {
	if ls.kinds&(1<<locationCookie) != 0 {
		for i := range r.Headers {
			if r.Headers[i][0] == "cookie" {
				ls.searchCookies(at, r.Headers[i][1])
			}
		}
	}
	if ls.kinds&(1<<locationQuery) != 0 {
		ls.searchParameters(at, r.Path)
	}
}

func (ls *locations) searchCookies(at *[maxLocations]search, cookies string) {
	for cookies != "" {
		var pair string
		if pair, cookies, _ = strings.Cut(cookies, ";"); pair == "" {
			continue
		}
		name, value := cutCookie(pair)
		named, alias := ls.like(locationCookie, name, pair)
		note(at, named, alias, value)
	}
}

func (ls *locations) searchParameters(at *[maxLocations]search, target string) {
	_, query := cutQuery(target)
	for query != "" {
		var pair string
		if pair, query = cutPair(query); pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		named, alias := ls.like(locationQuery, name, name)
		note(at, named, alias, value)
	}
}

func note(at *[maxLocations]search, named, alias places, value string) {
	for all := named | alias; all != 0; all &= all - 1 {
		found := &at[bits.TrailingZeros32(uint32(all))]
		if named&all&-all != 0 {
			found.value = value
			found.found++
		} else {
			found.aliased = true
		}
	}
}

func (l *location) readHeader(r *Request) credential {
	value, lines := r.header(l.name)
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
		return l.readOddHeader(value)
	}
	return wholeToken(strings.TrimLeft(value[len(l.prefix):], " "))
}

// readOddHeader reads a value without the prefix: another scheme, as Basic is in
// Authorization, unless some upstream finds the prefix in it all the same, by
// splitting at tabs or commas.
func (l *location) readOddHeader(value string) credential {
	scheme := strings.TrimRight(l.prefix, " ")
	for element := range strings.SplitSeq(value, ",") {
		element = trimOWS(element)
		if len(element) < len(scheme) || !equalFoldASCII(element[:len(scheme)], scheme) ||
			len(element) > len(scheme) && scheme != l.prefix && isTchar(element[len(scheme)]) {
			continue
		}
		switch {
		case len(value) == len(scheme):
			return credential{kind: credentialNone, named: true}
		case strings.IndexByte(value, ',') >= 0:
			return credential{kind: credentialSeveral, named: true}
		}
		return credential{kind: credentialMalformed, named: true}
	}
	return credential{kind: credentialNone}
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

func (s *search) cookie() (c credential) {
	switch s.found {
	case 0:
		c = credential{kind: credentialNone}
	case 1:
		c = wholeToken(s.value)
	default:
		c = credential{kind: credentialSeveral, named: true}
	}
	c.aliased = s.aliased
	return c
}

// cutCookie splits one pair of a Cookie header (RFC 6265 section 4.2.1).
func cutCookie(pair string) (name, value string) {
	name, value, _ = strings.Cut(pair, "=")
	return trimOWS(name), trimOWS(value)
}

func (s *search) parameter() (c credential) {
	switch {
	case s.found == 0:
		c = credential{kind: credentialNone}
	case s.found > 1:
		c = credential{kind: credentialSeveral, named: true}
	case strings.IndexByte(s.value, '+') >= 0:
		// A space in a form, a plus to others.
		c = credential{kind: credentialMalformed, named: true}
	case strings.IndexByte(s.value, '%') >= 0:
		c = wholeToken(string(decodeEvery(nil, s.value)))
	default:
		c = wholeToken(s.value)
	}
	c.aliased = s.aliased
	return c
}

// cutQuery splits a target at the first `?`; a fragment belongs to neither part.
func cutQuery(target string) (path, query string) {
	path, query, _ = strings.Cut(target, "?")
	query, _, _ = strings.Cut(query, "#")
	return path, query
}
