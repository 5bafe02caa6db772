//go:build wasm && faults

package filter

import (
	"os"
	"strconv"
)

// This build of the module is for tests (make faults-test).

// forget overwrites what the host returned in a callback. Code that still uses such
// memory, for example for a request that waits, reads garbage, and the tests fail.
func forget() {
	for i := range buffer {
		buffer[i] = 0xdb
	}
	clear(headerPairs[:cap(headerPairs)])
}

// statusPanic is a status that only the tests' own host returns.
const statusPanic = 99

var (
	// panicEvery is the number of host calls from one panic to the next, 0 for none, from
	// the first request on. Envoy returns no status that a test chooses.
	panicEvery, _ = strconv.ParseUint(os.Getenv("PANIC_EVERY"), 10, 64)
	hostCalls     uint64
)

// accepted panics after the host calls that a test selects.
func accepted(status int32) bool {
	if newestID != 0 {
		hostCalls++
	}
	if status == statusPanic || hostCalls > 0 && panicEvery > 0 && hostCalls%panicEvery == 0 {
		panic("a test asked for a panic")
	}
	return status == statusOK
}
