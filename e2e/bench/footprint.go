package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"bearerauth/e2e/envoy"
)

// footprint is what the module costs beside CPU.
type footprint struct {
	size     int64         // of the module
	bare     time.Duration // until an Envoy without the filter serves
	filtered time.Duration // and with it
	// MB of resident memory under 1 and 2 workers, after load
	bareMB, filteredMB [2]float64
	requests           float64 // per Envoy, before its memory was read
}

const starts = 3

// The memory of two workers is looked at with connections enough for both.
const footprintConnections = 64

// measureFootprint starts Envoys with the bare listener alone, and with
// Bearerauth alone. They are not pinned: V8 compiles on all processors.
func measureFootprint(ctx context.Context, l *loader, m *material, seconds int) (f footprint, err error) {
	info, err := os.Stat(filepath.Join(m.root, envoy.Module()))
	if err != nil {
		return f, err
	}
	f.size = info.Size()
	for i, r := range l.rows {
		switch r.name {
		case bareName:
			f.bare, f.bareMB, err = l.footprintOf(ctx, i, m, seconds, &f.requests)
		case ourStatic:
			f.filtered, f.filteredMB, err = l.footprintOf(ctx, i, m, seconds, &f.requests)
		}
		if err != nil {
			return f, fmt.Errorf("row %q: %w", r.name, err)
		}
	}
	return f, nil
}

func (l *loader) footprintOf(ctx context.Context, i int, m *material, seconds int, requests *float64) (start time.Duration, mb [2]float64, err error) {
	alone := *l
	alone.rows, alone.at = l.rows[i:i+1], make([]int, 1)
	if alone.dir, err = os.MkdirTemp(l.dir, "alone-"); err != nil {
		return 0, mb, err
	}
	for _, from := range []string{l.script(i), l.tokens(i)} {
		to := filepath.Join(alone.dir, rowID(0)+filepath.Ext(from))
		if err := os.Link(from, to); err != nil {
			return 0, mb, err
		}
	}
	var all []float64
	for range starts {
		began := time.Now()
		g, err := startGateway(ctx, alone.rows, m, gatewayOptions{workers: 1, cpu: -1})
		if err != nil {
			return 0, mb, err
		}
		all = append(all, float64(time.Since(began)))
		if err := g.Stop(); err != nil {
			return 0, mb, err
		}
	}
	for workers := range mb {
		if mb[workers], err = alone.memoryOf(ctx, workers+1, m, seconds, requests); err != nil {
			return 0, mb, err
		}
	}
	return time.Duration(median(all)), mb, nil
}

func (l *loader) memoryOf(ctx context.Context, workers int, m *material, seconds int, requests *float64) (mb float64, err error) {
	g, err := startGateway(ctx, l.rows, m, gatewayOptions{workers: workers, cpu: -1})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, g.Stop()) }()
	s, err := l.measure(ctx, g, 0, seconds, pace{connections: footprintConnections})
	if err != nil {
		return 0, err
	}
	if n := s.requests * float64(seconds); *requests == 0 || n < *requests {
		*requests = n
	}
	return residentMB(g.pid)
}

// furtherWorker is the memory that the filter takes in a second worker.
func (f footprint) furtherWorker() float64 {
	return f.filteredMB[1] - f.filteredMB[0] - (f.bareMB[1] - f.bareMB[0])
}

// facts are the lines of the report that are no rows, with their targets.
func (f footprint) facts() []fact {
	if f.size == 0 {
		return nil
	}
	size := float64(f.size) / 1e6
	start := (f.filtered - f.bare).Seconds()
	after := fmt.Sprintf(", after %.0f requests", f.requests)
	return []fact{
		{"size of " + envoy.Module(), size, "MB", 5.0},
		{"start of the first VM (start of Envoy with the filter minus without)", start, "s", 2.0},
		{"RSS of Envoy without the filter, 1 worker" + after, f.bareMB[0], "MB", 0},
		{"RSS of Envoy without the filter, 2 workers" + after, f.bareMB[1], "MB", 0},
		{"RSS of Envoy with the filter, 1 worker" + after, f.filteredMB[0], "MB", 0},
		{"RSS of Envoy with the filter, 2 workers" + after, f.filteredMB[1], "MB", 0},
		{"RSS of the filter in each further worker" + after, f.furtherWorker(), "MB", 6},
	}
}

// fact is a number that is measured once, without an interval.
type fact struct {
	name  string
	value float64
	unit  string
	limit float64 // 0: none
}

func (f fact) verdict() string {
	switch {
	case f.limit == 0:
		return ""
	case f.value <= f.limit:
		return met
	default:
		return "NOT MET"
	}
}
