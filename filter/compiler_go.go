//go:build wasm && !tinygo

package filter

import "runtime"

// guard runs a function that decides over a request. A panic denies the request, and
// the VM continues.
func guard(where string, id uint32, s stream, run func(uint32, stream) action) (a action) {
	defer func() {
		if recovered := recover(); recovered != nil {
			logPanic(where, recovered)
			a = fail(id, s)
		}
	}()
	return run(id, s)
}

// tidy does nothing: this compiler's collector needs no help.
func tidy() {}

// collect collects garbage at once. A configuration is large compared with what
// requests leave behind: without this the memory of several deleted ones adds up.
func collect() { runtime.GC() }
