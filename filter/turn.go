//go:build wasm

package filter

import (
	"time"

	"bearerauth/filter/policy/verdict"
)

// actionsPerTick bounds what the callbacks between two ticks ask of the host and
// the host does after the callback: replies to waiting requests, letting them go
// on, outbound calls. Envoy keeps these in a queue. A stream that ends, or a call
// that fails at once, is a callback of its own, and when that returns, Envoy runs
// the rest of the queue nested in it. Some 300 levels exhaust V8's stack, and the
// VM with it. Only a tick is known to begin with an empty queue: an answer can be
// one that Envoy itself gives, at once.
const actionsPerTick = 32

// actionsLeft is for all plugins of a VM: they share the queue.
var actionsLeft = actionsPerTick

func takeTurn() bool {
	if actionsLeft == 0 {
		return false
	}
	actionsLeft--
	return true
}

// work does what waits for its turn: as much as may be done before the next tick,
// which then comes soon.
func (p *plugin) work(at time.Time) {
	for actionsLeft > 0 {
		id, r, ok := p.waiting.next()
		if !ok {
			break
		}
		actionsLeft--
		p.judgeAgain(id, r, at)
	}
	_ = setContext(p.id)
	// There is room for the next calls, and the requests that went on may want some.
	p.fetch(at)
}

// pace is the period of ticks that the plugin needs, in milliseconds.
func (p *plugin) pace() uint32 {
	switch {
	case len(p.waiting.ready) > 0 || len(p.due) > 0 || len(p.refused) > 0 || len(p.unsent) > 0:
		return soonTick
	case len(p.waiting.parked) > 0:
		return waitingTick
	}
	return idleTick
}

// hurry makes the next tick come sooner, if it must. Only a tick makes those
// behind it come later: timers are not set anew for each request that waits.
func (p *plugin) tickSooner() {
	if period := p.pace(); period < p.tick {
		p.tickEvery(period)
	}
}

func (p *plugin) judgeAgain(id uint32, r parked, at time.Time) {
	s, ok := findStream(id)
	if !ok || s.progress != waiting {
		p.waiting.leave(id)
		return
	}
	if !setContext(id) {
		p.waiting.leave(id)
		if _, ok := findStream(id); ok {
			// The request is there, but no way to it: the tick tries once more, then
			// only the end of this VM gives the client an answer.
			p.metrics.count(verdict.ReasonInternal)
			s.progress = unsent
			s.keep(id)
			p.unsent = append(p.unsent, id)
		}
		return
	}
	if p.resume(id, s, r, at) == actionContinue && !continueRequest() {
		fail(id, s)
	}
	if s, _ = findStream(id); s.progress != waiting {
		p.waiting.leave(id)
	}
}

func (p *plugin) resume(id uint32, s stream, r parked, at time.Time) action {
	return guard("waiting request", id, s, func(id uint32, s stream) action {
		pairs, ok := requestHeaders()
		if !ok {
			return fail(id, s)
		}
		inTime := at.Before(r.until)
		w := patience{since: r.since, mayWait: inTime, knownMayWait: inTime}
		if r.failed {
			w.failed = r.errand
		}
		return apply(id, s, p.decide(pairs, at, w))
	})
}

// resend tries refusals once more that the host did not take. Where it refuses
// again, only the end of this VM gives those clients an answer.
func (p *plugin) resend() {
	for len(p.unsent) > 0 && takeTurn() {
		id := p.unsent[0]
		if s, ok := findStream(id); ok {
			if !setContext(id) || !refuse(verdict.Internal) {
				panic("the host takes no reply")
			}
			s.progress = replied
			s.keep(id)
		}
		p.unsent = p.unsent[1:]
	}
}
