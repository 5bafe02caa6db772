//go:build wasm && tinygo

package filter

import "runtime"

// guard runs what decides over a request. TinyGo cannot recover on Wasm: a panic
// traps, the host answers 503 and starts a new VM (failure_policy FAIL_RELOAD). To
// say so with a deferred function would cost each request four allocations.
func guard(_ string, id uint32, s stream, run func(uint32, stream) action) action {
	return run(id, s)
}

// collected is what was in use after the last collection.
var inUseAfterCollection uint64

// tidy collects garbage before much of the free memory has been used. TinyGo moves
// nothing: what survives lies scattered over all that was used since the last
// collection, and then a large piece, a map that grows or a long answer, finds no
// room in between, and memory doubles.
func tidy() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapInuse < inUseAfterCollection+(m.HeapSys-inUseAfterCollection)/4 {
		return
	}
	collect()
}

// collect collects garbage at once. The large tables of a plugin that has ended
// must be free before the next one asks for as much.
func collect() {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	inUseAfterCollection = m.HeapInuse
}
