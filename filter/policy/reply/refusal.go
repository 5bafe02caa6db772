// Package reply has every response that the filter gives by itself, ready before any
// request: refusals and their challenges (RFC 6750 section 3, RFC 9457), protected
// resource metadata (RFC 9728), and CORS. Nothing of a token or a request is in one.
package reply

import (
	"strconv"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/verdict"
)

// BodyFormat is how a refusal tells its detail.
type BodyFormat int

const (
	BodyJSON      BodyFormat = iota // {"detail": …}, as FastAPI answers
	BodyText                        // the bare text
	bodyProblem                     // RFC 9457
	BodyNegotiate                   // one of those, by the Accept header

	BodyGRPC = BodyNegotiate // plain text, which becomes grpc-message
)

var BodyFormatNames = []string{"json", "text", "problem", "negotiate"}

// retryAfterSeconds is when keys that could not be had are likely asked for again.
const retryAfterSeconds = "5"

// Refusals are the ready answers of one rule, by what the client takes and by
// Reason.
type Refusals [BodyGRPC + 1]*[verdict.NumReasons]*verdict.Deny

// RefusalOptions is how a rule refuses.
type RefusalOptions struct {
	Realm   string
	Format  BodyFormat
	Details [verdict.NumDetails]string
	Scopes  []string    // for the challenge
	Headers [][2]string // more of them, on every refusal
	// metadata is where the challenge says that the resource is described.
	Metadata string
}

func NewRefusals(o *RefusalOptions) *Refusals {
	var all Refusals
	for f := BodyJSON; f < BodyNegotiate; f++ {
		switch {
		case o.Format == BodyNegotiate:
			all[f] = o.answers(f)
		case all[o.Format] == nil:
			all[o.Format] = o.answers(o.Format)
		}
	}
	for f := BodyJSON; f < BodyNegotiate; f++ {
		if all[f] == nil {
			all[f] = all[o.Format]
		}
	}
	all[BodyGRPC] = o.answers(BodyGRPC)
	return &all
}

// answers are the refusals of every reason in one format.
func (o *RefusalOptions) answers(f BodyFormat) *[verdict.NumReasons]*verdict.Deny {
	var all [verdict.NumReasons]*verdict.Deny
	for reason := range verdict.Reason(verdict.NumReasons) {
		if outcome := &verdict.Effects[reason]; !outcome.Allows && !outcome.Answers {
			all[reason] = o.answer(reason, outcome, f)
		}
	}
	return &all
}

func (o *RefusalOptions) answer(reason verdict.Reason, out *verdict.Effect, f BodyFormat) *verdict.Deny {
	d := &verdict.Deny{Reason: reason, Status: out.Status, GRPCStatus: -1}
	text := o.Details[out.Detail]
	if f == BodyGRPC {
		d.GRPCStatus, d.Body = out.GRPCStatus, []byte(text)
	} else {
		body, contentType := f.encode(out.Status, text)
		d.Body = body
		d.Headers = append(d.Headers, [2]string{"content-type", contentType})
	}
	// Nothing of a refusal may be kept by a cache, nor answer for another client.
	d.Headers = append(d.Headers, [2]string{"cache-control", "no-store"})
	if out.Challenges {
		var needed []string
		if out.Code == "" || out.Code == "insufficient_scope" {
			needed = o.Scopes
		}
		// Where another token would not help, neither does where to get one.
		where := ""
		if out.Status == 401 || out.Code == "insufficient_scope" {
			where = o.Metadata
		}
		d.Headers = append(d.Headers, [2]string{"www-authenticate", Challenge(o.Realm, out.Code, out.Description, needed, where)})
	}
	if out.Status == 503 {
		d.Headers = append(d.Headers, [2]string{"retry-after", retryAfterSeconds})
	}
	if o.Format == BodyNegotiate && f != BodyGRPC {
		d.Headers = append(d.Headers, [2]string{"vary", "accept"})
	}
	d.Headers = append(d.Headers, o.Headers...)
	return d
}

// Get never returns nil: a reason that allows, or none of the list, is a
// mistake of ours and denies.
func (r *Refusals) Get(reason verdict.Reason, f BodyFormat) *verdict.Deny {
	if int(reason) < verdict.NumReasons && f >= 0 && int(f) < len(r) {
		if d := r[f][reason]; d != nil {
			return d
		}
	}
	return verdict.Internal
}

func (f BodyFormat) encode(status uint32, detail string) (body []byte, contentType string) {
	switch f {
	case BodyText:
		return []byte(detail), "text/plain; charset=utf-8"
	case bodyProblem:
		body = append(body, `{"type":"about:blank","title":`...)
		body = config.AppendJSON(body, statusTitle(status))
		body = append(body, `,"status":`...)
		body = strconv.AppendUint(body, uint64(status), 10)
		body = append(body, `,"detail":`...)
		body = config.AppendJSON(body, detail)
		return append(body, '}'), "application/problem+json"
	}
	body = append(body, `{"detail":`...)
	body = config.AppendJSON(body, detail)
	return append(body, '}'), "application/json"
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
