package match

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/request"
)

func newView(r *request.Request) View { return View{Request: r} }

func matchView(method, authority, path string, pairs ...[2]string) *View {
	v := newView(&request.Request{Method: method, Authority: authority, Path: path, HasPath: true, Headers: pairs})
	return &v
}

// opens says that the match holds under every reading of the request.
func (m *Match) opens(v *View) bool { return m.certain(v) && m.OpensPath(v) }

func (m *Match) possible(v *View) bool {
	possible, _ := m.Concerns(v)
	return possible
}

func (m *Match) certain(v *View) bool {
	_, certain := m.Concerns(v)
	return certain
}

func TestMatchIsAConjunction(t *testing.T) {
	m := Match{
		path:    pattern(t, "prefix", "/a"),
		methods: []string{"GET", "HEAD"},
		hosts:   []request.HostPattern{host(t, "example.com"), host(t, "*.example.org")},
		headers: []condition{headerCondition(t, "x-a", conditionEqual, "1"), headerCondition(t, "x-b", conditionPresent, "")},
		query:   []condition{queryCondition(t, "q", conditionEqual, "1"), queryCondition(t, "r", conditionPresent, "")},
	}
	a, b := [2]string{"x-a", "1"}, [2]string{"x-b", "2"}
	for _, c := range []struct {
		view         *View
		opens, binds bool
	}{
		{matchView("GET", "example.com", "/a?q=1&r", a, b), true, true},
		{matchView("HEAD", "www.example.org:80", "/a/b?r=&q=1", b, a), true, true},
		{matchView("get", "example.com", "/a?q=1&r", a, b), false, false},
		{matchView("POST", "example.com", "/a?q=1&r", a, b), false, false},
		{matchView("", "example.com", "/a?q=1&r", a, b), false, false},
		{matchView("GET", "example.org", "/a?q=1&r", a, b), false, false},
		{matchView("GET", "example.com.", "/a?q=1&r", a, b), false, true},
		{matchView("GET", "example.com", "/ab?q=1&r", a, b), false, false},
		{matchView("GET", "example.com", "/b/../a?q=1&r", a, b), false, true},
		{matchView("GET", "example.com", "/a?q=1", a, b), false, false},
		{matchView("GET", "example.com", "/a?q=1&q=2&r", a, b), false, true},
		{matchView("GET", "example.com", "/a?q=2&r", a, b), false, false},
		{matchView("GET", "example.com", "/a?q=1&r", a), false, false},
		{matchView("GET", "example.com", "/a?q=1&r", a, b, [2]string{"x-a", "2"}), false, true},
	} {
		if got := m.opens(c.view); got != c.opens {
			t.Errorf("opens %+v: %v", *c.view.Request, got)
		}
		if got := bindsAny(&m, c.view); got != c.binds {
			t.Errorf("binds %+v: %v", *c.view.Request, got)
		}
	}
}

// TestMatchIgnoresOverrides: nothing but the request line says what is asked.
func TestMatchIgnoresOverrides(t *testing.T) {
	m := Match{path: pattern(t, "prefix", "/public"), methods: []string{"GET"}}
	for _, name := range []string{
		"x-original-url", "x-rewrite-url", "x-forwarded-uri", "x-envoy-original-path", // CVE-2023-27487
		"x-http-method-override", "x-forwarded-host", "x-forwarded-method",
	} {
		for _, value := range []string{"/public", "GET", "example.com"} {
			v := matchView("POST", "e", "/admin", [2]string{name, value})
			if m.opens(v) || bindsAny(&m, v) {
				t.Errorf("%s: %s decides", name, value)
			}
		}
	}
}

// TestMatchWithoutPath: CONNECT passes no opening and meets no path rule.
func TestMatchWithoutPath(t *testing.T) {
	v := newView(&request.Request{Method: "CONNECT", Authority: "example.com:443"})
	if got := v.Readings(); len(got) != 1 || got[0] != noPath {
		t.Fatalf("readings %q", got)
	}
	if !v.CanonicalPath() || v.TooManyReadings() {
		t.Error("no path is a bad path")
	}
	for name, m := range map[string]Match{
		"anything":     {},
		"method":       {methods: []string{"CONNECT"}},
		"host":         {hosts: []request.HostPattern{host(t, "example.com")}},
		"prefix":       {path: pattern(t, "prefix", "/")},
		"template":     {path: pattern(t, "template", "/**")},
		"regex":        {path: pattern(t, "regex", ".*")},
		"query":        {query: []condition{queryCondition(t, "a", conditionPresent, "")}},
		"zero pattern": {path: &pathPattern{}},
	} {
		if m.opens(&v) {
			t.Errorf("%s: opens", name)
		}
		want := m.path == nil && m.query == nil
		if m.binds(&v, noPath) != want || m.settles(&v, noPath) != want {
			t.Errorf("%s: binds %v, want %v", name, !want, want)
		}
	}
	// An empty :path is a path, and a bad one.
	empty := viewOf("")
	if empty.CanonicalPath() || (&Match{}).opens(empty) || !(&Match{}).binds(empty, empty.Readings()[0]) {
		t.Error("an empty path")
	}
}

func TestEmptyMatch(t *testing.T) {
	var m Match
	for _, c := range pathAttacks {
		v := viewOf(c.path)
		if m.opens(v) == v.RequestPath().Suspect() {
			t.Errorf("%q: opens %v", c.path, m.opens(v))
		}
		for _, reading := range v.Readings() {
			if !m.binds(v, reading) {
				t.Errorf("%q: a match of everything does not bind", c.path)
			}
		}
	}
}

// TestSettles: a request that is two things at once meets the rules for both,
// the first to bind does not hide the next.
func TestSettles(t *testing.T) {
	gold := Match{headers: []condition{headerCondition(t, "x-tier", conditionEqual, "gold")}}
	lead := Match{headers: []condition{headerCondition(t, "x-tier", conditionEqual, "lead")}}
	both := matchView("GET", "e", "/", [2]string{"x-tier", "gold"}, [2]string{"x-tier", "lead"})
	for _, m := range []*Match{&gold, &lead} {
		if !m.binds(both, "/") || m.settles(both, "/") {
			t.Error("two tiers: each must bind, none may settle")
		}
	}
	a, b := Match{hosts: []request.HostPattern{host(t, "a.com")}}, Match{hosts: []request.HostPattern{host(t, "b.com")}}
	two := matchView("GET", "a.com@b.com", "/")
	for _, m := range []*Match{&a, &b} {
		if !m.binds(two, "/") || m.settles(two, "/") {
			t.Error("two hosts: each must bind, none may settle")
		}
	}
	if one := matchView("GET", "a.com", "/"); !a.settles(one, "/") || b.binds(one, "/") {
		t.Error("one host")
	}
}

func TestMatchCovers(t *testing.T) {
	prefix, exact := pattern(t, "prefix", "/a"), pattern(t, "exact", "/a/b")
	regex := pattern(t, "regex", "/a.*")
	get := []string{"GET"}
	wild, deep := []request.HostPattern{host(t, "*.e.com")}, []request.HostPattern{host(t, "x.e.com"), host(t, "*.y.e.com")}
	tier := headerCondition(t, "x-tier", conditionEqual, "gold")
	tierRegex := headerCondition(t, "X-Tier", conditionRegex, "g.*")
	for i, c := range []struct {
		m, other        Match
		covers, covered bool
	}{
		{Match{}, Match{}, true, true},
		{Match{}, Match{path: prefix, methods: get, hosts: wild, headers: []condition{tier}}, true, false},
		{Match{path: prefix}, Match{path: exact}, true, false},
		{Match{path: prefix}, Match{path: regex}, false, false},
		{Match{path: regex}, Match{path: regex, methods: get}, true, false},
		{Match{path: regex}, Match{path: pattern(t, "regex", "/a.*")}, true, true},
		{Match{methods: []string{"GET", "PUT"}}, Match{methods: get}, true, false},
		{Match{methods: get}, Match{methods: []string{"get"}}, false, false},
		{Match{hosts: wild}, Match{hosts: deep}, true, false},
		{Match{hosts: wild}, Match{hosts: append(deep, host(t, "e.com"))}, false, false},
		{Match{headers: []condition{tier}}, Match{headers: []condition{tierRegex, tier}}, true, false},
		{Match{headers: []condition{tierRegex}}, Match{headers: []condition{headerCondition(t, "x-tier", conditionRegex, "g.*")}}, true, true},
		{Match{headers: []condition{tierRegex}}, Match{headers: []condition{tier}}, false, false},
		{Match{headers: []condition{tier}}, Match{query: []condition{tier}}, false, false},
		{Match{path: prefix, methods: get}, Match{path: exact}, false, false},
	} {
		if got := c.m.Covers(&c.other); got != c.covers {
			t.Errorf("%d: covers %v", i, got)
		}
		if got := c.other.Covers(&c.m); got != c.covered {
			t.Errorf("%d: covered %v", i, got)
		}
	}
}

func TestWantMethod(t *testing.T) {
	for _, s := range []string{"GET", "M-SEARCH", "X_1", "purge"} {
		if want := config.WantMethod(s); want != "" {
			t.Errorf("%q: %s", s, want)
		}
	}
	for _, s := range []string{"", "GET ", "GET,PUT", "*/", "É", "G\n", "get", "Options"} {
		if config.WantMethod(s) == "" {
			t.Errorf("%q: accepted", s)
		}
	}
}

func randomMatch(t *testing.T, r *rand.Rand) Match {
	var m Match
	maybe := func() bool { return r.IntN(3) == 0 }
	if p, _ := randomPattern(r); p != nil && maybe() {
		m.path = p
	}
	if maybe() {
		m.methods = [][]string{{"GET"}, {"GET", "PUT"}, {"PUT"}}[r.IntN(3)]
	}
	for maybe() {
		m.hosts = append(m.hosts, host(t, []string{"e.com", "*.e.com", "x.e.com", "[::1]"}[r.IntN(4)]))
	}
	kind, value := conditionKind(1+r.IntN(3)), "1"
	if kind == conditionPresent {
		value = ""
	}
	if maybe() {
		m.headers = append(m.headers, headerCondition(t, "x", kind, value))
	}
	if maybe() {
		m.query = append(m.query, queryCondition(t, "x", kind, value))
	}
	return m
}

func randomRequest(r *rand.Rand) *request.Request {
	one := func(s ...string) string { return s[r.IntN(len(s))] }
	path := ""
	for range 1 + r.IntN(3) {
		path += "/" + one("a", "b", "%40", "@", "%2A", "é", "..", "%2e%2e", "", ";a", `\`)
	}
	q := &request.Request{
		Method: one("GET", "PUT", "get"), Authority: one("e.com", "x.e.com:80", "e.com.", "a@x.e.com", "[::1]", "", "x.e.com,e.com"),
		Path: path + one("", "", "?x=1", "?x=1&x=2", "?%78=1", "?x", "#?x=1", "?x=1;x=%zz"), HasPath: r.IntN(20) > 0,
	}
	for r.IntN(2) == 0 {
		q.Headers = append(q.Headers, [2]string{one("x", "y"), one("1", "2", "1,2", "")})
	}
	return q
}

// TestMatchProperties: what opens settles every reading, what settles binds,
// and what covers does so for all three.
func TestMatchProperties(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 4))
	t.Log("seed", seed)
	var opened, bound, covered int
	for range 40000 {
		m, o := randomMatch(t, r), randomMatch(t, r)
		q := randomRequest(r)
		v := newView(q)
		covers := m.Covers(&o)
		says := func() string { return fmt.Sprintf("%+v\n%+v\n%+v", *q, m, o) }
		if o.opens(&v) {
			opened++
			if !q.HasPath || covers && !m.opens(&v) {
				t.Fatalf("opens where the match that covers it does not:\n%s", says())
			}
		}
		for _, reading := range v.Readings() {
			if o.opens(&v) && !o.settles(&v, reading) || o.settles(&v, reading) && !o.binds(&v, reading) {
				t.Fatalf("opens without settling, or settles without binding:\n%s", says())
			}
			if !o.binds(&v, reading) {
				continue
			}
			bound++
			if covers {
				covered++
				if !m.binds(&v, reading) || o.settles(&v, reading) && !m.settles(&v, reading) {
					t.Fatalf("binds %q where the match that covers it does not:\n%s", reading, says())
				}
			}
		}
	}
	if opened < 100 || bound < 100 || covered < 100 {
		t.Errorf("%d opened, %d bound, %d covered: the property says nothing", opened, bound, covered)
	}
}

// FuzzMatch: no request makes matching panic, and an opening implies all the
// rest.
func FuzzMatch(f *testing.F) {
	if len(pathAttacks) == 0 {
		f.Fatal("no seeds")
	}
	for _, c := range pathAttacks {
		f.Add("GET", "example.com", c.path, "x", "1", true)
	}
	f.Add("CONNECT", "example.com:443", "", "", "", false)
	m := Match{
		path:    pattern(f, "prefix", "/public"),
		methods: []string{"GET"},
		hosts:   []request.HostPattern{host(f, "example.com"), host(f, "[::1]")},
	}
	ask := Match{
		path:    m.path,
		headers: []condition{headerCondition(f, "x", conditionRegex, "[0-9]+")},
		query:   []condition{queryCondition(f, "x", conditionPresent, "")},
	}
	f.Fuzz(func(t *testing.T, method, authority, path, name, value string, hasPath bool) {
		v := newView(&request.Request{
			Method: method, Authority: authority, Path: path, HasPath: hasPath, Headers: [][2]string{{name, value}},
		})
		if len(v.Readings()) == 0 {
			t.Fatal("no reading: no rule would be asked")
		}
		for _, m := range []*Match{&m, &ask} {
			if !m.opens(&v) {
				continue
			}
			if !hasPath || !strings.HasPrefix(path, "/public") || m.methods != nil && method != "GET" {
				t.Fatalf("%s %q opened", method, path)
			}
			for _, reading := range v.Readings() {
				if !m.settles(&v, reading) || !m.binds(&v, reading) {
					t.Fatalf("%s %q opened, but reading %q is not bound", method, path, reading)
				}
			}
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	rules := []Match{
		{path: pattern(b, "exact", "/healthz")},
		{path: pattern(b, "prefix", "/admin"), hosts: []request.HostPattern{host(b, "admin.example.com")}},
		{path: pattern(b, "template", "/api/*/public/**"), methods: []string{"GET"}},
		{path: pattern(b, "prefix", "/api/v1"), headers: []condition{headerCondition(b, "x-tier", conditionEqual, "gold")}},
		{path: pattern(b, "prefix", "/api")},
	}
	r := &request.Request{
		Method: "GET", Authority: "api.example.com:443", Path: "/api/v1/items/0123456789?x=1", HasPath: true,
		Headers: [][2]string{{":method", "GET"}, {"user-agent", "curl"}, {"accept", "*/*"}, {"x-tier", "lead"}},
	}
	b.ReportAllocs()
	for b.Loop() {
		v := newView(r)
		n := 0
		for i := range rules {
			for _, reading := range v.Readings() {
				if rules[i].binds(&v, reading) {
					n++
				}
			}
		}
		if n != 1 {
			b.Fatal(n)
		}
	}
}
