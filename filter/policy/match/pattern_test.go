package match

import (
	"math/rand/v2"
	"strings"
	"testing"

	"bearerauth/filter/policy/syntax"
)

var patternParsers = map[string]func(string) (*pathPattern, error){
	"exact": parseExactPath, "prefix": parsePrefixPath, "template": parseTemplatePath, "regex": parseRegexPath,
}

func pattern(t testing.TB, kind, s string) *pathPattern {
	t.Helper()
	p, err := patternParsers[kind](s)
	if err != nil {
		t.Fatalf("%s %q: %v", kind, s, err)
	}
	return p
}

func TestPatternMatch(t *testing.T) {
	for _, c := range []struct {
		kind, pattern string
		match, differ string // readings, separated by spaces
	}{
		{"exact", "/", "/", "// /a"},
		{"exact", "/items/", "/items/", "/items /items/a /items// /Items/"},
		{"exact", "/items", "/items", "/items/ /itemsx /item / items"},
		{"exact", "/caf%c3%a9", "/caf%C3%A9 /caf%c3%A9 /café /caf\xc3%a9", "/caf /caf%C3 /caf%25C3%25A9 /cafe"},
		{"exact", "/café", "/caf%C3%A9 /caf%c3%a9 /café", "/caf\xc3"},
		{"exact", "/a%40b", "/a%40b /a@b", "/a%4 /a%41b /a%2540b"},
		{"exact", "/a@b", "/a@b", "/a%40b"},
		{"exact", "/%61", "/a", "/%61"}, // an unreserved byte has one spelling
		{"exact", "/a%2Ab", "/a*b /a%2ab /a%2Ab", "/axb"},
		{"exact", "/a:b(c)=d,e+f", "/a:b(c)=d,e+f", "/a:b(c)=d,e"},
		{"prefix", "/", "/ /a /a/b // /%zz", "a *"},
		{"prefix", "/api", "/api /api/ /api/x /api//", "/apix /ap / /API /api;x"},
		{"prefix", "/api/", "/api/ /api/x /api/x/y", "/api /apix"},
		{"prefix", "/a/b", "/a/b /a/b/c", "/a/bc /a /a/c"},
		{"template", "/a/*", "/a/b /a/b%2fc", "/a /a/ /a/b/c /a/b/"},
		{"template", "/a/{*}/c", "/a/b/c", "/a//c /a/b/c/ /a/b/d /a/c"},
		{"template", "/a/*/", "/a/b/", "/a/b /a//"},
		{"template", "/*", "/a", "/ /a/ /a/b"},
		{"template", "/a/**", "/a /a/ /a/b /a/b/c", "/ab /"},
		{"template", "/a/*/{**}", "/a/b /a/b/ /a/b/c/d", "/a /a/ /a//c"},
		{"template", "/**", "/ /a /a/b", "a"},
		{"template", "/a/b", "/a/b", "/a/b/ /a"},
		{"template", "/a%2A/%7B%2A%7D", "/a*/{*}", "/a*/b /ab/{*}"},
		{"regex", "/a|/b", "/a /b", "/ab /b/ x/b /a?"},
		{"regex", "/v[0-9]+/.*", "/v1/ /v12/x/y", "/v/ x/v1/ /a/v1/x"},
		{"regex", ".*", "/ /a", "a * "},
		{"regex", "(?m)^/a$", "/a", "/a\n/b"},
		{"regex", `\Q/a.b\E`, "/a.b", "/axb"},
	} {
		p := pattern(t, c.kind, c.pattern)
		for _, reading := range strings.Split(c.match, " ") {
			if !p.match(reading) {
				t.Errorf("%s %q does not match %q", c.kind, c.pattern, reading)
			}
		}
		for _, reading := range strings.Split(c.differ, " ") {
			if p.match(reading) {
				t.Errorf("%s %q matches %q", c.kind, c.pattern, reading)
			}
		}
		if p.match(noPath) {
			t.Errorf("%s %q matches a request without a path", c.kind, c.pattern)
		}
	}
	if (&pathPattern{}).match("/") || (&pathPattern{}).match("") {
		t.Error("the zero pattern matches")
	}
}

func TestPatternErrors(t *testing.T) {
	bad := map[string]string{
		"":          "starts with /",
		"a":         "starts with /",
		"*":         "starts with /",
		"%2fa":      "starts with /",
		"//":        "not //",
		"/a//b":     "not //",
		"/.":        "dot segments",
		"/a/../b":   "dot segments",
		"/a/..":     "dot segments",
		"/a/%2e%2E": "dot segments",
		"/a?b":      "without ?",
		"/a#":       "without ?",
		`/a\b`:      "without ?",
		"/a;b":      "without ?",
		"/a%2fb":    "escapes of /",
		"/a%5Cb":    "escapes of /",
		"/a%25b":    "escapes of /",
		"/a%3bb":    "escapes of /",
		"/a%3fb":    "escapes of /",
		"/a%23b":    "escapes of /",
		"/a%00":     "control",
		"/a%0a":     "control",
		"/a%7f":     "control",
		"/a\n":      "control",
		"/a\x7f":    "control",
		"/a%":       "hexadecimal",
		"/a%4":      "hexadecimal",
		"/a%zz":     "hexadecimal",
		"/a%c3":     "UTF-8",
		"/a%c0%ae":  "UTF-8",
		"/a\xff":    "UTF-8",
		"/a b":      "%20",
		"/api ":     "%20",
		`/"a"`:      "%20",
		"/a|b":      "%20",
		"/[a]":      "%20",
		"/a*":       "whole segments",
		"/{id}":     "whole segments",
		"/a/***":    "whole segments",
		"/{**}x":    "whole segments",
	}
	for _, kind := range []string{"exact", "prefix", "template"} {
		for s, want := range bad {
			if p, err := patternParsers[kind](s); err == nil || p != nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s %q: %v, want an error with %q", kind, s, err, want)
			} else if !strings.HasPrefix(err.Error(), "want ") {
				t.Errorf("%s %q: %v does not say what was wanted", kind, s, err)
			}
		}
	}
	for _, s := range []string{"/a/*", "/**", "/{*}/a"} {
		for _, kind := range []string{"exact", "prefix"} {
			if _, err := patternParsers[kind](s); err == nil {
				t.Errorf("%s %q: taken literally", kind, s)
			}
		}
	}
	for _, s := range []string{"/**/a", "/{**}/"} {
		if _, err := parseTemplatePath(s); err == nil || !strings.Contains(err.Error(), "last segment") {
			t.Errorf("template %q: %v", s, err)
		}
	}
	// A text that closes our group would be anchored at one end only.
	for _, s := range []string{"", "(", "a)|(?:b", "[", `(?=a)`, `\Q/a`, "a**"} {
		if _, err := parseRegexPath(s); err == nil || !strings.HasPrefix(err.Error(), "want a regular expression") {
			t.Errorf("regex %q: %v", s, err)
		}
	}
}

func TestPatternCovers(t *testing.T) {
	for _, c := range []struct {
		kind, pattern, otherKind, other string
		covers, covered                 bool
	}{
		{"exact", "/a", "exact", "/a", true, true},
		{"exact", "/a", "exact", "/a/", false, false},
		{"exact", "/a%40", "exact", "/a@", true, false},
		{"exact", "/%61", "exact", "/a", true, true},
		{"exact", "/é", "exact", "/%c3%a9", true, true},
		{"prefix", "/a", "exact", "/a", true, false},
		{"prefix", "/a", "prefix", "/a/", true, false},
		{"prefix", "/a", "prefix", "/ab", false, false},
		{"prefix", "/a/", "exact", "/a", false, false},
		{"prefix", "/a/", "exact", "/a/", true, false},
		{"prefix", "/a/", "prefix", "/a/b", true, false},
		{"prefix", "/", "template", "/**", true, true},
		{"prefix", "/", "exact", "/", true, false},
		{"prefix", "/a", "template", "/a/**", true, true},
		{"prefix", "/a/", "template", "/a/*", true, false},
		{"template", "/*", "exact", "/a", true, false},
		{"template", "/*", "exact", "/", false, false},
		{"template", "/*", "exact", "/%2A", true, false},
		{"template", "/*", "exact", "/a/", false, false},
		{"template", "/*", "prefix", "/a", false, false},
		{"template", "/*/**", "prefix", "/a", true, false},
		{"template", "/*/b", "template", "/a/*", false, false},
		{"regex", "/a", "regex", "/a", true, true},
		{"regex", ".*", "regex", "/a", false, false},
		{"regex", ".*", "exact", "/a", false, false},
	} {
		p, o := pattern(t, c.kind, c.pattern), pattern(t, c.otherKind, c.other)
		if got := p.covers(o); got != c.covers {
			t.Errorf("%s %q covers %s %q: %v", c.kind, c.pattern, c.otherKind, c.other, got)
		}
		if got := o.covers(p); got != c.covered {
			t.Errorf("%s %q covers %s %q: %v", c.otherKind, c.other, c.kind, c.pattern, got)
		}
	}
}

var patternSegments = []string{"a", "b", "%40", "@", "%2A", "é", "*", "*", "{*}", "**", ""}

// randomPattern is nil where the pieces make no pattern.
func randomPattern(r *rand.Rand) (*pathPattern, string) {
	kind := []string{"exact", "prefix", "template", "template", "regex"}[r.IntN(5)]
	s := ""
	for range 1 + r.IntN(3) {
		s += "/" + patternSegments[r.IntN(len(patternSegments))]
	}
	p, err := patternParsers[kind](s)
	if err != nil {
		return nil, ""
	}
	return p, kind + " " + s
}

func TestPatternCoversProperty(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 2))
	t.Log("seed", seed)
	readings := []string{"a", "b", "%40", "@", "*", "%2A", "%2a", "é", "%C3%A9", "", ".."}
	proved, missed := 0, 0
	for range 30000 {
		p, name := randomPattern(r)
		o, otherName := randomPattern(r)
		if p == nil || o == nil {
			continue
		}
		covers, contradicted := p.covers(o), false
		for range 20 {
			s := ""
			for range 1 + r.IntN(4) {
				s += "/" + readings[r.IntN(len(readings))]
			}
			if !o.match(s) {
				continue
			}
			if !p.match(s) {
				contradicted = true
				if covers {
					t.Fatalf("%s covers %s, but not on %q", name, otherName, s)
				}
			} else if covers {
				proved++
			}
		}
		if !covers && !contradicted && p.expression == nil && o.expression == nil {
			missed++ // perhaps no path of o was drawn
		}
	}
	if proved < 100 {
		t.Errorf("only %d readings tried where one pattern covers another", proved)
	}
	t.Logf("%d readings confirm a cover, %d pairs undecided", proved, missed)
}

func FuzzPattern(f *testing.F) {
	seeds := []string{"/", "/a", "/a/*", "/{**}", "/caf%C3%A9", "/a%2fb", "a)|(?:b", "/..", "/a%4", "/\xff", "/a;b"}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, text, reading string) {
		exact, err := parseExactPath(text)
		if err == nil {
			// Every path that can be written as a pattern can be matched, and only so.
			v := viewOf(text)
			if v.RequestPath().Suspect() || v.TooManyReadings() {
				t.Fatalf("%q is a pattern and a suspect path", text)
			}
			prefix, errPrefix := parsePrefixPath(text)
			template, errTemplate := parseTemplatePath(text)
			if errPrefix != nil || errTemplate != nil {
				t.Fatalf("%q: %v, %v", text, errPrefix, errTemplate)
			}
			if !prefix.covers(exact) || !template.covers(exact) || !exact.covers(template) {
				t.Fatalf("%q: the prefix does not cover the path", text)
			}
			if exact.match(reading) && (!prefix.match(reading) || !template.match(reading)) {
				t.Fatalf("%q matches %q, but not as a prefix", text, reading)
			}
			if exact.match(reading) && string(syntax.DecodeEvery(nil, reading)) != string(syntax.DecodeEvery(nil, text)) {
				t.Fatalf("%q matches %q", text, reading)
			}
			if strings.Contains(strings.ToLower(string(syntax.DecodeEvery(nil, text))), "%") {
				t.Fatalf("%q holds an escaped escape", text)
			}
		}
		for kind, parse := range patternParsers {
			if p, err := parse(text); (err == nil) != (p != nil) {
				t.Fatalf("%s %q: %v, %v", kind, text, p, err)
			} else if err == nil && (p.match(noPath) || !p.covers(p)) {
				t.Fatalf("%s %q: matches no path, or does not cover itself", kind, text)
			}
		}
	})
}

func BenchmarkPatternMatch(b *testing.B) {
	const reading = "/api/v1/items/0123456789"
	for kind, s := range map[string]string{
		"exact": reading, "prefix": "/api/v1", "template": "/api/*/items/{*}", "regex": "/api/v[0-9]+/items/[0-9]+",
	} {
		b.Run(kind, func(b *testing.B) {
			p := pattern(b, kind, s)
			b.ReportAllocs()
			for b.Loop() {
				if !p.match(reading) {
					b.Fatal("no match")
				}
			}
		})
	}
}
