package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPage: RESULTS.md has the form that -write gives it, and shows every row
// without the targets.
func TestPage(t *testing.T) {
	written, err := os.ReadFile("RESULTS.md")
	if err != nil {
		t.Fatal(err)
	}
	paced := &sample{requests: 1, p50: time.Millisecond, p99: time.Millisecond}
	r := &report{planned: 1, facts: []fact{{"size", 1, "MB", 0.5}}, setting: [][2]string{{"Envoy", "1.40.0"}}}
	for _, row := range rows {
		r.results = append(r.results, result{row: row, judgement: judgement{estimate{1, 1, 1}, 0.5}, paced: paced})
	}
	page := r.markdown()
	for _, target := range []string{"NOT MET", "target"} {
		if strings.Contains(page, target) || strings.Contains(string(written), target) {
			t.Errorf("wanted no targets in front of readers, got %q", target)
		}
	}
	if !slices.Equal(frame(page), frame(string(written))) {
		t.Errorf("wanted RESULTS.md as -write makes it:\n%s\ngot:\n%s",
			strings.Join(frame(page), "\n"), strings.Join(frame(string(written)), "\n"))
	}
	for _, row := range rows {
		if !strings.Contains(string(written), "\n| "+row.name+" | ") {
			t.Errorf("RESULTS.md lacks the row %q", row.name)
		}
	}
	if got := len(r.summaryCells()); got < 12 {
		t.Errorf("%d lines of the summary, want all rows that Envoy has a filter for", got)
	}
}

// frame is a page without its measurements: the text, and the heads of tables.
func frame(page string) (lines []string) {
	inTable := false
	for line := range strings.Lines(page) {
		if head := strings.HasPrefix(line, "| "); head && inTable || strings.HasPrefix(line, "|-") {
			continue
		} else {
			inTable = head
		}
		if !strings.Contains("date processor Envoy Go rounds command took", strings.Trim(strings.SplitN(line, ":", 2)[0], "- \n")) {
			lines = append(lines, strings.TrimRight(line, "\n"))
		}
	}
	return lines
}
