//go:build wasm

package filter

import (
	"slices"
	"time"

	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/verdict"
)

// maxParked bounds the requests of one plugin that wait in one worker; beyond
// it a request gets its answer at once. reserved is more room, for tokens that
// were good a moment ago.
const (
	maxParked   = 1000
	maxReserved = 250
)

// parked is a request that waits. The same code judges it again when its errand
// has settled or its time is over.
type parked struct {
	errand fetch.Errand
	until  time.Time
	since  time.Time
	queued bool // in waitingRoom.ready
	failed bool // its errand has settled without an answer
}

// waitingRoom holds the parked requests of one plugin. A request waits for an
// errand first, and for its turn once the errand has settled: how many requests
// one callback may end is bounded (turn.go).
type waitingRoom struct {
	parked   map[uint32]parked
	waiters  map[fetch.Errand][]uint32 // streams, those that came first in front
	ready    []uint32                  // streams whose turn it is; some may have left
	earliest time.Time                 // no time of a parked request is over before this one
}

func newWaitingRoom() waitingRoom {
	return waitingRoom{parked: map[uint32]parked{}, waiters: map[fetch.Errand][]uint32{}}
}

// enter parks a stream, or makes a parked one wait for another errand.
func (w *waitingRoom) enter(id uint32, r parked) {
	w.leave(id)
	w.parked[id] = r
	w.waiters[r.errand] = append(w.waiters[r.errand], id)
	if len(w.parked) == 1 || r.until.Before(w.earliest) {
		w.earliest = r.until
	}
}

// leave forgets a stream, parked or not. Its place in ready stays and is skipped.
func (w *waitingRoom) leave(id uint32) {
	r, ok := w.parked[id]
	if !ok {
		return
	}
	delete(w.parked, id)
	w.unlist(id, r.errand)
}

func (w *waitingRoom) unlist(id uint32, errand fetch.Errand) {
	list := w.waiters[errand]
	i := slices.Index(list, id)
	if i < 0 {
		return
	}
	if len(list) == 1 {
		delete(w.waiters, errand)
		return
	}
	w.waiters[errand] = slices.Delete(list, i, i+1)
}

// settle gives their turn to all that wait for an errand.
func (w *waitingRoom) settle(errand fetch.Errand, failed bool) {
	list := w.waiters[errand]
	delete(w.waiters, errand)
	for _, id := range list {
		w.queue(id, failed)
	}
}

// expire gives their turn to those whose time is over.
func (w *waitingRoom) expire(at time.Time) {
	if len(w.parked) == 0 || at.Before(w.earliest) {
		return
	}
	first := len(w.ready)
	w.earliest = time.Time{}
	for id, r := range w.parked {
		switch {
		case r.queued:
		case !at.Before(r.until):
			w.ready = append(w.ready, id)
		case w.earliest.IsZero() || r.until.Before(w.earliest):
			w.earliest = r.until
		}
	}
	late := w.ready[first:]
	slices.Sort(late) // a map has no order, and streams are numbered as they come
	w.ready = w.ready[:first]
	for _, id := range late {
		w.unlist(id, w.parked[id].errand)
		w.queue(id, false)
	}
}

func (w *waitingRoom) queue(id uint32, failed bool) {
	r := w.parked[id]
	r.queued, r.failed = true, failed
	w.parked[id] = r
	w.ready = append(w.ready, id)
}

// next takes the stream whose turn it is. Should judging it again panic, it is
// still parked, and its time will be over.
func (w *waitingRoom) next() (id uint32, r parked, ok bool) {
	for len(w.ready) > 0 {
		id = w.ready[0]
		w.ready = w.ready[1:]
		if r, ok = w.parked[id]; ok && r.queued {
			again := r
			again.queued = false
			w.parked[id] = again
			if r.until.Before(w.earliest) {
				w.earliest = r.until
			}
			return id, r, true
		}
	}
	w.ready = nil
	return 0, parked{}, false
}

func park(id uint32, s stream, w *verdict.Wait) action {
	p := s.plugin
	r := parked{errand: w.For, until: w.Until, since: w.Since}
	if before, ok := p.waiting.parked[id]; ok && s.progress == waiting {
		// Perhaps for another source than before, where a request needs tokens of
		// two issuers. Its time goes on.
		r.until, r.since = before.until, before.since
	}
	s.progress = waiting
	s.keep(id)
	p.waiting.enter(id, r)
	p.tickSooner()
	return actionPause
}
