package filter_test

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
)

// smallPathCost is what the path of a request of 1 KiB may cost, in plain requests:
// one costs about ten microseconds, so that these are half a millisecond.
const smallPathCost = 50

// costlyPaths are the worst that TestSearchCostlyPath has found, and what once was.
var costlyPaths = []string{
	"/" + strings.Repeat("a", 228) + "//%2f;x/%61%3b",
	"/" + strings.Repeat("a", 900) + "//%2f;x/%61%3b%40%5c%3f",
	strings.Repeat("/%2541%20;%252f", 64),
	strings.Repeat("/..%2f;%25", 100),
	strings.Repeat("/%41%40%2f%5c%3b%3f%23%25", 40),
	strings.Repeat("/", 1000) + "%2f%41",
	"/" + strings.Repeat("%25", 320) + "41",
	"/" + strings.Repeat("+", 900) + "%41%20%2f%5c",
	"/" + strings.Repeat(";", 900) + "%41%20%2f%5c//",
	"/" + strings.Repeat("ab", 60) + "%2f%41%20%5c",
	"/" + strings.Repeat("ab", 100) + "%2f%41%20%5c",
	"/" + strings.Repeat("ab", 450) + "%2f%41",
	"/" + strings.Repeat("a", 59_000),
	"/" + strings.Repeat("a", 59_000) + "//%41",
	"/" + strings.Repeat("%41", 1360),
	"/" + strings.Repeat("ab", 2000) + "%41%40",
	"/" + strings.Repeat("a", 4000) + "//%2f;x/%61%3b",
	"/" + strings.Repeat("a/", 1900) + "//%2f;x/%61%3b",
	"/" + strings.Repeat("a", 4000) + "%3f%3fb?" + strings.Repeat("a", 55_000),
}

// pathRules are rules that no path below meets, with the limits for paths of 1 KiB
// and 60 KiB. What an expression costs its author chooses: the one here fits no better
// after each byte.
var pathRules = []struct {
	name         string
	count        int
	small, large time.Duration
	kinds        []string
}{
	{"no rule", 0, smallPathCost, 400, nil},
	{"one prefix", 1, smallPathCost, 400, []string{`"path_prefix":"/prefix/%d"`}},
	{"twenty without expressions", 20, smallPathCost, 800, []string{`"path":"/exact/%d"`, `"path_prefix":"/prefix/%d"`, `"path_template":"/*/%d/**"`}},
	{"one expression", 1, smallPathCost, 400, []string{`"path_regex":"/(a|b|ab)*%d"`}},
	{"twenty expressions", 20, 2 * smallPathCost, 800, []string{`"path_regex":"/(a|b|ab)*%d"`}},
}

// pathCost starts a filter with such rules and returns what a request costs it.
func pathCost(t *testing.T, vm *wasmhost.VM, count int, kinds []string) func(path string, rounds int) time.Duration {
	config := fmt.Sprintf(`{"providers": {"clients": {"type": "static", "tokens": [{"sha256": "%x"}]}}`, sha256.Sum256([]byte("fake-token")))
	var rules []string
	for i := range count {
		rules = append(rules, fmt.Sprintf(`{"match":{`+kinds[i%len(kinds)]+`},"access":"deny"}`, i))
	}
	if count > 0 {
		config += `, "rules":[` + strings.Join(rules, ",") + `]`
	}
	plugin := startPlugin(t, vm, config+"}")
	return func(path string, rounds int) time.Duration {
		least := time.Hour
		for range rounds {
			s := plugin.NewStream()
			pairs := request(path, "")
			began := time.Now()
			s.RequestHeaders(pairs, true)
			least = min(least, time.Since(began))
			if s.Outcome() != wasmhost.Replied {
				t.Fatalf("%q: %s", path, s.Outcome())
			}
			s.End()
		}
		return least
	}
}

// TestCostOfOnePath: a path cannot cost much under any rules.
func TestCostOfOnePath(t *testing.T) {
	vm := startVM(t, wasmhost.Options{})
	for _, rules := range pathRules {
		cost := pathCost(t, vm, rules.count, rules.kinds)
		plain := cost("/", 100)
		for _, path := range costlyPaths {
			limit := rules.small
			if len(path) > 1<<10 {
				limit = rules.large
			}
			took := cost(path, 10)
			for range 20 { // a busy machine has quiet moments
				if took > limit*plain {
					took = min(took, cost(path, 10))
				}
			}
			text := fmt.Sprintf("%s: %d bytes, %.1f plain requests of %v: %.40q", rules.name, len(path), float64(took)/float64(plain), plain, path)
			if t.Log(text); took > limit*plain {
				t.Error(text)
			}
		}
	}
}

// TestSearchCostlyPath changes paths of a small request towards what costs more.
// $STEPS is how long; by default it is a look.
func TestSearchCostlyPath(t *testing.T) {
	steps, err := strconv.Atoi(cmp.Or(os.Getenv("STEPS"), "300"))
	if err != nil {
		t.Fatal(err)
	}
	vm := startVM(t, wasmhost.Options{})
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 3))
	cost := pathCost(t, vm, 1, []string{`"path_prefix":"/prefix/%d"`})
	plain := cost("/", 100)
	pieces := []string{"/", "//", "a", "%61", "%2f", "%5c", `\`, ";", "%3b", "%3f", "%23", "#", "%25", "%2525", "..", "/../", "%20", "+", ".+", "\t", "%09", "%00", "%c0%ae", "%u002f", "%", "@", "\xe0", strings.Repeat("a", 30), strings.Repeat("/a", 15)}
	worst, most := costlyPaths[0], time.Duration(0)
	for range steps {
		path := worst
		for range 1 + r.IntN(3) {
			from := 1 + r.IntN(len(path))
			to := from + r.IntN(min(len(path)-from, 40)+1)
			switch piece := pieces[r.IntN(len(pieces))]; r.IntN(4) {
			case 0:
				path = path[:from] + path[to:]
			case 1:
				path = path[:to] + path[from:]
			default:
				path = path[:from] + piece + path[from:]
			}
		}
		path = path[:min(len(path), 1<<10)]
		took := cost(path, 3)
		if took > most {
			took = cost(path, 10) // is it?
		}
		if took > most {
			worst, most = path, took
		}
	}
	most = min(most, cost(worst, 50))
	text := fmt.Sprintf("seed %d: %.1f plain requests of %v: %q", seed, float64(most)/float64(plain), plain, worst)
	if t.Log(text); most > smallPathCost*plain {
		t.Error(text)
	}
}
