package keycloak

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func fakeMaven(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if script != "" {
		if err := os.WriteFile(filepath.Join(dir, "mvn"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

func TestObtainTellsWhatWasWanted(t *testing.T) {
	for name, c := range map[string]struct{ script, wanted string }{
		"no Maven":            {"", "wanted mvn on the PATH"},
		"a refusal":           {"echo not here; exit 1", "not here"},
		"nothing":             {"exit 0", "no such file"},
		"something different": {`for a; do case $a in -DoutputDirectory=*) echo x >"${a#*=}/` + archive + `";; esac; done`, "wanted sha256 " + digest},
	} {
		fakeMaven(t, c.script)
		folder := t.TempDir()
		if path, err := obtain(t.Context(), folder, io.Discard); err == nil || !strings.Contains(err.Error(), c.wanted) {
			t.Errorf("%s: wanted an error with %q, got %q, %v", name, c.wanted, path, err)
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("%s: wanted nothing left behind, got %v, %v", name, left, err)
		}
	}
}

func TestNeedJava(t *testing.T) {
	t.Setenv("JAVA_HOME", t.TempDir())
	if err := needJava(); err == nil || !strings.Contains(err.Error(), "wanted Java 17") {
		t.Errorf("wanted an error that says so, got %v", err)
	}
}

func TestRealm(t *testing.T) {
	text, err := realmWith(`{"keys": []}`)
	if err != nil {
		t.Fatal(err)
	}
	var parsed struct {
		Clients []struct{ Attributes map[string]string }
	}
	if err := json.Unmarshal([]byte(text), &parsed); err != nil {
		t.Fatal(err)
	}
	for _, c := range parsed.Clients {
		if c.Attributes["jwks.string"] == `{"keys": []}` {
			return
		}
	}
	t.Error("wanted a client with the keys")
}
