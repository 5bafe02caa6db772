package main

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		wanted float64
	}{
		{[]float64{3}, 3},
		{[]float64{9, 1}, 5},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 3, 2}, 2.5},
	} {
		if got := median(tt.values); got != tt.wanted {
			t.Errorf("median of %v: wanted %v, got %v", tt.values, tt.wanted, got)
		}
	}
	values := []float64{2, 1}
	if median(values); values[0] != 2 {
		t.Error("wanted the values in their order, got them sorted")
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing: wanted NaN, got %v", got)
	}
}

func TestEstimate(t *testing.T) {
	same := estimateOf([]float64{7, 7, 7}, 1)
	if same != (estimate{7, 7, 7}) {
		t.Errorf("wanted 7 thrice, got %v", same)
	}
	values := []float64{10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}
	a, b := estimateOf(values, 1), estimateOf(values, 1)
	if a != b {
		t.Errorf("wanted the same with the same seed, got %v and %v", a, b)
	}
	// The order statistics of the exact interval for n = 11 are the 2nd and the 10th.
	if a.median != 15 || a.low < 11 || a.low > 13 || a.high < 17 || a.high > 19 {
		t.Errorf("wanted 15 [11..13, 17..19], got %v", a)
	}
	for _, none := range [][]float64{nil, {1, math.NaN()}, {1, math.Inf(1)}} {
		if got := estimateOf(none, 1); !math.IsNaN(got.median) {
			t.Errorf("%v: wanted no estimate, got %v", none, got)
		}
	}
}

// The interval holds the true median about as often as it says.
func TestEstimateCovers(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	held := 0
	const runs = 200
	for range runs {
		values := make([]float64, 15)
		for i := range values {
			values[i] = 10 + draw.NormFloat64()
		}
		if e := estimateOf(values, 3); e.low <= 10 && 10 <= e.high {
			held++
		}
	}
	if held < runs*88/100 {
		t.Errorf("wanted the true median in about 95 %% of %d intervals, got it in %d", runs, held)
	}
}

func TestTarget(t *testing.T) {
	of := []float64{10, 10, 10, 10, 10}
	ratio := target{Of: "x", Times: 1.25}
	difference := target{Of: "x", Plus: 3}
	for _, tt := range []struct {
		target target
		row    []float64
		wanted string
	}{
		{ratio, []float64{11, 12, 12, 12, 12}, "met"},
		{ratio, []float64{12, 12, 12, 13, 14}, "not shown"},
		{ratio, []float64{13, 13, 13, 13, 13}, "NOT MET"},
		{difference, []float64{13, 12, 13, 12, 11}, "met"},
		{difference, []float64{12, 12, 12, 15, 15}, "not shown"},
		{difference, []float64{14, 14, 14, 14, 14}, "NOT MET"},
		{target{}, []float64{14, 14, 14, 14, 14}, ""},
		{ratio, []float64{1}, ""}, // not measured as often: no verdict
		{ratio, []float64{1, 1, 1, 1, math.NaN()}, ""},
	} {
		if got := tt.target.judge(tt.row, of, 1).String(); got != tt.wanted {
			t.Errorf("%v, %v: wanted %q, got %q", tt.target, tt.row, tt.wanted, got)
		}
	}
}
