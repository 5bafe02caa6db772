package identity

import "testing"

// TestNoFacts: an identity of which nothing is known meets nothing.
func TestNoFacts(t *testing.T) {
	t.Parallel()
	for _, bit := range []int{0, 63, 64, 200} {
		mask := Facts(nil).With(bit)
		for name, f := range map[string]Facts{"none": nil, "empty": make(Facts, 4), "short": make(Facts, 1)} {
			if f.All(mask) || f.Any(mask) {
				t.Errorf("%s has fact %d", name, bit)
			}
		}
		full := make(Facts, 4)
		full.add(bit)
		if !full.All(mask) || !full.Any(mask) || full.All(mask.With(17)) || !full.Any(mask.With(17)) {
			t.Errorf("fact %d", bit)
		}
	}
}
