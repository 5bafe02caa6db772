//go:build wasm && heapobjects

package filter

import "runtime"

// heapObjects is how many objects have been allocated so far. Only a test builds
// it in.
//
//go:wasmexport heap_objects
func heapObjects() uint32 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return uint32(m.Mallocs)
}
