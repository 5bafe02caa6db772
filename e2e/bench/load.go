package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// loader drives wrk, which leaves the gateway's processor alone.
type loader struct {
	wrk         []string // the command's first words
	dir         string   // of scripts and tokens
	connections int
	rows        []row
	at          []int // the token at which each row continues
}

func newLoader(dir string, cpu, connections int, rows []row, m *material) (*loader, error) {
	l := &loader{dir: dir, connections: connections, rows: rows, at: make([]int, len(rows))}
	path, err := exec.LookPath("wrk")
	if err != nil {
		return nil, fmt.Errorf("wanted wrk, the load generator, on the PATH (Debian: apt-get install wrk): %w", err)
	}
	l.wrk = []string{path}
	if cpu >= 0 {
		taskset, err := exec.LookPath("taskset")
		if err != nil {
			return nil, fmt.Errorf("wanted taskset, of util-linux, on the PATH: %w", err)
		}
		l.wrk = []string{taskset, "-c", strconv.Itoa(cpu), path}
	}
	for i, r := range rows {
		tokens := m.tokens[r.token]
		request, err := newRequest(tokens[0])
		if err != nil {
			return nil, fmt.Errorf("row %q: %w", r.name, err)
		}
		if err := os.WriteFile(l.script(i), []byte(request.script()), 0o600); err != nil {
			return nil, err
		}
		if err := os.WriteFile(l.tokens(i), []byte(strings.Join(tokens, "\n")+"\n"), 0o600); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *loader) script(i int) string { return filepath.Join(l.dir, rowID(i)+".lua") }
func (l *loader) tokens(i int) string { return filepath.Join(l.dir, rowID(i)+".tokens") }

// sample is one row under load for a while.
type sample struct {
	cpu      float64 // microseconds of Envoy per request
	requests float64 // per second
	p50, p99 time.Duration
	load     time.Duration // CPU time of wrk
}

// pace is how a row is loaded; the zero value is as fast as possible.
type pace struct {
	connections int
	pause       time.Duration // the mean between an answer and the next request
}

// measure loads one row. Requests are counted by Envoy: wrk does not know
// of those that were under way when it ended.
func (l *loader) measure(ctx context.Context, g *gateway, i, seconds int, p pace) (s sample, err error) {
	r, id := l.rows[i], rowID(i)
	defer func() {
		if err != nil {
			err = fmt.Errorf("row %q: %w", r.name, err)
		}
	}()
	before, err := g.answered(id)
	if err != nil {
		return s, err
	}
	cpu, err := cpuTime(g.pid)
	if err != nil {
		return s, err
	}
	if p.connections == 0 {
		p.connections = l.connections
	}
	if err := l.run(ctx, i, g.addresses[id], seconds, p, &s); err != nil {
		return s, err
	}
	// What is still to be done for the last requests belongs to them.
	time.Sleep(20 * time.Millisecond)
	after, err := cpuTime(g.pid)
	if err != nil {
		return s, err
	}
	counts, err := g.answered(id)
	if err != nil {
		return s, err
	}
	var all int64
	for class := range counts {
		counts[class] -= before[class]
		all += counts[class]
	}
	if good := counts[r.wanted()/100]; good == 0 || good != all {
		return s, fmt.Errorf("wanted only answers %dxx, got %v of the classes 1xx to 5xx; envoy's log ends with:\n%s",
			r.wanted()/100, counts[1:], g.Log.Tail(10))
	}
	l.at[i] += int(all)
	s.cpu = float64((after - cpu).Nanoseconds()) / 1000 / float64(all)
	return s, nil
}

func (l *loader) run(ctx context.Context, i int, address string, seconds int, p pace, s *sample) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second+30*time.Second)
	defer cancel()
	arguments := append(l.wrk[1:len(l.wrk):len(l.wrk)],
		"-t", "1", "-c", strconv.Itoa(p.connections), "-d", strconv.Itoa(seconds)+"s", "-s", l.script(i), "http://"+address,
		"--", l.tokens(i), strconv.Itoa(l.at[i]), strconv.FormatFloat(float64(p.pause)/float64(time.Millisecond), 'f', 3, 64))
	cmd := exec.CommandContext(ctx, l.wrk[0], arguments...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("wrk: %w: %s", err, bytes.TrimSpace(out))
	}
	s.load = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return s.parse(out)
}

// parse reads the line that the script's done() prints.
func (s *sample) parse(out []byte) error {
	_, line, _ := bytes.Cut(out, []byte("\nbench "))
	var requests, duration, p50, p99, failures int64
	if _, err := fmt.Sscan(string(line), &requests, &duration, &p50, &p99, &failures); err != nil {
		return fmt.Errorf("wrk: wanted the line of its script, got %q", bytes.TrimSpace(out))
	}
	if failures > 0 || requests == 0 || duration == 0 {
		return errors.New("wrk: wanted answers and no failed connection, got " + strings.TrimSpace(string(out)))
	}
	s.requests = float64(requests) / (float64(duration) / 1e6)
	s.p50, s.p99 = time.Duration(p50)*time.Microsecond, time.Duration(p99)*time.Microsecond
	return nil
}
