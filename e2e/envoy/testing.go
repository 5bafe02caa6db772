package envoy

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// Main is for TestMain: os.Exit(envoy.Main(m)). Without an Envoy it says so in
// a box, and the tests that need one are skipped; with $CI set that is a failure.
func Main(m *testing.M) int {
	if _, err := Find(); err != nil {
		PrintMissing(os.Stderr, err)
		if os.Getenv("CI") != "" {
			return 1
		}
	}
	return m.Run()
}

const boxWidth = 94

// PrintMissing writes the box that says that there is no Envoy.
func PrintMissing(w io.Writer, reason error) {
	lines := []string{"ENVOY TESTS SKIPPED: no Envoy to run them in"}
	if os.Getenv("CI") != "" {
		lines[0] = "ENVOY TESTS FAILED: no Envoy to run them in, and CI is set"
	}
	for line := range strings.Lines(strings.TrimSpace(reason.Error())) {
		runes := []rune(strings.TrimRight(line, "\n"))
		for len(runes) > boxWidth {
			lines = append(lines, string(runes[:boxWidth]))
			runes = runes[boxWidth:]
		}
		lines = append(lines, string(runes))
	}
	rule := strings.Repeat("#", boxWidth+6)
	var box strings.Builder
	fmt.Fprintln(&box, "\n"+rule)
	for _, line := range lines {
		fmt.Fprintf(&box, "## %-*s ##\n", boxWidth, line)
	}
	fmt.Fprintln(&box, rule+"\n")
	_, _ = io.WriteString(w, box.String())
}

// Need returns the Envoy to test with, or skips the test; with $CI set it fails.
func Need(t testing.TB) *Binary {
	t.Helper()
	b, err := Find()
	if err == nil {
		return b
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("no Envoy, and CI is set: %v", err)
	}
	t.Skipf("ENVOY TESTS SKIPPED: %v", err)
	return nil
}

// Run starts an Envoy for a test and stops it at the end. It must end well: a
// crash on the way out fails the test too.
func Run(t testing.TB, o Options) *Process {
	t.Helper()
	if o.Binary == nil {
		o.Binary = Need(t)
	}
	p, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("envoy's log ends with:\n%s", p.Log.Tail(40))
		}
		if err := p.Stop(); err != nil {
			t.Errorf("stopping envoy: %v", err)
		}
	})
	return p
}

// Address is Listener for tests.
func Address(t testing.TB, p *Process, listener string) string {
	t.Helper()
	address, err := p.Listener(listener)
	if err != nil {
		t.Fatal(err)
	}
	return address
}
