package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/match"
	"bearerauth/filter/policy/request"
)

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

// BenchmarkRules: the last of n rules decides.
func BenchmarkRules(b *testing.B) {
	for _, n := range []int{1, 10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var rules []string
			for i := range n - 1 {
				match := fmt.Sprintf(`"path": "/exact/%d/items"`, i)
				if i%2 == 0 {
					match = fmt.Sprintf(`"path_regex": "/pattern-%d/[0-9]+/(items|lines)"`, i)
				}
				rules = append(rules, `{"match": {`+match+`}}`)
			}
			rules = append(rules, `{"match": {"path_prefix": "/orders"}}`)
			p := mustParse(b, `{"providers": {"a": {"type": "static", "tokens": [{"sha256": "`+digestOf("fake-token")+`"}]}}, "rules": [`+strings.Join(rules, ",")+`]}`)
			s, q := new(State), &request.Request{Method: "GET", Authority: "e", Path: "/orders/1/items", HasPath: true}
			b.ReportAllocs()
			for b.Loop() {
				v := match.View{Request: q}
				if j := p.judge(s, &v); j.bind[0] != p.rules[n-1] {
					b.Fatal(says(j))
				}
			}
		})
	}
}

// askEach is judge without index and without memory: each rule is matched with each
// reading, as the comment at judge describes.
func askEach(p *Policy, v *match.View) (j judgement) {
	for _, reading := range v.Readings() {
		settled := false
		for _, r := range p.rules {
			if r.opens() && matchOpens(&r.match, v) {
				j.opening, settled = r, true
				break
			}
			if !matchBinds(&r.match, v, reading) {
				continue
			}
			if r.access == accessAnonymous {
				j.withhold = j.withhold || !(r.forwardUnverified && r.forwardAuthorization)
				continue
			}
			j.add(r)
			if settled = matchSettles(&r.match, v, reading); settled {
				break
			}
		}
		if !settled {
			j.add(p.fallback)
		}
	}
	return j
}

// FuzzRules: a configuration decides as its rules do one by one, for any expression that
// gives the index its prefix, and after any other request. A line is a kind, an access and
// the pattern of the rule; with a second field the host.
func FuzzRules(f *testing.F) {
	const hosts = "hd*.e.com\nht[::1],e.com\nhax.e.com\nhoe.com\nh+y.e.com"
	lines := []string{
		"rd/admin/.*", "rd(?i)/admin/x", "rd^/admin/|/b/", "rd(?U)/a/+?b", `rd\Q/a/\E.*`, "rd(?m)^/a/b$", "rd(?s:/a/.)*", "rd(?:/a/|/b/)x", `rd/a/\x{4b}`,
		"rd(?i:/)k/x", `rd\A/a/b`, `rd/a/\bb`, "rd/{1}a/b", "rd(/a)/b", "rd/{0}/a/", "rd/a/|", "rd()/a/b", "rd^/a/b|", "rd/a//b", "rd/\ufffd/x", "rd/é/x", "rd[/]a/b",
		"ed/a%40/", "ed/", "ed/a/", "pd/a/", "pd/a/b", "pa/", "td/*/a", "td/a/**", "td/**", "po/a e.com", "po/a *.e.com", "r+/a/.* [::1]", "ra/.*", "rs/a/.*", "ss/a/", "st/b",
	}
	for some := range slices.Chunk(lines, 6) {
		for _, path := range []string{"/admin/x", "/ADMIN/x", "/a/b", "/a//b", "//a/b", "", "a/b", "/b/", "/a@/", "/a%40/", "/a%2fb;/..", `/a\b`, "/\u212a/x", "/k/x", "/\xff/x", "/a/\n", "/" + strings.Repeat("a", config.MaxRegexInput)} {
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
		for _, q := range []request.Request{{Path: path, HasPath: true, Authority: authority}, {Path: "/a/b", HasPath: true, Authority: "e.com"}, {Authority: authority}, {Path: path, HasPath: true, Authority: authority}} {
			q.Method = "GET"
			view, other := match.View{Request: &q}, match.View{Request: &q}
			if got, want := says(p.judge(s, &view)), says(askEach(p, &other)); got != want {
				t.Fatalf("%q %q: %s, want %s by %v", q.Path, q.Authority, got, want, rules)
			}
		}
	})
}

// The three answers of a match (match.go).

func matchOpens(m *match.Match, v *match.View) bool {
	_, certain := m.Concerns(v)
	return certain && m.OpensPath(v)
}

func matchBinds(m *match.Match, v *match.View, reading string) bool {
	possible, _ := m.Concerns(v)
	binds, _ := m.BindsPath(v, reading)
	return possible && binds
}

func matchSettles(m *match.Match, v *match.View, reading string) bool {
	_, certain := m.Concerns(v)
	_, settles := m.BindsPath(v, reading)
	return certain && settles
}
