package jose

import (
	"bytes"
	"testing"

	"bearerauth/filter/testkey"
)

func TestSelfTestOfGo(t *testing.T) {
	t.Parallel()
	works, err := SelfTest(nil)
	if err != nil || works != AllAlgorithms {
		t.Fatalf("got %b, %v", works, err)
	}
	everyAlgorithm(func(a Algorithm) {
		if !works.Has(a) || !AllAlgorithms.Has(a) || Algorithms(0).Has(a) || Algorithms(0).With(a) != 1<<a {
			t.Errorf("%s: the set is wrong", a)
		}
		key, other, signature, err := selfTestVector(a)
		if err != nil || key.Equal(other) || !both(t, key, a, selfTestText, signature) || both(t, other, a, selfTestText, signature) {
			t.Errorf("%s: a broken vector: %v", a, err)
		}
	})
	if AllAlgorithms.Has(0) || AllAlgorithms.Has(numAlgorithms) || AllAlgorithms.Has(255) || Algorithms(0).With(0) != 0 || Algorithms(0).With(200) != 0 {
		t.Error("the set holds what is not in the table")
	}
}

func TestSelfTestOfHosts(t *testing.T) {
	t.Parallel()
	rs := Algorithms(0).With(RS256).With(RS384).With(RS512)
	all := rs.With(ES256).With(ES384).With(ES512)
	zeros := func(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }
	for name, c := range map[string]struct {
		host  HostVerifier
		works Algorithms
		lies  bool
	}{
		"as good as Go":        {testkey.HostVerifies, all, false},
		"does nothing":         {func(string, []byte, []byte, []byte) (bool, bool) { return false, false }, 0, false},
		"valid but not done":   {func(string, []byte, []byte, []byte) (bool, bool) { return true, false }, 0, false},
		"always no":            {func(string, []byte, []byte, []byte) (bool, bool) { return false, true }, 0, false},
		"always yes":           {func(string, []byte, []byte, []byte) (bool, bool) { return true, true }, 0, true},
		"yes to any signature": {func(_ string, _, s, _ []byte) (bool, bool) { return len(s) > 0, true }, 0, true},
		"only RSA": {func(h string, k, s, text []byte) (bool, bool) {
			if len(k) < 200 {
				return false, false
			}
			return testkey.HostVerifies(h, k, s, text)
		}, rs, false},
		"never SHA-512": {func(h string, k, s, text []byte) (bool, bool) {
			if h == "sha512" {
				return false, true
			}
			return testkey.HostVerifies(h, k, s, text)
		}, Algorithms(0).With(RS256).With(RS384).With(ES256).With(ES384), false},
		"always SHA-256": {func(_ string, k, s, text []byte) (bool, bool) { return testkey.HostVerifies("sha256", k, s, text) }, Algorithms(0).With(RS256).With(ES256), false},
		"one lie": {func(h string, k, s, text []byte) (bool, bool) {
			if h == "sha384" && len(text) == 0 {
				return true, true
			}
			return testkey.HostVerifies(h, k, s, text)
		}, 0, true},
		"ignores the key": {func(h string, _, s, text []byte) (bool, bool) {
			for a := RS256; a <= ES512; a++ {
				key, _, _, err := selfTestVector(a)
				if err != nil {
					return false, false
				}
				if valid, done := testkey.HostVerifies(h, key.spki, s, text); valid && done {
					return true, true
				}
			}
			return false, true
		}, 0, true},
		"takes zeros": {func(h string, k, s, text []byte) (bool, bool) {
			if zeros(s) || bytes.Equal(s, []byte{0x30, 6, 2, 1, 0, 2, 1, 0}) {
				return true, true
			}
			return testkey.HostVerifies(h, k, s, text)
		}, 0, true},
		"forgets sometimes": {func(h string, k, s, text []byte) (bool, bool) {
			if len(text) == 0 {
				return false, false
			}
			return testkey.HostVerifies(h, k, s, text)
		}, 0, false},
	} {
		works, err := SelfTest(c.host)
		if works != c.works || (err != nil) != c.lies {
			t.Errorf("%s: got %b and %v, want %b and lies %v", name, works, err, c.works, c.lies)
		}
	}
}
