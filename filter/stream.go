//go:build wasm

package filter

// progress is the state of a stream. Only an allowed one continues.
type progress uint8

const (
	undecided progress = iota
	allowed
	replied
	unsent // refused, but the host did not accept the reply
	waiting
)

// stream is one HTTP request. The zero stream belongs to no plugin and denies.
//
// A stream is a value: a pointer would be an allocation per request. Functions get a
// copy, and a change is lost unless keep stores it under the stream's id. After a
// call that may change the stream, such as apply or fail, get it again by findStream.
type stream struct {
	plugin   *plugin
	progress progress
}

// streams are the requests of all plugins of this VM except the newest, which has a
// variable: most requests get their verdict before the next one arrives, and many end
// before it.
var (
	streams = map[uint32]stream{}
	newest  stream
	// newestID is the id of newest. It is 0, which is no request's id, where there is
	// none.
	newestID uint32
)

// createStream adds a stream.
func createStream(id uint32, s stream) action {
	if newestID != 0 {
		streams[newestID] = newest
	}
	newestID, newest = id, s
	return actionContinue
}

// findStream returns the stream id, or the zero stream, which denies.
func findStream(id uint32) (s stream, ok bool) {
	if id == newestID {
		return newest, id != 0
	}
	s, ok = streams[id]
	return s, ok
}

// latest returns the stream id as it is now, or s where it has ended.
func latest(id uint32, s stream) stream {
	if now, ok := findStream(id); ok {
		return now
	}
	return s
}

// isAnswered reports whether the stream has its local reply, or will have it on a tick.
func (s stream) isAnswered() bool { return s.progress == replied || s.progress == unsent }

// keep stores the changed stream under its id.
func (s stream) keep(id uint32) {
	if id == newestID {
		newest = s
		return
	}
	streams[id] = s
}

// deleteStream removes a stream that the host has ended.
func deleteStream(id uint32, s stream) action {
	if s.progress == waiting {
		s.plugin.waiting.leave(id)
	}
	if id == newestID {
		newestID, newest = 0, stream{}
	} else {
		delete(streams, id)
	}
	return actionContinue
}
