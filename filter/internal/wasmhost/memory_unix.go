//go:build unix

package wasmhost

import (
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// mapped gives each VM memory of the operating system, which has it back when the VM
// ends. Go's collector would keep that of hundreds of ended VMs for a while.
func mapped() experimental.MemoryAllocator {
	return experimental.MemoryAllocatorFunc(func(_, most uint64) experimental.LinearMemory {
		block, err := syscall.Mmap(-1, 0, int(most), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
		if err != nil {
			panic(err)
		}
		return mapping(block)
	})
}

type mapping []byte

func (m mapping) Reallocate(size uint64) []byte {
	if size > uint64(len(m)) {
		return nil
	}
	return m[:size]
}

func (m mapping) Free() {
	if err := syscall.Munmap(m); err != nil {
		panic(err)
	}
}
