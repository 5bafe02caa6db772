package main

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// report is all that a run found. The terminal shows it against its targets
// (this file), RESULTS.md to readers (page.go).
type report struct {
	setting   [][2]string // what was measured, and where
	results   []result
	facts     []fact
	rounds    []*round
	planned   int
	quick     bool
	withNoise []result // the same over all rounds, noisy ones included
}

// disturbed says that noisy rounds had to be used; then no target is met.
func (r *report) disturbed() bool { return counting(r.rounds) < r.planned }

// used are the rounds that the numbers come from.
func (r *report) used() []*round {
	if r.disturbed() {
		return r.rounds
	}
	return quiet(r.rounds)
}

var resultHeads = []string{"row", "us over no filter [95 %]", "times the row beside it [95 %]", "target", "found [95 %]", "", "req/s", "p50", "p99"}

func (r *report) resultCells() [][]string {
	cells := make([][]string, 0, len(r.results))
	for _, s := range r.results {
		found := ""
		if s.target.Of != "" {
			found = s.judgement.format(2)
		}
		ratio := s.ratio.format(2)
		if ratio != "" {
			ratio += " " + s.beside
		}
		cost := s.cost.format(1)
		if s.filter == nil {
			cost += " in all"
		}
		verdict := s.judgement.String()
		if verdict == met && (r.disturbed() || r.quick) {
			verdict = "not shown"
		}
		cells = append(cells, []string{
			s.name, cost, ratio, s.target.String(), found, verdict,
			fmt.Sprintf("%.0f", s.requests), milliseconds(s.p50), milliseconds(s.p99),
		})
	}
	return cells
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.2f ms", d.Seconds()*1000) }

var pacedHeads = []string{"row at 70 % of saturation", "req/s wanted", "req/s", "us over no filter at saturation", "p50", "p99"}

func (r *report) pacedCells() (cells [][]string) {
	for _, s := range r.results {
		if s.paced != nil {
			rate := fmt.Sprintf("%.0f", s.paced.requests)
			if wanted := pacedShare * s.requests; math.Abs(s.paced.requests/wanted-1) > 0.1 {
				rate += " (too far off to compare)"
			}
			cells = append(cells, []string{
				s.name, fmt.Sprintf("%.0f", pacedShare*s.requests), rate,
				s.cost.format(1), milliseconds(s.paced.p50), milliseconds(s.paced.p99),
			})
		}
	}
	return cells
}

var factHeads = []string{"beside CPU", "value", "target", ""}

func (r *report) factCells() (cells [][]string) {
	for _, f := range r.facts {
		limit := ""
		if f.limit > 0 {
			limit = fmt.Sprintf("<= %g %s", f.limit, f.unit)
		}
		cells = append(cells, []string{f.name, fmt.Sprintf("%.2f %s", f.value, f.unit), limit, f.verdict()})
	}
	return cells
}

// noise says which rounds were measured again, and what they would have changed.
func (r *report) noise() []string {
	var lines []string
	for i, round := range r.rounds {
		if round.noise != "" {
			lines = append(lines, fmt.Sprintf("Round %d was noisy: %s.", i+1, round.noise))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	if r.disturbed() {
		return append(lines, fmt.Sprintf("Only %d of %d rounds were quiet, so all of them were used: this machine is too busy to judge by.",
			counting(r.rounds), r.planned))
	}
	worst, name := 0.0, ""
	for i, s := range r.withNoise {
		if shift := math.Abs(s.cost.median - r.results[i].cost.median); shift > worst {
			worst, name = shift, s.name
		}
	}
	return append(lines, fmt.Sprintf("They were measured again; with them no median would move by more than %.1f us (%s).", worst, name))
}

func (r *report) text() string {
	var b strings.Builder
	for _, s := range r.setting {
		fmt.Fprintf(&b, "%-12s %s\n", s[0], s[1])
	}
	for _, t := range []string{
		aligned(resultHeads, r.resultCells()), aligned(pacedHeads, r.pacedCells()), aligned(factHeads, r.factCells()),
	} {
		if t != "" {
			b.WriteString("\n" + t)
		}
	}
	if lines := r.noise(); lines != nil {
		b.WriteString("\n" + strings.Join(lines, "\n") + "\n")
	}
	if r.quick {
		b.WriteString("\nThis was -quick: it shows that the bench runs, and nothing about speed.\n")
	}
	return b.String()
}

func aligned(heads []string, cells [][]string) string {
	if len(cells) == 0 {
		return ""
	}
	widths := make([]int, len(heads))
	all := append([][]string{heads}, cells...)
	for _, line := range all {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, line := range all {
		var row strings.Builder
		for i, cell := range line {
			fmt.Fprintf(&row, "%-*s  ", widths[i], cell)
		}
		b.WriteString(strings.TrimRight(row.String(), " ") + "\n")
	}
	return b.String()
}
