//go:build wasm

package filter

import (
	"time"

	"bearerauth/filter/internal/sdk"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// action is what a stream callback tells the host to do with the request.
type action int32

const (
	actionContinue action = 0
	actionPause    action = 1
)

// progress is how far a stream is. Only an allowed one goes on.
type progress uint8

const (
	undecided progress = iota
	allowed
	replied
	unsent // refused, but the host did not take the reply
	waiting
)

// stream is one HTTP request. The zero stream belongs to no plugin and denies.
type stream struct {
	plugin   *plugin
	progress progress
}

// streams are the requests under way in this VM, whatever plugin they belong to,
// but for the newest: most requests get their verdict before the next one comes,
// and many end before it.
var (
	streams = map[uint32]stream{}
	newest  stream
	// newestID is 0, which no request has, where newest is none.
	newestID uint32
)

func createStream(id, pluginID uint32) {
	if newestID != 0 {
		streams[newestID] = newest
	}
	newestID, newest = id, stream{plugin: findPlugin(pluginID)}
}

// findStream returns the zero stream, which denies, for one that is not there.
func findStream(id uint32) (s stream, ok bool) {
	if id == newestID {
		return newest, id != 0
	}
	s, ok = streams[id]
	return s, ok
}

func (s stream) keep(id uint32) {
	if id == newestID {
		newest = s
		return
	}
	streams[id] = s
}

func deleteStream(id uint32) {
	s, _ := findStream(id)
	if s.progress == waiting {
		s.plugin.waiting.leave(id)
	}
	if id == newestID {
		newestID, newest = 0, stream{}
		return
	}
	delete(streams, id)
}

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
	at := now()
	if p.policy.OnlyCredential() {
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

// patience is how far a request may go for an answer that is not there.
type patience struct {
	mayWait, knownMayWait bool
	since                 time.Time    // zero: it has not waited yet
	failed                fetch.Errand // what it waited for in vain
}

func (p *plugin) decide(pairs [][2]string, at time.Time, w patience) verdict.Verdict {
	// The plugin's own, or each request would be an allocation.
	r := &p.request
	r.Read(pairs)
	r.MayWait, r.KnownMayWait, r.Since, r.Failed = w.mayWait, w.knownMayWait, w.since, w.failed
	r.Properties = p.routeProperties()
	return p.policy.Decide(p.state, at, r)
}

// routeProperties reads what rules ask of the route.
func (p *plugin) routeProperties() []request.Property {
	values := p.properties[:0]
	for _, path := range p.propertyPaths {
		value, ok := getProperty(path)
		values = append(values, request.Property{Value: value, OK: ok})
	}
	p.properties = values
	return values
}

// onRequestBody holds the body back until the verdict is in, and for good after
// a refusal: some hosts go on reading while the headers are paused.
func onRequestBody(id uint32) action {
	if s, _ := findStream(id); s.progress == allowed {
		return actionContinue
	}
	return actionPause
}

// onRequestTrailers takes out what only the filter may say, as for headers. For a
// request that waits this happens now: once it goes on, the host sends the
// trailers without another callback.
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

// fail refuses a request because the filter itself failed.
func fail(id uint32, s stream) action {
	return deny(id, s, verdict.Internal)
}

// deny refuses in the upstream's place.
func deny(id uint32, s stream, d *verdict.Deny) action {
	if p := s.plugin; p != nil && p.debug {
		sdk.LogDebug("denied: " + d.Reason.String())
	}
	return answered(id, s, d.Reason, refuse(d))
}

// answered keeps the upstream out of it, whether the host took the reply or not.
func answered(id uint32, s stream, reason verdict.Reason, sent bool) action {
	p := s.plugin
	if p != nil {
		p.metrics.count(reason)
	}
	s.progress = replied
	if !sent {
		s.progress = unsent
		if p != nil {
			p.unsent = append(p.unsent, id)
			p.tickSooner()
		}
	}
	s.keep(id)
	return actionPause
}
