package filter_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/scenario"
	"bearerauth/filter/testkey"
)

// TestBothBuildsAgree: the standard build and the small build get the same requests, those
// of the scenarios and tokens of every algorithm, changed at random, and do the same to
// the last byte.
func TestBothBuildsAgree(t *testing.T) {
	t.Parallel()
	if !isSmall() {
		t.Skip("make small-test runs this: it needs both builds")
	}
	wasm, err := os.ReadFile("../bearerauth.wasm")
	if err != nil {
		t.Fatal(err)
	}
	standard, err := wasmhost.Compile(context.Background(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	stories, err := scenario.Load("../testdata/scenarios")
	if err != nil {
		t.Fatal(err)
	}
	for _, story := range stories {
		var requests [][][2]string
		for i := range story.Requests {
			requests = append(requests, story.Requests[i].Pairs())
		}
		t.Run(story.Name, func(t *testing.T) {
			t.Parallel()
			agree(t, standard, wasmhost.Options{Now: agreedTime, Environment: story.Variables()}, string(story.Config), requests, 3000)
		})
	}
	t.Run("tokens", func(t *testing.T) {
		t.Parallel()
		keys := testkey.All()
		var requests [][][2]string
		for _, k := range keys {
			for _, claims := range []members{nil, {"exp": 1}, {"nbf": 1e300}, {"sub": "é\u2028"}, {"iss": nil}, {"a": members{"b": []any{1.5, "x", nil, true}}}} {
				requests = append(requests, request("/", "Bearer "+k.Token(agreedTime, claims)))
			}
		}
		if passed := agree(t, standard, wasmhost.Options{Now: agreedTime}, inlineConfig(keys...), requests, 1500); passed < 50 || passed > 1000 {
			t.Errorf("%d of 1500 requests passed", passed)
		}
	})
}

var agreedTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func agree(t *testing.T, standard *wasmhost.Module, options wasmhost.Options, config string, requests [][][2]string, n int) (passed int) {
	small := startVM(t, options)
	vms := []*wasmhost.VM{standard.StartVM(t, options), small}
	plugins := []*wasmhost.Plugin{startPlugin(t, vms[0], config), startPlugin(t, vms[1], config)}
	dice := rand.New(rand.NewPCG(1, uint64(len(config))))
	for i := range n {
		pairs := requests[i%len(requests)]
		if i >= len(requests) {
			pairs = changed(dice, pairs)
		}
		var did [2]string
		for b, plugin := range plugins {
			s := plugin.NewStream()
			s.RequestHeaders(slices.Clone(pairs), true)
			did[b] = whatCameOf(s)
			s.End()
			vms[b].Forget()
		}
		if did[0] != did[1] {
			t.Fatalf("%q\nstandard: %s\nsmall:    %s", pairs, did[0], did[1])
		}
		if strings.HasPrefix(did[0], string(wasmhost.Continued)) {
			passed++
		}
	}
	return passed
}

func whatCameOf(s *wasmhost.Stream) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %+v", s.Outcome(), s.Upstream())
	if s.Reply() != nil {
		fmt.Fprintf(&b, " %+v", *s.Reply())
	}
	state := s.FilterState()
	for _, name := range slices.Sorted(maps.Keys(state)) {
		fmt.Fprintf(&b, " %s=%q", name, state[name])
	}
	for _, call := range s.Calls() {
		fmt.Fprintf(&b, " %s", call)
	}
	return b.String()
}

// changed makes one to three changes to a request.
func changed(dice *rand.Rand, pairs [][2]string) [][2]string {
	pairs = slices.Clone(pairs)
	for range 1 + dice.IntN(3) {
		at := 1 + dice.IntN(len(pairs)-1) // not the method, which is the first
		switch dice.IntN(6) {
		case 0:
			pairs = append(pairs, pairs[at])
		case 1:
			pairs[at][1] = pairs[dice.IntN(len(pairs))][1]
		case 2:
			if !strings.HasPrefix(pairs[at][0], ":") {
				pairs[at][0] = strings.ReplaceAll(pairs[at][0], "-", "_")
			}
		default:
			pairs[at][1] = spoilt(dice, pairs[at][1])
		}
	}
	return pairs
}

const pieces = "/./../%2e%2F%5c;\\?&=#,: \t\"'é*~_-AaZz09+Bearer"

func spoilt(dice *rand.Rand, s string) string {
	at := dice.IntN(len(s) + 1)
	from := dice.IntN(len(pieces))
	piece := pieces[from : from+dice.IntN(min(6, len(pieces)-from)+1)]
	switch dice.IntN(3) {
	case 0:
		return s[:at] + piece + s[at:]
	case 1:
		return s[:at] + s[at+dice.IntN(len(s)-at+1):]
	}
	return s[:at] + piece + s[min(len(s), at+len(piece)):]
}
