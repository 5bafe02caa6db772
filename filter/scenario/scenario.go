// Package scenario reads policy tests: a configuration, tokens that are made for the
// test, what issuers answer, and requests with what must come of them. The command
// bearerauth runs them, and so do the tests of the core, of the built module and of a
// real Envoy. It is not part of the built module.
package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/source"
)

// Story is one configuration and the requests that it judges.
type Story struct {
	Name     string // of the file, without its extension
	File     string
	About    string
	Now      time.Time // the clock at the first request
	Fixed    bool      // the story sets the clock; otherwise Now is when it was read
	Requests []Request
	Ignored  []Ignored

	// Config is the configuration with the test's keys and tokens in it. Source is where
	// it comes from. The paths of members are the same in both.
	Config json.RawMessage
	Source *source.Config
	// Prefix is the path of a configuration in the test file itself, "" for one in a file
	// of its own. Positions in Source need it in front of a member's path.
	Prefix string
	// Scopes are those of the tokens that the story makes.
	Scopes []string

	environment map[string]string
	servers     servers
}

// Request is one request and what must come of it.
type Request struct {
	Name      string
	At        source.Position
	Method    string // GET by default
	Authority string // test.example by default
	Path      string // as in :path, / by default
	Headers   [][2]string
	After     time.Duration // how long after the start of the story
	// Properties of the route in the host, by their paths joined with dots. Those that are
	// absent do not exist.
	Properties map[string]string
	// NotInEnvoy says why no client can get this request through Envoy's codec.
	NotInEnvoy string
	Expect     Expect
}

// Ignored is a warning of the command's check that the configuration's author accepts.
type Ignored struct{ Warning, Path, Reason string }

// Environment returns a variable of the VM's environment.
func (s *Story) Environment(name string) (string, bool) {
	value, ok := s.environment[name]
	return value, ok
}

// Variables is the environment of the VM.
func (s *Story) Variables() map[string]string { return s.environment }

// OnlyConfig reports whether the story needs nothing but its configuration and the time
// of day: no server that answers and no clock of its own.
func (s *Story) OnlyConfig() bool {
	if s.Fixed || s.servers.needed || len(s.environment) > 0 {
		return false
	}
	for i := range s.Requests {
		if s.Requests[i].After > 0 {
			return false
		}
	}
	return true
}

// Load reads every story below dir, which may not be empty.
func Load(dir string) ([]*Story, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, errors.New("want scenarios in " + dir + ", found none")
	}
	var stories []*Story
	for _, file := range files {
		story, err := Read(file)
		if err != nil {
			return nil, err
		}
		stories = append(stories, story)
	}
	return stories, nil
}

// Error is everything that is wrong in a policy test.
type Error struct {
	File     string
	Problems []Problem
}

// Problem is one mistake in a policy test.
type Problem struct {
	At      source.Position
	Path    string
	Message string
}

func (e *Error) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s:%d:%d: ", e.File, p.At.Line, p.At.Column)
		if p.Path != "" {
			b.WriteString(p.Path + ": ")
		}
		b.WriteString(p.Message)
	}
	return b.String()
}

// IsStory reports whether a file has a policy test: an object with requests.
func IsStory(f *source.File) bool {
	return len(f.Documents) == 1 && f.Documents[0].Get("requests") != nil
}

// Read reads the policy test in a file.
func Read(name string) (*Story, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return Parse(name, text)
}

// Parse reads a policy test. Paths in it begin at the folder of the file.
func Parse(name string, text []byte) (*Story, error) {
	f, err := source.Parse(name, text)
	if err != nil {
		return nil, err
	}
	return FromFile(f)
}

// FromFile reads the policy test of a file that has been read.
func FromFile(f *source.File) (*Story, error) {
	if len(f.Documents) != 1 {
		return nil, &Error{f.Name, []Problem{{source.Position{Line: 1, Column: 1}, "", "want one document with a policy test"}}}
	}
	document := source.Whole(f.Name, f.Documents[0])
	var problems config.Problems
	root := config.ReadDocument(document.Text, &problems)
	if root == nil {
		return nil, wrong(document, &problems)
	}
	base := filepath.Base(f.Name)
	story := &Story{Name: strings.TrimSuffix(base, filepath.Ext(base)), File: f.Name}
	r := &reader{story: story, file: f, document: document, problems: &problems, servers: map[string]*server{}}
	r.read(&config.Object{Node: root, Problems: &problems})
	if len(problems.List) > 0 {
		return nil, wrong(document, &problems)
	}
	return story, nil
}

func wrong(document *source.Config, problems *config.Problems) *Error {
	e := &Error{File: document.File}
	for _, p := range problems.List {
		e.Problems = append(e.Problems, Problem{document.Position(p.Path), p.Path, p.Message})
	}
	return e
}

// Pairs is the header map that a filter sees.
func (r *Request) Pairs() [][2]string {
	pairs := [][2]string{
		{":method", r.Method}, {":scheme", "http"}, {":authority", r.Authority}, {":path", r.Path},
	}
	return append(pairs, r.Headers...)
}
