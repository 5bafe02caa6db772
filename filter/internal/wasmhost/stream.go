package wasmhost

import (
	"maps"
	"slices"
)

// Action is the result of a callback: what the host does with the headers, data or
// trailers. The zero value lets nothing through.
type Action int

// The actions, as the driver returns them. The module's own count from zero.
const (
	Held Action = iota // not shown to the module yet, or never: it is paused or replied to
	Continue
	Pause
)

func (a Action) String() string { return [...]string{"held", "continue", "pause"}[a] }

// Outcome is how far a request came.
type Outcome string

// The outcomes. A request that went upstream stays Continued, also if it fails later.
const (
	Waiting   Outcome = "waiting"
	Continued Outcome = "continued"
	Replied   Outcome = "replied"
	Reset     Outcome = "reset"
)

// Stream is one HTTP request and its response.
type Stream struct {
	// Properties are what get_property finds in this stream's context.
	Properties map[string]string

	id     uint32
	vm     *VM
	plugin *Plugin

	maps    [4]pairs
	open    [4]bool
	body    []byte
	inBody  bool
	queue   []event
	paused  [3]bool
	through [3]bool
	logging bool
	ending  bool
	ended   bool

	upstream    Request
	reply       *LocalReply
	reset       bool
	response    []byte
	filterState map[string]string
}

// Request is a request as the upstream sees it.
type Request struct {
	Headers  [][2]string
	Body     []byte
	Trailers [][2]string
}

// phase is a part of a message that can be paused by itself.
type phase int

const (
	headersPhase phase = iota
	bodyPhase
	trailersPhase
)

type event struct {
	phase phase
	pairs pairs
	data  []byte
	last  bool
}

// NewStream starts a request. After a trap it does so without the module.
func (p *Plugin) NewStream() *Stream {
	vm := p.vm
	if p.deleted {
		vm.tb.Helper()
		vm.tb.Fatalf("plugin %d has been deleted and cannot have streams", p.id)
	}
	stream := &Stream{
		Properties: map[string]string{}, id: vm.nextID(), vm: vm, plugin: p, filterState: map[string]string{},
	}
	vm.streams[stream.id] = stream
	vm.notify(stream.id, "proxy_on_context_create", uint64(stream.id), uint64(p.id))
	return stream
}

// ID is the stream's context id.
func (s *Stream) ID() uint32 { return s.id }

// RequestHeaders gives the module the headers as Envoy would show them: several
// Authorization lines joined (see Options.SeparateLines). Others that Envoy joins have to be joined already.
func (s *Stream) RequestHeaders(headers [][2]string, endOfStream bool) Action {
	pairs := lowerCased(headers)
	if !s.vm.options.SeparateLines {
		pairs = joined("authorization", pairs)
	}
	return s.receive(event{phase: headersPhase, pairs: pairs, last: endOfStream})
}

// joined puts the lines of one header into its first, as Envoy does for those
// that it keeps room for.
func joined(name string, pairs [][2]string) [][2]string {
	first := -1
	return slices.DeleteFunc(pairs, func(pair [2]string) bool {
		if pair[0] != name {
			return false
		}
		if first < 0 {
			first = slices.IndexFunc(pairs, func(p [2]string) bool { return p[0] == name })
			return false
		}
		pairs[first][1] += "," + pair[1]
		return true
	})
}

// RequestBody gives the module a piece of the body, or holds it back until the
// headers are resumed as Envoy does (see Options.AllowHeadersStopIteration).
func (s *Stream) RequestBody(data []byte, endOfStream bool) Action {
	return s.receive(event{phase: bodyPhase, data: slices.Clone(data), last: endOfStream})
}

// RequestTrailers ends a request that has them.
func (s *Stream) RequestTrailers(trailers [][2]string) Action {
	return s.receive(event{phase: trailersPhase, pairs: lowerCased(trailers), last: true})
}

func (s *Stream) receive(e event) Action {
	s.vm.tb.Helper()
	if s.ended {
		s.vm.tb.Fatalf("stream %d has ended and cannot receive more", s.id)
	}
	if s.reply != nil || s.reset {
		return Held
	}
	if s.paused[headersPhase] && !s.vm.options.AllowHeadersStopIteration || len(s.queue) > 0 {
		s.queue = append(s.queue, e)
		return Held
	}
	return s.decode(e)
}

func (s *Stream) decode(e event) Action {
	arguments := []uint64{uint64(s.id), 0, wasmBool(e.last)}
	var export string
	switch e.phase {
	case headersPhase:
		export = "proxy_on_request_headers"
		s.maps[requestHeaders], s.open[requestHeaders] = e.pairs, true
		arguments[1] = uint64(len(e.pairs))
	case bodyPhase:
		export = "proxy_on_request_body"
		s.body, s.inBody = append(s.body, e.data...), true
		arguments[1] = uint64(len(s.body))
	case trailersPhase:
		export = "proxy_on_request_trailers"
		s.maps[requestTrailers], s.open[requestTrailers] = e.pairs, true
		arguments = []uint64{uint64(s.id), uint64(len(e.pairs))}
	}
	result, called := s.vm.callback(s.id, export, arguments...)
	if s.vm.trap != nil {
		s.fail()
	}
	s.vm.runDeferred()
	s.inBody = false
	switch {
	case s.reply != nil || s.reset || s.ended:
		return Pause
	case called && result != 0:
		s.paused[e.phase] = !s.through[e.phase]
		return Pause
	}
	switch e.phase {
	case headersPhase:
		s.open[requestHeaders] = false
	case trailersPhase:
		s.open[requestTrailers] = false
	}
	// A later part that may go takes the earlier ones along: this is how a
	// filter that pauses only its headers lets a POST through.
	s.pass(e.phase)
	return Continue
}

// pass lets everything through up to a phase.
func (s *Stream) pass(upTo phase) {
	if !s.through[headersPhase] {
		s.through[headersPhase], s.paused[headersPhase] = true, false
		s.upstream.Headers = slices.Clone(s.maps[requestHeaders])
	}
	if upTo >= bodyPhase {
		s.upstream.Body = append(s.upstream.Body, s.body...)
		s.body, s.paused[bodyPhase] = nil, false
	}
	if upTo >= trailersPhase {
		s.through[trailersPhase], s.paused[trailersPhase] = true, false
		s.upstream.Trailers = slices.Clone(s.maps[requestTrailers])
	}
}

// resume is the effect of proxy_continue_stream.
func (s *Stream) resume() {
	if s.failed() || s.ended {
		return
	}
	if s.reply != nil || s.reset || s.ending {
		s.vm.violate("proxy_continue_stream for stream %d, which is over", s.id)
		return
	}
	upTo := headersPhase
	switch {
	case s.paused[trailersPhase]:
		upTo = trailersPhase
	case s.paused[bodyPhase]:
		upTo = bodyPhase
	case !s.paused[headersPhase]:
		s.vm.violate("proxy_continue_stream for stream %d, which is not paused", s.id)
	}
	s.pass(upTo)
	for len(s.queue) > 0 && s.reply == nil && !s.reset && !s.ended {
		e := s.queue[0]
		s.queue = s.queue[1:]
		s.decode(e)
	}
}

// End is the end of the stream for any reason, including a client that disconnected. Envoy
// writes the access log first.
func (s *Stream) End() {
	if s.ended || s.ending {
		return
	}
	s.ending = true
	s.logging = true
	s.vm.notify(s.id, "proxy_on_log", uint64(s.id))
	s.logging = false
	s.vm.notify(s.id, "proxy_on_done", uint64(s.id))
	s.vm.notify(s.id, "proxy_on_delete", uint64(s.id))
	s.ended = true
	delete(s.vm.streams, s.id)
	if current := &s.vm.frame; s.id == current.context || s.id == current.effective {
		current.orphaned = true
	}
}

// Outcome is how far the request came.
func (s *Stream) Outcome() Outcome {
	switch {
	case s.through[headersPhase]:
		return Continued
	case s.reply != nil:
		return Replied
	case s.reset:
		return Reset
	}
	return Waiting
}

// Upstream is what went upstream so far, nil when nothing did.
func (s *Stream) Upstream() *Request {
	if !s.through[headersPhase] {
		return nil
	}
	request := s.upstream
	return &request
}

// FilterState holds what set_property stored, under Envoy's "wasm." names.
func (s *Stream) FilterState() map[string]string { return maps.Clone(s.filterState) }

// Calls are the host calls made with this stream as their context, be it in
// its own callbacks or in others.
func (s *Stream) Calls() []HostCall {
	return slices.DeleteFunc(s.vm.Calls(), func(call HostCall) bool { return call.Stream != s })
}

func wasmBool(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
