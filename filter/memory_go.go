//go:build wasm && !tinygo

package filter

func tidy() {}
