// Gotest runs go test in the folders of several modules, and shows how far it
// is, what failed, and how long it took. It exits with 0 when each of them does.
//
//	go run ./build/gotest FOLDER ARGUMENTS [-- FOLDER ARGUMENTS]...
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// limit takes the place of go test's own ten minutes: a busy machine is slow.
const limit = "40m"

func main() {
	// Ctrl-C ends go test, which is in the same process group, and then this.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM)
	runs := split(os.Args[1:])
	if len(runs) == 0 {
		fmt.Fprintln(os.Stderr, "gotest: want FOLDER ARGUMENTS [-- FOLDER ARGUMENTS]...")
		os.Exit(2)
	}
	began, r := time.Now(), newReport(os.Stdout)
	code := 0
	for _, run := range runs {
		c, err := goTest(r, run[0], run[1:])
		if err != nil {
			fmt.Fprintln(os.Stderr, "gotest:", err)
			c = 1
		}
		code = max(code, c)
	}
	r.close(code == 0, time.Since(began))
	os.Exit(code)
}

func split(args []string) (runs [][]string) {
	for len(args) > 0 {
		end := slices.Index(args, "--")
		if end < 0 {
			end = len(args)
		}
		if end > 0 {
			runs = append(runs, args[:end])
		}
		args = args[min(end+1, len(args)):]
	}
	return runs
}

// goTest returns go test's exit code, and an error if there is none.
func goTest(r *report, dir string, args []string) (code int, err error) {
	r.printf("== %s: go test %s\n", dir, strings.Join(args, " "))
	cmd := exec.Command("go", append([]string{"test", "-json", "-timeout", limit}, args...)...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan struct{})
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case now := <-tick.C:
				r.progress(now)
			}
		}
	}()
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			r.line(line)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, errors.Join(err, cmd.Wait())
		}
	}
	close(ended)
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode(), nil
	}
	return 0, err
}
