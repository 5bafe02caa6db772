//go:build wasm && !faults

package filter

// forget ends a callback. What the host returned in it must not be used any more.
func forget() {}

// accepted reports whether the host carried out a call.
func accepted(status int32) bool { return status == statusOK }
