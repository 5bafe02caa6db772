//go:build wasm

package filter

import (
	"time"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"

	"bearerauth/filter/policy"
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

// streams are the requests under way in this VM, whatever plugin they belong to.
var streams = map[uint32]stream{}

func createStream(id, pluginID uint32) {
	streams[id] = stream{plugin: plugins[pluginID]}
}

func deleteStream(id uint32) {
	if s := streams[id]; s.plugin != nil {
		delete(s.plugin.parked, id)
	}
	delete(streams, id)
}

// onRequestHeaders decides over a request.
func onRequestHeaders(id uint32) (a action) {
	s := streams[id]
	defer func() {
		if recovered := recover(); recovered != nil {
			logPanic("request headers", recovered)
			a = fail(id, s)
		}
	}()
	p := s.plugin
	if p == nil || p.policy == nil {
		return fail(id, s)
	}
	at := now()
	if p.policy.NeedsOnlyCredential() {
		// Two small reads instead of all headers. What they let through, all
		// headers would let through; any other verdict is asked for again.
		if pairs, ok := credentialHeaders(); ok {
			if allow, ok := p.decide(pairs, at).(*policy.Allow); ok {
				return apply(id, s, allow)
			}
		}
	}
	pairs, ok := requestHeaders()
	if !ok {
		return fail(id, s)
	}
	a = apply(id, s, p.decide(pairs, at))
	if a == actionPause && len(p.parked) > 0 {
		p.fetch(at)
	}
	return a
}

func (p *plugin) decide(pairs [][2]string, at time.Time) policy.Verdict {
	r := policy.NewRequest(pairs)
	r.MayWait = len(p.parked) < maxParked
	return p.policy.Decide(p.state, at, &r)
}

// onRequestBody holds the body back until the verdict is in, and for good after
// a refusal: some hosts go on reading while the headers are paused.
func onRequestBody(id uint32) action {
	if streams[id].progress == allowed {
		return actionContinue
	}
	return actionPause
}

// onRequestTrailers takes out what only the filter may say, as for headers.
func onRequestTrailers(id uint32) (a action) {
	s := streams[id]
	if s.progress != allowed {
		return actionPause
	}
	defer func() {
		if recovered := recover(); recovered != nil {
			logPanic("request trailers", recovered)
			a = fail(id, s)
		}
	}()
	pairs, ok := requestTrailers()
	if !ok {
		return fail(id, s)
	}
	forged := s.plugin.policy.AppendForged(nil, pairs)
	for _, pair := range pairs {
		// No rule reads credentials in trailers, so none leaves them there.
		if pair[0] == "authorization" {
			forged = append(forged, pair[0])
			break
		}
	}
	for _, name := range forged {
		if !removeTrailer(name) {
			return fail(id, s)
		}
	}
	return actionContinue
}

// fail refuses a request because the filter itself failed.
func fail(id uint32, s stream) action {
	return deny(id, s, policy.Internal)
}

// deny answers in the upstream's place.
func deny(id uint32, s stream, d *policy.Deny) action {
	p := s.plugin
	if p != nil {
		p.metrics.count(d.Reason)
		if p.debug {
			proxywasm.LogDebug("denied: " + d.Reason.String())
		}
	}
	s.progress = replied
	if !reply(d) {
		s.progress = unsent
		if p != nil {
			p.unsent = append(p.unsent, id)
		}
	}
	streams[id] = s
	return actionPause
}

// resend tries refusals once more that the host did not take. Where it refuses
// again, only the end of this VM gives those clients an answer.
func (p *plugin) resend() {
	if len(p.unsent) == 0 {
		return
	}
	waiting := p.unsent
	for _, id := range waiting {
		s, ok := streams[id]
		if !ok {
			continue
		}
		if !setContext(id) || !reply(policy.Internal) {
			panic("the host takes no reply")
		}
		s.progress = replied
		streams[id] = s
	}
	p.unsent = nil
	_ = setContext(p.id)
}
