//go:build !unix

package wasmhost

import "github.com/tetratelabs/wazero/experimental"

// mapped leaves memory to Go.
func mapped() experimental.MemoryAllocator { return nil }
