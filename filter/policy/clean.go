package policy

import "bearerauth/filter/policy/request"

// AppendForged appends the names of those headers or trailers that only the filter may
// set, spelled as in pairs: an upstream that maps headers to variables reads
// x_auth_subject, and perhaps x.auth.subject, as x-auth-subject.
func (p *Policy) AppendForged(names []string, pairs [][2]string) []string {
	return p.propagation.Owned.AppendForged(names, pairs)
}

// AppendCredentials appends the names of trailers that look like credentials. No rule
// reads a credential from a trailer, so all of them must be removed.
func (p *Policy) AppendCredentials(names []string, trailers [][2]string) []string {
	return p.locations.AppendTrailers(names, trailers)
}

// forged reports whether the client sent a header that the filter removes and that honest
// clients do not send. Token headers do not count as forged, because honest clients send
// them.
func (p *Policy) forged(r *request.Request) bool {
	return len(p.propagation.Owned.AppendForged(nil, r.Headers)) > 0 || p.locations.Misspelt(r)
}

// Redacted returns a :path without the parameters that may contain a token, in any
// spelling, and reports whether it had any. The access log shows the path of a refused
// request, too.
func (p *Policy) Redacted(target string) (string, bool) { return p.locations.Redact(target) }
