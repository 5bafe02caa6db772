package policy

import (
	"strconv"
	"strings"
)

// maxAccept bounds what is read of an Accept header; beyond it, it says nothing.
const maxAccept = 1024

// answerFormat is what a refusal of this request should look like.
func answerFormat(r *Request, negotiates bool) bodyFormat {
	if isGRPC(r) {
		return bodyGRPC
	}
	if !negotiates {
		return bodyJSON // all the same to refusals that do not negotiate
	}
	return preferredFormat(r)
}

var formatTypes = [bodyNegotiate]string{"application/json", "text/plain", "application/problem+json"}

// preferredFormat reads Accept as RFC 9110 section 12.5.1 has it: the greatest
// weight wins, and of equals the one that comes first in formatTypes. A client
// that takes none of them gets JSON: a refusal is never kept back for its form.
func preferredFormat(r *Request) bodyFormat {
	var weights, specific [bodyNegotiate]int
	said := false
	for i := range r.Headers {
		if r.Headers[i][0] != "accept" || len(r.Headers[i][1]) > maxAccept {
			continue
		}
		for element := range strings.SplitSeq(r.Headers[i][1], ",") {
			media, parameters, _ := strings.Cut(element, ";")
			media = strings.ToLower(trimOWS(media))
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
	best := bodyJSON
	for f := bodyJSON; said && f < bodyNegotiate; f++ {
		if weights[f] > weights[best] {
			best = f
		}
	}
	return best
}

// weightOf is the q of some parameters, in thousandths.
func weightOf(parameters string) int {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(trimOWS(parameter), "=")
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

// readRefusalHeaders reads headers that every refusal has beside its own.
func readRefusalHeaders(o *object, inherited [][2]string) [][2]string {
	items := o.array("refusal_headers")
	if !o.has("refusal_headers") {
		return inherited
	}
	var list [][2]string
	for _, item := range items {
		h := asObject(item, o.problems)
		if h == nil {
			continue
		}
		name := h.checked("name", "", wantRefusalHeader)
		if !h.has("name") {
			h.wrong("name", "want the name of a header")
		}
		value := h.checked("value", "", wantHeaderText)
		if !h.has("value") {
			h.wrong("value", "want the value of the header")
		}
		h.done()
		list = append(list, [2]string{name, value})
	}
	if len(list) > 32 {
		o.wrong("refusal_headers", "want at most 32 headers")
	}
	return list
}

// wantRefusalHeader leaves those alone that the filter or Envoy writes.
func wantRefusalHeader(s string) string {
	if want := wantOwnHeader(s); want != "" {
		return want
	}
	switch s {
	case "www-authenticate", "cache-control", "retry-after", "vary", "date", "server",
		"access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers":
		return "want a header that refusals do not have already"
	}
	return ""
}
