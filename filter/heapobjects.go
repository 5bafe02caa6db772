//go:build wasm && heapobjects

package filter

import "runtime"

// heapObjects returns the number of objects allocated so far. Only the build of a test
// has it.
//
//go:wasmexport heap_objects
func heapObjects() uint32 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return uint32(m.Mallocs)
}
