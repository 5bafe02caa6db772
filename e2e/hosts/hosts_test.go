//go:build hosts

// Package hosts_test runs the module outside Envoy: in proxy-wasm-java-host, a second
// host, and in Wasmtime, a third WebAssembly engine, whose host is host.py.
package hosts_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bearerauth/e2e/envoy"
	"bearerauth/filter/policy"
	"bearerauth/filter/scenario"
)

// copyLibraries is the goal of Maven by which the host and what it needs come into a folder.
const copyLibraries = "org.apache.maven.plugins:maven-dependency-plugin:3.11.0:copy-dependencies"

// host is a program that hosts the module, see Host.java.
type host struct {
	t     *testing.T
	in    io.Writer
	out   *bufio.Scanner
	clock bool // it is right

	memory int // of the module after the last request, where the host says it
}

func startJava(t *testing.T) *host {
	t.Helper()
	libraries := cached(t, "java")
	run(t, "mvn", "--batch-mode", "--quiet", "--file", "pom.xml", copyLibraries, "-DoutputDirectory="+libraries, "-DincludeScope=runtime")
	return start(t, "java", "-cp", filepath.Join(libraries, "*"), "Host.java")
}

func startWasmtime(t *testing.T) *host {
	t.Helper()
	environment := cached(t, "wasmtime")
	python := filepath.Join(environment, "bin", "python3")
	if exec.Command(python, "-c", "import wasmtime").Run() != nil {
		run(t, "python3", "-m", "venv", environment)
	}
	run(t, python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--require-hashes", "-r", "requirements.txt")
	h := start(t, python, "host.py")
	h.clock = true
	return h
}

func cached(t *testing.T, name string) string {
	t.Helper()
	root, err := envoy.Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, ".cache", name)
}

// start starts a program whose last argument is the module.
func start(t *testing.T, name string, arguments ...string) *host {
	t.Helper()
	module := filepath.Join(cached(t, ".."), envoy.Module())
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, append(arguments, module)...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		cancel()
	})
	h := &host{t: t, in: in, out: bufio.NewScanner(out)}
	h.out.Buffer(nil, 1<<20)
	return h
}

func run(t *testing.T, name string, arguments ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, arguments...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// ask sends a command and returns the answer's words and the fields after each.
func (h *host) ask(command string, fields ...string) (words []string, answer map[string][]string) {
	h.t.Helper()
	line := command
	for _, field := range fields {
		line += " =" + base64.StdEncoding.EncodeToString([]byte(field))
	}
	if _, err := fmt.Fprintln(h.in, line); err != nil {
		h.t.Fatal(err)
	}
	if !h.out.Scan() {
		h.t.Fatalf("the host ended: %v", h.out.Err())
	}
	answer = map[string][]string{}
	for _, field := range strings.Fields(h.out.Text()) {
		encoded, ok := strings.CutPrefix(field, "=")
		if !ok {
			words = append(words, field)
			answer[field] = nil
			continue
		}
		text, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(words) == 0 {
			h.t.Fatalf("%q: %v", h.out.Text(), err)
		}
		last := words[len(words)-1]
		answer[last] = append(answer[last], string(text))
	}
	return words, answer
}

// send sends a request and returns what became of it, and the fields after each word.
func (h *host) send(command string, pairs [][2]string) (outcome string, answer map[string][]string) {
	h.t.Helper()
	var fields []string
	for _, pair := range pairs {
		fields = append(fields, pair[0], pair[1])
	}
	words, answer := h.ask(command, fields...)
	return words[0], answer
}

func pairsOf(fields []string) (pairs [][2]string) {
	for ; len(fields) >= 2; fields = fields[2:] {
		pairs = append(pairs, [2]string{fields[0], fields[1]})
	}
	return pairs
}

func TestJava(t *testing.T)     { tellStories(t, startJava(t), 400) }
func TestWasmtime(t *testing.T) { tellStories(t, startWasmtime(t), 500) }

// tellStories runs the stories that fit a host, once with filter state and once without.
// The hosts have no timer and no calls, and the clock of one is cut to 32 bits: a
// configuration that needs one of these must not start.
func tellStories(t *testing.T, h *host, atLeast int) {
	stories, err := scenario.Load("../../testdata/scenarios")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, story := range stories {
		if !story.OnlyConfig() {
			continue // it has servers that answer, or a clock of its own
		}
		parsed, err := policy.Parse(story.Config)
		if err != nil {
			t.Fatal(err)
		}
		if len(parsed.Properties()) > 0 {
			continue // the hosts know no routes
		}
		for _, state := range []string{"state", "bare"} {
			t.Run(story.Name+"/"+state, func(t *testing.T) {
				h := &host{t: t, in: h.in, out: h.out, clock: h.clock}
				words, answer := h.ask("start", state, string(story.Config))
				if why := doesNotStart(parsed, h.clock, state); why != "" {
					if words[0] != "refused" || !strings.Contains(strings.Join(answer["refused"], "\n"), why) {
						t.Errorf("%s %q, want a start that is refused: %s", words[0], answer[words[0]], why)
					}
					return
				}
				if words[0] != "started" {
					t.Fatalf("%s: %q", words[0], answer[words[0]])
				}
				for i := range story.Requests {
					tell(t, h, &story.Requests[i], state == "state")
					ran++
				}
			})
		}
	}
	if ran < atLeast {
		t.Errorf("%d requests ran, want at least %d: do the stories still start?", ran, atLeast)
	}
}

// doesNotStart returns what the filter says when a host cannot do what a configuration
// needs, or "".
func doesNotStart(p *policy.Policy, clock bool, state string) string {
	switch {
	case len(p.Calls()) > 0:
		return p.Calls()[0]
	case p.NeedsClock() && !clock:
		return "clock"
	case state == "bare" && len(p.StateMembers()) > 0:
		return p.StateMembers()[0]
	}
	return ""
}

func tell(t *testing.T, h *host, request *scenario.Request, state bool) {
	t.Helper()
	outcome, answer := h.send("request", request.Pairs())
	e := &request.Expect
	fail := func(format string, arguments ...any) {
		t.Errorf("%s: %s", request.Name, fmt.Sprintf(format, arguments...))
	}
	if e.Passes() {
		if outcome != "continued" {
			fail("%s %q, want the request to go on", outcome, answer[outcome])
			return
		}
		if err := e.CheckUpstream(pairsOf(answer[outcome])); err != nil {
			fail("%v", err)
		}
	} else {
		reply := answer["replied"]
		if outcome != "replied" || len(reply) < 3 || reply[0] != fmt.Sprint(e.Status) || reply[1] != e.Details() {
			fail("%s %q, want %d %s", outcome, answer[outcome], e.Status, e.Details())
			return
		}
		headers := pairsOf(reply[3:])
		challenge := ""
		for _, pair := range headers {
			if pair[0] == "www-authenticate" {
				challenge = pair[1]
			}
		}
		if e.Challenge != nil && challenge != *e.Challenge {
			fail("challenge %q, want %q", challenge, *e.Challenge)
		}
		if err := e.CheckReply(headers); err != nil {
			fail("%v", err)
		}
		if e.Body != nil && reply[2] != *e.Body {
			fail("body %q, want %q", reply[2], *e.Body)
		}
	}
	got := map[string]string{}
	for _, pair := range pairsOf(answer["state"]) {
		got[pair[0]] = pair[1]
	}
	if !state {
		if len(got) > 0 {
			fail("filter state %v in a host that has none", got)
		}
		return
	}
	if err := e.CheckState(func(name string) string { return got["bearerauth."+name] }); err != nil {
		fail("%v", err)
	}
}
