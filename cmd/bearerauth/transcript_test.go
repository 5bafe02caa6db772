package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the commands print into the transcripts")

// TestTranscripts runs the commands of each run.txt in its folder, and compares what they
// print. A line that begins with < names the standard input.
func TestTranscripts(t *testing.T) {
	transcripts, err := filepath.Glob("../testdata/*/run.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(transcripts) < 15 {
		t.Fatalf("found %d transcripts, want at least 15", len(transcripts))
	}
	for _, name := range transcripts {
		path, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(filepath.Dir(name)), func(t *testing.T) {
			t.Chdir(filepath.Dir(path))
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(want))
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("%s: the output is another (go test ./bearerauth -update writes it):\n%s", name, got)
			}
		})
	}
}

// replay is the transcript with what the commands print now.
func replay(t *testing.T, transcript string) string {
	var b strings.Builder
	for i, part := range strings.Split("\n"+transcript, "\n$ bearerauth")[1:] {
		line, rest, _ := strings.Cut(part, "\n")
		input := ""
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("$ bearerauth" + line + "\n")
		if name, ok := strings.CutPrefix(rest, "< "); ok {
			name, _, _ = strings.Cut(name, "\n")
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			input = string(text)
			b.WriteString("< " + name + "\n")
		}
		var out, errs bytes.Buffer
		status := run(words(line), strings.NewReader(input), &out, &errs)
		b.WriteString(stable(out.String()))
		b.WriteString(stable(errs.String()))
		if status != 0 {
			fmt.Fprintf(&b, "[exit %d]\n", status)
		}
	}
	return b.String()
}

// words splits a command line. Quotes keep spaces.
func words(line string) []string {
	var list []string
	for _, m := range regexp.MustCompile(`"([^"]*)"|(\S+)`).FindAllStringSubmatch(line, -1) {
		list = append(list, m[1]+m[2])
	}
	return list
}

var durations = regexp.MustCompile(`("seconds": )[0-9.e-]+|\t[0-9.]+(?:µs|ms|s)\n`)

// stable takes out what differs from run to run.
func stable(text string) string {
	return durations.ReplaceAllStringFunc(text, func(s string) string {
		if strings.HasPrefix(s, "\t") {
			return "\t1ms\n"
		}
		return `"seconds": 0`
	})
}
