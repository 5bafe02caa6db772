package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"time"
)

// plan says how long to measure.
type plan struct {
	rounds  int
	repeats int // at most, of noisy rounds
	seconds int
	seed    uint64
}

// The bare listener is measured this often in a round, and the median taken:
// its error is in every row.
const bareRuns = 3

// round is every row once, in a random order.
type round struct {
	samples []sample // by row
	bare    []float64
	other   float64 // processors that others kept busy, on average
	steal   float64 // processors that the hypervisor gave to others
	noise   string  // why it was measured again; "" if it counts
}

func (r *round) baseline() float64 { return median(r.bare) }

// A round counts unless it was disturbed by more than this.
const (
	tolerance = 0.25 // of the bare listener's median
	otherLoad = 0.30
	stolen    = 0.05
)

// measureRounds measures until enough rounds count. A noisy one stays in the
// record, and another is measured in its place while repeats are left.
func measureRounds(ctx context.Context, w io.Writer, g *gateway, l *loader, p plan) ([]*round, error) {
	draw := rand.New(rand.NewPCG(p.seed, p.seed))
	var all []*round
	for len(all) < p.rounds+p.repeats && counting(all) < p.rounds {
		r, err := measureRound(ctx, g, l, p, draw)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
		markNoise(all)
		fmt.Fprintf(w, "round %d: no filter %.1f us, others' load %.2f, steal %.2f%s\n",
			len(all), r.baseline(), r.other, r.steal, because(r.noise))
	}
	return all, nil
}

func because(noise string) string {
	if noise == "" {
		return ""
	}
	return " (noisy: " + noise + ")"
}

func measureRound(ctx context.Context, g *gateway, l *loader, p plan, draw *rand.Rand) (*round, error) {
	r := &round{samples: make([]sample, len(l.rows))}
	began := time.Now()
	before, err := readMachineTime()
	if err != nil {
		return nil, err
	}
	oursBefore, err := ourTime(g)
	if err != nil {
		return nil, err
	}
	var load time.Duration
	for _, i := range order(l.rows, draw) {
		s, err := l.measure(ctx, g, i, p.seconds, pace{})
		if err != nil {
			return nil, err
		}
		load += s.load
		if l.rows[i].filter == nil {
			r.bare = append(r.bare, s.cpu)
		}
		r.samples[i] = s
	}
	after, err := readMachineTime()
	if err != nil {
		return nil, err
	}
	ours, err := ourTime(g)
	if err != nil {
		return nil, err
	}
	wall := float64(time.Since(began))
	r.other = float64(after.busy-before.busy-(ours-oursBefore)-load) / wall
	r.steal = float64(after.steal-before.steal) / wall
	return r, nil
}

// ourTime is the CPU time of Envoy, its admin interface included, and of the bench.
func ourTime(g *gateway) (time.Duration, error) {
	gateway, err := cpuTime(g.pid)
	if err != nil {
		return 0, err
	}
	bench, err := cpuTime(os.Getpid())
	return gateway + bench, err
}

// order is all rows shuffled, with further runs of the bare listener spread
// evenly among them.
func order(rows []row, draw *rand.Rand) []int {
	bare := slices.IndexFunc(rows, func(r row) bool { return r.filter == nil })
	var others []int
	for i := range rows {
		if i != bare {
			others = append(others, i)
		}
	}
	draw.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	var all []int
	for k := range bareRuns {
		from, to := k*len(others)/bareRuns, (k+1)*len(others)/bareRuns
		middle := (from + to) / 2
		all = append(all, others[from:middle]...)
		all = append(all, bare)
		all = append(all, others[middle:to]...)
	}
	return all
}

// markNoise evaluates all rounds again: the median moves with each of them.
func markNoise(all []*round) {
	baselines := make([]float64, len(all))
	for i, r := range all {
		baselines[i] = r.baseline()
	}
	usual := median(baselines)
	for _, r := range all {
		off := r.baseline()/usual - 1
		switch {
		case math.Abs(off) > tolerance:
			r.noise = fmt.Sprintf("no filter is %+.0f %% off its median", 100*off)
		case r.steal > stolen:
			r.noise = fmt.Sprintf("the hypervisor took %.2f processors", r.steal)
		case r.other > otherLoad:
			r.noise = fmt.Sprintf("others kept %.2f processors busy", r.other)
		default:
			r.noise = ""
		}
	}
}

func counting(all []*round) int { return len(quiet(all)) }

// quiet are the rounds that count.
func quiet(all []*round) []*round {
	return slices.DeleteFunc(slices.Clone(all), func(r *round) bool { return r.noise != "" })
}

// warmUp checks each row's answer and loads it for a second, until V8 has
// compiled for good what requests run through.
func warmUp(ctx context.Context, g *gateway, l *loader, m *material) error {
	for i, r := range l.rows {
		token := m.tokens[r.token][0]
		request, err := newRequest(token)
		if err == nil {
			err = g.try(ctx, rowID(i), request.with(token), r.wanted())
		}
		if err != nil {
			return fmt.Errorf("row %q: %w; envoy's log ends with:\n%s", r.name, err, g.Log.Tail(10))
		}
		if _, err := l.measure(ctx, g, i, 1, pace{}); err != nil {
			return err
		}
	}
	return nil
}

const (
	pacedShare       = 0.7
	pacedConnections = 128
	// What the answer and the millisecond of wrk's clock add to a pause.
	pacedOverhead = 800 * time.Microsecond
)

// measurePaced loads the rows that ask for it at 70 % of what they did at most.
// wrk has no rate; so many clients that pause at random between an answer and
// the next request come to one.
func measurePaced(ctx context.Context, g *gateway, l *loader, results []result, seconds int) error {
	for i, r := range results {
		if !r.row.paced {
			continue
		}
		pause := time.Duration(pacedConnections / (pacedShare * r.requests) * float64(time.Second))
		pause = max(0, pause-pacedOverhead)
		s, err := l.measure(ctx, g, i, seconds, pace{pacedConnections, pause})
		if err != nil {
			return err
		}
		results[i].paced = &s
	}
	return nil
}
