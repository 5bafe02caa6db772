package readings

import (
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"bearerauth/filter/policy"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// corpus are targets that were read wrongly once, or that other gateways did.
var corpus = []string{
	"/admin", "//x/admin", "///x/admin", "////x/admin", `/\/x/admin`, `/\\x/admin`, `\\x\admin`, "/\t/x/admin", "/public/..%20/admin", "/public/..%20",
	"http:/x/admin", "http:admin", "http:///x/admin", "//x%61dmin", "@x/admin", "/public/.%2e;/admin", "/public/a%2fb/../..%2fadmin",
	"/.//x/admin", "/..//x/admin", "/public/%u002e%u002e/admin", "/%u0061dmin", "C:/admin", "/public/..;/admin", "/admin;/../public",
	"/a%3f/../admin%23/../public", "//x;/../admin", "/public/..%5c..%5cadmin", "/public%2f..%2fadmin", "/%2e%2e//x/admin", "/public/%2e%2e%3b/admin",
}

// batch bounds what is remembered at a time.
const batch = 20_000

// TestReadings asks every parser, and every parser about what another has made of
// the target, as a server behind a proxy would. $READINGS is the number of targets
// and $SEED their seed (`make readings COUNT=1000000`).
func TestReadings(t *testing.T) {
	count := number(t, "READINGS", batch)
	seed := number(t, "SEED", int(rand.Uint32()))
	t.Logf("SEED=%d READINGS=%d", seed, count)
	j := newJudge(t)
	g := targets{rand.New(rand.NewPCG(uint64(seed), 1))}
	for done := 0; done < count; done += batch {
		list := make([]string, 0, batch)
		if done == 0 {
			list = append(list, corpus...)
		}
		for len(list) < min(batch, count-done) {
			list = append(list, g.next())
		}
		j.hold(list, g.Rand)
	}
	t.Logf("%d opened, %d bound, %d crowded; %d answers below what is protected, %d below what is opened", j.opened, j.bound, j.crowded, j.protected, j.below)
	if j.opened < count/200 || j.bound < count/20 || j.protected < count/20 || j.crowded > count/3 {
		t.Error("the property says nothing")
	}
}

func number(t *testing.T, name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// judge is a filter that denies /admin and opens /public.
type judge struct {
	*testing.T
	policy *policy.Policy
	state  *policy.State
	dir    string
	ask    []interpreter
	failed int

	opened, bound, crowded, protected, below int
}

func newJudge(t *testing.T) *judge {
	p, err := policy.Parse([]byte(`{
		"providers": {"a": {"type": "static", "tokens": [{"sha256": "` + strings.Repeat("0a", 32) + `"}]}},
		"rules": [{"match": {"path_prefix": "/admin"}, "access": "deny"}, {"match": {"path_prefix": "/public"}, "access": "anonymous"}]
	}`))
	if err != nil {
		t.Fatal(err)
	}
	j := &judge{T: t, policy: p, state: p.NewState(policy.Host{}), dir: t.TempDir()}
	for _, i := range interpreters {
		if _, err := exec.LookPath(i.command); err == nil {
			j.ask = append(j.ask, i)
		} else if os.Getenv("CI") != "" {
			t.Fatalf("no %s to ask", i.command)
		} else {
			t.Logf("WITHOUT %s: none of its parsers is asked", i.command)
		}
	}
	return j
}

type judged struct {
	target         string
	opened, passes bool // passes: nothing protects it
}

func (j *judge) judge(target string) judged {
	now := time.Unix(1_900_000_000, 0)
	v := j.policy.Decide(j.state, now, &request.Request{Method: "GET", Authority: "h", Path: target, HasPath: true})
	switch v := v.(type) {
	case *verdict.Allow:
		j.opened++
		return judged{target, true, true}
	case *verdict.Deny:
		switch v.Reason {
		case verdict.ReasonNonCanonicalPath:
			j.crowded++
			return judged{target: target}
		case verdict.ReasonForbidden:
			j.bound++
			return judged{target: target}
		case verdict.ReasonMissing:
			return judged{target, false, true}
		}
	}
	j.Fatalf("%q: %+v", target, v)
	return judged{}
}

// hold holds what the filter says about targets against what parsers make of them.
func (j *judge) hold(list []string, r *rand.Rand) {
	said := make([]judged, len(list))
	for i, target := range list {
		said[i] = j.judge(target)
	}
	type made struct {
		from int
		by   string
	}
	next := map[string]made{}
	for name, paths := range j.answers(list) {
		for i, a := range paths {
			if !a.ok {
				continue
			}
			j.compare(said[i], a.path, name)
			if _, have := next[a.path]; !have && a.path != list[i] && (said[i].opened || said[i].passes) {
				next[a.path] = made{i, name}
			}
		}
	}
	again := slices.Sorted(maps.Keys(next))
	r.Shuffle(len(again), func(i, k int) { again[i], again[k] = again[k], again[i] })
	again = again[:min(len(again), len(list))]
	for name, paths := range j.answers(again) {
		for i, a := range paths {
			if first := next[again[i]]; a.ok {
				j.compare(said[first.from], a.path, first.by+" ("+strconv.Quote(again[i])+"), "+name)
			}
		}
	}
}

func (j *judge) compare(said judged, path, by string) {
	protected, opened := isBelow(path, "/admin"), isBelow(path, "/public")
	if protected {
		j.protected++
	}
	if opened {
		j.below++
	}
	if !(protected && said.passes) && !(said.opened && !opened) {
		return
	}
	if j.failed++; j.failed <= 40 {
		j.Errorf("%q: opened %v, bound by nothing %v, is %q by %s", said.target, said.opened, said.passes, path, by)
	}
}

func isBelow(path, prefix string) bool { return path == prefix || strings.HasPrefix(path, prefix+"/") }

// answers asks all parsers.
func (j *judge) answers(list []string) answers {
	theirs, failures := make([]answers, len(j.ask)), make([]error, len(j.ask))
	var wait sync.WaitGroup
	for k, i := range j.ask {
		wait.Go(func() { theirs[k], failures[k] = i.ask(j.dir, list) })
	}
	all := answers{}
	for _, p := range slices.Concat(goParsers, servers) {
		paths := make([]answer, len(list))
		for i, target := range list {
			paths[i].path, paths[i].ok = p.read(target)
		}
		all[p.name] = paths
	}
	wait.Wait()
	for k := range j.ask {
		if failures[k] != nil {
			j.Fatal(failures[k])
		}
		maps.Copy(all, theirs[k])
	}
	return all
}
