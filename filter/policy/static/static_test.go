package static

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"testing"
	"time"

	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/verdict"
)

func TestStaticTokensValidity(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	var s Tokens
	var d Digester
	add := func(text string, notBefore, expires time.Time) {
		entry := token{identity: &identity.Identity{}, notBefore: notBefore, expires: expires}
		decodeDigest(&entry.digest, digestText(text))
		if s.add(entry, text) != "" {
			t.Fatal("duplicate")
		}
	}
	add("always", time.Time{}, time.Time{})
	add("bounded", at("2030-01-01T00:00:00Z"), at("2030-02-01T00:00:00+01:00"))
	for _, c := range []struct {
		token, now string
		want       verdict.Reason
	}{
		{"always", "1970-01-01T00:00:00Z", verdict.ReasonTokenValid},
		{"always", "2999-01-01T00:00:00Z", verdict.ReasonTokenValid},
		{"bounded", "2029-12-31T23:59:59.999999999Z", verdict.ReasonNotYetValid},
		{"bounded", "2030-01-01T00:00:00Z", verdict.ReasonTokenValid},
		{"bounded", "2030-01-31T22:59:59.999999999Z", verdict.ReasonTokenValid},
		{"bounded", "2030-01-31T23:00:00Z", verdict.ReasonExpired},
		{"", "2030-01-15T00:00:00Z", verdict.ReasonUnknownToken},
		{"alway", "2030-01-15T00:00:00Z", verdict.ReasonUnknownToken},
		{"alwayss", "2030-01-15T00:00:00Z", verdict.ReasonUnknownToken},
		// The digest in the configuration is no credential.
		{digestText("always"), "2030-01-15T00:00:00Z", verdict.ReasonUnknownToken},
	} {
		entry, got := s.Verify(d.Sum(c.token), at(c.now))
		if got != c.want || (entry != nil) != (c.want == verdict.ReasonTokenValid) {
			t.Errorf("%q at %s: got %s, want %s", c.token, c.now, got, c.want)
		}
	}
}

// Two digests that share their first eight bytes are still two tokens.
func TestStaticTokensSamePrefix(t *testing.T) {
	t.Parallel()
	var s Tokens
	for i := range byte(3) {
		var entry token
		entry.digest[31] = i
		if other := s.add(entry, strconv.Itoa(int(i))); other != "" {
			t.Fatalf("%d is a duplicate of %s", i, other)
		}
	}
	for i := range byte(3) {
		digest := [32]byte{31: i}
		if got := s.index(&digest); got != int(i) {
			t.Errorf("found %d, want %d", got, i)
		}
	}
	if got := s.index(&[32]byte{31: 3}); got != -1 {
		t.Errorf("found %d for a digest that is not there", got)
	}
	if other := s.add(token{digest: [32]byte{31: 1}}, "again"); other != "1" {
		t.Errorf("duplicate of %q, want 1", other)
	}
}

func BenchmarkStaticVerify(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		var s Tokens
		for i := range n {
			var entry token
			decodeDigest(&entry.digest, digestText("token-"+strconv.Itoa(i)))
			s.add(entry, "")
		}
		token := "token-" + strconv.Itoa(n/2)
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			var d Digester
			for b.Loop() {
				if entry, _ := s.Verify(d.Sum(token), time.Time{}); entry == nil {
					b.Fatal("refused")
				}
			}
		})
	}
}

func digestText(token string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(token))) }
