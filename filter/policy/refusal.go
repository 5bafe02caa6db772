package policy

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// bodyFormat is how a refusal tells its detail.
type bodyFormat int

const (
	bodyJSON    bodyFormat = iota // {"detail": …}, as FastAPI answers
	bodyText                      // the bare text
	bodyProblem                   // RFC 9457
)

var bodyFormatNames = []string{"json", "text", "problem"}

// retryAfterSeconds is when keys that could not be had are likely asked for again.
const retryAfterSeconds = "5"

// refusals are the ready answers of one rule, by Reason; index 1 holds those
// for gRPC requests, whose body becomes grpc-message.
type refusals [2][NumReasons]*Deny

func newRefusals(realm string, format bodyFormat, details [numDetails]string, scopes []string) *refusals {
	var all refusals
	for reason := range Reason(NumReasons) {
		o := outcomes[reason]
		if o.allows {
			continue
		}
		// Nothing of a refusal may be kept by a cache, nor answer for another client.
		headers := [][2]string{{"cache-control", "no-store"}}
		if o.challenges {
			var needed []string
			if o.code == "" || o.code == "insufficient_scope" {
				needed = scopes
			}
			headers = append(headers, [2]string{"www-authenticate", challenge(realm, o.code, o.description, needed)})
		}
		if o.status == 503 {
			headers = append(headers, [2]string{"retry-after", retryAfterSeconds})
		}
		text := details[o.detail]
		body, contentType := format.encode(o.status, text)
		typed := append([][2]string{{"content-type", contentType}}, headers...)
		all[0][reason] = &Deny{Reason: reason, Status: o.status, GRPCStatus: -1, Headers: typed, Body: body}
		all[1][reason] = &Deny{Reason: reason, Status: o.status, GRPCStatus: o.grpcStatus, Headers: headers, Body: []byte(text)}
	}
	return &all
}

// get never returns nil: a reason that allows, or none of the list, is a
// mistake of ours and denies.
func (r *refusals) get(reason Reason, grpc bool) *Deny {
	if int(reason) >= NumReasons {
		return Internal
	}
	i := 0
	if grpc {
		i = 1
	}
	if d := r[i][reason]; d != nil {
		return d
	}
	return Internal
}

func (f bodyFormat) encode(status uint32, detail string) (body []byte, contentType string) {
	switch f {
	case bodyText:
		return []byte(detail), "text/plain; charset=utf-8"
	case bodyProblem:
		body = append(body, `{"type":"about:blank","title":`...)
		body = appendJSON(body, statusTitle(status))
		body = append(body, `,"status":`...)
		body = strconv.AppendUint(body, uint64(status), 10)
		body = append(body, `,"detail":`...)
		body = appendJSON(body, detail)
		return append(body, '}'), "application/problem+json"
	}
	body = append(body, `{"detail":`...)
	body = appendJSON(body, detail)
	return append(body, '}'), "application/json"
}

// appendJSON cannot fail: configured texts were checked to be valid UTF-8.
func appendJSON(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

func statusTitle(status uint32) string {
	switch status {
	case 400:
		return "Bad Request"
	case 401:
		return "Unauthorized"
	case 403:
		return "Forbidden"
	case 503:
		return "Service Unavailable"
	}
	return "Internal Server Error"
}
