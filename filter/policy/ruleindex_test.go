package policy

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
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
		indexed.index, whole.index = newRuleIndex(matches(rules)), askAll(rules)
		for range 60 {
			q := randomRequest(r)
			if r.IntN(2) == 0 {
				q.Path = path() + one("", "/", "/..", "//", ";x", "/%2e%2e/a", `\a`, "%2fa", "/"+strings.Repeat("b", maxRegexInput))
			}
			q.Authority = one(q.Authority, "X.e.com", "[::1]:80", "y.x.e.com", ".e.com", "e.com:", "%65.com", "e.com,x.e.com", "["+"e.com")
			view, other := newRequestView(q), newRequestView(q)
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
	x := newRuleIndex(matches(rules))
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

// TestPrefixOfEveryMatch: whatever an expression is made of, what it matches
// begins as the index believes. The samples are drawn from the expression's own
// syntax tree.
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
		tree, err := syntax.Parse(b.String(), syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		x := &ruleIndex{paths: map[string][]int{}}
		if key := (&match{path: p}).pathKey(); key != "" {
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
			if !strings.HasPrefix(reading, p.prefix) || len(x.find(nil, v, reading)) != 1 {
				t.Fatalf("%q matches %q, but is believed to begin with %q", b.String(), reading, p.prefix)
			}
			known++
		}
	}
	if known < 5000 {
		t.Errorf("%d matches: the property says nothing", known)
	}
}

// sample appends something that an expression may match, but for its conditions
// on what stands beside it.
func sample(r *rand.Rand, e *syntax.Regexp, dst []byte) []byte {
	fold := func(c rune) rune {
		for n := r.IntN(4); n > 0 && e.Flags&syntax.FoldCase != 0; n-- {
			c = unicode.SimpleFold(c)
		}
		return c
	}
	times, most := 0, 3
	switch e.Op {
	case syntax.OpLiteral:
		for _, c := range e.Rune {
			dst = utf8.AppendRune(dst, fold(c))
		}
	case syntax.OpCharClass:
		if len(e.Rune) > 0 {
			k := r.IntN(len(e.Rune)/2) * 2
			dst = utf8.AppendRune(dst, e.Rune[k]+r.Int32N(min(e.Rune[k+1]-e.Rune[k], 100)+1))
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		dst = append(dst, "/ab\xff"[r.IntN(4)])
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range e.Sub {
			dst = sample(r, sub, dst)
		}
	case syntax.OpAlternate:
		return sample(r, e.Sub[r.IntN(len(e.Sub))], dst)
	case syntax.OpPlus:
		times = 1
	case syntax.OpQuest:
		most = 1
	case syntax.OpRepeat:
		if times, most = e.Min, e.Max; most < 0 {
			most = times + 2
		}
	}
	switch e.Op {
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		for range times + r.IntN(most-times+1) {
			dst = sample(r, e.Sub[0], dst)
		}
	}
	return dst
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
			p.index = newRuleIndex(matches(p.rules))
			s, q := new(State), &Request{Method: "GET", Authority: "e", Path: "/orders/1/items", HasPath: true}
			b.ReportAllocs()
			for b.Loop() {
				v := newRequestView(q)
				if j := p.judge(s, &v); j.bind[0] != p.rules[n-1] {
					b.Fatal(says(j))
				}
			}
		})
	}
}

// askEach is judge without index and without memory: each rule is asked about each
// reading. It is what the comment at judge says.
func askEach(p *Policy, v *requestView) (j judgement) {
	for _, reading := range v.readings() {
		settled := false
		for _, r := range p.rules {
			if r.opens() && r.match.opens(v) {
				j.opening, settled = r, true
				break
			}
			if !r.match.binds(v, reading) {
				continue
			}
			if r.access == accessAnonymous {
				j.withhold = j.withhold || !(r.forwardUnverified && r.forwardAuthorization)
				continue
			}
			j.add(r)
			if settled = r.match.settles(v, reading); settled {
				break
			}
		}
		if !settled {
			j.add(p.fallback)
		}
	}
	return j
}

// FuzzRules: a configuration judges as its rules do one by one, whatever an
// expression looks like that gives the index its prefix, and whatever was asked
// about another request before. A line is a kind, an access and what the rule
// matches; with a second field the host.
func FuzzRules(f *testing.F) {
	const hosts = "hd*.e.com\nht[::1],e.com\nhax.e.com\nhoe.com\nh+y.e.com"
	lines := []string{
		"rd/admin/.*", "rd(?i)/admin/x", "rd^/admin/|/b/", "rd(?U)/a/+?b", `rd\Q/a/\E.*`, "rd(?m)^/a/b$", "rd(?s:/a/.)*", "rd(?:/a/|/b/)x", `rd/a/\x{4b}`,
		"rd(?i:/)k/x", `rd\A/a/b`, `rd/a/\bb`, "rd/{1}a/b", "rd(/a)/b", "rd/{0}/a/", "rd/a/|", "rd()/a/b", "rd^/a/b|", "rd/a//b", "rd/\ufffd/x", "rd/é/x", "rd[/]a/b",
		"ed/a%40/", "ed/", "ed/a/", "pd/a/", "pd/a/b", "pa/", "td/*/a", "td/a/**", "td/**", "po/a e.com", "po/a *.e.com", "r+/a/.* [::1]", "ra/.*", "rs/a/.*", "ss/a/", "st/b",
	}
	for some := range slices.Chunk(lines, 6) {
		for _, path := range []string{"/admin/x", "/ADMIN/x", "/a/b", "/a//b", "//a/b", "", "a/b", "/b/", "/a@/", "/a%40/", "/a%2fb;/..", `/a\b`, "/\u212a/x", "/k/x", "/\xff/x", "/a/\n", "/" + strings.Repeat("a", maxRegexInput)} {
			f.Add(strings.Join(some, "\n")+"\n"+hosts, path, "X.E.com:80")
		}
		for _, authority := range []string{"", "e.com", "[::1]", "[0:0::1]:1", "e.com.", "a@e.com", "e.com,x.e.com", "%65.com", ".e.com", "x..e.com", "e.com:80:80", "[::1", strings.Repeat("x.", 300) + "e.com"} {
			f.Add(hosts+"\n"+strings.Join(some, "\n"), "/a/b", authority)
		}
	}
	accesses := map[byte]string{'d': "deny", 't': "token", 'a': "anonymous", 'o': "optional", '+': "insecure_presence_only", 's': "shadow"}
	kinds := map[byte]string{'r': "path_regex", 'e': "path", 'p': "path_prefix", 't': "path_template"}
	f.Fuzz(func(t *testing.T, lines, path, authority string) {
		type m = map[string]any
		rules := []m{}
		for line := range strings.SplitSeq(lines, "\n") {
			if len(line) < 3 || len(rules) == 40 {
				continue
			}
			text, hosts, _ := strings.Cut(line[2:], " ")
			match := m{}
			if line[0] == 'h' {
				text, hosts = "", text
			}
			if hosts != "" {
				match["hosts"] = strings.Split(hosts, ",")
			}
			if kind := kinds[line[0]]; kind != "" && text != "" {
				match[kind] = text
			}
			rule := m{"match": match, "access": accesses[line[1]]}
			if line[1] == 's' {
				rule["access"], rule["shadow"] = "deny", true
			}
			config, err := json.Marshal(m{"rules": []m{rule}, "providers": m{"a": m{"type": "static", "tokens": []m{{"sha256": strings.Repeat("0a", 32)}}}}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Parse(config); err == nil {
				rules = append(rules, rule)
			}
		}
		parse := func() (*Policy, error) {
			config, _ := json.Marshal(m{"rules": rules, "providers": m{"a": m{"type": "static", "tokens": []m{{"sha256": strings.Repeat("0a", 32)}}}}})
			return Parse(config)
		}
		p, err := parse()
		for err != nil {
			// A rule that can never apply.
			bad := -1
			for i := range rules {
				if strings.Contains(err.Error(), fmt.Sprintf("rules[%d]:", i)) {
					bad = i
				}
			}
			if bad < 0 {
				return
			}
			rules = slices.Delete(rules, bad, bad+1)
			p, err = parse()
		}
		s := p.NewState(Host{})
		for _, q := range []Request{{Path: path, HasPath: true, Authority: authority}, {Path: "/a/b", HasPath: true, Authority: "e.com"}, {Authority: authority}, {Path: path, HasPath: true, Authority: authority}} {
			q.Method = "GET"
			view, other := newRequestView(&q), newRequestView(&q)
			if got, want := says(p.judge(s, &view)), says(askEach(p, &other)); got != want {
				t.Fatalf("%q %q: %s, want %s by %v", q.Path, q.Authority, got, want, rules)
			}
		}
	})
}
