package envoy

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Module is the file in the repository that the tests run: $MODULE, else the
// standard build.
func Module() string {
	if name := os.Getenv("MODULE"); name != "" {
		return name
	}
	return "bearerauth.wasm"
}

// Root is the repository's folder: the nearest one, from the working directory
// upwards, whose go.mod says `module bearerauth`.
func Root() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return rootAbove(start)
}

func rootAbove(start string) (string, error) {
	for dir := start; ; {
		name, err := moduleName(filepath.Join(dir, "go.mod"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		if name == "bearerauth" {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("wanted the bearerauth repository around %s: no go.mod says `module bearerauth`", start)
		}
		dir = parent
	}
}

func moduleName(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if name, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "module "); ok {
			return strings.Trim(strings.TrimSpace(name), `"`), nil
		}
	}
	return "", lines.Err()
}
