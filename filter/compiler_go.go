//go:build wasm && !tinygo

package filter

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
