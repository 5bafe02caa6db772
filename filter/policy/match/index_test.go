package match

import (
	"fmt"
	"math/rand/v2"
	re2 "regexp/syntax"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/request"
)

// TestRuleIndexLeavesNothingOut: a match that the index leaves out neither opens
// nor binds, over random matches and requests that are made to nearly match them.
func TestRuleIndexLeavesNothingOut(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 5))
	one := func(s ...string) string { return s[r.IntN(len(s))] }
	segment := func() string { return one("a", "b", "ab", "aa", "%40", "é", "A") }
	path := func() string {
		var b strings.Builder
		for range 1 + r.IntN(3) {
			b.WriteString("/" + segment())
		}
		return b.String()
	}
	var left, opened, bound int
	for range 300 {
		var all []*Match
		for range fewRules + 1 + r.IntN(30) {
			m := randomMatch(t, r)
			m.path = nil
			switch r.IntN(8) {
			case 0, 1:
				m.path = pattern(t, "exact", path()+one("", "/"))
			case 2, 3:
				m.path = pattern(t, "prefix", one(path(), path()+"/", "/"))
			case 4:
				m.path = pattern(t, "template", one("/*", "/a/*", "/a/*/b", "/{*}/a")+one("", path(), "/**"))
			case 5, 6:
				m.path = pattern(t, "regex", one("", "^", "(?i)", `\A`, "(?s).*|", "^/b|", "^*")+one("/a/", "/ab/.*", "/a/b|/b/", "/(a|b)/", "/a/?", "/a+/b", "/a.*", "[/]a/.+", "/a/b/?.{3}", "x/a"))
			}
			all = append(all, &m)
		}
		x := NewIndex(all)
		for range 60 {
			q := randomRequest(r)
			if r.IntN(2) == 0 {
				q.Path = path() + one("", "/", "/..", "//", ";x", "/%2e%2e/a", `\a`, "%2fa", "/"+strings.Repeat("b", config.MaxRegexInput))
			}
			q.Authority = one(q.Authority, "X.e.com", "[::1]:80", "y.x.e.com", ".e.com", "e.com:", "%65.com", "e.com,x.e.com", "["+"e.com")
			view := newView(q)
			view.MaxExpressionBytes = x.MaxExpressionBytes
			for _, reading := range view.Readings() {
				found := x.Find(nil, &view, reading)
				for i, m := range all {
					opens, binds := m.opens(&view), m.binds(&view, reading)
					if (opens || binds) && !slices.Contains(found, i) {
						t.Fatalf("%+v: %q: match %d is left out, opens %v, binds %v: %+v %+v", *q, reading, i, opens, binds, m, m.path)
					}
					if opens {
						opened++
					}
					if binds {
						bound++
					}
				}
				left += len(all) - len(found)
			}
		}
	}
	if left < 1000 || opened < 1000 || bound < 1000 {
		t.Errorf("%d matches left out, %d open, %d bind: the property says nothing", left, opened, bound)
	}
}

// TestRuleIndexFinds: what must be among the rules found for a request.
func TestRuleIndexFinds(t *testing.T) {
	t.Parallel()
	var all []*Match
	add := func(m Match) { all = append(all, &m) }
	for i := range 100 {
		add(Match{path: pattern(t, "prefix", fmt.Sprint("/prefix-", i))})
		add(Match{hosts: []request.HostPattern{host(t, fmt.Sprint("*.tenant-", i, ".example")), host(t, fmt.Sprint("TENANT-", i, ".example"))}})
		add(Match{path: pattern(t, "regex", fmt.Sprint("^/regex-", i, "/[0-9]+"))})
	}
	add(Match{path: pattern(t, "exact", "/%40me")})
	add(Match{hosts: []request.HostPattern{host(t, "[::1]"), host(t, "tenant-1.example")}})
	add(Match{methods: []string{"GET"}})
	always := []int{300, 301, 302}
	x := NewIndex(all)
	for _, c := range []struct {
		authority, path string
		want            []int
	}{
		{"e", "/", nil},
		{"e", "/prefix-7", []int{21}},
		{"e", "/prefix-7/a/b/c", []int{21}},
		{"e", "/prefix-77", []int{231}},
		{"e", "/prefix-7x", nil},
		{"e", "/regex-1/2", []int{5}},
		{"e", "/regex-1", []int{5}}, // more than must be
		{"tenant-2.example:80", "/", []int{7}},
		{"a.B.Tenant-2.Example", "/regex-1/x", []int{5, 7}},
		{".tenant-2.example", "/", nil}, // odd, see below
		{"[::1]", "/", nil},
	} {
		v := matchView("GET", c.authority, c.path)
		want := append(c.want, always...)
		if strings.HasPrefix(c.authority, ".") {
			want = nil
			for i := range 100 {
				want = append(want, 3*i+1)
			}
			want = append(want, always...)
		}
		if got := x.Find(nil, v, v.Readings()[0]); !slices.Equal(got, want) {
			t.Errorf("%s %s: found %v, want %v", c.authority, c.path, got, want)
		}
	}
	// The work for a path is bounded by the configuration, not by the client.
	v := matchView("GET", "e", strings.Repeat("/a", 30_000))
	if got := x.Find(nil, v, v.Readings()[0]); len(got) != len(always)+100 {
		t.Errorf("a path that is too long for an expression: %d rules", len(got))
	}
}

// TestPrefixOfEveryMatch: every match of an expression begins as the index assumes. The
// samples are drawn from the expression's own syntax tree.
func TestPrefixOfEveryMatch(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 7))
	pieces := []string{
		"/", "/", "/", "/a/", "/b/k/", "a", "b", "k", "K", "ſ", "é", "\ufffd", ".", "[/a]", "[^b]", "[[:alpha:]]", `\Q/a.\E`, `\x2f`, `\/`, `\pL`, `\W`,
		"(?i)", "(?i:a/)", "(?-i)", "(?U)", "(?s)", "(?m)", "^", "^/", "$", `\A`, `\z`, `\b`, `\B`, "|", "|/", "*", "+", "?", "+?", "{2}", "{0}", "{0,1}",
		"(", ")", "(?:", "(?P<n>", ")",
	}
	known := 0
	for range 60_000 {
		var b strings.Builder
		for range 1 + r.IntN(9) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		p, err := parseRegexPath(b.String())
		if err != nil || p.prefix == "" {
			continue
		}
		tree, err := re2.Parse(b.String(), re2.Perl)
		if err != nil {
			t.Fatal(err)
		}
		x := &Index{paths: map[string][]int{}}
		if key := (&Match{path: p}).pathKey(); key != "" {
			x.filePath(7, key, p)
		} else {
			x.always = []int{7}
		}
		for range 5 {
			reading := string(sample(r, tree, nil))
			if !p.match(reading) {
				continue
			}
			v := matchView("GET", "e", "/")
			if !strings.HasPrefix(reading, p.prefix) || len(x.Find(nil, v, reading)) != 1 {
				t.Fatalf("%q matches %q, but is believed to begin with %q", b.String(), reading, p.prefix)
			}
			known++
		}
	}
	if known < 5000 {
		t.Errorf("%d matches: the property says nothing", known)
	}
}

// sample appends a text that an expression may match, except for its conditions on the
// text beside it.
func sample(r *rand.Rand, e *re2.Regexp, dst []byte) []byte {
	fold := func(c rune) rune {
		for n := r.IntN(4); n > 0 && e.Flags&re2.FoldCase != 0; n-- {
			c = unicode.SimpleFold(c)
		}
		return c
	}
	times, most := 0, 3
	switch e.Op {
	case re2.OpLiteral:
		for _, c := range e.Rune {
			dst = utf8.AppendRune(dst, fold(c))
		}
	case re2.OpCharClass:
		if len(e.Rune) > 0 {
			k := r.IntN(len(e.Rune)/2) * 2
			dst = utf8.AppendRune(dst, e.Rune[k]+r.Int32N(min(e.Rune[k+1]-e.Rune[k], 100)+1))
		}
	case re2.OpAnyChar, re2.OpAnyCharNotNL:
		dst = append(dst, "/ab\xff"[r.IntN(4)])
	case re2.OpCapture, re2.OpConcat:
		for _, sub := range e.Sub {
			dst = sample(r, sub, dst)
		}
	case re2.OpAlternate:
		return sample(r, e.Sub[r.IntN(len(e.Sub))], dst)
	case re2.OpPlus:
		times = 1
	case re2.OpQuest:
		most = 1
	case re2.OpRepeat:
		if times, most = e.Min, e.Max; most < 0 {
			most = times + 2
		}
	}
	switch e.Op {
	case re2.OpStar, re2.OpPlus, re2.OpQuest, re2.OpRepeat:
		for range times + r.IntN(most-times+1) {
			dst = sample(r, e.Sub[0], dst)
		}
	}
	return dst
}
