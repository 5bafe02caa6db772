package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestCostOfOneRequest: what a stranger sends without any credential costs
// milliseconds, whatever is combined in it. What a path's readings, a long query
// and a long authority cost must not be multiplied with each other: the first
// request of this table once held its worker for five seconds, the second for
// fifty.
func TestCostOfOneRequest(t *testing.T) {
	const manyReadings = "/public//%2f;x/%61%3b"
	rules := func(n int, match string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf(`{"match":{"methods":["GET","M-%d"],`+match+`},"scopes":["s"]}`, i, i)
		}
		return strings.Join(all, ",")
	}
	for _, c := range []struct {
		name, rules string
		request     Request
		want        string
	}{
		{
			"late queries", rules(1, `"query":[{"name":"debug","equal":"%d"}]`),
			Request{Path: "/public/%40%61%2f%5cb%3fc?" + strings.Repeat("a&", 29_000)},
			"missing",
		},
		{
			"a late query of one parameter", rules(20, `"query":[{"name":"debug","equal":"%d"}]`),
			Request{Path: "/public/%40%61%2f%5cb%3fc?a=" + strings.Repeat("%61;", 14_000)},
			"missing",
		},
		{
			"an authority of many parts", rules(1000, `"hosts":["t-%d.example"]`),
			Request{Path: manyReadings, Authority: strings.Repeat("a:", 29_000)},
			"missing",
		},
		{
			"an authority of few parts", rules(1000, `"hosts":["t-%d.example"]`),
			Request{Path: manyReadings, Authority: strings.Repeat("a:", 250)},
			"missing",
		},
		{
			"an authority of escapes", rules(1000, `"hosts":["t-%d.example"]`),
			Request{Path: manyReadings, Authority: strings.Repeat("%40", 19_000)},
			"missing",
		},
		{
			"an authority of labels", rules(1000, `"hosts":["*.t-%d.example"]`),
			Request{Path: manyReadings, Authority: strings.Repeat("a.", 29_000) + "a"},
			"missing",
		},
		{
			"an authority of digits", rules(1000, `"hosts":["[::1]","[::2]","t-%d.example"]`),
			Request{Path: manyReadings, Authority: "[" + strings.Repeat("0", 58_000) + "]"},
			"missing",
		},
		{
			"an expression over a header", rules(150, `"headers":[{"name":"x-a","regex":"(a|b|ab)*%d"}]`),
			Request{Path: manyReadings, Headers: [][2]string{{"x-a", strings.Repeat("ab", maxRegexInput/2)}}},
			"missing",
		},
		{
			// It matches all readings but the last ones.
			"an opening that all but matches", strings.ReplaceAll(rules(60, `"path_regex":"/(.|..)*([;%%]|//)(.|..)*%d?"`), `"scopes":["s"]`, `"access":"anonymous"`),
			Request{Path: "/" + strings.Repeat("x", 150) + manyReadings},
			"non_canonical_path",
		},
	} {
		p := mustParse(t, `{"providers":{"a":{"type":"static","tokens":[{"sha256":"`+strings.Repeat("0a", 32)+`"}]}},"rules":[`+c.rules+`]}`)
		s, r := p.NewState(Host{}), &c.request
		r.Method, r.HasPath = "GET", true
		began := time.Now()
		got := decided(p.Decide(s, testNow, r))
		if took := time.Since(began); took > 2*time.Second || got != c.want {
			t.Errorf("%s: %s in %v, want %s", c.name, got, took, c.want)
		} else {
			t.Log(c.name, took)
		}
	}
}

// TestLateQueriesLoseNothing: of a query behind an escaped `?` only what is new is
// read for each reading of the path, and yet a condition binds as if each reading
// had all of it.
func TestLateQueriesLoseNothing(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 8))
	text := func(pieces ...string) string {
		var b strings.Builder
		for range r.IntN(7) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		return b.String()
	}
	bound, late := 0, 0
	for range 20_000 {
		target := "/p" + text("%3f", "%253f", "a", "b", "=", "&", "%26", ";", "/", "#", "%23") + "?" + text("a", "b", "=", "&", "&", ";", "?", "#", "%61", "+")
		p := parsePath(target)
		c := condition{name: []string{"a", "b", "ab", "a?a"}[r.IntN(4)], kind: conditionKind(1 + r.IntN(2))}
		if c.kind == conditionEqual {
			c.value = []string{"", "a", "b", "a?b", "?a"}[r.IntN(5)]
		}
		_, query, _ := strings.Cut(target, "?")
		plain, _, _ := strings.Cut(query, "#")
		all := []string{plain, query}
		for _, reading := range p.readings() {
			if _, behind, ok := strings.Cut(reading, "?"); ok {
				all = append(all, behind, behind+"?"+query)
				late++
			}
		}
		want := false
		for i, query := range all {
			want = want || (i != 1 || p.fragment) && (c.bindsPair(query, "&") || c.bindsPair(query, "&;"))
		}
		if got := c.bindsQuery(&p); got != want {
			t.Fatalf("%q: %+v binds %v, want %v", target, c, got, want)
		}
		if want {
			bound++
		}
	}
	if bound < 1000 || late < 1000 {
		t.Errorf("%d bound, %d late queries: the property says nothing", bound, late)
	}
}

// TestOddAuthority: what is too long to be searched for hosts may hold any of them.
func TestOddAuthority(t *testing.T) {
	t.Parallel()
	m := match{hosts: []hostPattern{host(t, "e.com")}}
	for authority, want := range map[string]bool{
		strings.Repeat("a.", 200) + "com":                                false,
		strings.Repeat("a:", maxOddAuthority/2):                          false,
		strings.Repeat("a:", maxOddAuthority/2) + ":":                    true,
		strings.Repeat("a:", maxOddAuthority/2) + "e.com":                true,
		strings.Repeat("a:", maxOddAuthority/2-5) + "e.com":              true,
		strings.Repeat("a.", maxOddAuthority) + "com":                    true,
		"[" + strings.Repeat("0", maxOddAuthority) + "]":                 true,
		"[0000:0000:0000:0000:0000:0000:255.255.255.255]:65535":          false,
		"[" + strings.Repeat("0000:", 6) + "255.255.255.255]" + "@":      false,
		"[" + strings.Repeat("0000:", 6) + "255.255.255.255]" + "@e.com": true,
	} {
		if v := matchView("GET", authority, "/"); m.binds(v, "/") != want || m.opens(v) {
			t.Errorf("%.60q: binds %v, opens %v", authority, m.binds(v, "/"), m.opens(v))
		}
	}
}
