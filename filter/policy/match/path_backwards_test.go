package match

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// disguises are what servers undo, done: each takes a path to another that some
// server, proxy or URL parser reads as the first.
var disguises = []struct {
	name string
	hide func(r *rand.Rand, s string) string
}{
	{"an escape", func(r *rand.Rand, s string) string { return escapeSome(r, s, "%%%02x", "%%%02X") }},
	{"escapes of one byte", func(r *rand.Rand, s string) string {
		c := s[r.IntN(len(s))]
		return s[:1] + strings.ReplaceAll(s[1:], string([]byte{c}), fmt.Sprintf("%%%02x", c))
	}},
	{"an escape of UTF-16", func(r *rand.Rand, s string) string { return escapeSome(r, s, "%%u%04x", "%%U%04X") }},
	{"UTF-8 that is too long", func(r *rand.Rand, s string) string {
		i := 1 + r.IntN(len(s)-1)
		lead := []string{"\xc0", "\xe0\x80", "\xf0\x80\x80"}[r.IntN(3)]
		if s[i] >= 0x80 || reOverlong.MatchString(s) {
			return s
		}
		return s[:i] + lead[:len(lead)-1] + string([]byte{lead[len(lead)-1] | s[i]>>6, 0x80 | s[i]&0x3f}) + s[i+1:]
	}},
	{"a parameter", func(r *rand.Rand, s string) string {
		if strings.Contains(s, ";q/") {
			return s // which is cut there, or here, not at both
		}
		return insert(r, s, "/", []string{";", ";x", ";x=y", ";..", ";x\\", ";%2f"}[r.IntN(6)])
	}},
	{"a first parameter", func(r *rand.Rand, s string) string {
		if strings.Contains(s, ";") {
			return s
		}
		return s + []string{";q/..", ";q/../public", ";q/x;y"}[r.IntN(3)]
	}},
	{"a last parameter", func(r *rand.Rand, s string) string { return s + []string{";", ";x", ";.."}[r.IntN(3)] }},
	{"a backslash", func(r *rand.Rand, s string) string { return s[:1] + strings.ReplaceAll(s[1:], "/", `\`) }},
	{"a second slash", func(r *rand.Rand, s string) string { return insert(r, s, "/", "/") }},
	{"a dot", func(r *rand.Rand, s string) string { return insert(r, s, "/", "/.") }},
	{"a way back", func(r *rand.Rand, s string) string {
		return insert(r, s, "/", []string{"/x/..", "/public/..", "/public/x/../.."}[r.IntN(3)])
	}},
	{"a host", func(r *rand.Rand, s string) string {
		return strings.Repeat("/", 2+r.IntN(4)) + []string{"x", "public", "u:p@x:80", "[::1]"}[r.IntN(4)] + s
	}},
	{"a fragment", func(r *rand.Rand, s string) string { return s + []string{"#", "#/../public", "#x"}[r.IntN(3)] }},
	{"a late query", func(r *rand.Rand, s string) string { return s + []string{"%3f", "%3f/../public", "%3Fx"}[r.IntN(3)] }},
	{"the end of a C string", func(r *rand.Rand, s string) string {
		return s + []string{"%00", "\x00/../public", "%00.png"}[r.IntN(3)]
	}},
	{"spaces behind a name", func(r *rand.Rand, s string) string {
		return insert(r, s, "/", []string{" ", "%20", "  "}[r.IntN(3)])
	}},
	{"bytes that a URL has not", func(r *rand.Rand, s string) string {
		i := 1 + r.IntN(len(s))
		return s[:i] + []string{"\t", "\r", "\n"}[r.IntN(3)] + s[i:]
	}},
}

var reOverlong = regexp.MustCompile(`(?s-i)[^\x00-\x7f]|%[c-fC-F]`)

func escapeSome(r *rand.Rand, s string, formats ...string) string {
	i := 1 + r.IntN(len(s)-1)
	if s[i] >= 0x80 {
		return s // of UTF-16 it would be another character
	}
	return s[:i] + fmt.Sprintf(formats[r.IntN(len(formats))], s[i]) + s[i+1:]
}

// insert puts something before one of these, not the first, or at the end.
func insert(r *rand.Rand, s, before, what string) string {
	places := []int{len(s)}
	for i := 1; i < len(s); i++ {
		if strings.HasPrefix(s[i:], before) {
			places = append(places, i)
		}
	}
	i := places[r.IntN(len(places))]
	return s[:i] + what + s[i:]
}

// TestDisguisedPaths: a path under any sequence of changes that servers undo is bound by
// the rule that denies it, and is not opened by a rule for another path.
func TestDisguisedPaths(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 9))
	public, admin := prefixMatch(t, "/public"), prefixMatch(t, "/admin")
	crowded := 0
	const n = 60_000
	for i := range n {
		s := []string{"/admin", "/admin/", "/admin/x", "/admin/x/y"}[r.IntN(4)]
		was := []string{s}
		for range 1 + i%5 {
			d := disguises[r.IntN(len(disguises))]
			s = d.hide(r, s)
			was = append(was, d.name, s)
		}
		v := viewOf(s)
		switch {
		case v.TooManyReadings():
			crowded++
		case !bindsAny(admin, v), public.opens(v):
			t.Fatalf("seed %d: %q: denied %v, opens %v, of %q: %q", seed, s, bindsAny(admin, v), public.opens(v), was, v.Readings())
		}
	}
	if crowded > n/10 {
		t.Errorf("%d of %d crowded: the property says little", crowded, n)
	}
}
