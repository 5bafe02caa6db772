package match

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"bearerauth/filter/policy/request"
)

func host(t testing.TB, s string) request.HostPattern {
	t.Helper()
	h, err := request.ParseHost(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return h
}

func bindsHost(h *request.HostPattern, text string) bool {
	a := request.ReadAuthority(text)
	return h.Binds(&a)
}

func TestHost(t *testing.T) {
	for _, c := range []struct {
		pattern, authority string
		opens, binds       bool
	}{
		{"example.com", "example.com", true, true},
		{"example.com", "EXAMPLE.com:8080", true, true},
		{"Example.COM", "example.com", true, true},
		{"example.com", "example.com:0", true, true},
		{"example.com", "www.example.com", false, false},
		{"example.com", "example.com.evil.org", false, false},
		{"example.com", "badexample.com", false, false},
		{"example.com", "example.com.", false, true},
		{"example.com", "example.com.:443", false, true},
		{"example.com", "example.com:", false, true},
		{"example.com", "example.com:http", false, true},
		{"example.com", "example.com:443:80", false, true},
		{"example.com", "x:example.com", false, true},
		{"example.com", "x:example.com:80", false, true},
		{"example.com", "example.com:123456", false, true},
		{"example.com", "user@example.com", false, true},
		{"example.com", "user:pw@example.com:80", false, true},
		{"example.com", "example.com@evil.org", false, true},
		{"example.com", "evil.org#@example.com", false, true},
		{"example.com", "evil.org,example.com", false, true},
		{"example.com", " example.com", false, true},
		{"example.com", "example.com\x00.evil.org", false, true},
		{"example.com", "example.com/evil", false, true},
		{"example.com", `evil.org\example.com`, false, true},
		{"example.com", "ex%61mple.com", false, true},
		{"example.com", "%65xample.com%2eevil.org", false, true}, // what escapes make of a name is not searched
		{"example.com", "example..com", false, false},
		{"example.com", ".example.com", false, false},
		{"example.com", "", false, false},
		{"example.com", ":80", false, false},
		{"example.com", "@", false, false},
		{"example.com", "exam\u212Aple.com", false, true}, // nor is what IDNA makes of one: the Kelvin sign is a k
		{"kk.com", "\u212Ak.com", false, true},
		{"*.example.com", "a.example.com", true, true},
		{"*.example.com", "a.b.EXAMPLE.com:1", true, true},
		{"*.example.com", "example.com", false, false},
		{"*.example.com", ".example.com", false, false},
		{"*.example.com", "aexample.com", false, false},
		{"*.example.com", "a.example.com.", false, true},
		{"*.example.com", "a.example.com.evil.org", false, false},
		{"*.example.com", "evil.org@a.example.com", false, true},
		{"*.example.com", "evil.org:a.example.com", false, true},
		{"127.0.0.1", "127.0.0.1:80", true, true},
		{"127.0.0.1", "127.0.0.2", false, false},
		{"127.0.0.1", "127.1", false, true},
		{"[::1]", "127.1", false, true},
		{"a.b", "127.1", false, false},
		{"[::1]", "[::1]", true, true},
		{"[::1]", "[::1]:8080", true, true},
		{"[::]", "[0::0]", true, true},
		{"[0:0::1]", "[::0001]", true, true},
		{"[2001:DB8::a]", "[2001:db8::A]:1", true, true},
		{"[::1]", "::1", false, true},
		{"[::1]", "[::1", false, true},
		{"[::1]", "[::1]x", false, true},
		{"[::1]", "[::1]:x", false, true},
		{"[::1]", "[::1].", false, true},
		{"[::1]", "a@[::1]:80", false, true},
		{"[::1]", "[::1%25eth0]", false, true},
		{"[::1]", "[::2]", false, false},
		{"[::1]", "localhost", false, false},
		{"[::1]", "[::1]x80", false, true},
		{"a.b", "[::1]", false, false},
		{"a.b", "[::]", false, false}, // the address of a pattern that has none
	} {
		h := host(t, c.pattern)
		m := Match{hosts: []request.HostPattern{h}}
		v := NewView(&request.Request{Authority: c.authority, Path: "/", HasPath: true})
		if got := m.opens(&v); got != c.opens {
			t.Errorf("%q opens %q: %v", c.pattern, c.authority, got)
		}
		if got := m.binds(&v, "/"); got != c.binds {
			t.Errorf("%q binds %q: %v", c.pattern, c.authority, got)
		}
		if m.settles(&v, "/") != c.opens {
			t.Errorf("%q settles %q: %v", c.pattern, c.authority, !c.opens)
		}
	}
	if (&request.HostPattern{}).Match("") || (&request.HostPattern{}).Match("a") || bindsHost(&request.HostPattern{}, "[]") {
		t.Error("the zero pattern matches")
	}
}

func TestHostErrors(t *testing.T) {
	for _, s := range []string{
		"", "*", "*.", "*.*.a", "a*.com", "a.*.com", "**.a", "a..b", ".a", "a.", "*.a.", "a:80", "[::1]:80", "[::1", "[]", "[1.2.3.4]",
		"::1", "[fe80::1%25eth0]", "xn--a-.com", "0x7f.1.1.1.1", "*.0.0.1", "*.10.0.0.1", "1.2.3.4.5", "999.1.1.1", "256", "http://a", "a/b", "a b", "a@b", "é.com", "a\x00", strings.Repeat("a", 64), strings.Repeat("a.", 127) + "a",
	} {
		if h, err := request.ParseHost(s); err == nil || h != (request.HostPattern{}) || !strings.HasPrefix(err.Error(), "want ") {
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
	if h.Covers(&o) || o.Covers(&h) || h.Covers(&request.HostPattern{}) || (&request.HostPattern{}).Covers(&h) {
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
		got, ok := request.ParseIPv6Literal("[" + s + "]")
		want, err := netip.ParseAddr(s)
		if wantOK := err == nil && want.Is6() && want.Zone() == ""; ok != wantOK || ok && got != want.As16() {
			t.Fatalf("%q: %v %v, net/netip says %v %v", s, got, ok, want, err)
		}
	})
}

// FuzzHost: an opening is a host that a strict reader finds, and a requirement
// binds wherever an opening would apply.
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
		h, err := request.ParseHost(text)
		if err != nil {
			return
		}
		if !h.Covers(&h) {
			t.Fatalf("%q does not cover itself", text)
		}
		plain, ok := request.UnambiguousHost(authority)
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
			if _, oddOK := request.UnambiguousHost(odd); ok && oddOK {
				t.Fatalf("%q is plain", odd)
			}
			if ok && h.Match(plain) && !bindsHost(&h, odd) {
				t.Fatalf("%q does not bind %q", text, odd)
			}
		}
	})
}
