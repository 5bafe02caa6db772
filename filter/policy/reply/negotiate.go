package reply

import (
	"strconv"
	"strings"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
)

// maxAccept bounds the Accept headers that are read, in bytes. A longer one is
// ignored.
const maxAccept = 1024

// AnswerFormat returns the format of a refusal of this request. negotiates is false
// where no rule negotiates the format.
func AnswerFormat(r *request.Request, negotiates bool) BodyFormat {
	if request.IsGRPC(r) {
		return bodyGRPC
	}
	if !negotiates {
		return bodyJSON // refusals that do not negotiate are equal in all formats
	}
	return preferredFormat(r)
}

var formatTypes = [BodyNegotiate]string{"application/json", "text/plain", "application/problem+json"}

// preferredFormat evaluates Accept as RFC 9110 section 12.5.1 describes: the greatest
// weight wins, and among equals the first in formatTypes. A client that accepts none
// of them gets JSON: a refusal is never withheld because of its format.
func preferredFormat(r *request.Request) BodyFormat {
	var weights, specific [BodyNegotiate]int
	asked := false
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
					asked = true
				}
			}
		}
	}
	best := bodyJSON
	for f := bodyJSON; asked && f < BodyNegotiate; f++ {
		if weights[f] > weights[best] {
			best = f
		}
	}
	return best
}

// weightOf returns the q parameter, in thousandths; 1000 where it is absent, 0 where
// it is malformed.
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

// ReadRefusalHeaders reads the headers that are added to every refusal, or returns
// inherited where the member is absent.
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

// wantRefusalHeader rejects the headers that the filter or Envoy writes into a
// refusal.
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
