// Package check finds the problems of a configuration, with their places in the file,
// and what the filter accepts although it is probably a mistake.
package check

import (
	"bytes"
	"errors"
	"fmt"
	"sort"

	"bearerauth/filter/policy"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/scenario"
	"bearerauth/filter/source"
	"bearerauth/filter/testkey"
)

// Finding is a problem or a warning.
type Finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Config  string `json:"config,omitempty"`  // what contains the configuration, "" for the file itself
	Path    string `json:"path,omitempty"`    // of the member
	Warning string `json:"warning,omitempty"` // its name; "" for a problem, with which the filter does not start or does not work
	Message string `json:"message"`
}

func (f *Finding) String() string {
	text := fmt.Sprintf("%s:%d:%d: ", f.File, f.Line, f.Column)
	if f.Path != "" {
		text += f.Path + ": "
	}
	text += f.Message
	if f.Warning != "" {
		text += " [" + f.Warning + "]"
	}
	return text
}

// Config finds everything in one configuration. The stories are its policy tests.
func Config(c *source.Config, stories []*scenario.Story) []Finding {
	if c.Err != nil {
		return []Finding{{File: c.File, Line: c.Err.At.Line, Column: c.Err.At.Column, Config: c.Where, Message: c.Err.Message}}
	}
	l := &list{config: c, stories: stories}
	if c.FailsOpen != nil && !l.accepted("", "fails-open") {
		at := c.FailsOpen.At
		l.found = append(l.found, Finding{c.File, at.Line, at.Column, c.Where, "", "fails-open", "while the filter cannot start, or after it failed, every request passes without a check: want " + c.FailsOpen.Instead})
	}
	p, err := policy.ParseWith(c.Text, Environment(c))
	var wrong *config.ConfigError
	if errors.As(err, &wrong) {
		for _, problem := range wrong.Problems {
			l.problem(problem.Path, problem.Message)
		}
	}
	l.clusters()
	if err == nil {
		l.warnings(p)
	}
	sort.SliceStable(l.found, func(i, j int) bool {
		a, b := &l.found[i], &l.found[j]
		return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
	})
	return l.found
}

// list collects what is found.
type list struct {
	config  *source.Config
	stories []*scenario.Story
	found   []Finding
}

func (l *list) add(path, warning, message string) {
	at := l.config.Position(path)
	l.found = append(l.found, Finding{l.config.File, at.Line, at.Column, l.config.Where, path, warning, message})
}

func (l *list) problem(path, message string) { l.add(path, "", message) }

// warn adds a warning, unless a policy test accepts it.
func (l *list) warn(path, name, message string) {
	if !l.accepted(path, name) {
		l.add(path, name, message)
	}
}

func (l *list) accepted(path, name string) bool {
	for _, story := range l.stories {
		for _, ignored := range story.Ignored {
			if ignored.Warning == name && (ignored.Path == "" || ignored.Path == path) {
				return true
			}
		}
	}
	return false
}

// Environment gives a configuration the variables that its file gives the VM. Where the
// file cannot say, each variable exists. The values are such that a secret of any kind is
// accepted: the real ones are not at hand.
func Environment(c *source.Config) func(string) (string, bool) {
	private := map[string]bool{}
	collect(c.Root, private)
	return func(name string) (string, bool) {
		known := !c.HasVariables
		for _, variable := range c.Variables {
			known = known || variable == name
		}
		if private[name] {
			return testkey.New("", "ES256").PEM(), known
		}
		return string(bytes.Repeat([]byte("not-a-secret-"), 8)), known
	}
}

// collect finds the variables with private keys.
func collect(v *source.Value, private map[string]bool) {
	if v == nil {
		return
	}
	for _, m := range v.Members {
		if m.Name == "private_key_environment" {
			private[m.Value.Str()] = true
		}
		collect(m.Value, private)
	}
	for _, item := range v.Items {
		collect(item, private)
	}
}
