package policy

import (
	"strings"
)

// AppendForged appends the names of those headers or trailers in pairs that
// only the filter may set, as they stand there: an upstream that maps headers
// to variables reads x_auth_subject, and perhaps x.auth.subject, as
// x-auth-subject.
func (p *Policy) AppendForged(names []string, pairs [][2]string) []string {
	return p.tells.own.appendForged(names, pairs)
}

// AppendCredentials appends the names of trailers that look like credentials: no
// rule reads them there, so none stays.
func (p *Policy) AppendCredentials(names []string, trailers [][2]string) []string {
	return p.locations.appendTrailers(names, trailers)
}

// forged reports whether the client sent a header that the filter will remove and
// no honest one sends.
func (p *Policy) forged(r *Request) bool {
	return len(p.tells.own.appendForged(nil, r.Headers)) > 0 || p.locations.misspelt(r)
}

// ownHeaders are those that only the filter sets.
type ownHeaders []string

func (h ownHeaders) have(name string) bool {
	for _, own := range h {
		if sameHeader(name, own) {
			return true
		}
	}
	return false
}

func (h ownHeaders) appendForged(names []string, pairs [][2]string) []string {
	if len(h) == 0 {
		return names
	}
	for i := range pairs {
		if name := pairs[i][0]; h.have(name) && !contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// namedByConnection: a header that Connection names ends at the next hop (RFC
// 9110 section 7.6.1), so a client could have the identity dropped on its way.
// Envoy cleans Connection itself, except on upgrades.
func (h ownHeaders) namedByConnection(pairs [][2]string) bool {
	if len(h) == 0 {
		return false
	}
	for i := range pairs {
		if pairs[i][0] != "connection" {
			continue
		}
		for name, rest := "", pairs[i][1]; rest != ""; {
			name, rest, _ = strings.Cut(rest, ",")
			if h.have(trimOWS(name)) {
				return true
			}
		}
	}
	return false
}

// sameHeader compares header names in any case, and with any other sign for -.
func sameHeader(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if foldHeader(a[i]) != foldHeader(b[i]) {
			return false
		}
	}
	return true
}

// foldHeader knows those to whom every sign is the same: CGI has _ for -, lighttpd
// for all that is no letter or digit, and PHP for the dot, too. The colon is no
// part of a name but marks Envoy's own.
func foldHeader(c byte) byte {
	switch {
	case c >= 'a' && c <= 'z', isDigit(c), c == ':':
		return c
	case c >= 'A' && c <= 'Z':
		return c | 0x20
	}
	return '-'
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

// isGRPC recognises a gRPC request exactly as Envoy does: to any other, Envoy
// sends the body as it is.
func isGRPC(r *Request) bool {
	const grpc = "application/grpc"
	for i := range r.Headers {
		if r.Headers[i][0] == "content-type" {
			value := r.Headers[i][1]
			return strings.HasPrefix(value, grpc) &&
				(len(value) == len(grpc) || value[len(grpc)] == '+')
		}
	}
	return false
}
