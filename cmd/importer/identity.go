package importer

import (
	"slices"
	"strings"
)

// settleIdentity turns the headers of each provider into the headers of the filter, which
// are the same for all providers. A header that only some providers set is not set at all:
// tokens of the other providers could have any value for it. Requests that contain such a
// header are denied, since the filter removes only the headers that it sets.
func (r *reader) settleIdentity() {
	names := sortedKeys(r.natives)
	names = slices.DeleteFunc(names, func(name string) bool { return len(r.natives[name].names) == 0 })
	if len(names) == 0 {
		return
	}
	first := r.natives[names[0]]
	forged := map[string]bool{}
	for _, name := range names {
		n := r.natives[name]
		for _, h := range n.claims {
			if slices.ContainsFunc(names, func(other string) bool { return !r.natives[other].sets(h) }) {
				if !forged[h.Header] {
					r.leave(r.natives[name].path+".claim_to_headers", "not set: not all providers have "+h.Header+" from this claim, and a token of another provider would set it", "claim_headers, if all may set it (then delete the rule that denies requests with this header)")
				}
				forged[h.Header] = true
			}
		}
		if n.payload != first.payload || n.padded != first.padded {
			for _, header := range []string{n.payload, first.payload} {
				if header != "" && !forged[header] {
					r.leave(r.natives[name].path+".forward_payload_header", "not set: not all providers have "+header, "payload_header, if all may set it (then delete the rule that denies requests with this header)")
					forged[header] = true
				}
			}
		}
	}
	for _, h := range first.claims {
		switch {
		case forged[h.Header]:
		case r.readsTokens(h.Header):
			r.leave(first.path+".claim_to_headers", "not set: "+h.Header+" is a token location", "another header")
		case slices.Contains(r.ownHeaders(), h.Header):
			r.leave(first.path+".claim_to_headers", "only one claim can be sent in "+h.Header, "a header for each claim")
		default:
			r.config.ClaimHeaders = append(r.config.ClaimHeaders, h)
		}
	}
	if first.payload != "" && !forged[first.payload] {
		if probe([]string{first.payload}, &match{}) == nil && !r.readsTokens(first.payload) && !slices.Contains(r.ownHeaders(), first.payload) {
			r.config.PayloadHeader, r.config.PayloadPadding = first.payload, first.padded
		} else {
			r.leave(first.path+".forward_payload_header", "the filter sets no such header", "payload_header with another name")
			forged[first.payload] = true
		}
	}
	for _, header := range sortedKeys(forged) {
		m := match{Headers: []condition{{Name: header, Present: true}}}
		if probe(r.ownHeaders(), &m) == nil {
			r.config.Rules = append(r.config.Rules, requirement{}.rule(m))
		}
	}
	r.config.ForwardAuthorization = !slices.ContainsFunc(names, func(name string) bool { return !r.natives[name].forward })
	if !r.config.ForwardAuthorization {
		for _, name := range names {
			if r.natives[name].forward {
				r.leave(r.natives[name].path+".forward", "the token is forwarded only by rules that name only such providers", "forward_authorization")
			}
		}
	}
}

// sets reports whether the provider sends the claim in the header.
func (n *native) sets(h claimHeader) bool {
	return slices.ContainsFunc(n.claims, func(other claimHeader) bool {
		return other.Header == h.Header && strings.Join(other.Claim, "\x00") == strings.Join(h.Claim, "\x00")
	})
}

// readsTokens reports whether a header is a token location. The filter never sets such a
// header.
func (r *reader) readsTokens(header string) bool {
	return slices.ContainsFunc(r.places, func(l location) bool { return l.Header == header })
}
