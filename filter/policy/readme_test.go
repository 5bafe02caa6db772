package policy

import (
	"os"
	"strings"
	"testing"
)

// TestReadme: every configuration that the README shows is accepted.
func TestReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(readme), "```json\n")[1:]
	if len(blocks) < 3 {
		t.Fatalf("found %d configurations, want at least 3", len(blocks))
	}
	for _, block := range blocks {
		config, _, ok := strings.Cut(block, "```")
		if !ok {
			t.Fatalf("no end: %.40s", block)
		}
		environment := func(string) (string, bool) { return "not a secret", true }
		if _, err := ParseWith([]byte(config), environment); err != nil {
			t.Errorf("%v\n%s", err, config)
		}
	}
}

// TestReadmeReasons: the README explains every reason.
func TestReadmeReasons(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for reason := range Reason(NumReasons) {
		if !strings.Contains(string(readme), "`"+reason.String()+"`") {
			t.Errorf("the README does not mention %s", reason)
		}
	}
}
