package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
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
	in        io.Reader
	out, err  io.Writer
	json      bool
	colour           // of out
	errColour colour // of err, which can be another file
}

// run runs the command and returns its exit status.
func run(arguments []string, in io.Reader, out, errs io.Writer) int {
	written := &writer{to: out}
	a := &app{in: in, out: written, err: errs, colour: hasColour(out), errColour: hasColour(errs)}
	root := a.root()
	root.SetArgs(arguments)
	root.SetIn(in)
	root.SetOut(written)
	root.SetErr(errs)
	err := root.Execute()
	if written.err != nil {
		err = written.err
	}
	switch {
	case err == nil:
		return exitFine
	case errors.Is(err, errFound):
		return exitFound
	}
	fmt.Fprintln(errs, a.errColour.red("bearerauth:"), err)
	// Before an unknown command or flag, the flags may not have been read.
	if a.json || slices.Contains(arguments, "--json") {
		_ = a.writeJSON(map[string]string{"error": err.Error()}) // the status says it, too
	}
	return exitError
}

// writer remembers that a write failed: a report that is cut off must not look complete.
type writer struct {
	to  io.Writer
	err error
}

func (w *writer) Write(text []byte) (int, error) {
	n, err := w.to.Write(text)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
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
// templates and configurations of other things.
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
				if !listed {
					f.Configs = slices.DeleteFunc(f.Configs, func(c *source.Config) bool { return c.Doubtful })
				}
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

// isTerminal reports whether an input or output is a terminal. The null device is a
// character device, too.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

func hasColour(w io.Writer) colour {
	return colour(isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
}

// colour says whether a text may have colour.
type colour bool

func (c colour) paint(code, text string) string {
	if !c {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (c colour) red(text string) string    { return c.paint("31", text) }
func (c colour) green(text string) string  { return c.paint("32", text) }
func (c colour) yellow(text string) string { return c.paint("33", text) }

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
