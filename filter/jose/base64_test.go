package jose

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

// FuzzBase64 holds our decoder to Go's strict one, less what Go skips.
func FuzzBase64(f *testing.F) {
	seeds := []string{"", "A", "AA", "AB", "AAA", "AAB", "AAAA", "AA==", "AA\n", "\r\nAAAA", "-_-_", "+/+/", "AAA\xff", "eyJhbGciOiJIUzI1NiJ9"}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := base64.RawURLEncoding.Strict().DecodeString(text)
		wanted := err == nil && !strings.ContainsAny(text, "\r\n")
		got, ok := appendDecoded(nil, text)
		if ok != wanted || (ok && !bytes.Equal(got, want)) {
			t.Fatalf("%q: got %x %v, want %x %v", text, got, ok, want, err)
		}
		if ok && len(got) != decodedLen(len(text)) {
			t.Fatalf("%d bytes, announced %d", len(got), decodedLen(len(text)))
		}
		if again, okAgain := appendDecoded([]byte("x"), []byte(text)); okAgain != ok || (ok && string(again) != "x"+string(got)) {
			t.Fatalf("bytes and strings differ on %q", text)
		}
	})
}

// This covers every byte at every position, and every last symbol.
func TestBase64Alphabet(t *testing.T) {
	t.Parallel()
	strict := base64.RawURLEncoding.Strict()
	for _, text := range []string{"AAAAAAAA", "AAAAAA", "AAAAAAA"} {
		for at := range len(text) {
			for c := range 256 {
				changed := text[:at] + string([]byte{byte(c)}) + text[at+1:]
				_, err := strict.DecodeString(changed)
				want := err == nil && c != '\r' && c != '\n'
				if _, ok := appendDecoded(nil, changed); ok != want {
					t.Errorf("%q: got %v, want %v", changed, ok, want)
				}
			}
		}
	}
}
