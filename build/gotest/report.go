package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	quiet     = 30 * time.Second // after which a line shows that go test is alive
	mostLines = 60               // of one failed test or package
)

// event is what `go test -json` prints (go doc cmd/test2json, go help buildjson).
type event struct {
	Action, Package, ImportPath, Test, Output string
	FailedBuild                               string
}

// report reads the events of several runs of go test.
type report struct {
	mu      sync.Mutex
	w       io.Writer
	last    time.Time // of the last line on w
	output  map[name]*strings.Builder
	running map[name]bool
	failed  []name
	counts  map[string]int // of tests, by pass, skip and fail
}

// name is that of a test, of a package if there is no test, or of a build.
type name struct{ pkg, test string }

func (n name) String() string { return strings.TrimSpace(n.pkg + " " + n.test) }

func newReport(w io.Writer) *report {
	return &report{w: w, last: time.Now(), output: map[name]*strings.Builder{}, running: map[name]bool{}, counts: map[string]int{}}
}

func (r *report) printf(format string, args ...any) {
	r.last = time.Now()
	fmt.Fprintf(r.w, format, args...)
}

// line takes a line of go test's output. What is no event is shown as it is.
func (r *report) line(line []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var e event
	if json.Unmarshal(line, &e) != nil || e.Action == "" {
		r.printf("%s", line)
		return
	}
	n := name{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		r.printf("%s", e.Output)
	case "output":
		if e.Test == "" && closing(e.Output) {
			r.printf("%s", e.Output)
			return
		}
		if r.output[n] == nil {
			r.output[n] = &strings.Builder{}
		}
		r.output[n].WriteString(e.Output)
	case "run", "cont":
		r.running[n] = true
	case "pause":
		delete(r.running, n)
	case "pass", "skip":
		delete(r.running, n)
		delete(r.output, n)
		if e.Test != "" {
			r.counts[e.Action]++
		}
	case "fail":
		r.unended(n)
		r.fail(n, e.Test == "" && e.FailedBuild != "")
	}
}

// closing tells whether go test says by this line how a package ended.
func closing(line string) bool {
	return strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "FAIL\t")
}

// unended are the tests of a package that a panic or the limit ended.
func (r *report) unended(n name) {
	for _, test := range r.sorted() {
		if n.test == "" && test.pkg == n.pkg {
			r.fail(test, false)
		}
	}
}

// fail shows what a test has printed, or a package apart from its tests.
func (r *report) fail(n name, build bool) {
	var lines []string
	if text := r.output[n]; text != nil && !build {
		for line := range strings.Lines(text.String()) {
			if bare := strings.TrimSpace(line); !strings.HasPrefix(bare, "=== ") && !strings.HasPrefix(bare, "--- ") && bare != "FAIL" {
				lines = append(lines, line)
			}
		}
	}
	delete(r.running, n)
	delete(r.output, n)
	if n.test != "" {
		r.counts["fail"]++
	}
	// A test fails with its subtests and a package with its tests: the inner ones count.
	inner := slices.ContainsFunc(r.failed, func(f name) bool {
		return f.pkg == n.pkg && (n.test == "" || strings.HasPrefix(f.test, n.test+"/"))
	})
	if !inner {
		r.failed = append(r.failed, n)
	}
	if len(lines) == 0 {
		return
	}
	if left := len(lines) - mostLines; left > 0 {
		lines = append(lines[:mostLines], fmt.Sprintf("    … %d more lines (go test -run shows them)\n", left))
	}
	r.printf("--- FAIL: %s\n%s", n, strings.Join(lines, ""))
}

// sorted are the tests that run.
func (r *report) sorted() []name {
	return slices.SortedFunc(maps.Keys(r.running), func(a, b name) int { return strings.Compare(a.String(), b.String()) })
}

// progress says what runs when nothing else was said for a while.
func (r *report) progress(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.last) < quiet {
		return
	}
	var tests []string
	for _, n := range r.sorted() {
		if n.test != "" && !strings.Contains(n.test, "/") {
			tests = append(tests, n.test)
		}
	}
	const most = 4
	more := ""
	if len(tests) > most {
		tests, more = tests[:most], fmt.Sprintf(" and %d more", len(tests)-most)
	}
	r.printf("   … %d tests passed; now %s%s\n", r.counts["pass"], strings.Join(tests, ", "), more)
}

// close says what failed, and how long it took.
func (r *report) close(ok bool, took time.Duration) {
	verdict := "ok"
	if !ok {
		verdict = "FAIL"
		r.printf("== what failed:\n")
		for _, n := range r.failed {
			r.printf("   %s\n", n)
		}
		if len(r.failed) == 0 {
			r.printf("   go test itself: see above\n")
		}
	}
	r.printf("== %s: %d tests passed, %d failed, %d skipped, in %v\n", verdict,
		r.counts["pass"], r.counts["fail"], r.counts["skip"], took.Round(time.Second))
}
