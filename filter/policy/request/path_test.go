package request

import (
	"slices"
	"strings"
	"testing"
)

func parsePath(s string) Path {
	p := SplitPath(s)
	if !p.Canonical() {
		p.List(nil)
	}
	return p
}

func TestPathReadings(t *testing.T) {
	for _, c := range []struct {
		path string
		want []string
	}{
		{"/a", []string{"/a"}},
		{"/a%2fb", []string{"/a%2fb", "/a/b"}},
		{"/a/../b", []string{"/a/../b", "/b"}},
		{"//a", []string{"//a", "/a", "/"}},
		{"/a//../b", []string{"/a//../b", "/a/../b", "/a/b", "/b"}},
		{"/%2e%2F", []string{"/%2e%2F", "/.%2F", "/%2e/", "/./", "/"}},
		{"/a;b", []string{"/a;b", "/a"}},
		{"/é%20", []string{"/é%20", "/é ", "/é"}},
		{"/a?b#c", []string{"/a"}},
		{"/a#b?c", []string{"/a#b", "/a"}},
		{"/a/..", []string{"/a/..", "/"}},
		{"/a/.", []string{"/a/.", "/a/"}},
		{"/..", []string{"/..", "/"}},
		{"/...", []string{"/..."}},
	} {
		p := parsePath(c.path)
		if got := p.Readings(); !slices.Equal(got, c.want) {
			t.Errorf("%q: readings %q, want %q", c.path, got, c.want)
		}
	}
}

func TestSuspectPath(t *testing.T) {
	for s, want := range map[string]bool{
		"": true, "*": true, "a": true, "http://a/b": true, "?": true, "/\x00": true, "/\x1f": true, "/\x7f": true, "/%1F": true, "/%250a": true,
		"/%": true, "/%4": true, "/%4g": true, "/%4%31": true, "/%25": true, "/%25zz": true, "/%252541": true, "/%c0%ae": true,
		"/%ed%a0%80": true, "/%25c0%25ae": true, "/\xe9": true, "/\xc3%a9": true, "/%c3%25a9": true,
		"/": false, "/../": false, "//": false, "/ ": false, "/é": false, "/%c3%a9": false, "/%25c3%25a9": false, "/%2541": false, "/a?%00": false, "/a#b": false,
	} {
		p := parsePath(s)
		if p.Suspect() != want {
			t.Errorf("%q: suspect %v", s, !want)
		}
	}
}

func TestPathQuery(t *testing.T) {
	for in, want := range map[string]string{
		"/a": "", "/a?": "", "/a?b=1": "b=1", "/a?b=1?c": "b=1?c", "/a?b#c": "b#c", "/a#b?c": "c", "?x": "x",
	} {
		p := parsePath(in)
		if p.Query != want || p.Fragment != strings.Contains(in, "#") {
			t.Errorf("%q: query %q, fragment %v", in, p.Query, p.Fragment)
		}
	}
}

func TestCanonicalPath(t *testing.T) {
	for s, want := range map[string]bool{
		"/": true, "/a": true, "/a/": true, "/a.b/..c/...": true, "/c++/a+b": true, "/+": false, "/..+": false, "/.+/a": false, "/...": true, "/a:@!$&'()*+,=~-_": true, "/a?%zz": true,
		"": false, "a": false, "*": false, "//": false, "/a//b": false, "/.": false, "/..": false, "/./a": false, "/a/..": false,
		"/a;b": false, "/%41": false, `/\`: false, "/ ": false, "/é": false, "/a#": false, "/\x00": false, `/"`: false, "/{a}": false,
	} {
		p := parsePath(s)
		if p.Canonical() != want {
			t.Errorf("%q: canonical %v", s, !want)
		}
	}
	if (&Path{}).Canonical() {
		t.Error("no path is canonical")
	}
}

// Honest paths with odd bytes must not be crowded.
func TestHonestOddPaths(t *testing.T) {
	for _, s := range []string{
		"/api/v4/projects/group%2Fproject/repository/files/a%20b%2Fc.txt/raw",
		"/_matrix/client/r0/rooms/%21abc%3Aserver/state",
		"/public/My%20File%20(1)%3B%20a%2Fb%3F.txt",
		"/odata/Products('a%20b;c')",
		"/app/page;jsessionid=1234567890?x=y",
		"/proxy/https%3A%2F%2Fexample.com%2Fa%2520b%3Fx%3D1%26y%3D2",
		"/x/https://example.com/a%20b",
		"/cars;color=red;year=2012/models;a=b/x%20y",
		"/s3/a+b~c%2Fd%20e/v1.0/..foo",
		"/render/%7B%22a%22%3A%5B1%2C2%5D%2C%22b%22%3A%22x%2Fy%3Fz%22%7D",
		"/a//b",
		"/tag/c++",
		"/files/%E2%82%AC.txt",
		"/wiki/%D0%97%D0%B0%D0%B3%D0%BB%D0%B0%D0%B2%D0%BD%D0%B0%D1%8F",
	} {
		p := parsePath(s)
		if p.Suspect() || p.TooManyReadings || len(p.Readings()) > 60 {
			t.Errorf("%q: suspect %v, %d readings: %q", s, p.Suspect(), len(p.Readings()), p.Readings())
		}
	}
}

func BenchmarkPath(b *testing.B) {
	for name, s := range map[string]string{
		"canonical": "/api/v1/items/0123456789?fields=name,price",
		"escaped":   "/api/v1/items/a%20b%2fc",
		"attack":    "/public/%252e%252e%255cadmin;x//..",
		"worst":     "/" + strings.Repeat("%2541%20;%252f/", 32),
		"worst4k":   "/" + strings.Repeat("%2541%20;%252f/", 270),
		"worstlong": "/" + strings.Repeat("%25", 20000),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var w Walk
			for b.Loop() {
				if p := SplitPath(s); !p.Canonical() {
					p.List(&w)
				}
			}
		})
	}
}

// TestBoundsOfReadings: a hostile path cannot make more readings than the bounds permit.
func TestBoundsOfReadings(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]string{
		"long":   "/public/" + strings.Repeat("%41", maxOddPath/3) + "/../../admin",
		"levels": "/public/%" + strings.Repeat("25", 300) + "2e/../../admin",
		"ways":   "/public/%41%20%2f%5c%3b%3f%25252525%2e/;a//..;/../../../../../../admin",
		"bulk":   "/public/" + strings.Repeat("%2541%20;%252f/", 250),
	} {
		p := parsePath(s)
		total := 0
		for _, reading := range p.Readings() {
			total += len(reading)
		}
		if !p.TooManyReadings || len(p.Readings()) > maxReadings || total > maxReadingsBytes+len(s) {
			t.Errorf("%s: %d readings of %d bytes, too many: %v", name, len(p.Readings()), total, p.TooManyReadings)
		}
	}
}

// FuzzCanonicalPath: a canonical path has one reading and is not suspect.
func FuzzCanonicalPath(f *testing.F) {
	for _, s := range []string{"/", "/a", "/a/", "/a.b/..c/...", "/c++/a+b", "/...", "/a:@!$&'()*+,=~-_", "/.+", "//", "/a;b", "/%41"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !IsCanonicalPath(s) {
			return
		}
		if list, full := new(Walk).readings(s); full || len(list) != 1 || list[0] != s || isSuspectPath(s) {
			t.Fatalf("%q is canonical but has the readings %q", s, list)
		}
	})
}
