//go:build wasm

package filter

import (
	"slices"
	"strings"
	"time"

	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// maxParked bounds the requests of one plugin that wait in one worker. Beyond it a
// request is decided at once. maxReserved is the number of further places for tokens
// that were valid recently.
const (
	maxParked   = 1000
	maxReserved = 250

	// maxHidden bounds the bytes of all paths in hiddenPath.
	maxHidden = 4 << 20
)

// parked is a request that waits. The same code decides over it again when its errand
// has settled or its time is over.
type parked struct {
	errand fetch.Errand
	until  time.Time
	since  time.Time
	queued bool // in waitingRoom.ready
	failed bool // its errand has settled without an answer
	hidden hiddenPath
}

// hiddenPath is the :path of a parked request that has a token in its query, and
// what rules ask of the route. The host has a path without the token meanwhile: the
// client or the host can end the request at any time, and no callback comes before
// the access log shows the path. With a changed path the host may forget the route.
type hiddenPath struct {
	path       string // "": nothing is hidden
	properties []request.Property
}

// waitingRoom holds the parked requests of one plugin. A request waits for its errand
// first. When that has settled it waits for its turn: the number of requests that one
// callback may end is bounded (turn.go).
type waitingRoom struct {
	parked   map[uint32]parked
	waiters  map[fetch.Errand][]uint32 // the streams that wait for an errand, in order of arrival
	ready    []uint32                  // the queue of streams to decide over; some may have ended
	earliest time.Time                 // a lower bound of parked.until
	hidden   int                       // bytes of hidden paths
}

func newWaitingRoom() waitingRoom {
	return waitingRoom{parked: map[uint32]parked{}, waiters: map[fetch.Errand][]uint32{}}
}

// enter parks a stream, or makes a parked one wait for another errand.
func (w *waitingRoom) enter(id uint32, r parked) {
	w.leave(id)
	w.parked[id] = r
	w.hidden += len(r.hidden.path)
	w.waiters[r.errand] = append(w.waiters[r.errand], id)
	if len(w.parked) == 1 || r.until.Before(w.earliest) {
		w.earliest = r.until
	}
}

// leave removes a stream, parked or not. Its entry in ready stays and is skipped.
func (w *waitingRoom) leave(id uint32) {
	r, ok := w.parked[id]
	if !ok {
		return
	}
	delete(w.parked, id)
	w.hidden -= len(r.hidden.path)
	w.unlist(id, r.errand)
}

// unlist removes a stream from the waiters of an errand.
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

// settle queues all requests that wait for an errand.
func (w *waitingRoom) settle(errand fetch.Errand, failed bool) {
	list := w.waiters[errand]
	delete(w.waiters, errand)
	for _, id := range list {
		w.queue(id, failed)
	}
}

// expire queues the requests whose time is over.
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
	slices.Sort(late) // in order of arrival: ids ascend, and a map has no order
	w.ready = w.ready[:first]
	for _, id := range late {
		w.unlist(id, w.parked[id].errand)
		w.queue(id, false)
	}
}

// queue marks a parked stream as ready. failed reports that its errand settled
// without an answer.
func (w *waitingRoom) queue(id uint32, failed bool) {
	r := w.parked[id]
	r.queued, r.failed = true, failed
	w.parked[id] = r
	w.ready = append(w.ready, id)
}

// next takes the next stream from the queue. The stream stays parked: if deciding
// over it panics, its time will still end.
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

// park pauses a request until an errand settles.
func park(id uint32, s stream, w *verdict.Wait) action {
	p := s.plugin
	r := parked{errand: w.For, until: w.Until, since: w.Since}
	if before, ok := p.waiting.parked[id]; ok && s.progress == waiting {
		// A request that needs tokens of two issuers can wait for a second errand. Its
		// time does not start again.
		r.until, r.since = before.until, before.since
	}
	r.hidden = p.hide()
	s.progress = waiting
	s.keep(id)
	p.waiting.enter(id, r)
	p.tickSooner()
	return actionPause
}

// hide takes a token out of the path of the request that is to wait. Past the bound
// it stays: a burst must not take the VM's memory.
func (p *plugin) hide() (h hiddenPath) {
	r := &p.request
	path, had := p.policy.Redacted(r.Path)
	if !had || p.waiting.hidden+len(r.Path) > maxHidden || !setHeader(":path", path) {
		return h
	}
	h.path = strings.Clone(r.Path)
	for _, property := range r.Properties {
		property.Value = strings.Clone(property.Value)
		h.properties = append(h.properties, property)
	}
	return h
}

// show puts the path back, before the request is judged again.
func (h hiddenPath) show() bool { return h.path == "" || setHeader(":path", h.path) }
