package match

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bearerauth/filter/policy/request"
)

// pathAttacks say for each `:path` whether a rule that opens the prefix /public
// applies, and whether a rule that denies the prefix /admin binds.
var pathAttacks = []struct {
	path          string
	opens, denies bool
}{
	{"/public", true, false},
	{"/public/", true, false},
	{"/public/a/b", true, false},
	{"/public?x=/admin", true, false},
	{"/public/a?/../../admin", true, false}, // the query takes no part
	{"/public/./a", true, false},
	{"/public//a", true, false},
	{"/public/a/../b", true, false},
	{"/public/a;v=1", true, false},
	{"/public/a%2fb", true, false},
	{"/public/%20", true, false},
	{"/public/%C3%A9", true, false},
	{"/public/é", true, false},
	{"/public/%61", true, false},
	{"/public/%2561", true, false},
	{"/publicity", false, false},
	{"/PUBLIC", false, false},
	{"/ADMIN", false, false}, // an upstream that folds case must be declared
	{"/%70ublic", false, false},
	{"/public;x/a", false, false},
	{"//public", false, false},
	{"/", false, false},
	{"/admin", false, true},
	{"/admin/", false, true},
	{"/admin?x=/public", false, true}, // CVE-2020-8595, CVE-2025-54576
	{"/admin?/../public", false, true},
	{"/admin#/../public", false, true},  // CVE-2021-32779
	{"/admin#?/../public", false, true}, // CVE-2026-41059
	{"/public#/../admin", false, true},
	{"/public#x", false, false},
	{"/admin/../public", false, true},
	{"/public/../admin", false, true}, // CVE-2019-9901
	{"/public/../public/../admin", false, true},
	{"/public/%2e%2e/admin", false, true}, // CVE-2021-43557
	{"/public/.%2e/admin", false, true},
	{"/public/%2E./admin", false, true},
	{"/public/..%2fadmin", false, true}, // CVE-2021-29492
	{"/public/..%2Fadmin", false, true},
	{"/public/%2e%2e%2fadmin", false, true},
	{`/public/..%5cadmin`, false, true},
	{`/public/%5c..%5cadmin`, false, true},
	{`/public\..\admin`, false, true},
	{`/public/..\admin`, false, true},
	{"/public/..;/admin", false, true},
	{"/public/..;x=y/admin", false, true},
	{"/public/%2e%2e;/admin", false, true},
	{"/public/..%3b/admin", false, true},
	{"/public/..%3B%2fadmin", false, true},
	{"/public/..%253b/admin", false, true},
	{"/public;/../admin", false, true},
	{"/admin;x", false, true},
	{"/admin%3bx", false, true},
	{"/;x/admin", false, true},
	{"//admin", false, true}, // CVE-2021-31920
	{"/.//admin", false, true},
	{"/./admin", false, true},
	{"/x/..//admin", false, true},
	{"//public/admin", false, true}, // Node: the path of host public
	{`/\public/admin`, false, true},
	{"/%2fpublic/admin", false, true},
	{"/%61dmin", false, true},
	{"/%2561dmin", false, true},
	{"/%252561dmin", false, true},
	{"/public/%252e%252e/admin", false, true},
	{"/public/%252e%252e%252fadmin", false, true},
	{"/public/%255c..%255cadmin", false, true},
	{"/public/%25252e%25252e/admin", false, true},
	{"/admin%00", false, true},
	{"/admin%3fx", false, true}, // CVE-2024-38474
	{"/admin%23x", false, true},
	{"/admin%3f/../public", false, true},
	// A proxy that resolves dots before a server that decodes and resolves:
	// no single choice of decoding and resolving shows it.
	{"/public/a%2fb/../..%2fadmin", false, true},
	// `%3b` decoded and cut, `%2f` left: the parameter swallows /public.
	{"/public/..%3bx%2fpublic/admin", false, true},
	// URL parsers see a host behind any number of slashes.
	{"///x/admin", false, true},
	{"////x/admin", false, true},
	{"//\tx/..%252fadmin/../public", false, true}, // Windows has a share for the root, and decodes behind it
	{"//x/..%2fadmin/../public", false, true},
	{"/////x/admin", false, true},
	{`/\/x/admin`, false, true},
	{`/\\\x\admin`, false, true},
	{"/%2f/x/admin", false, true},
	{"/%5c%2fx/admin", false, true},
	{"///user:pw@x:80/admin", false, true},
	{"//x%61dmin", false, true},
	{"//x{/../admin", false, true},
	{"/\t/x/admin", false, true},
	{"/\n//x/adm\rin", false, true},
	{"/ad%09min", false, true},
	{"///x", false, false},
	{"//./../x/admin", false, true},
	{"//public/x/..//../x/admin", false, true},
	// A path that ends at its first parameter.
	{"/admin;/../public", false, true},
	{"/public/../admin;/..", false, true},
	{"/public/..;/..;/admin", false, true},
	{"/admin/..;z/..;q", false, true},
	{"/public/%2e%2e;/admin", false, true},
	// Names that end before their spaces.
	{"/public/..%20/admin", false, true},
	{"/public/.%20./admin", false, true},
	{"/public/..%20.%20/admin", false, true},
	{"/public/..%20%5cadmin", false, true},
	{"/public/..%20", false, false},
	{"/public/..%2520", false, false},
	{"/public/.%20", true, false},
	{"/public/a%20/b", true, false},
	{"/public/%20a", true, false},
	{"/public/a%20b.%20c", true, false},
	{"/admin%20", false, true},
	{"/admin%20.", false, true},
	{"/admin%20x", false, false},
	// Cut at the fragment only.
	{"/a%3f/../admin%23/../public", false, true},
	// Escapes of UTF-16 and UTF-8 that is too long, as old decoders take it.
	{"/public/%u002e%U002E/admin", false, true},
	{"/%u0061dmin", false, true},
	{"/public/..%25u002fadmin", false, true},
	{"/public/%e0%80%ae%f0%80%80%ae%c0%afadmin", false, true},
	{"/\xc1\xa1dmin", false, true},
	{"/\xc1\x9c../admin", false, true},
	{"/public/%c1%1c..%c1%1cadmin", false, true},
	{"/public/..+/admin", false, true},
	{"/public/.+./admin", false, true},
	{"/x/+/admin", false, false},
	{"/+/admin", false, true},
	{"/public/..//../public", false, false},
	{"/public/../../public", false, false},
	{"/public/a+b", true, false},
	{"/public/c++/x", true, false},
	// These are suspect: they open nothing, since their meaning is unknown.
	{"/public/%c0%ae%c0%ae/admin", false, true},
	{"/%c0%ae%c0%ae/", false, false},
	{"/public/%c0%af..", false, false},
	{"/public/\xff", false, false},
	{"/public/%ff", false, false},
	{"/public/%25ff", false, false},
	{"/public/%C3", false, false},
	{"/public/\xc3%A9", false, false}, // decoded it is é
	{"/public/%c3%25a9", false, false},
	{"/public/%4%31", false, false}, // decoded it is an escape
	{"/public/%00", false, false},
	{"/public/%2500", false, false},
	{"/public/%0d%0ax", false, false},
	{"/public/%7f", false, false},
	{"/public/\x01", false, false},
	{"/public/\x7f", false, false},
	{"/public/%zz", false, false},
	{"/public/%4", false, false},
	{"/public/%", false, false},
	{"/public/%u002e", false, false},
	{"/public/100%25", false, false},
	{"/public/%252525", false, false},
	{"/public/%252561", false, false},
	{"*", false, false},
}

func prefixMatch(t testing.TB, s string) *Match {
	t.Helper()
	p, err := parsePrefixPath(s)
	if err != nil {
		t.Fatal(err)
	}
	return &Match{path: p}
}

// binds says that the match holds for this reading of the path under some
// reading of the rest.
func (m *Match) binds(v *View, reading string) bool {
	binds, _ := m.BindsPath(v, reading)
	return binds && m.possible(v)
}

// settles says that the match holds for this reading of the path under every
// reading of the rest.
func (m *Match) settles(v *View, reading string) bool {
	_, settles := m.BindsPath(v, reading)
	return settles && m.certain(v)
}

func bindsAny(m *Match, v *View) bool {
	return slices.ContainsFunc(v.Readings(), func(reading string) bool { return m.binds(v, reading) })
}

func viewOf(path string) *View {
	v := newView(&request.Request{Method: "GET", Authority: "example.com", Path: path, HasPath: true})
	return &v
}

func TestPathAttacks(t *testing.T) {
	public, admin := prefixMatch(t, "/public"), prefixMatch(t, "/admin")
	for _, c := range pathAttacks {
		v := viewOf(c.path)
		if got := public.opens(v); got != c.opens {
			t.Errorf("%q: opens /public: %v, want %v (%q)", c.path, got, c.opens, v.Readings())
		}
		if got := bindsAny(admin, v); got != c.denies {
			t.Errorf("%q: denies /admin: %v, want %v (%q)", c.path, got, c.denies, v.Readings())
		}
		if v.TooManyReadings() {
			t.Errorf("%q: is crowded: %q", c.path, v.Readings())
		}
	}
}

// longPath is about the length of the longest path with several readings that is decided.
const longPath = 4096

// TestCrowdedPath: work for one path is bounded, and what is beyond opens nothing.
func TestCrowdedPath(t *testing.T) {
	public := prefixMatch(t, "/public")
	for name, s := range map[string]string{
		"long":                "/public/" + strings.Repeat("%41", longPath/3) + "/../../admin",
		"":                    "",
		`\admin`:              `\admin`,
		"http://public/admin": "http://public/admin",
		"admin":               "admin",
		`\\x\admin`:           `\\x\admin`,
		" /admin":             " /admin",
		"\x01//x/admin":       "\x01//x/admin",
		"http:/x/admin":       "http:/x/admin",
		"http:admin":          "http:admin",
		"http:///x/admin":     "http:///x/admin",
		`http:\x\admin`:       `http:\x\admin`,
		"http:x/admin":        "http:x/admin",
		"ht\ttp:///x/admin":   "ht\ttp:///x/admin",
		"x:80/admin":          "x:80/admin",
		"public":              "public",
		"levels":              "/public/%" + strings.Repeat("25", 300) + "2e/../../admin",
		"ways":                "/public/%41%20%2f%5c%3b%3f%25252525%2e/;a//..;/../../../../../../admin",
		"bulk":                "/public/" + strings.Repeat("%2541%20;%252f/", 250),
	} {
		v := viewOf(s)
		if !v.TooManyReadings() || public.opens(v) || (&Match{}).opens(v) {
			t.Errorf("%s: crowded %v, opens %v", name, v.TooManyReadings(), public.opens(v))
		}
	}
	if v := viewOf("/public/" + strings.Repeat("a", 3*longPath)); !public.opens(v) {
		t.Error("a long canonical path has one reading")
	}
}

// The upstreams are written apart from the code under test, with other means.
// Each reads a request target; false means that it refuses it.
type upstream struct {
	name string
	read func(target string) (string, bool)
}

var (
	reParameters = regexp.MustCompile(`;[^/]*`)
	reSlashes    = regexp.MustCompile(`/+`)
	reUnreserved = regexp.MustCompile(`%(2[DEde]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|7[Ee])`)
	reNoSlash    = regexp.MustCompile(`%([013-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Ea-e])`)
	reDot        = regexp.MustCompile(`%2[eE]`)
)

func below(s, prefix string) bool { return s == prefix || strings.HasPrefix(s, prefix+"/") }

// checkPath sends s through the chain of upstreams: what comes out is below
// /public if a rule opened /public, and if it is below /admin, the rule that
// denies /admin has bound.
func checkPath(t *testing.T, s string, chain ...upstream) {
	t.Helper()
	public, admin := prefixMatch(t, "/public"), prefixMatch(t, "/admin")
	v := viewOf(s)
	opens, denies := public.opens(v), bindsAny(admin, v) || v.TooManyReadings()
	at, via := s, ""
	for _, u := range chain {
		next, ok := u.read(at)
		if !ok {
			return
		}
		at, via = next, via+", "+u.name
		if opens && !below(at, "/public") {
			t.Fatalf("%q opened /public and became %q via %s: %q", s, at, via[2:], v.Readings())
		}
		if !denies && below(at, "/admin") {
			t.Fatalf("%q was not denied and became %q via %s: %q", s, at, via[2:], v.Readings())
		}
	}
}

func checkReadings(t *testing.T, s string) {
	t.Helper()
	p, raw := viewOf(s).RequestPath(), target(s)
	if len(p.Readings()) == 0 || p.Readings()[0] != raw {
		t.Fatalf("%q: the first reading is not the raw one: %q", s, p.Readings())
	}
	for i, reading := range p.Readings() {
		if slices.Contains(p.Readings()[:i], reading) && !p.TooManyReadings {
			t.Fatalf("%q: reading %q twice", s, reading)
		}
	}
}

var pathPieces = []string{
	"/", "/", "/", "//", ".", "..", "/..", "/../", "%2e", "%2e%2e", "%2f", "%5c", `\`, ";", "%3b", ";x", "%25", "%252f", "%252e",
	"public", "/public", "admin", "/admin", "a", "%61", "é", "%20", "?", "%3f", "#", "%23", "%00", ":", "http://", "x=y",
}

func randomPath(r *rand.Rand) string {
	s := "/"
	if r.IntN(2) == 0 {
		s = "/public/"
	}
	for range r.IntN(10) {
		s += pathPieces[r.IntN(len(pathPieces))]
	}
	return s
}

func TestPathsThroughUpstreams(t *testing.T) {
	for _, c := range pathAttacks {
		for _, u := range upstreams {
			for _, w := range upstreams {
				checkPath(t, c.path, u, w)
			}
		}
	}
	// The same paths each time; FuzzPathReadings is there to find others.
	r := rand.New(rand.NewPCG(1, 1))
	opened, denied := 0, 0
	public, admin := prefixMatch(t, "/public"), prefixMatch(t, "/admin")
	const n = 3000
	for range n {
		s := randomPath(r)
		checkReadings(t, s)
		checkPath(t, s, upstreams[r.IntN(len(upstreams))], upstreams[r.IntN(len(upstreams))], upstreams[r.IntN(len(upstreams))])
		v := viewOf(s)
		if public.opens(v) {
			opened++
		}
		if bindsAny(admin, v) {
			denied++
		}
	}
	if opened < n/100 || denied < n/100 {
		t.Errorf("of %d paths %d opened, %d denied: the property says nothing", n, opened, denied)
	}
}

func FuzzPathReadings(f *testing.F) {
	if len(pathAttacks) == 0 {
		f.Fatal("no seeds")
	}
	for i, c := range pathAttacks {
		f.Add(c.path, uint(i))
	}
	f.Fuzz(func(t *testing.T, s string, chain uint) {
		checkReadings(t, s)
		n := uint(len(upstreams))
		checkPath(t, s, upstreams[chain%n], upstreams[chain/n%n], upstreams[chain/n/n%n])
	})
}

func TestCanonicalPathAllocatesNothing(t *testing.T) {
	public := prefixMatch(t, "/public")
	r := &request.Request{Method: "GET", Authority: "example.com", Path: "/public/items/42?x=1", HasPath: true}
	if n := testing.AllocsPerRun(100, func() {
		v := newView(r)
		if !public.opens(&v) || len(v.Readings()) != 1 {
			t.Fatal("not opened")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
