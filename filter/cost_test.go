package filter_test

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/policy"
	requests "bearerauth/filter/policy/request"
)

// The cost of one request is bounded for any input of a client: a request that costs as
// much as a thousand others would be an attack that needs no bandwidth. The bounds are
// multiples of the cost of a plain request in the same run, so that neither the machine
// nor its load matters: a plain request takes about 20 us under wazero, and 0.3 us
// natively.
type costBounds struct {
	shortOne, shortTwenty float64 // a request of 1 KiB before so many rules
	longOne, longTwenty   float64 // one of 57 KB
}

var (
	inModule = costBounds{45, 65, 400, 750} // measured: 0.5, 1, 5 and 10 ms under wazero
	natively = costBounds{500, 500, 6000, 9000}
)

// costKinds are conditions for rule i.
var costKinds = map[string]func(i int) string{
	"hosts": func(i int) string {
		return fmt.Sprintf(`"hosts": ["t-%d.example", "10.0.0.%d", "[::%d]"]`, i, i+1, i+1)
	},
	"headers":            func(i int) string { return fmt.Sprintf(`"headers": [{"name": "x-a", "equal": "%da"}]`, i) },
	"header expressions": func(i int) string { return fmt.Sprintf(`"headers": [{"name": "x-a", "regex": "(a|b|ab)*%d"}]`, i) },
	"query":              func(i int) string { return fmt.Sprintf(`"query": [{"name": "debug", "equal": "%da"}]`, i) },
	"query expressions":  func(i int) string { return fmt.Sprintf(`"query": [{"name": "debug", "regex": "(a|b|ab)*%d"}]`, i) },
	"query names":        func(i int) string { return fmt.Sprintf(`"query": [{"name": "debug-%d", "present": true}]`, i) },
}

// costConfig has n rules of some kind, and all locations that there may be.
func costConfig(n int, kinds ...string) string {
	locations := []string{`{"header": "authorization"}`, `{"header": "x-token", "prefix": "Token "}`, `{"cookie": "session"}`, `{"insecure_query_parameter": "token"}`}
	if n > 1 {
		for i := range 3 {
			locations = append(locations, fmt.Sprintf(`{"cookie": "session%d"}, {"insecure_query_parameter": "token%d"}`, i, i))
		}
	}
	var rules []string
	for i := range n {
		rules = append(rules, fmt.Sprintf(`{"match": {"methods": ["GET", "M-%d"], %s}, "scopes": ["s"]}`, i, costKinds[kinds[i%len(kinds)]](i)))
	}
	return fmt.Sprintf(`{"providers": {"a": {"type": "static", "token_locations": [%s], "tokens": [{"sha256": "%064d"}]}}, "rules": [%s]}`,
		strings.Join(locations, ","), 1, strings.Join(rules, ","))
}

// costlyRequests are of about n bytes.
func costlyRequests(n int) map[string][][2]string {
	all := map[string][][2]string{}
	// fill repeats a text up to n bytes, or up to those at most that something takes.
	fill := func(s string, most int) string { return strings.Repeat(s, min(n, most)/len(s)) }
	for _, s := range []string{
		"a&", "&", ";", "debug&", "debug-1&", "debug;", "debug=ab&", "%64ebug=%61b&", "%64%65%62%75%67=&", "debug", "d\x80", "[", "%25", "%2525", "debug=%2561+,&",
		"token0&", "token0[=&", "%74oken0&", "token0=a&", "DEBUG&", "debug.", "debug,", "+", "debug=a;",
	} {
		all["query of "+s] = request("/?"+fill(s, n), "")
		all["query of ? and "+s] = request("/??"+fill(s, n), "")
		all["query of # and "+s] = request("/?#"+fill(s, n), "")
	}
	for _, s := range []string{"ab", "a,", ",", "x1a,", "1a,", " ", "%61", "a+", "+,", "%2561", "%u0061", "\x00", "\x80", "abababab, "} {
		for _, most := range []int{4090, n} {
			all[fmt.Sprint("value of ", most, " ", s)] = request("/?debug="+fill(s, most), "")
			all[fmt.Sprint("header of ", most, " ", s)] = request("/", "", [2]string{"x-a", fill(s, most)})
			lines := request("/", "")
			for range max(1, min(n/most, 14)) {
				lines = append(lines, [2]string{"x-a", fill(s, most)})
			}
			all[fmt.Sprint("headers of ", most, " ", s)] = lines
		}
	}
	lines := request("/", "")
	for range min(n/8, 100) { // Envoy takes no more
		lines = append(lines, [2]string{"x-a", "ab"}, [2]string{"x_a", "ab"})
	}
	all["header lines"] = lines
	for _, s := range []string{"a:", "a.", "a@", "1.", "%31", "[", "0x", ":", "::", "xn--a-."} {
		host := request("/", "")
		host[2][1] = fill(s, 512)
		all["host of "+s] = host
		host = request("/", "")
		host[2][1] = fill(s, n) + "a"
		all["long host of "+s] = host
	}
	for _, s := range []string{"a=;", ";", "session0 ", "session0,", "session0;", "session0=;", "s\x80", "%73ession0;", "%25", "%", "a", " ", "session", "sessio "} {
		all["cookies of "+s] = request("/", "", [2]string{"cookie", fill(s, n)})
		all["a cookie of "+s] = request("/", "", [2]string{"cookie", "session0=" + fill(s, n)})
	}
	for _, s := range []string{",", "bearer,", "Bearer ", "a.b.", "Token ", " ", "="} {
		all["authorization of "+s] = request("/", fill(s, n))
		all["token of "+s] = request("/", "Bearer "+fill(s, n))
		all["header token of "+s] = request("/", "", [2]string{"x-token", "Token" + fill(s, n)})
	}
	return all
}

// costFinds are what the search has found, see TestCostSearch.
var costFinds = map[string][][2]string{
	"found: an escaped name":   request("/?debug-"+strings.Repeat("%61", 280), ""),
	"found: escapes of a list": request("/?token0=a&debug="+strings.Repeat("%2561,", 70), strings.Repeat("Bearer ", 50)),
	"found: colons and slashes": append([][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", strings.Repeat(":", 80) + strings.Repeat("/1a", 100)}, {":path", "/?" + strings.Repeat("]", 100) + strings.Repeat("&", 100)}},
		[2]string{"x-a", strings.Repeat("%u0061", 40)}, [2]string{"cookie", strings.Repeat(",1a", 20)}),
}

// worst compares what requests cost with a plain one. What exceeds the bound is
// measured again: only what is slow each time is slow.
func worst(t *testing.T, requests map[string][][2]string, bound float64, cost func([][2]string) time.Duration) {
	t.Helper()
	least := func(pairs [][2]string, n int) time.Duration {
		best := time.Duration(math.MaxInt64)
		for range n {
			best = min(best, cost(pairs))
		}
		return best
	}
	plain := least(request("/", "Bearer x"), 50)
	top, name := 0.0, ""
	for _, key := range slices.Sorted(maps.Keys(requests)) {
		times := math.Inf(1)
		for try := 0; try < 5 && times > bound; try++ {
			times = min(times, float64(least(requests[key], 2+8*try))/float64(plain))
			plain = min(plain, least(request("/", "Bearer x"), 1))
		}
		if times > top {
			top, name = times, key
		}
		if times > bound {
			t.Errorf("%.40s costs %.0f plain requests, want %.0f at most", key, times, bound)
		}
	}
	t.Logf("at most %.0f plain requests of %v: %.40q", top, plain, name)
}

// nativeCost is that of the core, moduleCost of the module under wazero.
func nativeCost(t *testing.T, config string) func([][2]string) time.Duration {
	p, err := policy.Parse([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	s, now := p.NewState(policy.Host{}), time.Now()
	return func(pairs [][2]string) time.Duration {
		began := time.Now()
		r := requests.NewRequest(pairs)
		p.Decide(s, now, &r)
		return time.Since(began)
	}
}

func moduleCost(t *testing.T, config string) func([][2]string) time.Duration {
	vm := startVM(t, wasmhost.Options{LogLevel: wasmhost.Critical})
	p := startPlugin(t, vm, config)
	return func(pairs [][2]string) time.Duration {
		pairs = slices.Clone(pairs)
		began := time.Now()
		s := p.NewStream()
		s.RequestHeaders(pairs, true)
		s.End()
		took := time.Since(began)
		vm.Forget()
		return took
	}
}

// TestCost: no request costs much more than others, short ones least of all.
func TestCost(t *testing.T) {
	short, long := costlyRequests(900), costlyRequests(57_000)
	maps.Copy(short, costFinds)
	for _, kind := range slices.Sorted(maps.Keys(costKinds)) {
		for driver, d := range map[string]struct {
			cost   func(*testing.T, string) func([][2]string) time.Duration
			bounds costBounds
		}{"native": {nativeCost, natively}, "module": {moduleCost, inModule}} {
			for _, n := range []int{1, 20} {
				shortBound, longBound := d.bounds.shortOne, d.bounds.longOne
				if n > 1 {
					shortBound, longBound = d.bounds.shortTwenty, d.bounds.longTwenty
				}
				t.Run(fmt.Sprintf("%s/%d %s/1 kB", driver, n, kind), func(t *testing.T) { worst(t, short, shortBound, d.cost(t, costConfig(n, kind))) })
				t.Run(fmt.Sprintf("%s/%d %s/57 kB", driver, n, kind), func(t *testing.T) { worst(t, long, longBound, d.cost(t, costConfig(n, kind))) })
			}
		}
	}
}

// TestCostSearch changes short requests at random and keeps what costs more.
// COST_SEARCH=10m searches for longer, and in the path, too; what it finds belongs
// into costFinds.
func TestCostSearch(t *testing.T) {
	length, fields := time.Second, []string{":authority", "?", "x-a", "cookie", "authorization", "x-token"}
	if s := os.Getenv("COST_SEARCH"); s != "" {
		var err error
		if length, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
		fields = append(fields, ":path")
	}
	cost := nativeCost(t, costConfig(20, slices.Sorted(maps.Keys(costKinds))...))
	dice := rand.New(rand.NewPCG(rand.Uint64(), 1))
	pieces := []string{
		"debug", "debug-1", "token0", "session0", "x-a", "=", "&", ";", ",", "%", "%25", "%61", "%u0061", "+", " ", "a", "ab", "1", "0x", ".", ":", "@", "[", "]", "\x80", "?", "#",
		"/", "Bearer ", "Token ", "xn--", "-", "1a",
	}
	build := func(values map[string]string) [][2]string {
		pairs := request("/"+values[":path"]+"?"+values["?"], values["authorization"])
		pairs[2][1] = cmp.Or(values[":authority"], "test.example")
		for _, name := range []string{"x-a", "cookie", "x-token"} {
			if values[name] != "" {
				pairs = append(pairs, [2]string{name, values[name]})
			}
		}
		return pairs
	}
	least := func(pairs [][2]string, n int) time.Duration {
		best := time.Duration(math.MaxInt64)
		for range n {
			best = min(best, cost(pairs))
		}
		return best
	}
	plain := least(request("/", "Bearer x"), 200)
	var found [][2]string
	var most time.Duration
	tries := 0
	for began := time.Now(); time.Since(began) < length; {
		best, bestCost := map[string]string{}, time.Duration(0)
		for range 600 { // from nothing again and again
			tries++
			next := maps.Clone(best)
			field := fields[dice.IntN(len(fields))]
			s, at := next[field], 0
			if s != "" {
				at = dice.IntN(len(s) + 1)
			}
			piece := pieces[dice.IntN(len(pieces))]
			switch dice.IntN(4) {
			case 0:
				s = s[:at] + piece + s[at:]
			case 1:
				s = s[:at] + strings.Repeat(piece, 1+dice.IntN(100)) + s[at:]
			case 2:
				s = s[:at] + s[at+dice.IntN(len(s)-at+1):]
			case 3:
				s += s
			}
			size := 0
			next[field] = s
			for _, s := range next {
				size += len(s)
			}
			if size > 900 {
				continue
			}
			if took := least(build(next), 3); took > bestCost && least(build(next), 3) > bestCost {
				best, bestCost = next, took
			}
		}
		if took := least(build(best), 20); took > most {
			most, found = took, build(best)
		}
	}
	times := float64(least(found, 200)) / float64(min(plain, least(request("/", "Bearer x"), 200)))
	t.Logf("%d requests; %q costs %.0f plain requests", tries, found, times)
	if times > natively.shortOne {
		t.Errorf("%q costs %.0f plain requests, want %.0f at most", found, times, natively.shortOne)
	}
}
