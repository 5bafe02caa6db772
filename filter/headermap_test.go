package filter

import (
	"slices"
	"testing"
)

// FuzzDecodePairs: only the host's own serialisation is accepted, and no other bytes.
func FuzzDecodePairs(f *testing.F) {
	for _, pairs := range [][][2]string{nil, {{":path", "/"}}, {{"a", ""}, {"", "b"}, {"a", "c"}}} {
		f.Add(appendPairs(nil, pairs))
	}
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Add([]byte("\x01\x00\x00\x00\xff\xff\xff\xff\x01\x00\x00\x00ab"))
	f.Fuzz(func(t *testing.T, buf []byte) {
		pairs, ok := decodePairs(nil, buf)
		if !ok || len(buf) == 0 {
			return
		}
		again, ok := decodePairs(nil, appendPairs(nil, pairs))
		if !ok || !slices.Equal(pairs, again) {
			t.Fatalf("%q became %q", pairs, again)
		}
	})
}
