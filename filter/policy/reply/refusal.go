// Package reply has every local reply of the filter, built before the first request:
// refusals and their challenges (RFC 6750 section 3, RFC 9457), protected resource
// metadata (RFC 9728), and CORS. None contains anything of a token or a request.
package reply

import (
	"strconv"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/verdict"
)

// BodyFormat is the format of a refusal's body.
type BodyFormat int

// The formats. bodyGRPC is for gRPC requests under every configuration.
const (
	bodyJSON      BodyFormat = iota // {"detail": …}, as FastAPI answers
	bodyText                        // the bare text
	bodyProblem                     // application/problem+json (RFC 9457)
	BodyNegotiate                   // one of the above, by the Accept header

	bodyGRPC = BodyNegotiate // plain text, which becomes grpc-message
)

// BodyFormatNames are the names in the configuration, by BodyFormat.
var BodyFormatNames = []string{"json", "text", "problem", "negotiate"}

// retryAfterSeconds is the Retry-After of a 503. Unavailable keys have probably been
// requested again by then.
const retryAfterSeconds = "5"

// Refusals are the refusals of one rule, by the format and by the Reason.
type Refusals [bodyGRPC + 1]*[verdict.NumReasons]*verdict.Deny

// RefusalOptions is how a rule refuses.
type RefusalOptions struct {
	Realm   string
	Format  BodyFormat
	Details [verdict.NumDetails]string
	Scopes  []string    // for the challenge
	Headers [][2]string // headers that are added to every refusal
	// Metadata is the resource_metadata of the challenge (RFC 9728 section 5.1).
	Metadata string
}

// NewRefusals builds all refusals of a rule.
func NewRefusals(o *RefusalOptions) *Refusals {
	var all Refusals
	for f := bodyJSON; f < BodyNegotiate; f++ {
		switch {
		case o.Format == BodyNegotiate:
			all[f] = o.answers(f)
		case all[o.Format] == nil:
			all[o.Format] = o.answers(o.Format)
		}
	}
	for f := bodyJSON; f < BodyNegotiate; f++ {
		if all[f] == nil {
			all[f] = all[o.Format]
		}
	}
	all[bodyGRPC] = o.answers(bodyGRPC)
	return &all
}

// answers builds the refusals of every reason in one format.
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
	if f == bodyGRPC {
		d.GRPCStatus, d.Body = out.GRPCStatus, []byte(text)
	} else {
		body, contentType := f.encode(out.Status, text)
		d.Body = body
		d.Headers = append(d.Headers, [2]string{"content-type", contentType})
	}
	// A cache must not serve the refusal of one client to another.
	d.Headers = append(d.Headers, [2]string{"cache-control", "no-store"})
	if out.Challenges {
		var needed []string
		if out.Code == "" || out.Code == "insufficient_scope" {
			needed = o.Scopes
		}
		// Where another token would not help, its authorization server is not named.
		where := ""
		if out.Status == 401 || out.Code == "insufficient_scope" {
			where = o.Metadata
		}
		d.Headers = append(d.Headers, [2]string{"www-authenticate", challenge(o.Realm, out.Code, out.Description, needed, where)})
	}
	if out.Status == 503 {
		d.Headers = append(d.Headers, [2]string{"retry-after", retryAfterSeconds})
	}
	if o.Format == BodyNegotiate && f != bodyGRPC {
		d.Headers = append(d.Headers, [2]string{"vary", "accept"})
	}
	d.Headers = append(d.Headers, o.Headers...)
	return d
}

// Get returns a refusal, never nil. A reason that allows or is unknown is a defect of
// the filter and denies.
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
	case bodyText:
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
