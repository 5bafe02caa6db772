package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/wire"
	"bearerauth/filter/pages"
)

func readPages(t *testing.T) (root string, all []pages.Page) {
	t.Helper()
	root, err := envoy.Root()
	if err != nil {
		t.Fatal(err)
	}
	if all, err = pages.Load(root); err != nil {
		t.Fatal(err)
	}
	return root, all
}

func digestOf(token string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(token))) }

var curl = regexp.MustCompile(`^curl -i http://127\.0\.0\.1:8080(\S*)(?: -H '([^:]+): ([^']*)')?$`)

// TestDocsTranscripts runs the commands of every transcript against the
// repository's own envoy.yaml.
func TestDocsTranscripts(t *testing.T) {
	t.Parallel()
	binary := envoy.Need(t)
	if !binary.AtLeast(1, 37) {
		t.Skipf("the demo needs Envoy 1.37, this is %s", binary.Version)
	}
	root, all := readPages(t)
	config, err := os.ReadFile(filepath.Join(root, "envoy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	bootstrap, err := envoy.FreePort(strings.ReplaceAll(string(config), "bearerauth.wasm", envoy.Module()), 8080)
	if err != nil {
		t.Fatal(err)
	}
	p := envoy.Run(t, envoy.Options{Binary: binary, Config: bootstrap, Dir: root})
	addr := envoy.Address(t, p, "demo")
	ran := 0
	for _, block := range pages.Blocks(all, "console") {
		for _, command := range strings.Split("\n"+block.Text, "\n$ ")[1:] {
			line, output, _ := strings.Cut(command, "\n")
			if strings.HasPrefix(line, "make ") {
				continue // TestDocsCommands
			}
			words := curl.FindStringSubmatch(line)
			if words == nil {
				t.Fatalf("%s: a command that this test cannot run: %s", block, line)
			}
			r := wire.Request{Path: words[1]}
			if words[2] != "" {
				r.Fields = []wire.Field{{Name: words[2], Value: words[3]}}
			}
			compareTranscript(t, block.String()+": "+line, send(t, wire.HTTP1, addr, r), output)
			ran++
		}
	}
	if ran < 5 {
		t.Errorf("ran %d commands, want at least 5", ran)
	}
}

func compareTranscript(t *testing.T, line string, got *wire.Response, output string) {
	t.Helper()
	head, body, _ := strings.Cut(strings.TrimSpace(output), "\n\n")
	lines := strings.Split(head, "\n")
	if status := strings.Fields(lines[0])[1]; status != strconv.Itoa(got.Status) {
		t.Errorf("%s: status %d, the page says %s", line, got.Status, status)
	}
	for _, header := range lines[1:] {
		name, value, _ := strings.Cut(header, ": ")
		if got.Header.Get(name) != value {
			t.Errorf("%s: %s is %q, the page says %q", line, name, got.Header.Get(name), value)
		}
	}
	if strings.TrimSpace(got.Body) != body {
		t.Errorf("%s: body %q, the page says %q", line, got.Body, body)
	}
}

var (
	makeCommand = regexp.MustCompile("(?:^|`)make(?: ([a-z][a-z0-9-]*))?(?: [A-Z]+=\\S+)*(?:`|\\s|$)")
	// The documents also show these commands, by their first word.
	tools = []string{"bearerauth", "check-jsonschema", "cp", "crane", "curl", "envoy", "go", "kubectl", "openssl", "printf", "tar", "token=$(openssl"}
)

// TestDocsCommands: make knows the targets that the documents name, and every
// other command is one of a known tool.
func TestDocsCommands(t *testing.T) {
	t.Parallel()
	root, all := readPages(t)
	targets := map[string]bool{}
	collect := func(line string) {
		for _, words := range makeCommand.FindAllStringSubmatch(line, -1) {
			targets[words[1]] = true
		}
	}
	for _, page := range all {
		for line := range strings.Lines(page.Text) {
			collect(line)
		}
		for _, block := range page.Blocks {
			if block.Info != "sh" && block.Info != "console" {
				continue
			}
			for line := range strings.Lines(block.Text) {
				line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
				first, _, _ := strings.Cut(line, " ")
				if block.Info == "sh" && first != "make" && !slices.Contains(tools, first) {
					t.Errorf("%s: a command that no test knows: %s", block, line)
				}
				collect(line)
			}
		}
	}
	if len(targets) < 10 {
		t.Fatalf("found %d make commands, want at least 10", len(targets))
	}
	for target := range targets {
		args := []string{"--dry-run", "--no-print-directory"}
		if target != "" {
			args = append(args, target)
		}
		cmd := exec.CommandContext(t.Context(), "make", args...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("make %s: %v\n%s", target, err, out)
		}
	}
}

// TestDocsTargets: the page on building has a row for each target that `make
// help` lists.
func TestDocsTargets(t *testing.T) {
	t.Parallel()
	root, err := envoy.Root()
	if err != nil {
		t.Fatal(err)
	}
	page, err := pages.Read(root, "docs/building.md")
	if err != nil {
		t.Fatal(err)
	}
	help := exec.CommandContext(t.Context(), "make", "--no-print-directory", "help")
	help.Dir = root
	out, err := help.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	listed := 0
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "  ") {
			continue
		}
		listed++
		if row := "| `make " + strings.Fields(line)[0] + "` |"; !strings.Contains(page.Text, row) {
			t.Errorf("%s: no row begins with %s", page.Path, row)
		}
	}
	if listed < 10 {
		t.Errorf("make help lists %d targets, want at least 10:\n%s", listed, out)
	}
}

// TestDocsTokens: the commands that make a token and its digest do.
func TestDocsTokens(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl to run the documents' commands with")
	}
	_, all := readPages(t)
	ran := 0
	for _, block := range pages.Blocks(all, "sh") {
		if !strings.HasPrefix(block.Text, "token=") {
			continue
		}
		out, err := exec.CommandContext(t.Context(), "sh", "-ec", block.Text+`echo "$token"`).Output()
		if err != nil {
			t.Fatalf("%s: %v", block, err)
		}
		words := strings.Fields(string(out)) // the digest, "-", the token
		if len(words) != 3 || words[0] != digestOf(words[2]) || len(words[2]) < 40 {
			t.Errorf("%s: got %q", block, out)
		}
		ran++
	}
	if ran == 0 {
		t.Error("no page says how to make a token")
	}
}

// TestDocsImport runs the program that the page on migrating shows, on the
// configuration that it shows.
func TestDocsImport(t *testing.T) {
	t.Parallel()
	root, err := envoy.Root()
	if err != nil {
		t.Fatal(err)
	}
	page, err := pages.Read(root, "docs/migrating.md")
	if err != nil {
		t.Fatal(err)
	}
	one := func(info string) string {
		found := pages.Blocks([]pages.Page{page}, info)
		if len(found) != 1 {
			t.Fatalf("found %d blocks of %s, want one", len(found), info)
		}
		return found[0].Text
	}
	program := filepath.Join(t.TempDir(), "import.go")
	if err := os.WriteFile(program, []byte(one("go")), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, left bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", "run", "-C", filepath.Join(root, "cmd"), program)
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOOS=", "GOARCH=")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(one("yaml jwt_authn")), &out, &left
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &left)
	}
	if got := one("json"); strings.TrimSpace(got) != strings.TrimSpace(out.String()) {
		t.Errorf("the page says\n%s\nthe importer\n%s", got, &out)
	}
	if got := one("text"); strings.TrimSpace(got) != strings.TrimSpace(left.String()) {
		t.Errorf("the page lists\n%s\nthe importer\n%s", got, &left)
	}
}
