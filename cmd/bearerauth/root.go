package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"bearerauth/filter/source"
)

// stdin is the name of the standard input in messages.
const stdin = "<stdin>"

// The exit statuses.
const (
	exitFine  = 0
	exitFound = 1 // the command ran and found something wrong
	exitError = 2 // the command could not run
)

// errFound means that the command has shown what it found.
var errFound = errors.New("found something")

// app is what all commands share.
type app struct {
	in       io.Reader
	out, err io.Writer
	json     bool
	colour   bool
}

// run runs the command and returns its exit status.
func run(arguments []string, in io.Reader, out, errs io.Writer) int {
	a := &app{in: in, out: out, err: errs, colour: isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	root := a.root()
	root.SetArgs(arguments)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	switch err := root.Execute(); {
	case err == nil:
		return exitFine
	case errors.Is(err, errFound):
		return exitFound
	default:
		fmt.Fprintln(errs, a.red("bearerauth:"), err)
		return exitError
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "bearerauth",
		Short: "Check and test configurations of the Bearerauth filter",
		Long: `Check and test configurations of the Bearerauth filter, with the code that decides
in the proxy.

Wherever a configuration is wanted, a file, a folder or - (standard input) will do.
The file is the configuration, in JSON or YAML, or a file that contains it: the
configuration of Envoy, an Istio WasmPlugin or TrafficExtension, an EnvoyExtensionPolicy.

The exit status is 0 if all is well, 1 if something was found, 2 if the command could
not run.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
	}
	root.PersistentFlags().BoolVar(&a.json, "json", false, "write JSON, for scripts")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w (see %s --help)", err, c.CommandPath())
	})
	root.AddCommand(a.check(), a.test(), a.explain(), a.token(), a.init(), a.importCommand(), a.schema(), a.version())
	return root
}

// wantFiles is the error of a command that was called without files.
func wantFiles(c *cobra.Command, arguments []string) error {
	if len(arguments) == 0 {
		return fmt.Errorf("want a file, a folder or - (see %s --help)", c.CommandPath())
	}
	return nil
}

// read reads the files that the arguments name. Files that are neither JSON nor YAML are
// broken; those of a folder only if they name the filter, since a folder can have
// templates of other things.
func (a *app) read(arguments []string) (files []*source.File, broken []*source.FileError, err error) {
	for _, argument := range arguments {
		names, listed := []string{argument}, true
		if argument != "-" {
			if names, err = source.Files(argument); err != nil {
				return nil, nil, err
			}
			listed = len(names) == 1 && names[0] == argument
		}
		for _, name := range names {
			text, err := a.readText(name)
			if err != nil {
				return nil, nil, err
			}
			if name == "-" {
				name = stdin
			}
			f, err := source.Parse(name, text)
			var wrong *source.FileError
			switch {
			case err == nil:
				files = append(files, f)
			case !errors.As(err, &wrong):
				return nil, nil, err
			case listed || bytes.Contains(text, []byte("bearerauth")):
				broken = append(broken, wrong)
			}
		}
	}
	return files, broken, nil
}

func (a *app) readText(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(a.in)
	}
	return os.ReadFile(name)
}

// writeJSON writes a value for scripts.
func (a *app) writeJSON(value any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(value)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (a *app) paint(code, text string) string {
	if !a.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (a *app) red(text string) string    { return a.paint("31", text) }
func (a *app) green(text string) string  { return a.paint("32", text) }
func (a *app) yellow(text string) string { return a.paint("33", text) }

// count writes a number with its noun.
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprint(n, " ", noun)
}

func indented(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ")
}
