package cache

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// Name is the key of a token in a cache: SipHash-2-4 with 128 bits of output (Aumasson
// and Bernstein, "SipHash: a fast short-input PRF") under a secret Key. A client that
// does not know the Key cannot construct two tokens with one Name.
type Name struct{ Lo, Hi uint64 }

// Key is the secret of a VM under which names are computed.
type Key struct{ k0, k1 uint64 }

// NewKey makes a Key of 16 random bytes.
func NewKey(random [16]byte) Key {
	return Key{binary.LittleEndian.Uint64(random[:8]), binary.LittleEndian.Uint64(random[8:])}
}

// Sum returns the Name of s.
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

// load64 reads eight bytes at once; on Wasm the compiler does not combine eight loads
// by itself. Wasm is little-endian, as SipHash is. Other machines only run the tests,
// whose vectors would fail on a big-endian one.
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
