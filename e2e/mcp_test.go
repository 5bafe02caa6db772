package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/wire"
)

// nodePackages installs what e2e/mcp/package-lock.json names, once for all runs,
// and returns a folder with the scripts of e2e/mcp beside them.
func nodePackages(t *testing.T) string {
	t.Helper()
	missing := func(err error) {
		t.Helper()
		if os.Getenv("CI") != "" {
			t.Fatalf("no Node.js to run MCP and the authorization server in, and CI is set: %v", err)
		}
		t.Skipf("MCP AND AUTHORIZATION SERVER TESTS SKIPPED: %v", err)
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			missing(err)
		}
	}
	root, err := envoy.Root()
	if err != nil {
		t.Fatal(err)
	}
	lock, err := os.ReadFile("mcp/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	installed := filepath.Join(root, ".cache", fmt.Sprintf("mcp-%x", sha256.Sum256(lock))[:12])
	if _, err := os.Stat(installed); err != nil {
		fresh, err := os.MkdirTemp(filepath.Join(root, ".cache"), "mcp-new-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(fresh)
		if err := os.CopyFS(fresh, os.DirFS("mcp")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		npm := exec.CommandContext(ctx, "npm", "ci", "--no-progress")
		npm.Dir = fresh
		if output, err := npm.CombinedOutput(); err != nil {
			missing(fmt.Errorf("npm ci: %w\n%s", err, output))
		}
		// Another run may have been faster: its folder is as good.
		if err := os.Rename(fresh, installed); err != nil && !exists(installed) {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("mcp")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(installed, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// servers are the authorization server and the MCP server of e2e/mcp.
type servers struct {
	Issuer string `json:"issuer"`
	Tools  int    `json:"tools"` // the port
}

func runServers(t *testing.T, dir string) (s servers) {
	t.Helper()
	runNode(t, dir, &s, "servers.js")
	return s
}

// runNode runs a script until the test ends and reads the line that it begins with.
func runNode(t *testing.T, dir string, said any, script string, arguments ...string) {
	t.Helper()
	node := exec.Command("node", append([]string{script}, arguments...)...)
	node.Dir = dir
	var log bytes.Buffer
	node.Stderr = &log
	stdin, err := node.StdinPipe() // its end is theirs
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	first := make(chan string, 1)
	go func() {
		lines := bufio.NewReader(stdout)
		line, _ := lines.ReadString('\n')
		first <- line
		_, _ = io.Copy(io.Discard, lines)
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		if err := node.Wait(); err != nil || t.Failed() {
			t.Logf("%s: %v\n%s", script, err, log.String())
		}
	})
	select {
	case line := <-first:
		if err := json.Unmarshal([]byte(line), said); err != nil {
			t.Fatalf("%s says %q: %v\n%s", script, line, err, log.String())
		}
	case <-time.After(limit):
		_ = node.Process.Kill()
		t.Fatal(script, " does not start")
	}
}

// guarded is the gateway's configuration at an address.
func (s servers) guarded(address string) string {
	return fmt.Sprintf(`{"subject_header": "x-auth-subject",
  "protected_resources": {"mcp": {"resource": %[1]q, "authorization_servers": [%[2]q], "scopes_supported": ["tools:call"]}},
  "providers": {"people": {"type": "jwt", "issuer": %[2]q, "audiences": [%[1]q], "types": ["at+jwt"],
    "algorithms": ["RS256"], "discovery": true, "cluster": "issuer"}},
  "rules": [{"match": {"path_prefix": "/mcp"}, "scopes": ["tools:call"]}]}`, address, s.Issuer)
}

// runGuard starts the gateway and returns the address of the MCP server in it.
// A resource is known by its port, too, so the configuration that matters comes
// as an update, when Envoy has found one.
func runGuard(t *testing.T, s servers) string {
	t.Helper()
	with := func(address string) envoy.Listener { return listener{name: "mcp", config: s.guarded(address)}.envoy() }
	file, err := envoy.NewListenerFile(t.TempDir(), with("http://127.0.0.1/none"))
	if err != nil {
		t.Fatal(err)
	}
	port := 0
	if _, err := fmt.Sscanf(s.Issuer, "http://127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	p := envoy.Run(t, envoy.Options{Binary: envoy.Need(t), Config: envoy.Bootstrap{
		Members:  file.Members(),
		Clusters: []envoy.Cluster{upstreamAt(s.Tools), {Name: "issuer", Port: port}},
	}.String()})
	host := envoy.Address(t, p, "mcp")
	address := "http://" + host + "/mcp"
	if err := file.Write(with(address)); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		if r := send(t, wire.HTTP1, host, wire.Request{Path: "/.well-known/oauth-protected-resource/mcp"}); r.Status == 200 {
			return address
		}
		if time.Now().After(deadline) {
			t.Fatal("the configuration never came")
		}
	}
}

type exchange struct {
	Method, URL, Challenge, Body string
	Status                       int
}

type conversation struct {
	Exchanges     []exchange
	Answer, Scope string
}

// TestMCP: the official client, which knows only an address, finds the authorization
// server from the gateway's metadata, and gets through.
func TestMCP(t *testing.T) {
	t.Parallel()
	envoy.Need(t)
	dir := nodePackages(t)
	s := runServers(t, dir)
	address := runGuard(t, s)
	origin := strings.TrimSuffix(address, "/mcp")
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "client.js", address, s.Issuer)
	node.Dir = dir
	var stderr bytes.Buffer
	node.Stderr = &stderr
	output, err := node.Output()
	if err != nil {
		t.Fatalf("client.js: %v\n%s", err, stderr.String())
	}
	var got struct {
		Discovery, StepUp                         conversation
		Good, WithoutScope, OtherAudience, Opaque exchange
	}
	if err := json.Unmarshal(output, &got); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	metadata := `, resource_metadata="` + origin + `/.well-known/oauth-protected-resource/mcp"`
	missing := `Bearer realm="bearerauth", scope="tools:call"` + metadata
	invalid := `Bearer realm="bearerauth", error="invalid_token", error_description="The access token is invalid"` + metadata
	insufficient := `Bearer realm="bearerauth", error="insufficient_scope", ` +
		`error_description="The access token lacks a scope that the request needs", scope="tools:call"` + metadata
	for name, c := range map[string]struct {
		got       conversation
		status    int
		challenge string
	}{
		"discovery": {got.Discovery, 401, missing},
		"step up":   {got.StepUp, 403, insufficient},
	} {
		if c.got.Answer != "alice" || c.got.Scope != "tools:call" {
			t.Errorf("%s: the tool was called by %q with scope %q, want alice and tools:call", name, c.got.Answer, c.got.Scope)
		}
		want := []exchange{
			{Method: "POST", URL: address, Status: c.status, Challenge: c.challenge},
			{Method: "GET", URL: origin + "/.well-known/oauth-protected-resource/mcp", Status: 200},
			{Method: "GET", URL: s.Issuer + "/.well-known/oauth-authorization-server", Status: 200},
			{Method: "POST", URL: s.Issuer + "/reg", Status: 201},
			{Method: "POST", URL: s.Issuer + "/token", Status: 200},
			{Method: "POST", URL: address, Status: 200},
		}
		for _, e := range c.got.Exchanges {
			if len(want) > 0 && e == want[0] {
				want = want[1:]
			}
		}
		if len(want) > 0 {
			t.Errorf("%s: not among what the client did in that order: %+v\n%+v", name, want[0], c.got.Exchanges)
		}
	}
	if got.Good.Status != 200 || !strings.Contains(got.Good.Body, `"text":`) {
		t.Errorf("%+v for a good token", got.Good)
	}
	for name, c := range map[string]struct {
		got       exchange
		status    int
		challenge string
	}{
		"without the scope":   {got.WithoutScope, 403, insufficient},
		"of another audience": {got.OtherAudience, 401, invalid},
		"that is opaque":      {got.Opaque, 401, invalid},
	} {
		if c.got.Status != c.status || c.got.Challenge != c.challenge {
			t.Errorf("a token %s: %+v, want %d %s", name, c.got, c.status, c.challenge)
		}
	}
}
