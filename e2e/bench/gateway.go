package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"bearerauth/e2e/envoy"
)

// gateway is one Envoy with a listener per row.
//
// All rows are in one process, on one worker, because the differences are a microsecond
// between rows of 30. Two processes of the same binary differ by as much, depending on
// where their memory and code lie. Here the bare listener runs the same code in the same
// heap. Only one row is loaded at a time, and each Wasm row has its own vm_id, so its own
// VM and caches. The ticks of idle rows affect all rows alike, and cost a few microseconds
// a second.
//
// Envoy itself answers (direct_response), the same to all: a server behind it would add
// its own noise to every number and cancel out of the differences.
type gateway struct {
	*envoy.Process
	pid       int
	addresses map[string]string // by row id
}

type gatewayOptions struct {
	workers int
	cpu     int // to pin to, or -1
}

func rowID(i int) string { return fmt.Sprintf("row%02d", i) }

func startGateway(ctx context.Context, rows []row, m *material, o gatewayOptions) (*gateway, error) {
	p, err := envoy.Start(ctx, envoy.Options{
		Config: bootstrap(rows, m), Concurrency: o.workers, LogLevel: "error",
	})
	if err != nil {
		return nil, err
	}
	g := &gateway{Process: p}
	if g.pid, err = pidOf(p.Dir); err == nil {
		g.addresses, err = p.Listeners()
	}
	if err == nil && o.cpu >= 0 {
		err = pin(ctx, g.pid, o.cpu)
	}
	if err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return g, nil
}

// pin moves all threads of a process to some processors; new ones follow.
func pin(ctx context.Context, pid int, cpus ...int) error {
	list := make([]string, len(cpus))
	for i, cpu := range cpus {
		list[i] = strconv.Itoa(cpu)
	}
	out, err := exec.CommandContext(ctx, "taskset", "-a", "-c", "-p", strings.Join(list, ","), strconv.Itoa(pid)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("taskset: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

func bootstrap(rows []row, m *material) string {
	config := envoy.Bootstrap{Clusters: []envoy.Cluster{{Name: authority, Port: m.authority}}}
	for i, r := range rows {
		l := envoy.Listener{Name: rowID(i)}
		if r.filter != nil {
			l.Filters = []envoy.Filter{r.filter.envoy(l.Name, m)}
		}
		config.Listeners = append(config.Listeners, l)
	}
	return config.String()
}

// answered is how many requests of a row had an answer of each class.
func (g *gateway) answered(id string) (classes [6]int64, err error) {
	stats, err := g.Stats("^http\\." + id + "\\.downstream_rq_[1-5]xx$")
	if err != nil {
		return classes, err
	}
	for name, n := range stats {
		class := name[len(name)-3] - '0'
		classes[class] = n
	}
	return classes, nil
}

// try sends one request and wants the status.
func (g *gateway) try(ctx context.Context, id, request string, status int) error {
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "tcp", g.addresses[id])
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, request); err != nil {
		return err
	}
	answer := make([]byte, 512)
	n, err := io.ReadAtLeast(c, answer, len("HTTP/1.1 200"))
	if err != nil {
		return err
	}
	if got, wanted := string(answer[:n]), fmt.Sprintf("HTTP/1.1 %d", status); !strings.HasPrefix(got, wanted) {
		return fmt.Errorf("wanted %s, got %q", wanted, got)
	}
	return nil
}
