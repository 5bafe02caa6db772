//go:build wasm

// Bearerauth is a proxy-wasm HTTP filter that checks the bearer token of each
// request inside Envoy or Istio.
package main

import "bearerauth/filter"

func main() {}

// A c-shared module has no main: the host calls _initialize, which runs this.
func init() { filter.Register() }
