//go:build wasm && !tinygo

package filter

import "runtime"

// guard runs what decides over a request. A panic denies it, and the VM lives on.
func guard(where string, id uint32, s stream, run func(uint32, stream) action) (a action) {
	defer func() {
		if recovered := recover(); recovered != nil {
			logPanic(where, recovered)
			a = fail(id, s)
		}
	}()
	return run(id, s)
}

// tidy is for a collector that needs to be told.
func tidy() {}

// collect collects garbage at once. A configuration is large beside what requests
// leave: without this the memory of several that have ended adds up.
func collect() { runtime.GC() }
