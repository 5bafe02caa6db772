package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/wire"
)

var curl = regexp.MustCompile(`^curl -i http://127\.0\.0\.1:8080(\S*)(?: -H '([^:]+): ([^']*)')?$`)

// TestReadmeTranscript runs the commands that the README begins with against
// the repository's own envoy.yaml.
func TestReadmeTranscript(t *testing.T) {
	t.Parallel()
	binary := envoy.Need(t)
	if !binary.AtLeast(1, 37) {
		t.Skipf("the demo needs Envoy 1.37, this is %s", binary.Version)
	}
	root, err := envoy.Root()
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(root, "envoy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	bootstrap, err := envoy.FreePorts(strings.ReplaceAll(string(config), "bearerauth.wasm", envoy.Module()), 8080)
	if err != nil {
		t.Fatal(err)
	}
	p := envoy.Run(t, envoy.Options{Binary: binary, Config: bootstrap, Dir: root})
	addr := envoy.Address(t, p, "demo")
	_, transcript, _ := strings.Cut(string(readme), "```console\n")
	transcript, _, _ = strings.Cut(transcript, "```")
	ran := 0
	for _, command := range strings.Split(transcript, "$ ")[1:] {
		line, output, _ := strings.Cut(command, "\n")
		if strings.HasPrefix(line, "make ") {
			continue
		}
		words := curl.FindStringSubmatch(line)
		if words == nil {
			t.Fatalf("the README has a command that this test cannot run: %s", line)
		}
		r := wire.Request{Path: words[1]}
		if words[2] != "" {
			r.Fields = []wire.Field{{Name: words[2], Value: words[3]}}
		}
		got := send(t, wire.HTTP1, addr, r)
		ran++
		head, body, _ := strings.Cut(strings.TrimSpace(output), "\n\n")
		lines := strings.Split(head, "\n")
		if status := strings.Fields(lines[0])[1]; status != strconv.Itoa(got.Status) {
			t.Errorf("%s: status %d, the README says %s", line, got.Status, status)
		}
		for _, header := range lines[1:] {
			name, value, _ := strings.Cut(header, ": ")
			if got.Header.Get(name) != value {
				t.Errorf("%s: %s is %q, the README says %q", line, name, got.Header.Get(name), value)
			}
		}
		if strings.TrimSpace(got.Body) != body {
			t.Errorf("%s: body %q, the README says %q", line, got.Body, body)
		}
	}
	if ran < 2 {
		t.Errorf("ran %d commands of the README, want at least 2", ran)
	}
}
