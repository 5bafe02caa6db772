//go:build wasm

package filter

import (
	"time"

	"bearerauth/filter/policy/verdict"
)

// actionsPerTick bounds the actions between two ticks that the host carries out after
// the callback: local replies to waiting requests, continuing them, outbound calls.
// Envoy keeps these in a queue. The end of a stream, and a call that fails at once, is
// a callback itself, and when that returns, Envoy runs the rest of the queue nested in
// it. Some 300 levels exhaust V8's stack and kill the VM. Only a tick is known to begin
// with an empty queue: Envoy can generate the answer to a call itself, at once.
const actionsPerTick = 32

// actionsLeft is global because all plugins of a VM share the queue.
var actionsLeft = actionsPerTick

// takeTurn reports whether an action is left, and uses it.
func takeTurn() bool {
	if actionsLeft == 0 {
		return false
	}
	actionsLeft--
	return true
}

// work decides over the requests that are ready and begins the calls that are due, as
// much as may be done before the next tick. If something is left, that comes soon.
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
	// Places for calls are free again, and the requests that were decided may need calls.
	p.fetch(at)
}

// pace returns the period of ticks that the plugin needs, in milliseconds.
func (p *plugin) pace() uint32 {
	switch {
	case len(p.waiting.ready) > 0 || len(p.due) > 0 || len(p.refused) > 0 || len(p.unsent) > 0:
		return soonTick
	case len(p.waiting.parked) > 0:
		return waitingTick
	}
	return idleTick
}

// tickSooner shortens the period of ticks if necessary. Only onTick lengthens it, so
// that the timer is not set again for each request that waits.
func (p *plugin) tickSooner() {
	if period := p.pace(); period < p.tick {
		p.tickEvery(period)
	}
}

// judgeAgain decides over a parked request in its own context.
func (p *plugin) judgeAgain(id uint32, r parked, at time.Time) {
	s, ok := findStream(id)
	if !ok || s.progress != waiting {
		p.waiting.leave(id)
		return
	}
	if !setContext(id) {
		p.waiting.leave(id)
		if _, ok := findStream(id); ok {
			// The host does not select the request's context. The next tick tries once
			// more; after that only the end of this VM answers the client.
			p.metrics.count(verdict.ReasonInternal)
			s.progress = unsent
			s.keep(id)
			p.unsent = append(p.unsent, id)
		}
		return
	}
	p.resume(id, s, r, at)
	if s, _ = findStream(id); s.progress != waiting {
		p.waiting.leave(id)
	}
}

// resume decides over a parked request, and continues it if it is allowed.
func (p *plugin) resume(id uint32, s stream, r parked, at time.Time) {
	guard("waiting request", id, s, func(id uint32, s stream) action {
		if !r.hidden.show() {
			return fail(id, s)
		}
		pairs, ok := requestHeaders()
		if !ok {
			return fail(id, s)
		}
		inTime := at.Before(r.until)
		w := patience{since: r.since, mayWait: inTime, knownMayWait: inTime, properties: r.hidden.properties}
		if r.failed {
			w.failed = r.errand
		}
		a := apply(id, s, p.decide(pairs, at, w))
		if a == actionContinue && !continueRequest() {
			return fail(id, s)
		}
		return a
	})
}

// resend sends the refusals again that the host did not accept. If it does not accept
// one now, only the end of this VM answers those clients.
func (p *plugin) resend() {
	for len(p.unsent) > 0 && takeTurn() {
		id := p.unsent[0]
		if s, ok := findStream(id); ok {
			if !setContext(id) || refuse(verdict.Internal) != statusOK {
				panic("the host takes no reply")
			}
			s.progress = replied
			s.keep(id)
		}
		p.unsent = p.unsent[1:]
	}
}
