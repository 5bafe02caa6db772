package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/scenario"
	"bearerauth/filter/trial"
)

// testOptions are the flags of test.
type testOptions struct {
	run      string
	verbose  bool
	junit    string
	coverage bool
}

func (a *app) test() *cobra.Command {
	var o testOptions
	c := &cobra.Command{
		Use:   "test FILE…",
		Short: "Run policy tests",
		Long: `Run policy tests: requests to a configuration, and what must come of them. The code that
decides in the proxy decides here. Nothing is sent over the network: the test makes its
tokens and says what the issuers answer. Of a folder, all policy tests are run.

The rules and providers that no request met are listed at the end.`,
		Example: `  bearerauth test policy_test.yaml
  bearerauth test --junit report.xml --require-coverage policies/`,
		Args: wantFiles,
		RunE: func(_ *cobra.Command, arguments []string) error { return a.runTests(arguments, o) },
	}
	c.Flags().StringVar(&o.run, "run", "", "run only requests whose names match this expression (RE2)")
	c.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "list each request")
	c.Flags().StringVar(&o.junit, "junit", "", "write a report in JUnit's format to this file")
	c.Flags().BoolVar(&o.coverage, "require-coverage", false, "exit with 1 if a rule or provider was never met")
	return c
}

// tested is the result of one file of tests.
type tested struct {
	File       string        `json:"file"`
	About      string        `json:"about,omitempty"`
	Error      string        `json:"error,omitempty"` // why it could not be run
	Requests   []testedEntry `json:"requests"`
	Seconds    float64       `json:"seconds"`
	config     string
	report     *trial.Report
	failed, of int
}

// testedEntry is what came of one request.
type testedEntry struct {
	Name        string       `json:"name"`
	Line        int          `json:"line"`
	Passed      bool         `json:"passed"`
	Status      int          `json:"status"`
	Reason      string       `json:"reason"`
	Rules       []string     `json:"rules,omitempty"` // that decided
	Differences []difference `json:"differences,omitempty"`
	Seconds     float64      `json:"seconds"`
}

type difference struct {
	What string `json:"what"`
	Want string `json:"want"`
	Got  string `json:"got"`
}

// uncovered are the rules and providers of a configuration that no test met.
type uncovered struct {
	Config    string   `json:"config"`
	Rules     []string `json:"rules,omitempty"`
	Providers []string `json:"providers,omitempty"`
}

func (a *app) runTests(arguments []string, o testOptions) error {
	wanted, err := regexp.Compile(o.run)
	if err != nil {
		return fmt.Errorf("--run: want a regular expression: %w", err)
	}
	files, broken, err := a.read(arguments)
	if err != nil {
		return err
	}
	var all []*tested
	for _, b := range broken {
		all = append(all, &tested{File: b.File, Error: b.Error(), Requests: []testedEntry{}})
	}
	for _, f := range files {
		if !scenario.IsStory(f) {
			continue
		}
		t := &tested{File: f.Name, Requests: []testedEntry{}}
		all = append(all, t)
		story, err := scenario.FromFile(f)
		if err != nil {
			t.Error = err.Error()
			continue
		}
		t.run(story, wanted)
	}
	if len(all) == 0 {
		return fmt.Errorf(`%s: no policy tests found: want a file with "config" and "requests" (bearerauth init writes one)`, strings.Join(arguments, ", "))
	}
	if !slices.ContainsFunc(all, func(t *tested) bool { return t.of > 0 || t.Error != "" }) {
		return fmt.Errorf("no request has a name that matches %q", o.run)
	}
	missed := coverage(all)
	if o.junit != "" {
		if err := writeJUnit(o.junit, all); err != nil {
			return err
		}
	}
	if a.json {
		if err := a.writeJSON(map[string]any{"tests": all, "uncovered": missed}); err != nil {
			return err
		}
	} else {
		a.showTests(all, missed, o)
	}
	failed := slices.ContainsFunc(all, func(t *tested) bool { return t.Error != "" || t.failed > 0 })
	if failed || o.coverage && len(missed) > 0 {
		return errFound
	}
	return nil
}

// run runs the requests with the wanted names. A request can depend on those before it,
// so all are decided.
func (t *tested) run(story *scenario.Story, wanted *regexp.Regexp) {
	t.About = story.About
	t.config = story.Source.File
	if story.Source.Where != "" {
		t.config += " (" + story.Source.Where + ")"
	}
	report, err := trial.Run(story)
	if err != nil {
		t.Error = located(story, err)
		return
	}
	t.report, t.Seconds = report, report.Duration.Seconds()
	for _, result := range report.Results {
		if !wanted.MatchString(result.Request.Name) {
			continue
		}
		e := testedEntry{
			Name: result.Request.Name, Line: result.Request.At.Line, Passed: len(result.Differences) == 0,
			Status: result.Outcome.Status, Reason: result.Outcome.Reason.String(), Seconds: result.Duration.Seconds(),
		}
		for _, rule := range result.Outcome.Rules {
			e.Rules = append(e.Rules, trial.Label(rule))
		}
		for _, d := range result.Differences {
			e.Differences = append(e.Differences, difference(d))
		}
		t.of++
		if !e.Passed {
			t.failed++
		}
		t.Requests = append(t.Requests, e)
	}
}

// located gives each problem of the configuration its place.
func located(story *scenario.Story, err error) string {
	var wrong *config.ConfigError
	if !errors.As(err, &wrong) {
		return err.Error()
	}
	var lines []string
	for _, p := range wrong.Problems {
		path := p.Path
		if story.Prefix != "" {
			path = story.Prefix + "." + path
		}
		at := story.Source.Position(path)
		lines = append(lines, fmt.Sprintf("%s:%d:%d: %s: %s", story.Source.File, at.Line, at.Column, p.Path, p.Message))
	}
	return strings.Join(lines, "\n")
}

// coverage returns what no test met, by configuration: several files can test one.
func coverage(all []*tested) []uncovered {
	missed := []uncovered{}
	reports := map[string][]*trial.Report{}
	var order []string
	for _, t := range all {
		if t.report == nil {
			continue
		}
		if reports[t.config] == nil {
			order = append(order, t.config)
		}
		reports[t.config] = append(reports[t.config], t.report)
	}
	for _, name := range order {
		u := uncovered{Config: name}
		first := reports[name][0]
		for _, rule := range first.Rules {
			if inAll(reports[name], func(r *trial.Report) bool { return slices.Contains(r.Rules, rule) }) {
				u.Rules = append(u.Rules, trial.Label(rule))
			}
		}
		for _, provider := range first.Providers {
			if inAll(reports[name], func(r *trial.Report) bool { return slices.Contains(r.Providers, provider) }) {
				u.Providers = append(u.Providers, provider)
			}
		}
		if len(u.Rules)+len(u.Providers) > 0 {
			missed = append(missed, u)
		}
	}
	return missed
}

func inAll(reports []*trial.Report, has func(*trial.Report) bool) bool {
	return !slices.ContainsFunc(reports, func(r *trial.Report) bool { return !has(r) })
}

func (a *app) showTests(all []*tested, missed []uncovered, o testOptions) {
	for _, t := range all {
		for _, r := range t.Requests {
			switch {
			case !r.Passed:
				fmt.Fprintf(a.out, "%s %s (%s:%d)\n", a.red("--- FAIL:"), r.Name, t.File, r.Line)
				for _, d := range r.Differences {
					fmt.Fprintf(a.out, "    %s\n      want %s\n      got  %s\n", d.What, a.green(d.Want), a.red(d.Got))
				}
				by := "no rule, so any valid token would do"
				if len(r.Rules) > 0 {
					by = strings.Join(r.Rules, ", ")
				}
				fmt.Fprintf(a.out, "    decided by %s\n", by)
			case o.verbose:
				fmt.Fprintf(a.out, "%s %s: %d %s\n", a.green("--- PASS:"), r.Name, r.Status, r.Reason)
			}
		}
		switch {
		case t.Error != "":
			fmt.Fprintf(a.out, "%s\t%s\n%s\n", a.red("FAIL"), t.File, indented(t.Error))
		case t.failed > 0:
			fmt.Fprintf(a.out, "%s\t%s\t%d of %s\n", a.red("FAIL"), t.File, t.failed, count(t.of, "request"))
		default:
			seconds := time.Duration(t.Seconds * float64(time.Second)).Round(10 * time.Microsecond)
			fmt.Fprintf(a.out, "%s\t%s\t%s\t%s\n", a.green("ok"), t.File, count(t.of, "request"), seconds)
		}
	}
	for _, u := range missed {
		fmt.Fprintf(a.out, "%s\t%s: %s\n", a.yellow("never met"), u.Config, strings.Join(append(slices.Clone(u.Rules), prefixed("provider ", u.Providers)...), ", "))
	}
}

func prefixed(prefix string, names []string) (list []string) {
	for _, name := range names {
		list = append(list, prefix+name)
	}
	return list
}

// create opens a file for a report.
func create(name string) (*os.File, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("the report cannot be written: %w", err)
	}
	return f, nil
}
