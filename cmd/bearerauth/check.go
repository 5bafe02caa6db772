package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"bearerauth/cmd/check"
	"bearerauth/filter/scenario"
	"bearerauth/filter/source"
)

func (a *app) check() *cobra.Command {
	var strict, list bool
	c := &cobra.Command{
		Use:   "check FILE…",
		Short: "Find the problems of configurations",
		Long: `Find all problems of configurations at once, as FILE:LINE:COLUMN: MEMBER: MESSAGE, and
what the filter accepts although it is probably a mistake: the warnings.

Clusters of Envoy that a configuration names must be in the same file, if this file is
the configuration of Envoy.

A policy test of the configuration, in the same folder or in tests/ below it, can accept
a warning with its member "ignore". --list-warnings shows the names of all warnings.`,
		Example: `  bearerauth check policy.json
  bearerauth check --strict envoy.yaml
  kubectl get wasmplugin -A -o yaml | bearerauth check -`,
		Args: func(c *cobra.Command, arguments []string) error {
			if list {
				return cobra.NoArgs(c, arguments)
			}
			return wantFiles(c, arguments)
		},
		RunE: func(_ *cobra.Command, arguments []string) error {
			if list {
				return a.listWarnings()
			}
			return a.checkFiles(arguments, strict)
		},
	}
	c.Flags().BoolVar(&strict, "strict", false, "exit with 1 for warnings, too")
	c.Flags().BoolVar(&list, "list-warnings", false, "list the names of all warnings")
	return c
}

func (a *app) listWarnings() error {
	if a.json {
		type warning struct {
			Name  string `json:"name"`
			About string `json:"about"`
		}
		var all []warning
		for _, w := range check.Warnings {
			all = append(all, warning(w))
		}
		return a.writeJSON(all)
	}
	for _, w := range check.Warnings {
		fmt.Fprintf(a.out, "%-28s %s\n", w.Name, w.About)
	}
	return nil
}

// checked is the result of check.
type checked struct {
	Configurations int             `json:"configurations"`
	Problems       int             `json:"problems"`
	Warnings       int             `json:"warnings"`
	Findings       []check.Finding `json:"findings"`
}

func (a *app) checkFiles(arguments []string, strict bool) error {
	files, broken, err := a.read(arguments)
	if err != nil {
		return err
	}
	result := &checked{Findings: []check.Finding{}}
	for _, b := range broken {
		result.Problems++
		at := b.Syntax.At
		result.Findings = append(result.Findings, check.Finding{File: b.File, Line: at.Line, Column: at.Column, Message: b.Syntax.Message})
	}
	tests := testsOf{}
	for _, f := range files {
		for _, c := range f.Configs {
			result.Configurations++
			for _, finding := range check.Config(c, tests.find(c)) {
				result.Findings = append(result.Findings, finding)
				if finding.Warning == "" {
					result.Problems++
				} else {
					result.Warnings++
				}
			}
		}
	}
	if result.Configurations == 0 && len(broken) == 0 {
		return fmt.Errorf("%s: %w", strings.Join(arguments, ", "), source.ErrNoConfig)
	}
	return a.showChecked(result, strict)
}

func (a *app) showChecked(result *checked, strict bool) error {
	if a.json {
		if err := a.writeJSON(result); err != nil {
			return err
		}
	} else {
		for i := range result.Findings {
			f := &result.Findings[i]
			text := f.String()
			place := text[:strings.Index(text, ": ")]
			kind := a.red("problem")
			if f.Warning != "" {
				kind = a.yellow("warning")
			}
			fmt.Fprintf(a.out, "%s: %s%s\n", place, kind, text[len(place):])
		}
		fmt.Fprintf(a.out, "%s: %s, %s\n", count(result.Configurations, "configuration"), count(result.Problems, "problem"), count(result.Warnings, "warning"))
	}
	if result.Problems > 0 || strict && result.Warnings > 0 {
		return errFound
	}
	return nil
}

// testsOf are the policy tests of folders.
type testsOf map[string][]*scenario.Story

// find returns the policy tests of a configuration: those in its folder and in tests/ that
// name it.
func (t testsOf) find(c *source.Config) (stories []*scenario.Story) {
	if c.File == stdin {
		return nil
	}
	folder := filepath.Dir(c.File)
	for _, dir := range []string{folder, filepath.Join(folder, "tests")} {
		if _, read := t[dir]; !read {
			t[dir] = readTests(dir)
		}
		for _, story := range t[dir] {
			if filepath.Clean(story.Source.File) == filepath.Clean(c.File) && (story.Source.Where == c.Where || story.Prefix != "") {
				stories = append(stories, story)
			}
		}
	}
	return stories
}

// readTests reads the policy tests of a folder. bearerauth test says what is wrong with
// one that cannot be read.
func readTests(dir string) (stories []*scenario.Story) {
	for _, pattern := range []string{"*.yaml", "*.yml"} {
		names, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil || !bytes.Contains(text, []byte("requests")) {
				continue // not parsed: the other files of the folder can be many and long
			}
			f, err := source.Parse(name, text)
			if err != nil || !scenario.IsStory(f) {
				continue
			}
			if story, err := scenario.FromFile(f); err == nil && story.Source != nil {
				stories = append(stories, story)
			}
		}
	}
	return stories
}
