// Package source finds the configurations of the filter in files: a configuration
// in JSON or YAML, or a file of Envoy, Istio or Envoy Gateway that contains one. It
// knows the line and the column of every member. It is not part of the built module.
package source

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Config is one configuration in a file.
type Config struct {
	File string // as it was given
	// Where names what contains the configuration, as in `WasmPlugin bearerauth`. It is
	// "" if the file itself is the configuration.
	Where string
	Text  []byte // the JSON that the filter receives
	At    Position
	Root  *Value // of Text, nil with Err

	// Doubtful reports that the document may as well be that of another program: it has no
	// "providers", and nothing else in it looks like a provider.
	Doubtful bool
	// Err is the reason why there is no Text to parse, with its place.
	Err *SyntaxError
	// Clusters are those of Envoy in the same file, nil if the file cannot know them all.
	Clusters []Cluster
	// Variables are the environment variables that the file gives the VM. They are known
	// if HasVariables: a configuration alone does not say.
	Variables    []string
	HasVariables bool

	// FailsOpen is set if the host lets requests pass when the filter cannot start or fails.
	FailsOpen *FailsOpen

	members map[string]Position
}

// FailsOpen is the place of a host's setting by which requests pass without the filter,
// and the setting that refuses them.
type FailsOpen struct {
	At      Position
	Instead string
}

// Position returns the place of a member by its JSON path. Where there is no such
// member, it is the place of the object that lacks it.
func (c *Config) Position(path string) Position {
	for path != "" {
		if at, ok := c.members[path]; ok {
			return at
		}
		path = parent(path)
	}
	return c.At
}

// parent is the path of the object or array that has the member.
func parent(path string) string {
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '[' || path[i] == '.' && !strings.HasSuffix(path, "]") {
			return path[:i]
		}
	}
	return ""
}

// File is what was read of one file.
type File struct {
	Name      string
	Documents []*Value
	Configs   []*Config
}

// ErrNoConfig means that a file has no configuration of the filter.
var ErrNoConfig = errors.New(`no configuration of the filter found: want its JSON or YAML (an object with "providers"), ` +
	`or a file that contains it: the configuration of an Envoy Wasm filter, an Istio WasmPlugin or TrafficExtension, an EnvoyExtensionPolicy`)

// Read reads a file. A file without a configuration is no error.
func Read(name string) (*File, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return Parse(name, text)
}

// Parse reads the text of a file. The name decides nothing but whether a text that
// begins with a brace may be YAML.
func Parse(name string, text []byte) (*File, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if err := wantText(text); err != nil {
		return nil, located(name, err)
	}
	f := &File{Name: name}
	if isJSON(name, text) {
		v, err := readJSON(text, lines(text))
		if err != nil {
			return nil, located(name, err)
		}
		f.Documents = []*Value{v}
	} else {
		documents, err := readYAML(text)
		if err != nil {
			return nil, located(name, err)
		}
		f.Documents = documents
	}
	f.find()
	return f, nil
}

func isJSON(name string, text []byte) bool {
	switch filepath.Ext(name) {
	case ".yaml", ".yml":
		return false
	case ".json":
		return true
	}
	return bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{"))
}

func located(name string, err error) error {
	var syntax *SyntaxError
	if errors.As(err, &syntax) {
		return &FileError{name, syntax}
	}
	return fmt.Errorf("%s: %w", name, err)
}

// FileError is a file that is neither JSON nor YAML.
type FileError struct {
	File   string
	Syntax *SyntaxError
}

func (e *FileError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Syntax.At.Line, e.Syntax.At.Column, e.Syntax.Message)
}

// Unwrap returns the problem without the name of the file.
func (e *FileError) Unwrap() error { return e.Syntax }

// Files returns the files that a path names: the file itself, or the JSON and YAML files
// below a folder in the order of their names. It leaves out hidden folders and node_modules,
// folders behind a symbolic link, which can be a loop, and links to nothing.
func Files(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	// WalkDir follows a link only if the path ends in a separator.
	err = filepath.WalkDir(path+string(filepath.Separator), func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && filepath.Clean(name) != filepath.Clean(path) && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules"):
			return filepath.SkipDir
		case !entry.IsDir() && slices.Contains([]string{".json", ".yaml", ".yml"}, filepath.Ext(name)):
			info, err := os.Stat(name)
			switch {
			case err == nil && info.Mode().IsRegular():
				files = append(files, filepath.Clean(name))
			case err != nil && !errors.Is(err, fs.ErrNotExist):
				return err
			}
		}
		return nil
	})
	return files, err
}
