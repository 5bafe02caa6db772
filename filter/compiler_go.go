//go:build wasm && !tinygo

package filter

import "runtime"

// attempt calls run and reports whether it returned. A panic in it is logged, and the VM
// continues.
func attempt(where string, run func()) (ok bool) {
	defer func() {
		if recovered := recover(); recovered != nil {
			logPanic(where, panicText(recovered))
		}
	}()
	run()
	return true
}

// panicText holds indices and types, never data of a request.
func panicText(recovered any) string {
	switch r := recovered.(type) {
	case runtime.Error:
		return r.Error()
	case string: // a panic of this package
		return r
	}
	return "panic"
}

// attemptStream is attempt for the callbacks of every request.
func attemptStream(where string, id uint32, s stream, run func(uint32, stream) action) (a action, ok bool) {
	ok = attempt(where, func() { a = run(id, s) })
	return a, ok
}

// tidy does nothing: this compiler's collector needs no help.
func tidy() {}

// collect collects garbage at once. A configuration is large compared with what
// requests leave behind: without this the memory of several deleted ones adds up.
func collect() { runtime.GC() }
