package cache

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
)

// TestSipHash: the first of the reference implementation's vectors for 128-bit
// output (key 00..0f, messages 00, 00 01, …; github.com/veorq/SipHash, CC0).
func TestSipHash(t *testing.T) {
	t.Parallel()
	var random [16]byte
	for i := range random {
		random[i] = byte(i)
	}
	key := NewKey(random)
	for n, want := range []string{
		"a3817f04ba25a8e66df67214c7550293",
		"da87c1d86b99af44347659119b22fc45",
		"8177228da4a45dc7fca38bdef60affe4",
		"9c70b60c5267a94e5f33b6b02985ed51",
	} {
		var message []byte
		for i := range n {
			message = append(message, byte(i))
		}
		got := key.Sum(string(message))
		var out [16]byte
		binary.LittleEndian.PutUint64(out[:8], got.Lo)
		binary.LittleEndian.PutUint64(out[8:], got.Hi)
		if hex.EncodeToString(out[:]) != want {
			t.Errorf("%d bytes: %x, want %s", n, out, want)
		}
	}
}

func BenchmarkSipHash660(b *testing.B) {
	key := NewKey([16]byte{1})
	s := strings.Repeat("x", 660)
	b.ReportAllocs()
	for b.Loop() {
		key.Sum(s)
	}
}
