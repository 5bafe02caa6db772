package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOrder(t *testing.T) {
	first := order(rows, rand.New(rand.NewPCG(1, 1)))
	if !slices.Equal(first, order(rows, rand.New(rand.NewPCG(1, 1)))) {
		t.Error("wanted the same order with the same seed")
	}
	if slices.Equal(first, order(rows, rand.New(rand.NewPCG(2, 2)))) {
		t.Error("wanted another order with another seed")
	}
	times := map[int]int{}
	for _, i := range first {
		times[i]++
	}
	for i, r := range rows {
		wanted := 1
		if r.filter == nil {
			wanted = bareRuns
		}
		if times[i] != wanted {
			t.Errorf("%q: wanted it %d times, got %d", r.name, wanted, times[i])
		}
	}
}

func TestNoise(t *testing.T) {
	all := []*round{
		{bare: []float64{20, 21, 40}},
		{bare: []float64{20, 20, 20}},
		{bare: []float64{27, 27, 27}},
		{bare: []float64{20, 20, 20}, other: 0.9},
		{bare: []float64{20, 20, 20}, steal: 0.2},
	}
	markNoise(all)
	for i, noisy := range []bool{false, false, true, true, true} {
		if (all[i].noise != "") != noisy {
			t.Errorf("round %d: wanted noisy %v, got %q", i, noisy, all[i].noise)
		}
	}
	if got := counting(all); got != 2 {
		t.Errorf("wanted 2 rounds that count, got %d", got)
	}
}

// Rows are compared within a round: what slows a whole round cancels out.
func TestEvaluate(t *testing.T) {
	table := []row{
		{name: bareName},
		{name: "floor", filter: floor("floor")},
		{name: "ours", filter: floor("floor"), beside: "floor", target: target{Of: "floor", Times: 1.25}},
	}
	var all []*round
	for i := range 15 {
		slow := 1 + float64(i)/10
		all = append(all, &round{
			bare:    []float64{20 * slow},
			samples: []sample{{cpu: 20 * slow}, {cpu: 30 * slow}, {cpu: 32 * slow, requests: 1000, p99: time.Millisecond}},
		})
	}
	results := evaluate(table, all)
	ours := results[2]
	if got := ours.ratio.format(2); got != "1.20 [1.20, 1.20]" {
		t.Errorf("wanted a ratio of 1.20 in each round, got %s", got)
	}
	if got := ours.judgement.String(); got != met {
		t.Errorf("wanted the target met, got %q", got)
	}
	if results[0].cost.median != 34 || results[1].cost.median != 17 {
		t.Errorf("wanted 34 us in all and 17 us over it, got %v and %v", results[0].cost, results[1].cost)
	}
	// On a machine that was never quiet nothing is met.
	for _, tt := range []struct {
		noise, wanted string
	}{{"", "  met  "}, {"others", "  not shown  "}} {
		for _, r := range all {
			r.noise = tt.noise
		}
		report := &report{results: results, rounds: all, planned: 15}
		if got := report.text(); !strings.Contains(got, tt.wanted) {
			t.Errorf("wanted %q in the table, got %s", tt.wanted, got)
		}
		for _, got := range []string{report.text(), report.markdown()} {
			if !strings.Contains(got, "1.20 [1.20, 1.20]") {
				t.Errorf("wanted the ratio in the table, got %s", got)
			}
		}
	}
}

func TestParse(t *testing.T) {
	var s sample
	out := "Running 1s test\n  2 requests in 1.00s\nbench 25000 1250000 400 2600 0\n"
	if err := s.parse([]byte(out)); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(s.requests, s.p50, s.p99); got != "20000 400µs 2.6ms" {
		t.Errorf("wanted 20000 400µs 2.6ms, got %s", got)
	}
	for _, bad := range []string{"", "unable to connect", "\nbench 0 1000 0 0 0\n", "\nbench 10 1000 1 1 3\n"} {
		if err := s.parse([]byte(bad)); err == nil {
			t.Errorf("%q: wanted an error", bad)
		}
	}
	got, err := parseMachineTime("cpu  100 2 30 5000 7 4 5 6 0 0")
	if err != nil || got.busy != 1410*time.Millisecond || got.steal != 60*time.Millisecond {
		t.Errorf("wanted 1.41 s busy and 60 ms stolen, got %v, %v", got, err)
	}
	if cpus, err := parseCPUs("0-2,5"); err != nil || !slices.Equal(cpus, []int{0, 1, 2, 5}) {
		t.Errorf("wanted 0, 1, 2 and 5, got %v, %v", cpus, err)
	}
}
