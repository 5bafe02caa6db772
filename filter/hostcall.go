//go:build wasm

package filter

import (
	"time"
	"unsafe"

	"bearerauth/filter/policy/request"
)

// The host calls of every request are imported here: those of the SDK allocate for each
// value, have no response code details, lack the log level, and panic if the host refuses
// a metric.

//go:wasmimport env proxy_get_header_map_pairs
func hostGetPairs(mapType int32, data, size unsafe.Pointer) int32

//go:wasmimport env proxy_get_header_map_value
func hostGet(mapType int32, name unsafe.Pointer, nameSize int32, value, valueSize unsafe.Pointer) int32

//go:wasmimport env proxy_remove_header_map_value
func hostRemove(mapType int32, name unsafe.Pointer, nameSize int32) int32

//go:wasmimport env proxy_replace_header_map_value
func hostReplace(mapType int32, name unsafe.Pointer, nameSize int32, value unsafe.Pointer, valueSize int32) int32

//go:wasmimport env proxy_set_property
func hostSetProperty(path unsafe.Pointer, pathSize int32, value unsafe.Pointer, valueSize int32) int32

//go:wasmimport env proxy_get_property
func hostGetProperty(path unsafe.Pointer, pathSize int32, value, valueSize unsafe.Pointer) int32

//go:wasmimport env proxy_send_local_response
func hostReply(status uint32, details unsafe.Pointer, detailsSize int32, body unsafe.Pointer, bodySize int32,
	headers unsafe.Pointer, headersSize int32, grpcStatus int32) int32

//go:wasmimport env proxy_continue_stream
func hostContinue(streamType int32) int32

//go:wasmimport env proxy_set_effective_context
func hostSetContext(id uint32) int32

//go:wasmimport env proxy_http_call
func hostHTTPCall(cluster unsafe.Pointer, clusterSize int32, headers unsafe.Pointer, headersSize int32,
	body unsafe.Pointer, bodySize int32, trailers unsafe.Pointer, trailersSize int32,
	timeoutMilliseconds uint32, id unsafe.Pointer) int32

//go:wasmimport env proxy_get_buffer_bytes
func hostGetBuffer(bufferType, start, size int32, data, dataSize unsafe.Pointer) int32

//go:wasmimport env proxy_call_foreign_function
func hostForeignFunction(name unsafe.Pointer, nameSize int32, argument unsafe.Pointer, argumentSize int32,
	result, resultSize unsafe.Pointer) int32

//go:wasmimport env proxy_get_log_level
func hostLogLevel(level unsafe.Pointer) int32

//go:wasmimport env proxy_define_metric
func hostDefine(metricType int32, name unsafe.Pointer, nameSize int32, id unsafe.Pointer) int32

//go:wasmimport env proxy_increment_metric
func hostIncrement(id uint32, by int64) int32

//go:wasmimport env proxy_record_metric
func hostRecord(id uint32, value uint64) int32

//go:wasmimport env proxy_get_current_time_nanoseconds
func hostTime(nanoseconds unsafe.Pointer) int32

const (
	statusOK            = 0
	statusNotFound      = 1
	statusBadArgument   = 2
	statusUnimplemented = 12

	mapRequestHeaders  = 0
	mapRequestTrailers = 1
	mapCallHeaders     = 6

	bufferCallBody = 4

	streamRequest = 0

	metricCounter = 0
	metricGauge   = 1

	levelDebug = 1
)

// The host allocates the memory for its results by own_memory_allocate. Within a
// request that memory is this shared buffer: nothing in it may outlive the callback.
var (
	buffer     [64 << 10]byte
	bufferUsed uint32
	borrowing  bool // allocate from buffer

	headerPairs = make([][2]string, 0, 64)
	replyPairs  []byte

	// Out parameters. Local variables would escape to the heap at each call.
	outData  unsafe.Pointer
	outSize  uint32
	outNanos uint64
	outLevel uint32
	outID    uint32
)

// allocate returns memory for a result of the host.
func allocate(size uint32) unsafe.Pointer {
	if !borrowing || size > uint32(len(buffer))-bufferUsed {
		return allocateLarge(size)
	}
	at := unsafe.Pointer(&buffer[bufferUsed])
	bufferUsed += (size + 7) &^ 7
	return at
}

// allocateLarge returns nil, which the host takes for a refusal, where no memory is left.
func allocateLarge(size uint32) (at unsafe.Pointer) {
	attempt("memory for the host", func() { at = unsafe.Pointer(unsafe.SliceData(make([]byte, max(size, 1)))) })
	return at
}

// getPairs reads a header map into the shared buffer.
func getPairs(mapType int32) ([][2]string, bool) {
	outData, outSize = nil, 0
	bufferUsed, borrowing = 0, true
	status := hostGetPairs(mapType, unsafe.Pointer(&outData), unsafe.Pointer(&outSize))
	borrowing = false
	if !accepted(status) {
		return nil, false
	}
	var ok bool
	headerPairs, ok = decodePairs(headerPairs, unsafe.Slice((*byte)(outData), outSize))
	return headerPairs, ok
}

// credentialHeaders reads the two headers that policy.Quick needs, each by its first
// line (see plugin.quick).
func credentialHeaders() (authorization, path string, ok bool) {
	bufferUsed = 0
	if authorization, ok = getHeader("authorization"); !ok {
		return "", "", false
	}
	path, ok = getHeader(":path")
	return authorization, path, ok
}

// getHeader reads the first value of a request header into the shared buffer.
func getHeader(name string) (string, bool) {
	outData, outSize = nil, 0
	borrowing = true
	status := hostGet(mapRequestHeaders, data(name), int32(len(name)), unsafe.Pointer(&outData), unsafe.Pointer(&outSize))
	borrowing = false
	if !accepted(status) || outData == nil {
		return "", false
	}
	return unsafe.String((*byte)(outData), outSize), true
}

func requestHeaders() ([][2]string, bool)  { return getPairs(mapRequestHeaders) }
func requestTrailers() ([][2]string, bool) { return getPairs(mapRequestTrailers) }
func callHeaders() ([][2]string, bool)     { return getPairs(mapCallHeaders) }

func data(s string) unsafe.Pointer { return unsafe.Pointer(unsafe.StringData(s)) }

func removeHeader(name string) bool {
	return accepted(hostRemove(mapRequestHeaders, data(name), int32(len(name))))
}

func removeTrailer(name string) bool {
	return accepted(hostRemove(mapRequestTrailers, data(name), int32(len(name))))
}

func setHeader(name, value string) bool {
	return accepted(hostReplace(mapRequestHeaders, data(name), int32(len(name)), data(value), int32(len(value))))
}

func setProperty(name, value string) (status int32) {
	status = hostSetProperty(data(name), int32(len(name)), data(value), int32(len(value)))
	_ = accepted(status)
	return status
}

// getProperty reads a property of the host. path is its elements joined by NUL.
func getProperty(path string) request.Property {
	outData, outSize = nil, 0
	borrowing = true // bufferUsed stays: the headers in the buffer are still needed
	status := hostGetProperty(data(path), int32(len(path)), unsafe.Pointer(&outData), unsafe.Pointer(&outSize))
	borrowing = false
	if !accepted(status) || outData == nil {
		return request.Property{Refused: status != statusOK && status != statusNotFound}
	}
	return request.Property{Value: unsafe.String((*byte)(outData), outSize), OK: true}
}

func continueRequest() bool { return hostContinue(streamRequest) == statusOK }

func setContext(id uint32) bool { return accepted(hostSetContext(id)) }

// httpCall begins an outbound request. The host delivers the answer, or that there is
// none, through own_http_call_response. The host also enforces the timeout.
func httpCall(cluster string, headers [][2]string, body []byte, timeout time.Duration) (id uint32, status int32) {
	callPairs := appendPairs(nil, headers)
	none := appendPairs(nil, nil)
	status = hostHTTPCall(data(cluster), int32(len(cluster)),
		unsafe.Pointer(unsafe.SliceData(callPairs)), int32(len(callPairs)), unsafe.Pointer(unsafe.SliceData(body)), int32(len(body)),
		unsafe.Pointer(unsafe.SliceData(none)), int32(len(none)),
		uint32(timeout.Milliseconds()), unsafe.Pointer(&outID))
	return outID, status
}

// callBody returns the body of the current answer, in its own memory.
func callBody(size int) ([]byte, bool) {
	if size == 0 {
		return nil, true
	}
	outData, outSize = nil, 0
	if !accepted(hostGetBuffer(bufferCallBody, 0, int32(size), unsafe.Pointer(&outData), unsafe.Pointer(&outSize))) {
		return nil, false
	}
	return unsafe.Slice((*byte)(outData), outSize), true
}

// foreignFunction calls a foreign function of the host. The result is valid until the
// next host call.
func foreignFunction(name string, argument []byte) ([]byte, bool) {
	outData, outSize = nil, 0
	borrowing = true // bufferUsed stays: the token in the buffer is still needed
	status := hostForeignFunction(data(name), int32(len(name)),
		unsafe.Pointer(unsafe.SliceData(argument)), int32(len(argument)),
		unsafe.Pointer(&outData), unsafe.Pointer(&outSize))
	borrowing = false
	if !accepted(status) {
		return nil, false
	}
	if outData == nil {
		return nil, true
	}
	return unsafe.Slice((*byte)(outData), outSize), true
}

// sendReply sends a local reply with these response code details. It returns the status
// of the host call.
func sendReply(code uint32, details string, headers [][2]string, body []byte, grpcStatus int32) (status int32) {
	replyPairs = appendPairs(replyPairs[:0], headers)
	return hostReply(code, data(details), int32(len(details)),
		unsafe.Pointer(unsafe.SliceData(body)), int32(len(body)),
		unsafe.Pointer(unsafe.SliceData(replyPairs)), int32(len(replyPairs)), grpcStatus)
}

// now panics, and so denies, where the host returns no time: no value would be safe
// for both ends of a token's validity.
func now() time.Time {
	if !accepted(hostTime(unsafe.Pointer(&outNanos))) {
		panic("the host gives no time")
	}
	return time.Unix(0, int64(outNanos))
}

// clockIsSet reports whether the host's clock can be right. A host may return its time
// in 32 bits, or have no clock that is set when it starts. Requests that get no time are
// denied later.
func clockIsSet() bool {
	const earliest = 1_577_836_800 * 1_000_000_000 // 2020-01-01
	return !accepted(hostTime(unsafe.Pointer(&outNanos))) || outNanos >= earliest
}

// defineMetric declares a counter or a gauge. ok is false where the host refuses it.
func defineMetric(metricType int32, name string) (id uint32, ok bool) {
	status := hostDefine(metricType, data(name), int32(len(name)), unsafe.Pointer(&outID))
	return outID, accepted(status)
}

// add increments a counter of the host. No count is worth a refused request.
func add(counter uint32, n uint64) { _ = accepted(hostIncrement(counter, int64(n))) }

// setGauge sets a gauge. The SDK can only add to a gauge, and the values that several
// VMs add would sum up.
func setGauge(id uint32, value uint64) bool { return accepted(hostRecord(id, value)) }

// logsDebug reports whether the host logs debug lines.
func logsDebug() bool {
	return accepted(hostLogLevel(unsafe.Pointer(&outLevel))) && outLevel <= levelDebug
}
