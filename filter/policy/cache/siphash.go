package cache

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// Name names a token in a cache: SipHash-2-4 with 128 bits of output under
// a key of the VM's own (Aumasson and Bernstein, "SipHash: a fast short-input
// PRF"). Whoever does not know the key cannot make two tokens share a name.
type Name struct{ Lo, Hi uint64 }

type Key struct{ k0, k1 uint64 }

func NewKey(random [16]byte) Key {
	return Key{binary.LittleEndian.Uint64(random[:8]), binary.LittleEndian.Uint64(random[8:])}
}

func (k Key) Sum(s string) Name {
	v0 := k.k0 ^ 0x736f6d6570736575
	v1 := k.k1 ^ 0x646f72616e646f6d ^ 0xee
	v2 := k.k0 ^ 0x6c7967656e657261
	v3 := k.k1 ^ 0x7465646279746573
	last := uint64(len(s)) << 56
	for ; len(s) >= 8; s = s[8:] {
		m := load64(s)
		v3 ^= m
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		v0 ^= m
	}
	for i := 0; i < len(s); i++ {
		last |= uint64(s[i]) << (8 * i)
	}
	v3 ^= last
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0 ^= last
	v2 ^= 0xee
	for range 4 {
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	}
	lo := v0 ^ v1 ^ v2 ^ v3
	v1 ^= 0xdd
	for range 4 {
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	}
	return Name{lo, v0 ^ v1 ^ v2 ^ v3}
}

// load64 reads eight octets at once, which the compiler does not do by itself on
// Wasm. Wasm is little-endian, as SipHash is; elsewhere only tests run, and
// their vectors would tell.
func load64(s string) uint64 {
	return *(*uint64)(unsafe.Pointer(unsafe.StringData(s)))
}

func sipRound(v0, v1, v2, v3 uint64) (uint64, uint64, uint64, uint64) {
	v0 += v1
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v0 = bits.RotateLeft64(v0, 32)
	v2 += v3
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v0 += v3
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	v2 += v1
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	v2 = bits.RotateLeft64(v2, 32)
	return v0, v1, v2, v3
}
