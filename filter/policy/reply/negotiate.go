package reply

import (
	"strconv"
	"strings"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
)

// maxAccept bounds what is read of an Accept header; beyond it, it says nothing.
const maxAccept = 1024

// AnswerFormat is what a refusal of this request should look like.
func AnswerFormat(r *request.Request, negotiates bool) BodyFormat {
	if request.IsGRPC(r) {
		return BodyGRPC
	}
	if !negotiates {
		return BodyJSON // all the same to refusals that do not negotiate
	}
	return preferredFormat(r)
}

var formatTypes = [BodyNegotiate]string{"application/json", "text/plain", "application/problem+json"}

// preferredFormat reads Accept as RFC 9110 section 12.5.1 has it: the greatest
// weight wins, and of equals the one that comes first in formatTypes. A client
// that takes none of them gets JSON: a refusal is never kept back for its form.
func preferredFormat(r *request.Request) BodyFormat {
	var weights, specific [BodyNegotiate]int
	said := false
	for i := range r.Headers {
		if r.Headers[i][0] != "accept" || len(r.Headers[i][1]) > maxAccept {
			continue
		}
		for element := range strings.SplitSeq(r.Headers[i][1], ",") {
			media, parameters, _ := strings.Cut(element, ";")
			media = strings.ToLower(syntax.TrimOWS(media))
			weight := weightOf(parameters)
			for f, name := range formatTypes {
				rank := 0
				switch {
				case media == name:
					rank = 3
				case media == name[:strings.IndexByte(name, '/')]+"/*":
					rank = 2
				case media == "*/*":
					rank = 1
				}
				if rank > specific[f] {
					specific[f], weights[f] = rank, weight
					said = true
				}
			}
		}
	}
	best := BodyJSON
	for f := BodyJSON; said && f < BodyNegotiate; f++ {
		if weights[f] > weights[best] {
			best = f
		}
	}
	return best
}

// weightOf is the q of some parameters, in thousandths.
func weightOf(parameters string) int {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(syntax.TrimOWS(parameter), "=")
		if strings.EqualFold(name, "q") {
			q, err := strconv.ParseFloat(value, 64)
			if err != nil || !(q >= 0 && q <= 1) { // NaN is neither
				return 0
			}
			return int(q * 1000)
		}
	}
	return 1000
}

// ReadRefusalHeaders reads headers that every refusal has beside its own.
func ReadRefusalHeaders(o *config.Object, inherited [][2]string) [][2]string {
	items := o.Array("refusal_headers")
	if !o.Has("refusal_headers") {
		return inherited
	}
	var list [][2]string
	for _, item := range items {
		h := config.AsObject(item, o.Problems)
		if h == nil {
			continue
		}
		name := h.Checked("name", "", wantRefusalHeader)
		if !h.Has("name") {
			h.Wrong("name", "want the name of a header")
		}
		value := h.Checked("value", "", config.WantHeaderText)
		if !h.Has("value") {
			h.Wrong("value", "want the value of the header")
		}
		h.Done()
		list = append(list, [2]string{name, value})
	}
	if len(list) > 32 {
		o.Wrong("refusal_headers", "want at most 32 headers")
	}
	return list
}

// wantRefusalHeader leaves those alone that the filter or Envoy writes.
func wantRefusalHeader(s string) string {
	if want := config.WantOwnHeader(s); want != "" {
		return want
	}
	switch s {
	case "www-authenticate", "cache-control", "retry-after", "vary", "date", "server",
		"access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers":
		return "want a header that refusals do not have already"
	}
	return ""
}
