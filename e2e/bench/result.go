package main

import (
	"fmt"
	"math"
	"time"
)

// result is what became of a row.
type result struct {
	row
	cost      estimate // microseconds over the bare listener
	ratio     estimate // to the row beside it
	judgement judgement
	requests  float64 // medians
	p50, p99  time.Duration
	paced     *sample // at 70 % of saturation
}

const bootstrapSeed = 4711

// evaluate pairs rows within their round: what disturbs a round disturbs all of it.
func evaluate(rows []row, rounds []*round) []result {
	costs := map[string][]float64{}
	for i, r := range rows {
		for _, round := range rounds {
			cost := round.samples[i].cpu - round.baseline()
			if r.filter == nil {
				cost = round.baseline()
			}
			costs[r.name] = append(costs[r.name], cost)
		}
	}
	results := make([]result, len(rows))
	for i, r := range rows {
		own := costs[r.name]
		results[i] = result{
			row:       r,
			cost:      estimateOf(own, bootstrapSeed),
			ratio:     target{Of: r.beside, Times: 1}.judge(own, costs[r.beside], bootstrapSeed).estimate,
			judgement: r.target.judge(own, costs[r.target.Of], bootstrapSeed),
		}
		var requests, p50, p99 []float64
		for _, round := range rounds {
			s := round.samples[i]
			requests = append(requests, s.requests)
			p50 = append(p50, float64(s.p50))
			p99 = append(p99, float64(s.p99))
		}
		results[i].requests = median(requests)
		results[i].p50, results[i].p99 = time.Duration(median(p50)), time.Duration(median(p99))
	}
	return results
}

// target bounds what a row costs over the bare listener by what another row of
// the same run costs: at most Times of it, or at most Plus microseconds more.
// The zero target bounds nothing.
type target struct {
	Of    string
	Times float64 // 0: a bound by Plus
	Plus  float64
}

func (t target) String() string {
	switch {
	case t.Of == "":
		return ""
	case t.Times > 0:
		return fmt.Sprintf("<= %.2f x %s", t.Times, t.Of)
	default:
		return fmt.Sprintf("<= %s + %g us", t.Of, t.Plus)
	}
}

// judge compares round by round: a disturbance of a round affects both rows.
func (t target) judge(row, of []float64, seed uint64) judgement {
	if t.Of == "" || len(row) != len(of) {
		return judgement{estimate: noEstimate}
	}
	values := make([]float64, len(row))
	for i := range values {
		if t.Times > 0 {
			values[i] = row[i] / of[i]
		} else {
			values[i] = row[i] - of[i]
		}
	}
	limit := t.Times
	if limit == 0 {
		limit = t.Plus
	}
	return judgement{estimateOf(values, seed), limit}
}

// judgement is what was found of a target's ratio or difference.
type judgement struct {
	estimate
	limit float64
}

const met = "met"

// String says "met" only if the interval's upper bound holds.
func (j judgement) String() string {
	switch {
	case math.IsNaN(j.median):
		return ""
	case j.high <= j.limit:
		return met
	case j.median <= j.limit:
		return "not shown"
	default:
		return "NOT MET"
	}
}
