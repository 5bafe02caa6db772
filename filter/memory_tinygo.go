//go:build tinygo

package filter

import "runtime"

// collected is what was in use after the last collection.
var collected uint64

// tidy collects garbage before much of the free memory has been used. TinyGo moves
// nothing: what survives lies scattered over all that was used since the last
// collection, and then a large piece, a map that grows or a long answer, finds no
// room in between, and memory doubles.
func tidy() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapInuse < collected+(m.HeapSys-collected)/4 {
		return
	}
	runtime.GC()
	runtime.ReadMemStats(&m)
	collected = m.HeapInuse
}
