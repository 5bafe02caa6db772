package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// footprint is what a process costs beside CPU.
type footprint struct {
	start time.Duration // until it serves
	mb    [2]float64    // of resident memory under 1 and 2 workers, after load
}

// starts are taken, and their median counts.
const starts = 3

// footprintConnections spread over two workers.
const footprintConnections = 64

// measureFootprints starts Envoys with the bare listener alone, and with each
// build of Bearerauth alone. They are not pinned: V8 compiles on all processors.
func measureFootprints(ctx context.Context, l *loader, m *material, seconds int) ([]fact, error) {
	found := map[string]footprint{}
	requests := 0.0
	for i, r := range l.rows {
		if r.name != bareName && r.name != ourStatic && r.name != ofSmall(ourStatic) {
			continue
		}
		start, mb, err := l.footprintOf(ctx, i, m, seconds, &requests)
		if err != nil {
			return nil, fmt.Errorf("row %q: %w", r.name, err)
		}
		found[r.name] = footprint{start, mb}
	}
	bare := found[bareName]
	after := fmt.Sprintf(", after %.0f requests", requests)
	facts := []fact{
		{"RSS of Envoy without the filter, 1 worker" + after, bare.mb[0], "MB", 0},
		{"RSS of Envoy without the filter, 2 workers" + after, bare.mb[1], "MB", 0},
	}
	for _, b := range []struct {
		module, row              string
		size, start, first, more float64 // limits, 0: none
	}{
		{standardBuild, ourStatic, 5.0, 2.0, 0, 6},
		{smallBuild, ofSmall(ourStatic), 0.9, 0.4, 45, 6},
	} {
		f, ok := found[b.row]
		if !ok {
			continue
		}
		info, err := os.Stat(filepath.Join(m.root, b.module))
		if err != nil {
			return nil, err
		}
		facts = append(facts,
			fact{"size of " + b.module, float64(info.Size()) / 1e6, "MB", b.size},
			fact{b.module + ": start of the first VM (start of Envoy with the filter minus without)", (f.start - bare.start).Seconds(), "s", b.start},
			fact{b.module + ": RSS over no filter, 1 worker" + after, f.mb[0] - bare.mb[0], "MB", b.first},
			fact{b.module + ": RSS of the filter in each further worker" + after, f.mb[1] - f.mb[0] - (bare.mb[1] - bare.mb[0]), "MB", b.more},
		)
	}
	return facts, nil
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
