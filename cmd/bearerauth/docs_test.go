package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"bearerauth/cmd/check"
)

const page = "../../docs/command.md"

var blocks = regexp.MustCompile("(?ms)^```(text help|console bearerauth)([a-z ]*)\n(.*?)^```\n")

// TestPage: the help on the page is what the command prints, and its session is what a
// user sees. Its commands run one after another in one folder.
func TestPage(t *testing.T) {
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	helps, sessions := 0, 0
	got := blocks.ReplaceAllStringFunc(string(raw), func(block string) string {
		m := blocks.FindStringSubmatch(block)
		text := ""
		if m[1] == "text help" {
			helps++
			var out bytes.Buffer
			if status := run(append(strings.Fields(m[2]), "--help"), nil, &out, &out); status != 0 {
				t.Errorf("%s --help: status %d, %s", m[2], status, &out)
			}
			text = out.String()
		} else {
			sessions++
			text = replay(t, m[3])
		}
		return "```" + m[1] + m[2] + "\n" + text + "```\n"
	})
	t.Chdir(dir)
	if helps < 6 || sessions < 3 {
		t.Errorf("found %d helps and %d sessions, want at least 6 and 3", helps, sessions)
	}
	if *update {
		if err := os.WriteFile(page, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != string(raw) {
		t.Errorf("%s shows another output (go test ./bearerauth -update writes it)", page)
	}
}

// TestPageWarnings: the page has a row for each warning, and no other.
func TestPageWarnings(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(raw), "### Warnings")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, w := range check.Warnings {
		if !strings.Contains(table, fmt.Sprintf("\n| `%s` |", w.Name)) {
			t.Errorf("%s has no row for %s", page, w.Name)
		}
	}
	if rows := strings.Count(table, "\n| `"); rows != len(check.Warnings) {
		t.Errorf("%s has %d rows, there are %d warnings", page, rows, len(check.Warnings))
	}
}

// TestSchema: the schema that the command prints is that of the repository.
func TestSchema(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("../../config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if status := run([]string{"schema"}, nil, &out, &errs); status != 0 || !bytes.Equal(out.Bytes(), want) {
		t.Errorf("status %d, %s: the schema is another: cp config.schema.json cmd/bearerauth/", status, &errs)
	}
}
