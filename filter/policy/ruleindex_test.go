package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// askAll is the index that files nothing, so that every rule is asked.
func askAll(rules []*rule) *ruleIndex {
	x := &ruleIndex{}
	for i := range rules {
		x.always = append(x.always, i)
	}
	return x
}

func says(j judgement) string {
	name := func(r *rule) string { return r.path }
	text := fmt.Sprint("withhold ", j.withhold)
	if j.opening != nil {
		text += ", opened by " + name(j.opening)
	}
	for _, r := range j.bind {
		text += ", bound by " + name(r)
	}
	return text
}

// TestRuleIndexChangesNothing: what the index leaves out would have changed
// nothing, over random rules and requests that are made to nearly match them.
func TestRuleIndexChangesNothing(t *testing.T) {
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
		var rules []*rule
		for i := range fewRules + 1 + r.IntN(30) {
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
			rules = append(rules, &rule{path: fmt.Sprint("rules[", i, "]"), match: m, access: access(r.IntN(5)), shadow: r.IntN(6) == 0, forwardUnverified: r.IntN(3) == 0})
		}
		indexed, whole := &Policy{rules: rules, fallback: &rule{path: "fallback"}}, &Policy{rules: rules, fallback: &rule{path: "fallback"}}
		indexed.index, whole.index = newRuleIndex(rules), askAll(rules)
		for range 60 {
			q := randomRequest(r)
			if r.IntN(2) == 0 {
				q.Path = path() + one("", "/", "/..", "//", ";x", "/%2e%2e/a", `\a`, "%2fa", "/"+strings.Repeat("b", maxRegexInput))
			}
			q.Authority = one(q.Authority, "X.e.com", "[::1]:80", "y.x.e.com", ".e.com", "e.com:", "%65.com", "e.com,x.e.com", "["+"e.com")
			view, other := newRequestView(indexed, q), newRequestView(whole, q)
			got, want := indexed.judge(new(State), &view), whole.judge(new(State), &other)
			if says(got) != says(want) {
				for _, rule := range rules {
					t.Logf("%s %d %+v %+v", rule.path, rule.access, rule.match, rule.match.path)
				}
				t.Fatalf("%+v:\n%s, want\n%s", *q, says(got), says(want))
			}
			if want.opening != nil {
				opened++
			}
			bound += len(want.bind)
			left += len(rules) - len(indexed.index.find(nil, &view, view.readings()[0]))
		}
	}
	if left < 1000 || opened < 1000 || bound < 1000 {
		t.Errorf("%d rules left out, %d requests opened, %d bound: the property says nothing", left, opened, bound)
	}
}

// TestRuleIndexFinds: what must be among the rules found for a request.
func TestRuleIndexFinds(t *testing.T) {
	t.Parallel()
	var rules []*rule
	add := func(m match) { rules = append(rules, &rule{match: m}) }
	for i := range 100 {
		add(match{path: pattern(t, "prefix", fmt.Sprint("/prefix-", i))})
		add(match{hosts: []hostPattern{host(t, fmt.Sprint("*.tenant-", i, ".example")), host(t, fmt.Sprint("TENANT-", i, ".example"))}})
		add(match{path: pattern(t, "regex", fmt.Sprint("^/regex-", i, "/[0-9]+"))})
	}
	add(match{path: pattern(t, "exact", "/%40me")})
	add(match{hosts: []hostPattern{host(t, "[::1]"), host(t, "tenant-1.example")}})
	add(match{methods: []string{"GET"}})
	always := []int{300, 301, 302}
	x := newRuleIndex(rules)
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
		if got := x.find(nil, v, v.readings()[0]); !slices.Equal(got, want) {
			t.Errorf("%s %s: found %v, want %v", c.authority, c.path, got, want)
		}
	}
	// The work for a path is bounded by the configuration, not by the client.
	v := matchView("GET", "e", strings.Repeat("/a", 30_000))
	if got := x.find(nil, v, v.readings()[0]); len(got) != len(always)+100 {
		t.Errorf("a path that is too long for an expression: %d rules", len(got))
	}
}

// BenchmarkRules: the last of n rules decides.
func BenchmarkRules(b *testing.B) {
	for _, n := range []int{1, 10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := &Policy{fallback: &rule{}}
			for i := range n - 1 {
				kind, text := "exact", fmt.Sprintf("/exact/%d/items", i)
				if i%2 == 0 {
					kind, text = "regex", fmt.Sprintf("/pattern-%d/[0-9]+/(items|lines)", i)
				}
				p.rules = append(p.rules, &rule{match: match{path: pattern(b, kind, text)}})
			}
			p.rules = append(p.rules, &rule{match: match{path: pattern(b, "prefix", "/orders")}})
			p.index = newRuleIndex(p.rules)
			s, q := new(State), &Request{Method: "GET", Authority: "e", Path: "/orders/1/items", HasPath: true}
			b.ReportAllocs()
			for b.Loop() {
				v := newRequestView(p, q)
				if j := p.judge(s, &v); j.bind[0] != p.rules[n-1] {
					b.Fatal(says(j))
				}
			}
		})
	}
}
