package match

import (
	"strings"
	"testing"

	"bearerauth/filter/policy/config"
)

// TestNamesOfConditions: names with odd characters are found unchanged.
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
	long := strings.Repeat("b", config.MaxRegexInput/2)
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
	for _, n := range []int{config.MaxRegexInput, config.MaxRegexInput + 1} {
		if binds, opens := equal.askQuery("/?debug=" + strings.Repeat("a", n)); binds != (n > config.MaxRegexInput) || opens {
			t.Errorf("a value of %d bytes: binds %v, opens %v", n, binds, opens)
		}
	}
}

// TestAllowance: what expressions read in one request is bounded; past that they
// open nothing and bind everything.
func TestAllowance(t *testing.T) {
	t.Parallel()
	value := strings.Repeat("a", 48)
	for name, ask := range map[string]func(c *condition, v *View) (bool, bool){
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
