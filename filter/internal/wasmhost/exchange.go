package wasmhost

import (
	"strings"
	"unicode"
)

// bufferType selects a buffer.
type bufferType uint32

const (
	requestBody         bufferType = 0
	responseBody        bufferType = 1
	calloutBody         bufferType = 4
	vmConfiguration     bufferType = 6
	pluginConfiguration bufferType = 7
	endOfBufferTypes    bufferType = 9
)

func (i *invocation) buffer(t bufferType) ([]byte, Status) {
	plugin, stream := i.contextPlugin(), i.contextStream()
	switch {
	case t >= endOfBufferTypes:
		return nil, BadArgument
	case t == requestBody && stream != nil && (stream.inBody || stream.paused[bodyPhase]):
		return stream.body, OK
	case t == responseBody && stream != nil:
		return stream.response, OK
	case t == requestBody || t == responseBody:
		return nil, OK
	case t == calloutBody && plugin != nil && plugin.answer != nil:
		return plugin.answer.body, OK
	case t == vmConfiguration:
		return i.options.VMConfiguration, OK
	case t == pluginConfiguration && plugin != nil && plugin.configuring:
		return plugin.config, OK
	}
	return nil, NotFound
}

func getBufferBytes(i *invocation) Status {
	buffer, status := i.buffer(bufferType(i.number(0)))
	if status != OK {
		return status
	}
	start, length := uint64(i.number(1)), uint64(i.number(2))
	start = min(start, uint64(len(buffer)))
	return i.putBytes(0, buffer[start:min(start+length, uint64(len(buffer)))])
}

func getBufferStatus(i *invocation) Status {
	buffer, status := i.buffer(bufferType(i.number(0)))
	if status != OK {
		return status
	}
	i.put32(0, uint32(len(buffer)))
	i.put32(1, 0)
	return OK
}

// setBufferBytes can prepend, append and replace as a whole, as in Envoy.
func setBufferBytes(i *invocation) Status {
	t := bufferType(i.number(0))
	buffer, status := i.buffer(t)
	stream := i.contextStream()
	if status != OK {
		return status
	}
	if stream == nil || t > responseBody {
		return BadArgument
	}
	start, length, data := uint64(i.number(1)), uint64(i.number(2)), []byte(i.bytes[0])
	switch size := uint64(len(buffer)); {
	case start == 0 && length == 0:
		buffer = append(data, buffer...)
	case start == 0 && length >= size:
		buffer = data
	case start >= size:
		buffer = append(buffer[:size:size], data...)
	default:
		return BadArgument
	}
	if t == requestBody {
		stream.body = buffer
	} else {
		stream.response = buffer
	}
	return OK
}

// streamType selects a direction.
type streamType uint32

const (
	requestStream streamType = iota
	responseStream
	downstream
	upstream
	endOfStreamTypes
)

// continueStream is deferred to the callback's end; the maps go at once.
func continueStream(i *invocation) Status {
	t, stream := streamType(i.number(0)), i.contextStream()
	switch {
	case t >= endOfStreamTypes:
		return BadArgument
	case t == upstream:
		return Unimplemented
	case t == downstream || i.frame.orphaned && stream == nil:
		return OK
	case stream == nil:
		i.violate("proxy_continue_stream without a stream")
		return OK // as Envoy says, doing nothing
	}
	stream.open[requestHeaders], stream.open[requestTrailers] = false, false
	if t == requestStream {
		i.deferred = append(i.deferred, stream.resume)
	}
	return OK
}

func closeStream(i *invocation) Status {
	t, stream := streamType(i.number(0)), i.contextStream()
	if t >= endOfStreamTypes {
		return BadArgument
	}
	if stream != nil && t <= responseStream {
		i.deferred = append(i.deferred, func() { stream.reset = true })
	}
	return OK
}

func sendLocalResponse(i *invocation) Status {
	stream := i.contextStream()
	i.stopNext = true
	if stream == nil && i.frame.orphaned {
		return OK
	}
	if stream == nil {
		i.violate("proxy_send_local_response without a stream")
		return OK // as Envoy says, doing nothing
	}
	reply := &LocalReply{
		Status:     int(i.number(0)),
		Details:    withoutSpaces(i.bytes[0]),
		Headers:    i.checked(i.maps[0]...),
		Body:       []byte(i.bytes[1]),
		GRPCStatus: int32(i.number(1)),
	}
	if reply.GRPCStatus < 0 || reply.GRPCStatus > 16 {
		reply.GRPCStatus = -1
	}
	if reply.Status < 200 || reply.Status > 599 {
		i.violate("a local reply with status %d", reply.Status)
	}
	i.deferred = append(i.deferred, func() { stream.answer(reply) })
	return OK
}

// withoutSpaces is what Envoy does to details for the sake of its access log.
func withoutSpaces(details string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return '_'
		}
		return r
	}, details)
}
