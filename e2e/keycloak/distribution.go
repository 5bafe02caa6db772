// Package keycloak obtains a real Keycloak and runs it for tests.
package keycloak

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"bearerauth/e2e/envoy"
)

// The distribution, as Maven names it. Both change together.
const (
	version = "26.7.3"
	digest  = "27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f" // SHA-256
)

const (
	artifact = "org.keycloak:keycloak-quarkus-dist:" + version + ":zip"
	archive  = "keycloak-quarkus-dist-" + version + ".zip" // what Maven calls the file
	copyGoal = "org.apache.maven.plugins:maven-dependency-plugin:3.11.0:copy"
)

// obtain returns the archive in a folder, and has Maven download it first if
// it is not there.
func obtain(ctx context.Context, folder string, progress io.Writer) (string, error) {
	path := filepath.Join(folder, archive)
	if envoy.HasDigest(path, digest) == nil {
		return path, nil
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", fmt.Errorf("wanted mvn on the PATH to download Keycloak with (Debian: apt-get install maven): %w", err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	// Beside the target, so that the rename stays on one file system.
	tmp, err := os.MkdirTemp(folder, "download-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	fmt.Fprintf(progress, "obtaining Keycloak %s (about 170 MB, once) into %s\n", version, folder)
	cmd := exec.CommandContext(ctx, mvn, "--batch-mode", "--quiet", copyGoal, "-Dartifact="+artifact, "-DoutputDirectory="+tmp)
	cmd.Dir = tmp // no project is meant, whose settings would count
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("wanted Maven to download %s: %w\n%s", artifact, errors.Join(err, ctx.Err()), out)
	}
	fresh := filepath.Join(tmp, archive)
	if err := envoy.HasDigest(fresh, digest); err != nil {
		return "", err
	}
	return path, os.Rename(fresh, path)
}

// unpack writes the archive's only folder under dir and returns its path.
func unpack(path, dir string) (home string, err error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return "", err
	}
	defer z.Close()
	for _, f := range z.File {
		if !filepath.IsLocal(f.Name) {
			return "", fmt.Errorf("%s: wanted names inside a folder, got %q", path, f.Name)
		}
		top, _, _ := strings.Cut(f.Name, "/")
		home = filepath.Join(dir, top)
		target := filepath.Join(dir, f.Name)
		if f.FileInfo().IsDir() {
			err = os.MkdirAll(target, 0o755)
		} else {
			err = write(f, target)
		}
		if err != nil {
			return "", err
		}
	}
	return home, nil
}

func write(f *zip.File, target string) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	mode := fs.FileMode(0o644) | f.Mode()&0o111
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
