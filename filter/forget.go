//go:build wasm && !scribble

package filter

// forget ends a callback. What the host returned in it must not be used any more.
func forget() {}
