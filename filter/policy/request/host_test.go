package request

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

func host(t testing.TB, s string) HostPattern {
	t.Helper()
	h, err := ParseHost(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return h
}

func bindsHost(h *HostPattern, text string) bool {
	a := ReadAuthority(text)
	return h.Binds(&a)
}

func TestHostErrors(t *testing.T) {
	for _, s := range []string{
		"", "*", "*.", "*.*.a", "a*.com", "a.*.com", "**.a", "a..b", ".a", "a.", "*.a.", "a:80", "[::1]:80", "[::1", "[]", "[1.2.3.4]",
		"::1", "[fe80::1%25eth0]", "xn--a-.com", "0x7f.1.1.1.1", "*.0.0.1", "*.10.0.0.1", "1.2.3.4.5", "999.1.1.1", "256", "http://a", "a/b", "a b", "a@b", "é.com", "a\x00", strings.Repeat("a", 64), strings.Repeat("a.", 127) + "a",
	} {
		if h, err := ParseHost(s); err == nil || h != (HostPattern{}) || !strings.HasPrefix(err.Error(), "want ") {
			t.Errorf("%q: %v, %v", s, h, err)
		}
	}
}

func TestHostCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(rand.Uint64(), 3))
	patterns := []string{"a", "b.a", "c.b.a", "*.a", "*.b.a", "*.c.b.a", "b.A", "ba", "*.ba", "[::1]", "[0::1]", "[::2]", "1.2.3.4"}
	hosts := []string{"a", "b.a", "c.b.a", "x.a", "x.b.a", "ba", "x.ba", "[::1]", "[::2]", "1.2.3.4", "A", "B.a"}
	for _, p := range patterns {
		for _, q := range patterns {
			h, o := host(t, p), host(t, q)
			want := true
			for _, s := range hosts {
				authority := s + []string{"", ":80", ".", "@x"}[r.IntN(4)]
				want = want && (bindsHost(&h, authority) || !bindsHost(&o, authority))
			}
			if h.Covers(&o) && !want {
				t.Errorf("%q covers %q", p, q)
			}
		}
	}
	for _, c := range [][2]string{{"*.a", "b.a"}, {"*.a", "*.b.a"}, {"*.a", "*.A"}, {"A", "a"}, {"[::1]", "[0::1]"}} {
		h, o := host(t, c[0]), host(t, c[1])
		if !h.Covers(&o) {
			t.Errorf("%q does not cover %q", c[0], c[1])
		}
	}
	h, o := host(t, "*.a"), host(t, "a")
	if h.Covers(&o) || o.Covers(&h) || h.Covers(&HostPattern{}) || (&HostPattern{}).Covers(&h) {
		t.Error("covers too much")
	}
}

// FuzzIPv6Literal: net/netip agrees.
func FuzzIPv6Literal(f *testing.F) {
	seeds := []string{
		"::", "::1", "1::", "1::2", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:2:3::5:6:7:8", "::ffff:1.2.3.4",
		"1:2:3:4:5:6:1.2.3.4", "64:ff9b::192.0.2.33", "FE80::aBcD", "0:0:0:0:0:0:0:0", "0001::",
		"", ":", ":::", "1", "1:", ":1", "1:::2", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4::5:6:7:8", "1:2:3:4:5:6:7:8::",
		"12345::", "g::", "1.2.3.4", "::1.2.3", "::1.2.3.4.5", "::1.2.3.256", "::1.2.3.04", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.",
		"::1%eth0", "::+1.2.3.4", "::1.2.3.+4", "::1_0", "[::1", "::1]",
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseIPv6Literal("[" + s + "]")
		want, err := netip.ParseAddr(s)
		if wantOK := err == nil && want.Is6() && want.Zone() == ""; ok != wantOK || ok && got != want.As16() {
			t.Fatalf("%q: %v %v, net/netip says %v %v", s, got, ok, want, err)
		}
	})
}

// FuzzHost: an opening is a host that a strict reader finds, and a requirement binds every
// host that an opening would match.
func FuzzHost(f *testing.F) {
	seeds := []string{"example.com", "a.example.com:80", "u@example.com", "example.com.", "[::1]:80", "", "a:b:c", "%65xample.com"}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add("*.example.com", s)
		f.Add("[::1]", s)
		f.Add("example.com", s)
	}
	f.Fuzz(func(t *testing.T, text, authority string) {
		h, err := ParseHost(text)
		if err != nil {
			return
		}
		if !h.Covers(&h) {
			t.Fatalf("%q does not cover itself", text)
		}
		plain, ok := UnambiguousHost(authority)
		if ok && h.Match(plain) && !bindsHost(&h, authority) {
			t.Fatalf("%q opens %q and does not bind it", text, authority)
		}
		if ok && (!strings.HasPrefix(authority, plain) || strings.ContainsAny(plain, "@/\\, %") || strings.HasSuffix(plain, ".")) {
			t.Fatalf("%q has the plain host %q", authority, plain)
		}
		if ok && !strings.ContainsAny(text, "[*") && h.Match(plain) && !strings.EqualFold(text, plain) {
			t.Fatalf("%q matches %q", text, plain)
		}
		for _, odd := range []string{"u@" + plain, plain + ".", plain + ":", plain + ":1:2", "x," + plain, plain + "/"} {
			if _, oddOK := UnambiguousHost(odd); ok && oddOK {
				t.Fatalf("%q is plain", odd)
			}
			if ok && h.Match(plain) && !bindsHost(&h, odd) {
				t.Fatalf("%q does not bind %q", text, odd)
			}
		}
	})
}

// TestZeroHost: the zero pattern matches nothing.
func TestZeroHost(t *testing.T) {
	t.Parallel()
	if zero := (HostPattern{}); zero.Match("") || zero.Match("a") || bindsHost(&zero, "[]") || bindsHost(&zero, "a") {
		t.Error("the zero pattern matches")
	}
}
