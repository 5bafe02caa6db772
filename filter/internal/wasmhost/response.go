package wasmhost

import "fmt"

// LocalReply is an answer that the module (or Envoy on its behalf) gave.
type LocalReply struct {
	Status     int
	Details    string // %RESPONSE_CODE_DETAILS%
	Headers    [][2]string
	Body       []byte
	GRPCStatus int32 // -1: none
}

// Header is a header's first value, and "" where there is none.
func (r *LocalReply) Header(name string) string {
	value, _ := pairs(r.Headers).first(name)
	return value
}

const failDetails = "wasm_fail_stream"

// fail is Envoy's answer in place of a module that died. Earlier requests of the module,
// such as a reply, come too late then.
func (s *Stream) fail() {
	if s.reply == nil && !s.reset {
		s.finish(&LocalReply{Status: 503, Details: failDetails, GRPCStatus: 14})
	}
}

func (s *Stream) failed() bool { return s.reply != nil && s.reply.Details == failDetails }

func (s *Stream) finish(reply *LocalReply) {
	s.reply = reply
	s.paused, s.queue, s.body = [3]bool{}, nil, nil
	s.open[requestHeaders], s.open[requestTrailers] = false, false
}

// answer is the argument of proxy_send_local_response. The reply passes the module's own
// response callbacks, as in Envoy.
func (s *Stream) answer(reply *LocalReply) {
	switch {
	case s.failed() || s.ended:
		return
	case s.reply != nil:
		s.vm.violate("a second local reply (%d) for stream %d", reply.Status, s.id)
		return
	case s.reset || s.ending:
		s.vm.violate("a local reply (%d) for stream %d, which is over", reply.Status, s.id)
		return
	}
	s.finish(reply)
	s.ResponseHeaders(append([][2]string{{":status", fmt.Sprint(reply.Status)}}, reply.Headers...), len(reply.Body) == 0)
	reply.Headers = s.maps[responseHeaders].without(":status")
	if len(reply.Body) > 0 {
		s.ResponseBody(reply.Body, true)
		reply.Body = s.response
	}
}

// ResponseHeaders gives the module the response of the upstream. What it
// makes of it is Response.
func (s *Stream) ResponseHeaders(headers [][2]string, endOfStream bool) Action {
	s.maps[responseHeaders], s.open[responseHeaders] = lowerCased(headers), true
	return s.encode(responseHeaders, "proxy_on_response_headers",
		uint64(s.id), uint64(len(headers)), wasmBool(endOfStream))
}

// ResponseBody gives the module a piece of the response's body.
func (s *Stream) ResponseBody(data []byte, endOfStream bool) Action {
	s.response = append(s.response, data...)
	return s.encode(endOfMapTypes, "proxy_on_response_body",
		uint64(s.id), uint64(len(s.response)), wasmBool(endOfStream))
}

// ResponseTrailers gives the module the trailers of the response.
func (s *Stream) ResponseTrailers(trailers [][2]string) Action {
	s.maps[responseTrailers], s.open[responseTrailers] = lowerCased(trailers), true
	return s.encode(responseTrailers, "proxy_on_response_trailers", uint64(s.id), uint64(len(trailers)))
}

func (s *Stream) encode(t mapType, export string, arguments ...uint64) Action {
	result, called := s.vm.callback(s.id, export, arguments...)
	if s.vm.trap != nil {
		s.fail()
	}
	s.vm.runDeferred()
	if called && result != 0 {
		return Pause
	}
	if t < endOfMapTypes {
		s.open[t] = false
	}
	return Continue
}

// Reply is the local reply, nil when there is none. A reply to a request that
// went upstream already is possible: see Outcome.
func (s *Stream) Reply() *LocalReply { return s.reply }

// Response is the upstream's response as the client would see it.
func (s *Stream) Response() (headers [][2]string, body []byte, trailers [][2]string) {
	return s.maps[responseHeaders], s.response, s.maps[responseTrailers]
}
