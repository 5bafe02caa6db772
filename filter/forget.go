//go:build wasm && !scribble

package filter

// forget ends a callback. What the host gave for it is not to be used any more.
func forget() {}
