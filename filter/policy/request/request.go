// Package request is one HTTP request as the host gave it, and every reading that an
// upstream may make of its path (RFC 3986, and what servers do beyond it), of its
// authority and of the names of its parameters. It does not know any rule.
package request

import (
	"strings"
	"time"

	"bearerauth/filter/policy/fetch"
)

// Request is one HTTP request: the header pairs as the host gave them, several lines
// of one name as several pairs, names in lower case. Its strings borrow the memory of
// the host call, so that a Request is valid only during one callback.
type Request struct {
	Method    string
	Authority string // host and perhaps port, from :authority
	Path      string // :path with the query, as the client sent it
	HasPath   bool   // false for CONNECT
	Headers   [][2]string

	// Properties are those of Policy.Properties, in its order.
	Properties []Property

	// MayWait permits the request to wait for an answer.
	MayWait bool
	// KnownMayWait permits it only if its token was valid recently. The shell reserves
	// places for those, so that a flood of garbage tokens cannot occupy all of them.
	KnownMayWait bool
	// Since is the time of the first decision, if the request has waited since then.
	Since time.Time
	// Failed is the errand that the request waited for, if it settled without an
	// answer: the request does not wait for it again. The zero Errand is none.
	Failed fetch.Errand
}

// PatienceOf returns how long a request may wait, as the shell allows it.
func PatienceOf(r *Request) fetch.Patience {
	switch {
	case r.MayWait:
		return fetch.Wait
	case r.KnownMayWait:
		return fetch.WaitIfKnown
	}
	return fetch.StaleOK
}

// NewRequest reads the pseudo-headers out of the pairs.
func NewRequest(pairs [][2]string) (r Request) {
	r.Read(pairs)
	return r
}

// Read makes r the request of these pairs and drops what was in it before.
func (r *Request) Read(pairs [][2]string) {
	*r = Request{Headers: pairs}
	for i := range pairs {
		name := pairs[i][0]
		if len(name) == 0 || name[0] != ':' {
			continue
		}
		switch value := pairs[i][1]; name {
		case ":method":
			r.Method = value
		case ":authority":
			r.Authority = value
		case ":path":
			r.Path, r.HasPath = value, true
		}
	}
}

// Header returns the value of the last line of a header, and the number of its lines.
// name must be in lower case.
func (r *Request) Header(name string) (value string, lines int) {
	for i := range r.Headers {
		if r.Headers[i][0] == name {
			value = r.Headers[i][1]
			lines++
		}
	}
	return value, lines
}

// IsGRPC recognises a gRPC request exactly as Envoy does (application/grpc and
// application/grpc+…). To any other request Envoy sends the body of a local reply
// unchanged.
func IsGRPC(r *Request) bool {
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

// Property is a property of the request in the host, as Policy.Properties names it.
type Property struct {
	Value   string
	OK      bool // the host has such a property
	Refused bool // the host does not say whether it has it
}
