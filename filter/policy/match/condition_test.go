package match

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"bearerauth/filter/policy/config"
)

func headerCondition(t testing.TB, name string, kind conditionKind, value string) condition {
	t.Helper()
	c, err := newHeaderCondition(name, kind, value)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func queryCondition(t testing.TB, name string, kind conditionKind, value string) condition {
	t.Helper()
	c, err := newQueryCondition(name, kind, value)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *condition) askHeader(pairs [][2]string) (binds, opens bool) {
	return c.header(matchView("GET", "e", "/", pairs...))
}

func (c *condition) askQuery(target string) (binds, opens bool) {
	return c.parameter(matchView("GET", "e", target))
}

func TestHeaderCondition(t *testing.T) {
	present := headerCondition(t, "X-Tier", conditionPresent, "")
	equal := headerCondition(t, "x-tier", conditionEqual, "gold")
	regex := headerCondition(t, "x-tier", conditionRegex, "g.*|silver")
	joined := headerCondition(t, "x-tier", conditionRegex, "a, ?b")
	list := headerCondition(t, "x-tier", conditionEqual, "a,b")
	spaced := headerCondition(t, "x-tier", conditionEqual, "a, b")
	empty := headerCondition(t, "x-tier", conditionEqual, "")
	type pairs = [][2]string
	for _, c := range []struct {
		condition    condition
		pairs        pairs
		opens, binds bool
	}{
		{present, nil, false, false},
		{present, pairs{{"x-tier", ""}}, true, true},
		{present, pairs{{"X-TIER", "a"}}, true, true},
		{present, pairs{{"x-tie", "a"}, {":x-tier", "a"}, {"x-tier ", "a"}}, false, false},
		{present, pairs{{"x_tier", "a"}}, false, true},
		{equal, pairs{{"x-tier", "gold"}, {"x_tier", "lead"}}, false, true},
		{equal, pairs{{"x-tier", "lead"}, {"x_tier", "gold"}}, false, true},
		{regex, pairs{{"x-tier", strings.Repeat("y", config.MaxRegexInput+1)}}, false, true},
		{equal, pairs{{"x-tier", "gold"}}, true, true},
		{equal, pairs{{"x-tier", "gold"}, {"x-tier", "gold"}}, true, true},
		{equal, pairs{{"x-tier", "gold"}, {"x-tier", "lead"}}, false, true},
		{equal, pairs{{"x-tier", "lead"}, {"x-tier", "gold"}}, false, true},
		{equal, pairs{{"x-tier", "lead, gold"}}, false, true},
		{equal, pairs{{"x-tier", "gold,"}}, false, true},
		{equal, pairs{{"x-tier", " gold"}}, false, true},
		{equal, pairs{{"x-tier", "Gold"}}, false, false},
		{equal, pairs{{"x-tier", "gold\x00"}}, false, false},
		{equal, pairs{{"x-tier", "marigold"}}, false, false},
		{joined, pairs{{"x-tier", "a"}, {"x-tier", "b"}}, false, true},
		{joined, pairs{{"x-tier", "a"}, {"x_tier", "b"}}, false, true},
		{joined, pairs{{"x-tier", "a"}, {"y", "x"}, {"x-tier", "b"}}, false, true},
		{joined, pairs{{"x-tier", "b"}, {"x-tier", "a"}}, false, false},
		{joined, pairs{{"x-tier", "a"}, {"x-tier", "b"}, {"x-tier", "c"}}, false, false},
		{joined, pairs{{"x-tier", "a"}}, false, false},
		{joined, pairs{{"x-tier", strings.Repeat("c", config.MaxRegexInput)}, {"x-tier", "a"}}, false, true},
		{joined, pairs{{"x-tier", "a, b"}}, true, true},
		{list, pairs{{"x-tier", "a"}, {"x-tier", "b"}}, false, true},
		{spaced, pairs{{"x-tier", "a"}, {"x-tier", "b"}}, false, true},
		{list, pairs{{"x-tier", "b"}, {"x-tier", "a"}}, false, false},
		{list, pairs{{"x-tier", "a,b"}}, true, true},
		{list, pairs{{"x-tier", "a,b,c"}}, false, false},
		{empty, pairs{{"x-tier", ""}}, true, true},
		{empty, pairs{{"x-tier", "a,"}}, false, true},
		{empty, pairs{{"x-tier", "a"}}, false, false},
		{empty, pairs{{"x-tier", " "}}, false, true},
		{equal, pairs{{"x-tier", "lead,gold,lead"}}, false, true},
		{equal, pairs{{"x-tier", "lead,\tgold"}}, false, true},
		{equal, pairs{{"x-tier", "golden,gol d"}}, false, false},
		{equal, pairs{{"x-tier", strings.Repeat("lead,", 2*maxAllowance/5) + "golden"}}, false, true}, // not read
		{equal, slices.Repeat(pairs{{"x-tier", strings.Repeat("lead,", 700) + "golden"}}, 3), false, false},
		{equal, slices.Repeat(pairs{{"x-tier", strings.Repeat("lead,", 700) + "golden"}}, 6), false, true}, // not all of them
		{regex, pairs{{"x-tier", "grey"}}, true, true},
		{regex, pairs{{"x-tier", "silvery"}}, false, false},
		{regex, pairs{{"x-tier", "lead,silver"}}, false, true},
		{regex, pairs{{"x-tier", "g\nlead"}}, false, false},
	} {
		if binds, opens := c.condition.askHeader(c.pairs); binds != c.binds || opens != c.opens {
			t.Errorf("%v, %q: binds %v, opens %v", c.condition, c.pairs, binds, opens)
		}
	}
}

func TestQueryCondition(t *testing.T) {
	present := queryCondition(t, "a", conditionPresent, "")
	equal := queryCondition(t, "a", conditionEqual, "x y")
	plain := queryCondition(t, "a", conditionEqual, "x")
	plus := queryCondition(t, "a", conditionEqual, "x+y")
	regex := queryCondition(t, "a", conditionRegex, "[a-z]+")
	for _, c := range []struct {
		condition    condition
		target       string
		opens, binds bool
	}{
		{present, "/", false, false},
		{present, "/?", false, false},
		{present, "/?a", true, true},
		{present, "/?a=", true, true},
		{present, "/?b=a&a", true, true},
		{present, "/?b=1?a=2", false, false},
		{present, "/?A", false, true}, // ASP.NET
		{present, "/?=a", false, false},
		{present, "/?%61", false, true}, // some upstreams do not decode names
		{present, "/?a&%61=2", false, true},
		{present, "/?a&%2561=2", false, true}, // some decode twice
		{present, "/?b%25=1", false, false},
		{present, "/?b;a", false, true},
		{present, "/?a;b", false, true}, // `a;b` or `a` and `b`
		{present, "/?a=1;b", true, true},
		{present, "/?a#", false, true},
		{present, "/#?a", false, true},
		{present, "/?b#&a", false, true},
		{present, "/?a&b=%zz", false, true},
		{present, "/?a=%", false, true},
		{present, "/b%3fa=1", false, true}, // some decode first and look for the query then
		{present, "/b%253fa=1", false, true},
		{present, "/b%3fc?a", false, true},
		{plain, "/b%3fa=y?a=x", false, true},
		{plain, "/b%3fc=y", false, false},
		{present, "/?a=%00", false, true},
		{present, "/?a=\x01", false, true},
		{present, "/?a=\xc3%a9", false, true},
		{present, "/?a=%c0%ae", false, true},
		{plain, "/?a=x", true, true},
		{plain, "/?a=x&b=y", true, true},
		{plain, "/?a=x&a=x", true, true},
		{plain, "/?a=x&a=y", false, true},
		{plain, "/?a=y&a=x", false, true},
		{plain, "/?a=%78", true, true},
		{plain, "/?a=%2578", false, true},
		{plain, "/?a=x;b", false, true},
		{plain, "/?a=x;a=y", false, true},
		{plain, "/?a=x&b;a=y", false, true},
		{plain, "/?a=X", false, false},
		{plain, "/?a=x=", false, false},
		{plain, "/?a[]=x", false, true},
		{equal, "/?a=x%20y", true, true},
		{equal, "/?a=x+y", false, true}, // `x y` to a form, `x+y` to others
		{plus, "/?a=x%2By", true, true},
		{plus, "/?a=x+y", false, true},
		{regex, "/?a=abc", true, true},
		{regex, "/?a=ab1", false, false},
		{regex, "/?a=ab%0a", false, true}, // Tornado trims values
	} {
		if binds, opens := c.condition.askQuery(c.target); binds != c.binds || opens != c.opens {
			t.Errorf("%v, %q: binds %v, opens %v", c.condition, c.target, binds, opens)
		}
	}
}

// TestZeroCondition: what was never built must not open a door.
func TestZeroCondition(t *testing.T) {
	var c condition
	for _, pairs := range [][][2]string{nil, {{"", ""}, {"x", "y"}}} {
		if binds, opens := c.askHeader(pairs); !binds || opens {
			t.Errorf("header: the zero condition binds %v, opens %v", binds, opens)
		}
	}
	if binds, opens := c.askQuery("/?=&=x"); !binds || opens {
		t.Errorf("query: the zero condition binds %v, opens %v", binds, opens)
	}
}

func TestConditionErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		kind  conditionKind
		value string
		want  string
	}{
		{"", conditionPresent, "", "empty string"},
		{":path", conditionPresent, "", "pseudo-header"},
		{"x y", conditionPresent, "", "name of a header"},
		{"x\n", conditionPresent, "", "name of a header"},
		{"é", conditionPresent, "", "name of a header"},
		{"Host", conditionPresent, "", "hosts"},
		{"x", conditionPresent, "v", "no value"},
		{"x", conditionEqual, "v ", "spaces at its ends"},
		{"x", conditionEqual, "v\r\nw", "control"},
		{"x", conditionRegex, "", "regular expression"},
		{"x", conditionRegex, "a)|(?:b", "regular expression"},
		{"x", 0, "", "present, equal, regex"},
		{"x", 9, "", "present, equal, regex"},
	} {
		_, err := newHeaderCondition(c.name, c.kind, c.value)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "want ") {
			t.Errorf("header %q %d %q: %v", c.name, c.kind, c.value, err)
		}
	}
	for _, c := range []struct {
		name  string
		kind  conditionKind
		value string
	}{{"", conditionPresent, ""}, {"x", conditionPresent, "v"}, {"x", conditionRegex, "("}, {"x", 0, ""}} {
		if _, err := newQueryCondition(c.name, c.kind, c.value); err == nil {
			t.Errorf("query %q %d %q: no error", c.name, c.kind, c.value)
		}
	}
}

// FuzzQueryCondition: an opening by equality holds for what net/url reads too,
// and where net/url reads the value, a requirement binds.
func FuzzQueryCondition(f *testing.F) {
	seeds := []string{"a=x", "a=x&a=y", "%61=x", "a=%78", "a=x;b", "a=x+y", "a=%zz", "a", "&&a=x&", "a=x#a=y"}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add(s, "x")
	}
	f.Fuzz(func(t *testing.T, query, value string) {
		c := queryCondition(t, "a", conditionEqual, value)
		present := queryCondition(t, "a", conditionPresent, "")
		binds, opens := c.askQuery("/?" + query)
		if _, there := present.askQuery("/?" + query); opens && (!binds || !there) {
			t.Fatalf("%q: opens %q but does not bind, or is not present", query, value)
		}
		query, _, _ = strings.Cut(query, "#")
		values, err := url.ParseQuery(query)
		if opens && err == nil {
			if len(values["a"]) == 0 || slices.ContainsFunc(values["a"], func(s string) bool { return s != value }) {
				t.Fatalf("%q opens %q: net/url reads %q", query, value, values["a"])
			}
		}
		if slices.Contains(values["a"], value) && !binds {
			t.Fatalf("%q does not bind %q: net/url reads %q", query, value, values["a"])
		}
	})
}

func FuzzHeaderCondition(f *testing.F) {
	seeds := []string{"gold", "gold,lead", " gold ", "", "Gold", "a\x00"}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add(s, "gold", "gold")
	}
	f.Fuzz(func(t *testing.T, first, second, value string) {
		c, err := newHeaderCondition("X-Tier", conditionEqual, value)
		if err != nil {
			return
		}
		pairs := [][2]string{{"x-tier", first}, {"x-tier-other", "other"}, {"x_tier", second}}
		binds, opens := c.askHeader(pairs)
		if opens != (first == value && second == value) {
			t.Fatalf("%q opens %q: %v", value, pairs, opens)
		}
		if (first == value || second == value) && !binds {
			t.Fatalf("%q does not bind %q", value, pairs)
		}
	})
}
