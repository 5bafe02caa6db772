//go:build wasm

package filter

import (
	"time"

	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// action is the result of a stream callback: whether the host continues with the
// request.
type action int32

const (
	actionContinue action = 0
	actionPause    action = 1
)

// onRequestHeaders decides over a request.
func onRequestHeaders(id uint32) action {
	s, _ := findStream(id)
	return guard("request headers", id, s, decideHeaders)
}

func decideHeaders(id uint32, s stream) action {
	p := s.plugin
	if p == nil || p.policy == nil {
		return fail(id, s)
	}
	at := p.time()
	if !p.ticks() {
		p.housekeepSeldom(at)
	}
	if p.quick && !p.debug {
		// Two small reads instead of all headers.
		if authorization, path, ok := credentialHeaders(); ok {
			if allow := p.policy.Quick(p.state, at, authorization, path); allow != nil {
				return apply(id, s, allow)
			}
		}
	}
	pairs, ok := requestHeaders()
	if !ok {
		return fail(id, s)
	}
	waiting := len(p.waiting.parked)
	a := apply(id, s, p.decide(pairs, at, patience{mayWait: waiting < maxParked, knownMayWait: waiting < maxParked+maxReserved}))
	if a == actionPause && len(p.waiting.parked) > 0 || p.state.Pending() {
		p.fetch(at)
	}
	return a
}

// endOfTime is later than every expiry: where it is the time by mistake, tokens have
// expired.
var endOfTime = time.Unix(9_000_000_000, 0)

// time asks the host, a call of a microsecond, where a decision can depend on it.
func (p *plugin) time() time.Time {
	if !p.clock {
		return endOfTime
	}
	return now()
}

// patience is how long a request may wait for an answer, see request.Request.
type patience struct {
	mayWait, knownMayWait bool
	since                 time.Time    // zero: it has not waited yet
	failed                fetch.Errand // the errand that failed while it waited; zero: none
	// properties are those of the first decision: the host may have forgotten the route
	// while the path was hidden. nil: they are read.
	properties []request.Property
}

func (p *plugin) decide(pairs [][2]string, at time.Time, w patience) verdict.Verdict {
	// The plugin keeps the Request, so that it is not allocated for each request.
	r := &p.request
	r.Read(pairs)
	r.MayWait, r.KnownMayWait, r.Since, r.Failed = w.mayWait, w.knownMayWait, w.since, w.failed
	if r.Properties = w.properties; r.Properties == nil {
		r.Properties = p.routeProperties()
	}
	v := p.policy.Decide(p.state, at, r)
	if p.debug {
		p.tryExplain(at, v)
	}
	return v
}

// tryExplain is a function of its own: TinyGo allocates what a closure captures when the
// function around it begins, and so would for every request.
func (p *plugin) tryExplain(at time.Time, v verdict.Verdict) {
	attempt("debug line", func() { p.explain(at, v) })
}

// routeProperties reads the properties of the route that rules use.
func (p *plugin) routeProperties() []request.Property {
	values := p.properties[:0]
	for _, path := range p.propertyPaths {
		values = append(values, getProperty(path))
	}
	p.properties = values
	return values
}

// onRequestBody holds the body back until the request is allowed, and for good after
// a refusal: some hosts continue to read the body while the headers are paused.
func onRequestBody(id uint32) action {
	if s, _ := findStream(id); s.progress == allowed {
		return actionContinue
	}
	return actionPause
}

// onRequestTrailers removes forged headers and credentials from trailers, as for
// headers. For a request that waits this must happen now: when it continues, the host
// sends the trailers without another callback.
func onRequestTrailers(id uint32) action {
	s, _ := findStream(id)
	if s.progress != allowed && s.progress != waiting {
		return actionPause
	}
	return guard("request trailers", id, s, cleanTrailers)
}

func cleanTrailers(id uint32, s stream) action {
	pairs, ok := requestTrailers()
	if !ok {
		return fail(id, s)
	}
	forged := s.plugin.policy.AppendForged(nil, pairs)
	forged = s.plugin.policy.AppendCredentials(forged, pairs)
	for _, name := range forged {
		if !removeTrailer(name) {
			return fail(id, s)
		}
	}
	if s.progress == waiting {
		return actionPause
	}
	return actionContinue
}
