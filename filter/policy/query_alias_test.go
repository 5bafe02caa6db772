package policy

import (
	"net/url"
	"strings"
	"testing"
)

// queryAliases are spellings under which some upstream reads the parameter debug
// with the value 1.
var queryAliases = []string{
	"debug=1", "debug[]=1", "debug%5B%5D=1", "debug%5b0%5d=1", "debug[x]=1", "debug[x][y]=1", "debug[=1", "debug%5B=1", // PHP, Rack, qs
	"+debug=1", "%20debug=1", "%09debug=1", "++debug=1", "debug%00=1", "debug%00x=1", "debug%20=1", "debug+=1", "debug%20[]=1",
	"[debug]=1", "[debug=1", "debug]=1", "%5Bdebug%5D=1", "[]debug=1", // Rack, qs
	"debug.x=1", "debug.=1", "debug%2ex=1", "debug.x.y=1", // Spring, qs, ASP.NET
	"?debug=1", "%3Fdebug=1", "x=1&?debug=1", // URLSearchParams
	";debug=1", "x;debug=1", "x=1;debug=1;y", "x&amp;debug=1", "&&debug=1&", ";;debug=1",
	"Debug=1", "DEBUG=1", "dEbUg[]=1", "%44ebug=1", // ASP.NET
	"%EF%BB%BFdebug=1", "\uFEFFdebug=1", "debug%EF%BB%BF=1", "\u00a0debug=1", "debug%c2%a0=1", "de%c2%adbug=1", "de%ffbug=1", "de%0dbug=1", // decoders that drop bytes
	"%64ebug=1", "%2564ebug=1", "%252564ebug=1", "de%62u%67=1", "%u0064ebug=1", "%25%36%34ebug=1", "%%36%34ebug=1",
	"!debug=1", "debug:int=1", "debug%3aint=1", "'debug'=1", "[%27debug%27]=1", // Spring, Zope, OGNL
	"debug=0&debug=1", "debug=1&debug=0", "debug=0,1", "debug=1,0", "debug=0, 1", "debug=0&debug[]=1", // first, last, list
	"debug=%31", "debug=%2531", "debug=%u0031", "debug=+1", "debug=1+", "debug=1%20", "debug=%091", "debug=1%00", "debug=1%00x", "debug=1%0a",
	"x=1%26debug=1", "x=1%26debug%3D1", "debug%3D1", "debug%3d1", "x%3bdebug=1", "x%3Bdebug%3D1", "x=%2526debug%253d1", "x=1%u0026debug=1", "x=%2f%3fa%3d1%26debug%3d1", // decoded before they are split
	"debug=1#x", "x#&debug=1",
}

// TestQueryAliases: a condition on a parameter is not passed by another spelling of
// its name or value, and a spelling opens nothing.
func TestQueryAliases(t *testing.T) {
	t.Parallel()
	for _, asks := range []string{`"equal": "1"`, `"regex": "1|yes"`, `"present": true`} {
		rules := `{"providers": {"a": {"type": "static", "tokens": [{"sha256": "` + digestOf("fake-token") + `"}]}},
			"rules": [{"match": {"path_prefix": "/", "query": [{"name": "debug", ` + asks + `}]}, "access": "`
		denies := mustParse(t, rules+`deny"}, {"access": "anonymous"}]}`)
		opens := mustParse(t, rules+`anonymous"}]}`)
		decide := func(p *Policy, query string) string {
			r := NewRequest([][2]string{{":method", "GET"}, {":path", "/a?" + query}})
			return decided(p.Decide(p.NewState(Host{}), testNow, &r))
		}
		for _, query := range queryAliases {
			if got := decide(denies, query); got != "forbidden" {
				t.Errorf("%s: %q passes: %s", asks, query, got)
			}
			strict, err := url.ParseQuery(query)
			plain := err == nil && len(strict["debug"]) > 0 && strings.HasPrefix(strings.Trim(query, "&"), "debug=") && !strings.ContainsAny(query, "#")
			for _, value := range strict["debug"] {
				plain = plain && (strings.Contains(asks, "present") || value == "1")
			}
			plain = plain && len(strict) == 1
			if got := decide(opens, query); got != "missing" && !plain {
				t.Errorf("%s: %q opens: %s", asks, query, got)
			}
		}
		for _, query := range []string{"", "debugger=1", "xdebug=1", "x-debug=1", "_debug=1", "de.bug=1", "de_bug=1", "de%20bug=1", "ebug=1", "x=debug", "x=debug=1", "debu=1", "d=1&ebug=1", "x[debug]=1", "x.debug=1", "debug-x=1", "x=1&y=2", "filter[name]=debug", "x=%26", "x=%2f%3fdebug%3d1", "x=1%26debugger%3d1"} {
			if got := decide(denies, query); got != "anonymous" {
				t.Errorf("%s: %q is %s", asks, query, got)
			}
		}
		for _, query := range []string{"debug=0", "debug=11", "debug=01", "debug=2,3", "debug="} {
			want := "anonymous"
			if strings.Contains(asks, "present") {
				want = "forbidden"
			}
			if got := decide(denies, query); got != want {
				t.Errorf("%s: %q is %s", asks, query, got)
			}
		}
		for _, query := range []string{"debug=1", "x=2&debug=1&y", "debug=%31", "debug=1&next=%2fa%3fb%3d1%26c%3d2"} {
			if got := decide(opens, query); got != "anonymous" {
				t.Errorf("%s: %q does not open: %s", asks, query, got)
			}
		}
	}
}

// TestNamesOfConditions: names that are odd themselves are found as they stand.
func TestNamesOfConditions(t *testing.T) {
	t.Parallel()
	for name, queries := range map[string][]string{
		"de_bug": {"de_bug", "de.bug", "de bug", "de+bug", "de%20bug", "de[bug", "DE.BUG[]"}, "a.b": {"a.b", "a_b", "a%2eb"}, "%61": {"%61", "%2561"},
		"a[b]": {"a[b]", "a%5bb%5d", "A[b]"}, "[a]": {"[a]", "%5ba%5d"}, "é": {"é", "%c3%a9", "%25c3%25a9"}, " a": {"+a", "%20a"}, "a+b": {"a+b", "a%2bb"}, "名": {"名", "%E5%90%8D"},
		"?": {"?", "%3f"}, "!x": {"!x", "%21x"}, "a b": {"a+b", "a%20b", "a_b"},
	} {
		c := queryCondition(t, name, conditionPresent, "")
		for _, query := range queries {
			if binds, _ := c.askQuery("/?" + query); !binds {
				t.Errorf("%q is not found in %q", name, query)
			}
		}
		if binds, opens := c.askQuery("/?xyz=" + name + "&字=1"); binds || opens {
			t.Errorf("%q is found in a value", name)
		}
	}
}

// TestJoinedParameters: ASP.NET joins the values of one name.
func TestJoinedParameters(t *testing.T) {
	t.Parallel()
	equal, regex := queryCondition(t, "a", conditionEqual, "0,1"), queryCondition(t, "a", conditionRegex, "0,.*1")
	long := strings.Repeat("b", maxRegexInput/2)
	for query, want := range map[string]bool{
		"a=0&a=1": true, "a=0&b&A[]=%31": true, "a=1&a=0": false, "a=0": false, "a=0&a=1&a=2": false, "a=0;a=1": false, "a=0&a=+1": true, "a=0,1": true,
	} {
		for _, c := range []*condition{&equal, &regex} {
			if binds, _ := c.askQuery("/?" + query); binds != want {
				t.Errorf("%s %q: %v", query, c.value, binds)
			}
		}
	}
	if binds, opens := regex.askQuery("/?a=" + long + "&a=" + long); !binds || opens {
		t.Errorf("values that are too long together: binds %v, opens %v", binds, opens)
	}
	if binds, _ := regex.askQuery("/?a=" + long + "&a=" + long[2:]); binds {
		t.Error("values that are just short enough bind")
	}
}

// TestManyParameters: behind the bound upstreams read different things, so what has
// more opens nothing and binds all.
func TestManyParameters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, target string
		opens, binds bool
	}{
		{"the most", "/?debug&" + strings.Repeat("a&", maxParameters-1), true, true},
		{"too many", "/?debug&" + strings.Repeat("a&", maxParameters), false, true},
		{"too many others", "/?" + strings.Repeat("a&", maxParameters+1), false, true},
		{"others", "/?" + strings.Repeat("a&", maxParameters), false, false},
		{"empty ones", "/?debug" + strings.Repeat("&", 5*maxParameters), true, true},
		{"parts", "/?" + strings.Repeat("a;", maxParameters), false, true},
		{"behind a fragment", "/?a#" + strings.Repeat("&a", maxOddParameters-2), false, false},
		{"many behind a fragment", "/?a#" + strings.Repeat("&a", maxOddParameters), false, true},
		{"escaped names", "/?" + strings.Repeat("%41&", maxParameters), false, false},
		{"long escaped names", "/?" + strings.Repeat("%41", maxEscapedNames/3+1), false, true},
	} {
		present := queryCondition(t, "debug", conditionPresent, "")
		if binds, opens := present.askQuery(c.target); binds != c.binds || opens != c.opens {
			t.Errorf("%s: binds %v, opens %v", c.name, binds, opens)
		}
	}
	equal := queryCondition(t, "debug", conditionEqual, "1")
	for _, n := range []int{maxRegexInput, maxRegexInput + 1} {
		if binds, opens := equal.askQuery("/?debug=" + strings.Repeat("a", n)); binds != (n > maxRegexInput) || opens {
			t.Errorf("a value of %d bytes: binds %v, opens %v", n, binds, opens)
		}
	}
}

// TestAllowance: what expressions read in one request is bounded; past that they
// open nothing and bind everything.
func TestAllowance(t *testing.T) {
	t.Parallel()
	value := strings.Repeat("a", 48)
	for name, ask := range map[string]func(c *condition, v *requestView) (bool, bool){
		"header": (*condition).header, "query": (*condition).parameter,
	} {
		c := headerCondition(t, "x", conditionRegex, "a+b")
		v := matchView("GET", "e", "/?x="+value, [2]string{"x", value})
		rules := 0
		for ; rules < 1000; rules++ {
			if binds, opens := ask(&c, v); opens {
				t.Fatalf("%s: opens", name)
			} else if binds {
				break
			}
		}
		if rules != shortAllowance/(48+callCharge) {
			t.Errorf("%s: %d expressions read a short value", name, rules)
		}
		open := headerCondition(t, "x", conditionRegex, "a+")
		if binds, opens := ask(&open, v); !binds || opens {
			t.Errorf("%s: without an allowance it binds %v, opens %v", name, binds, opens)
		}
	}
	// A long request may be read whole more than once.
	c := headerCondition(t, "cookie", conditionRegex, "(.*; )?beta=1(;.*)?")
	v := matchView("GET", "e", "/", [2]string{"cookie", strings.Repeat("a", 3000) + "; beta=1"})
	for range 3 {
		if binds, opens := c.header(v); !binds || !opens {
			t.Errorf("a cookie header of 3 kB: binds %v, opens %v", binds, opens)
		}
	}
	other := matchView("GET", "e", "/", [2]string{"cookie", strings.Repeat("a", 60_000)})
	other.affords(0)
	if other.allowance != maxAllowance-callCharge {
		t.Errorf("the allowance of a long request is %d", other.allowance)
	}
}
