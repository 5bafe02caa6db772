package policy

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// bodyFormat is how a refusal tells its detail.
type bodyFormat int

const (
	bodyJSON      bodyFormat = iota // {"detail": …}, as FastAPI answers
	bodyText                        // the bare text
	bodyProblem                     // RFC 9457
	bodyNegotiate                   // one of those, by the Accept header

	bodyGRPC = bodyNegotiate // plain text, which becomes grpc-message
)

var bodyFormatNames = []string{"json", "text", "problem", "negotiate"}

// retryAfterSeconds is when keys that could not be had are likely asked for again.
const retryAfterSeconds = "5"

// refusals are the ready answers of one rule, by what the client takes and by
// Reason.
type refusals [bodyGRPC + 1]*[NumReasons]*Deny

// refusalOptions is how a rule refuses.
type refusalOptions struct {
	realm   string
	format  bodyFormat
	details [numDetails]string
	scopes  []string    // for the challenge
	headers [][2]string // more of them, on every refusal
	// metadata is where the challenge says that the resource is described.
	metadata string
}

func newRefusals(o *refusalOptions) *refusals {
	var all refusals
	for f := bodyJSON; f < bodyNegotiate; f++ {
		switch {
		case o.format == bodyNegotiate:
			all[f] = o.answers(f)
		case all[o.format] == nil:
			all[o.format] = o.answers(o.format)
		}
	}
	for f := bodyJSON; f < bodyNegotiate; f++ {
		if all[f] == nil {
			all[f] = all[o.format]
		}
	}
	all[bodyGRPC] = o.answers(bodyGRPC)
	return &all
}

// answers are the refusals of every reason in one format.
func (o *refusalOptions) answers(f bodyFormat) *[NumReasons]*Deny {
	var all [NumReasons]*Deny
	for reason := range Reason(NumReasons) {
		if outcome := &outcomes[reason]; !outcome.allows && !outcome.answers {
			all[reason] = o.answer(reason, outcome, f)
		}
	}
	return &all
}

func (o *refusalOptions) answer(reason Reason, out *outcome, f bodyFormat) *Deny {
	d := &Deny{Reason: reason, Status: out.status, GRPCStatus: -1}
	text := o.details[out.detail]
	if f == bodyGRPC {
		d.GRPCStatus, d.Body = out.grpcStatus, []byte(text)
	} else {
		body, contentType := f.encode(out.status, text)
		d.Body = body
		d.Headers = append(d.Headers, [2]string{"content-type", contentType})
	}
	// Nothing of a refusal may be kept by a cache, nor answer for another client.
	d.Headers = append(d.Headers, [2]string{"cache-control", "no-store"})
	if out.challenges {
		var needed []string
		if out.code == "" || out.code == "insufficient_scope" {
			needed = o.scopes
		}
		// Where another token would not help, neither does where to get one.
		where := ""
		if out.status == 401 || out.code == "insufficient_scope" {
			where = o.metadata
		}
		d.Headers = append(d.Headers, [2]string{"www-authenticate", challenge(o.realm, out.code, out.description, needed, where)})
	}
	if out.status == 503 {
		d.Headers = append(d.Headers, [2]string{"retry-after", retryAfterSeconds})
	}
	if o.format == bodyNegotiate && f != bodyGRPC {
		d.Headers = append(d.Headers, [2]string{"vary", "accept"})
	}
	d.Headers = append(d.Headers, o.headers...)
	return d
}

// get never returns nil: a reason that allows, or none of the list, is a
// mistake of ours and denies.
func (r *refusals) get(reason Reason, f bodyFormat) *Deny {
	if int(reason) < NumReasons && f >= 0 && int(f) < len(r) {
		if d := r[f][reason]; d != nil {
			return d
		}
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
