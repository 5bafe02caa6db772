// Package corpus reads the configurations of testdata/config for tests. It is not
// part of the built module.
//
// The configurations that the parser refuses are in archives, one per topic, in the
// format of golang.org/x/tools/txtar: NAME.json is a configuration, NAME.err behind
// it is the whole error of the parser. A configuration that a text file cannot hold
// is NAME.quoted, a Go string.
package corpus

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// Environment is what the configurations of testdata/config find in the environment.
func Environment(name string) (string, bool) {
	value, ok := map[string]string{
		"BEARERAUTH_TEST_SECRET": strings.Repeat("not a secret ... ", 4),
		"BEARERAUTH_TEST_SHORT":  "not a secret",
		"BEARERAUTH_TEST_EMPTY":  "",
	}[name]
	return value, ok
}

// Case is a configuration.
type Case struct {
	Name   string
	Config []byte
	Error  string // the error of the parser, with a line break at its end; "" for none, or none yet
}

// Valid reads the configurations that the parser accepts.
func Valid(tb testing.TB, dir string) []Case {
	tb.Helper()
	all, err := valid(dir)
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

func valid(dir string) ([]Case, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "valid", "*.json"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, errors.New("want configurations in " + dir + "/valid, found none")
	}
	all := make([]Case, len(paths))
	for i, path := range paths {
		all[i].Name = strings.TrimSuffix(filepath.Base(path), ".json")
		if all[i].Config, err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Archive is one file of configurations that the parser refuses.
type Archive struct {
	Topic string // the file's name without .txtar
	Cases []Case
}

// Invalid reads all archives. A name is that of one case only.
func Invalid(tb testing.TB, dir string) []Archive {
	tb.Helper()
	all, err := invalid(dir)
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

func invalid(dir string) ([]Archive, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "invalid", "*.txtar"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, errors.New("want archives in " + dir + "/invalid, found none")
	}
	var all []Archive
	places := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		cases, err := parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, c := range cases {
			if other, twice := places[c.Name]; twice {
				return nil, fmt.Errorf("%s: the case %s is in %s, too", path, c.Name, other)
			}
			places[c.Name] = path
		}
		all = append(all, Archive{strings.TrimSuffix(filepath.Base(path), ".txtar"), cases})
	}
	return all, nil
}

// Write writes the archive, its cases in the order of their names.
func (a Archive) Write(dir string) error {
	var text strings.Builder
	sorted := slices.SortedFunc(slices.Values(a.Cases), func(a, b Case) int { return cmp.Compare(a.Name, b.Name) })
	for _, c := range sorted {
		extension, config := "json", string(c.Config)
		if !plain(config) {
			extension, config = "quoted", strconv.Quote(config)+"\n"
		}
		fmt.Fprintf(&text, "-- %s.%s --\n%s", c.Name, extension, config)
		fmt.Fprintf(&text, "-- %s.err --\n%s", c.Name, c.Error)
	}
	return os.WriteFile(filepath.Join(dir, "invalid", a.Topic+".txtar"), []byte(text.String()), 0o644)
}

// plain reports whether an archive can hold a configuration as it is.
func plain(config string) bool {
	return utf8.ValidString(config) && strings.HasSuffix(config, "\n") && !strings.ContainsAny(config, "\r\x00\ufeff") &&
		!strings.HasPrefix(config, "-- ") && !strings.Contains(config, "\n-- ")
}

func parse(text string) (cases []Case, err error) {
	for text != "" {
		var c Case
		var name, content, extension string
		if name, content, text, err = file(text); err != nil {
			return nil, err
		}
		c.Name, extension, _ = strings.Cut(name, ".")
		c.Config = []byte(content)
		switch extension {
		case "json":
		case "quoted":
			config, err := strconv.Unquote(strings.TrimSuffix(content, "\n"))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			c.Config = []byte(config)
		default:
			return nil, fmt.Errorf("want a .json or a .quoted, got %q", name)
		}
		// A case that was just written has no error yet.
		if strings.HasPrefix(text, "-- "+c.Name+".err --\n") {
			if _, c.Error, text, err = file(text); err != nil {
				return nil, err
			}
		}
		cases = append(cases, c)
	}
	return cases, nil
}

// file cuts the first file off an archive.
func file(text string) (name, content, rest string, err error) {
	marker, rest, _ := strings.Cut(text, "\n")
	name, begins := strings.CutPrefix(marker, "-- ")
	name, ends := strings.CutSuffix(name, " --")
	if !begins || !ends || name == "" {
		return "", "", "", fmt.Errorf("want a line `-- name --`, got %q", marker)
	}
	if strings.HasPrefix(rest, "-- ") {
		return name, "", rest, nil
	}
	if end := strings.Index(rest, "\n-- "); end >= 0 {
		return name, rest[:end+1], rest[end+1:], nil
	}
	return name, rest, "", nil
}
