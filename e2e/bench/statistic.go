package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// estimate is a median over rounds with its bootstrap 95 % interval.
type estimate struct{ median, low, high float64 }

// noEstimate is what nothing was measured for. Any comparison with it is false,
// so that no target is met by it.
var noEstimate = estimate{math.NaN(), math.NaN(), math.NaN()}

const resamples = 10_000

// estimateOf takes one value per round. Rounds are what is drawn again, not
// requests: those of one round share its noise.
func estimateOf(values []float64, seed uint64) estimate {
	if len(values) == 0 || slices.ContainsFunc(values, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
		return noEstimate
	}
	draw := rand.New(rand.NewPCG(seed, uint64(len(values))))
	medians := make([]float64, resamples)
	again := make([]float64, len(values))
	for i := range medians {
		for j := range again {
			again[j] = values[draw.IntN(len(values))]
		}
		slices.Sort(again)
		medians[i] = middle(again)
	}
	slices.Sort(medians)
	const tail = resamples * 25 / 1000
	return estimate{median(values), medians[tail], medians[resamples-1-tail]}
}

func median(values []float64) float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return middle(sorted)
}

func middle(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// format prints "12.3 [12.0, 12.9]"; nothing for what was not measured.
func (e estimate) format(digits int) string {
	if math.IsNaN(e.median) {
		return ""
	}
	return fmt.Sprintf("%.*f [%.*f, %.*f]", digits, e.median, digits, e.low, digits, e.high)
}
