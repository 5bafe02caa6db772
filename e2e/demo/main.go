// Demo runs the repository's envoy.yaml in a real Envoy, shows what it answers
// to a table of requests, and stays until Ctrl-C.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"bearerauth/e2e/envoy"
)

const (
	listener   = "demo"
	configPort = 8080
	// direct_response.body_format, which shows the demo's answers
	neededMinor = 37
)

func main() {
	check := flag.Bool("check", false, "run the table, say whether all is as expected, and exit 0 or 1")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "demo: wanted no arguments but --check, got %q\n", flag.Args())
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	giveBack := takeTerminal()
	bad, err := run(ctx, os.Stdout, mode{stay: !*check, keepPort: !*check})
	giveBack()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	if err != nil || bad > 0 && *check {
		stop()
		os.Exit(1)
	}
}

type mode struct {
	stay     bool // until the context ends
	keepPort bool // if it is free
}

// run returns how many answers were not as expected.
func run(ctx context.Context, w io.Writer, m mode) (bad int, err error) {
	root, err := envoy.Root()
	if err != nil {
		return 0, err
	}
	config, err := bootstrap(root)
	if err != nil {
		return 0, err
	}
	binary, err := envoy.Find()
	if err != nil {
		return 0, err
	}
	if !binary.AtLeast(1, neededMinor) {
		return 0, fmt.Errorf("wanted Envoy 1.%d or later, got %s from %s (%s)", neededMinor, binary.Version, binary.Origin, binary.Path)
	}
	if !m.keepPort || !free(configPort) {
		if m.keepPort {
			fmt.Fprintf(w, "Port %d is taken, so Envoy listens on another one.\n", configPort)
		}
		if config, err = envoy.FreePort(config, configPort); err != nil {
			return 0, fmt.Errorf("envoy.yaml: %w", err)
		}
	}
	p, err := envoy.Start(ctx, envoy.Options{Binary: binary, Config: config, Dir: root, LogLevel: "warning"})
	if err != nil {
		return 0, err
	}
	defer func() {
		if stopped := p.Stop(); stopped != nil {
			err = errors.Join(err, stopped)
		}
	}()
	address, err := p.Listener(listener)
	if err != nil {
		return 0, err
	}
	fmt.Fprintf(w, "Envoy %s (%s) runs envoy.yaml\nwith %s at http://%s.\n\n", binary.Version, binary.Origin, envoy.Module(), address)
	good := 0
	var last answer
	for _, g := range groups {
		answers := ask(ctx, address, g.examples)
		if ctx.Err() != nil {
			return 0, errors.New("interrupted")
		}
		report(w, g.title, answers)
		bad += failed(answers)
		good += len(answers) - failed(answers)
		last = answers[len(answers)-1]
	}
	fmt.Fprintf(w, "demo: %s\n", verdict(good, bad))
	if !m.stay {
		return bad, nil
	}
	invite(w, address, p.AdminURL())
	// Envoy writes its access log a moment later: the table's requests are not shown.
	if last.got != nil {
		if _, err := p.Log.Wait(fmt.Sprintf("^GET %s %d ", last.path, last.got.Status), answerTimeout); err != nil {
			return bad, err
		}
	}
	go p.Log.Copy(ctx, w, p.Log.Mark())
	select {
	case <-ctx.Done():
		fmt.Fprintln(w, "\nStopping Envoy.")
		return bad, nil
	case <-p.Done():
		return bad, errors.New("envoy ended by itself")
	}
}

// invite says what to do in another terminal.
func invite(w io.Writer, address, admin string) {
	fmt.Fprint(w, "\nIn another terminal (the tokens are good for an hour):\n\n")
	for _, name := range []string{"TOKEN", "ADMIN"} {
		fmt.Fprintf(w, "%s=%s\n", name, tokens()[name])
	}
	for _, e := range toTry {
		fmt.Fprintln(w, e.curl(address))
	}
	fmt.Fprintf(w, "\nEnvoy stays at http://%s, its admin interface at %s.\nPress Ctrl-C to stop it. Its access log:\n\n", address, admin)
}

func bootstrap(root string) (string, error) {
	if _, err := os.Stat(filepath.Join(root, envoy.Module())); err != nil {
		return "", fmt.Errorf("wanted %s in the repository (`make` builds it): %w", envoy.Module(), err)
	}
	text, err := os.ReadFile(filepath.Join(root, "envoy.yaml"))
	return strings.ReplaceAll(string(text), "bearerauth.wasm", envoy.Module()), err
}

func free(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	l.Close()
	return true
}
