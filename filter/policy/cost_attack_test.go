package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/request"
)

// TestCostOfOneRequest: a request without credentials costs milliseconds at most. The
// costs of a path's readings, a long query and a long authority must not multiply: without
// bounds the first request of this table holds its worker for five seconds, the second for
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
		request     request.Request
		want        string
	}{
		{
			"late queries", rules(1, `"query":[{"name":"debug","equal":"%d"}]`),
			request.Request{Path: "/public/%40%61%2f%5cb%3fc?" + strings.Repeat("a&", 29_000)},
			"missing",
		},
		{
			"a late query of one parameter", rules(20, `"query":[{"name":"debug","equal":"%d"}]`),
			request.Request{Path: "/public/%40%61%2f%5cb%3fc?a=" + strings.Repeat("%61;", 14_000)},
			"missing",
		},
		{
			"an authority of many parts", rules(1000, `"hosts":["t-%d.example"]`),
			request.Request{Path: manyReadings, Authority: strings.Repeat("a:", 29_000)},
			"missing",
		},
		{
			"an authority of few parts", rules(1000, `"hosts":["t-%d.example"]`),
			request.Request{Path: manyReadings, Authority: strings.Repeat("a:", 250)},
			"missing",
		},
		{
			"an authority of escapes", rules(1000, `"hosts":["t-%d.example"]`),
			request.Request{Path: manyReadings, Authority: strings.Repeat("%40", 19_000)},
			"missing",
		},
		{
			"an authority of labels", rules(1000, `"hosts":["*.t-%d.example"]`),
			request.Request{Path: manyReadings, Authority: strings.Repeat("a.", 29_000) + "a"},
			"missing",
		},
		{
			"an authority of digits", rules(1000, `"hosts":["[::1]","[::2]","t-%d.example"]`),
			request.Request{Path: manyReadings, Authority: "[" + strings.Repeat("0", 58_000) + "]"},
			"missing",
		},
		{
			"an expression over a header", rules(150, `"headers":[{"name":"x-a","regex":"(a|b|ab)*%d"}]`),
			request.Request{Path: manyReadings, Headers: [][2]string{{"x-a", strings.Repeat("ab", config.MaxRegexInput/2)}}},
			"missing",
		},
		{
			// It matches all readings but the last ones.
			"an opening that all but matches", strings.ReplaceAll(rules(60, `"path_regex":"/(.|..)*([;%%]|//)(.|..)*%d?"`), `"scopes":["s"]`, `"access":"anonymous"`),
			request.Request{Path: "/" + strings.Repeat("x", 150) + manyReadings},
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
