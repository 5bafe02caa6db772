//go:build wasm && tinygo

package filter

import (
	"runtime"
	"strings"
	"unsafe"
)

// TinyGo cannot recover on Wasm. A panic is an exception of WebAssembly instead, which
// build/panic.wat throws and catches. No deferred function of what it ends is called.

//go:wasmimport bearerauth throw
func throw()

// catch calls own_attempt. The result is 1 after a panic.
//
//go:wasmimport bearerauth catch
func catch() int32

// setOnAbort is a function of the copied runtime (build/tinygo.mk). The runtime calls
// onAbort, where it would trap, with the line that it has printed.
//
//go:linkname setOnAbort runtime.setOnAbort
func setOnAbort(onAbort func(printed []byte))

// printed is what the runtime printed of the last panic.
var printed []byte

func init() {
	setOnAbort(func(line []byte) {
		printed = line
		throw()
	})
}

// panicText holds no data of a request: TinyGo's panics are constant texts.
func panicText() string {
	line := unsafe.String(unsafe.SliceData(printed), len(printed))
	line, _, _ = strings.Cut(line, "\n")
	return strings.TrimPrefix(line, "panic: ")
}

// assertFail takes the place of the C library's (build/tinygo.mk), which would bring its
// printf into the module.
//
//export __wrap___assert_fail
func assertFail(_, _ unsafe.Pointer, _ int32, _ unsafe.Pointer) {
	panic("an assertion of the C library failed")
}

// attempted is the function that catch calls.
var attempted func()

//go:wasmexport own_attempt
func ownAttempt() { attempted() }

// attempt calls run and reports whether it returned. A panic in it is logged, and the VM
// continues.
func attempt(where string, run func()) (ok bool) {
	attempted = run
	if catch() != 0 {
		logPanic(where, panicText())
		return false
	}
	return true
}

// attemptStream is attempt for the callbacks of every request. A closure would be an
// allocation.
func attemptStream(where string, id uint32, s stream, run func(uint32, stream) action) (action, bool) {
	streamAttempt.id, streamAttempt.stream, streamAttempt.run = id, s, run
	ok := attempt(where, runStreamAttempt)
	return streamAttempt.result, ok
}

var streamAttempt struct {
	id     uint32
	stream stream
	run    func(uint32, stream) action
	result action
}

func runStreamAttempt() {
	s := streamAttempt.stream
	streamAttempt.stream = stream{} // a plugin that ends must not be kept
	streamAttempt.result = streamAttempt.run(streamAttempt.id, s)
}

// inUseAfterCollection is the heap in use after the last collection, in bytes.
var inUseAfterCollection uint64

// tidy collects garbage before much of the free memory has been used. TinyGo does not
// move objects: those that survive are scattered over all memory that was used since
// the last collection. A large block, for a map that grows or a long answer, then
// finds no space between them, and the heap doubles.
func tidy() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapInuse < inUseAfterCollection+(m.HeapSys-inUseAfterCollection)/4 {
		return
	}
	collect()
}

// collect collects garbage at once. The large tables of a deleted plugin must be free
// before the next plugin needs as much.
func collect() {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	inUseAfterCollection = m.HeapInuse
}
