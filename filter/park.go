//go:build wasm

package filter

import (
	"time"

	"bearerauth/filter/policy"
)

// maxParked bounds the requests of one plugin that wait in one worker; beyond
// it they get their answer at once. reserved is more room, for tokens that were
// good a moment ago.
const (
	maxParked = 1000
	reserved  = 250
)

// parked is a request that waits. Whoever began to wait is judged again, by the
// same code, when its errand has settled or its time is over.
type parked struct {
	what  policy.Errand
	until time.Time
	since time.Time
}

func park(id uint32, s stream, w *policy.Wait) action {
	p := s.plugin
	until, since := w.Until, w.Since
	if s.progress == waiting {
		// Perhaps for another source than before, where it needs tokens of two
		// issuers. Its time goes on.
		until, since = p.parked[id].until, p.parked[id].since
	} else {
		s.progress = waiting
		s.keep(id)
		p.tickEvery(waitingTick)
	}
	p.parked[id] = parked{w.For, until, since}
	return actionPause
}

// wake judges the requests again that wait for an errand.
func (p *plugin) wake(at time.Time, what policy.Errand) {
	for id, w := range p.parked {
		if w.what == what {
			p.judgeAgain(id, w, at)
		}
	}
}

// wakeLate judges those whose time is over.
func (p *plugin) wakeLate(at time.Time) {
	for id, w := range p.parked {
		if !at.Before(w.until) {
			p.judgeAgain(id, w, at)
		}
	}
}

func (p *plugin) judgeAgain(id uint32, w parked, at time.Time) {
	s, ok := findStream(id)
	if !ok || s.progress != waiting {
		delete(p.parked, id)
		return
	}
	if !setContext(id) {
		delete(p.parked, id)
		if _, ok := findStream(id); ok {
			// The request is there, but no way to it: the tick tries once more, then
			// only the end of this VM gives the client an answer.
			p.metrics.count(policy.ReasonInternal)
			s.progress = unsent
			s.keep(id)
			p.unsent = append(p.unsent, id)
		}
		return
	}
	if p.resume(id, s, w, at) == actionContinue && !continueRequest() {
		fail(id, s)
	}
	if s, _ = findStream(id); s.progress != waiting {
		delete(p.parked, id)
	}
}

func (p *plugin) resume(id uint32, s stream, w parked, at time.Time) action {
	return guard("waiting request", id, s, func(id uint32, s stream) action {
		pairs, ok := requestHeaders()
		if !ok {
			return fail(id, s)
		}
		return apply(id, s, p.decide(pairs, at, w.since, at.Before(w.until), at.Before(w.until)))
	})
}
