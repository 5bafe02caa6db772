package match

import (
	"testing"

	"bearerauth/filter/policy/request"
)

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
		v := newView(&request.Request{Authority: c.authority, Path: "/", HasPath: true})
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
}

func host(t testing.TB, s string) request.HostPattern {
	t.Helper()
	h, err := request.ParseHost(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return h
}
