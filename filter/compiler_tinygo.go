//go:build wasm && tinygo

package filter

import "runtime"

// guard runs a function that decides over a request. TinyGo cannot recover on Wasm: a
// panic traps, the host answers 503 and starts a new VM (failure_policy FAIL_RELOAD).
// A deferred function that denies would cost each request four allocations.
func guard(_ string, id uint32, s stream, run func(uint32, stream) action) action {
	return run(id, s)
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
