// Bench measures what a request costs in Envoy with and without filters, side
// by side, and says which targets are met.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"

	"bearerauth/e2e/envoy"
)

type options struct {
	plan
	quick       bool
	write       bool
	only        string
	connections int
	tokens      int
	memory      int
	latency     int
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 15, "rounds that must count")
	flag.IntVar(&o.repeats, "repeats", 10, "noisy rounds to measure again, at most")
	flag.IntVar(&o.seconds, "seconds", 1, "seconds per row and round")
	flag.Uint64Var(&o.seed, "seed", 1, "of the order of rows")
	flag.BoolVar(&o.quick, "quick", false, "2 rounds and few tokens, to see that all of it runs")
	flag.BoolVar(&o.write, "write", false, "write e2e/bench/RESULTS.md")
	flag.StringVar(&o.only, "only", "", "measure only rows whose name matches this regular expression, and those they are compared with")
	flag.IntVar(&o.connections, "connections", 16, "of wrk")
	flag.IntVar(&o.tokens, "tokens", 20_000, "JWTs that rows without cache hits go through; more than any cache holds")
	flag.IntVar(&o.memory, "memory", 3, "seconds of load before memory is read; 0 leaves out size, start and memory")
	flag.IntVar(&o.latency, "latency", 5, "seconds per row of latency at 70 % of saturation; 0 leaves it out")
	flag.Parse()
	if flag.NArg() > 0 || o.rounds < 1 || o.repeats < 0 || o.seconds < 1 || o.connections < 1 || o.tokens < 1 || o.memory < 0 || o.latency < 0 {
		fmt.Fprintf(os.Stderr, "bench: wanted flags with positive numbers, got %q (-help lists them)\n", os.Args[1:])
		os.Exit(2)
	}
	if o.quick {
		o.rounds, o.repeats, o.seconds, o.tokens, o.memory, o.latency = 2, 0, 1, 500, min(o.memory, 1), min(o.latency, 1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	err := run(ctx, os.Stdout, os.Stderr, o)
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run prints the table to w and its progress to log.
func run(ctx context.Context, w, log io.Writer, o options) (err error) {
	began := time.Now()
	root, err := envoy.Root()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(root, standardBuild)); err != nil {
		return fmt.Errorf("wanted %s in the repository (`make` builds it): %w", standardBuild, err)
	}
	built := rows
	if _, err := os.Stat(filepath.Join(root, smallBuild)); err != nil {
		fmt.Fprintf(log, "no %s, so none of its rows (`make small` builds it)\n", smallBuild)
		built = withoutSmall(rows)
	}
	table, err := selected(built, o.only)
	if err != nil {
		return err
	}
	// Each run of wrk takes its second and a bit; noisy rounds may double it all.
	limit := 5*time.Minute + time.Duration((o.rounds+o.repeats)*(len(table)+bareRuns)*(o.seconds+1))*time.Second
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("wanted to be done within %v", limit))
	defer cancel()
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = errors.Join(context.Cause(ctx), err)
		}
	}()
	cpus, err := allowedCPUs()
	if err != nil {
		return fmt.Errorf("wanted Linux, whose /proc tells CPU times: %w", err)
	}
	pinned := "one processor only: Envoy and wrk share it"
	envoyCPU, wrkCPU := apart(cpus)
	if wrkCPU >= 0 {
		pinned = fmt.Sprintf("Envoy on processor %d, wrk and the authorization server on %d", envoyCPU, wrkCPU)
	}
	binary, err := envoy.Find()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bearerauth-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintf(log, "minting tokens\n")
	m, err := newMaterial(ctx, root, table, o.tokens)
	if err != nil {
		return err
	}
	l, err := newLoader(dir, wrkCPU, o.connections, table, m)
	if err != nil {
		return err
	}
	r := &report{planned: o.rounds, quick: o.quick}
	if err := measure(ctx, log, l, m, cpus, o, r); err != nil {
		return err
	}
	if o.memory > 0 {
		fmt.Fprintf(log, "start time and memory\n")
		if r.facts, err = measureFootprints(ctx, l, m, o.memory); err != nil {
			return err
		}
	}
	r.setting = [][2]string{
		{"date", began.UTC().Format("2006-01-02 15:04 UTC")},
		{"processor", fmt.Sprintf("%s, %d of them; %s", cpuModel(), len(cpus), pinned)},
		{"Envoy", binary.Version},
		{"Go", runtime.Version()},
		{"rounds", fmt.Sprintf("%d that count, of %d; %d s per row and round", counting(r.rounds), len(r.rounds), o.seconds)},
		{"command", strings.Join(append([]string{"go run -C e2e ./bench"}, os.Args[1:]...), " ")},
		{"took", time.Since(began).Round(time.Second).String()},
	}
	if _, err := io.WriteString(w, r.text()); err != nil {
		return err
	}
	if !o.write {
		return nil
	}
	return os.WriteFile(filepath.Join(root, "e2e", "bench", "RESULTS.md"), []byte(r.markdown()), 0o644)
}

func measure(ctx context.Context, log io.Writer, l *loader, m *material, cpus []int, o options, r *report) (err error) {
	fmt.Fprintf(log, "starting Envoy with %d listeners\n", len(l.rows))
	envoyCPU, wrkCPU := apart(cpus)
	g, err := startGateway(ctx, l.rows, m, gatewayOptions{workers: 1, cpu: envoyCPU})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Stop()) }()
	if wrkCPU >= 0 {
		// The authorization server is in this process: it leaves Envoy's processor alone, too.
		if err := pin(ctx, os.Getpid(), wrkCPU); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, pin(context.WithoutCancel(ctx), os.Getpid(), cpus...)) }()
	}
	fmt.Fprintf(log, "warming up\n")
	if err := warmUp(ctx, g, l, m); err != nil {
		return err
	}
	if r.rounds, err = measureRounds(ctx, log, g, l, o.plan); err != nil {
		return err
	}
	r.results, r.withNoise = evaluate(l.rows, r.used()), evaluate(l.rows, r.rounds)
	if o.latency == 0 {
		return nil
	}
	fmt.Fprintf(log, "latency at 70 %% of saturation\n")
	return measurePaced(ctx, g, l, r.results, o.latency)
}

// apart is Envoy's processor and that of all else, -1 where there is but one.
func apart(cpus []int) (envoyCPU, wrkCPU int) {
	if len(cpus) < 2 {
		return -1, -1
	}
	return cpus[0], cpus[len(cpus)-1]
}

// selected are the rows whose name matches, and those they refer to.
func selected(rows []row, pattern string) ([]row, error) {
	wanted, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("-only: %w", err)
	}
	// Those that the footprints need are always there.
	names := map[string]bool{bareName: true, ourStatic: true, ofSmall(ourStatic): true, floorStatic: true}
	matched := false
	for _, r := range rows {
		if wanted.MatchString(r.name) {
			matched = true
			names[r.name], names[r.beside], names[r.target.Of] = true, true, true
		}
	}
	if !matched {
		return nil, fmt.Errorf("-only: wanted an expression that matches the name of a row, got %q", pattern)
	}
	var some []row
	for _, r := range rows {
		if names[r.name] {
			some = append(some, r)
		}
	}
	return some, nil
}
