package policy

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestFuzzCorpora: go test runs each fuzz target over the inputs that are checked
// in. One without any would be a target that nothing runs.
func TestFuzzCorpora(t *testing.T) {
	t.Parallel()
	targets := 0
	for _, dir := range []string{".", "../jose"} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`).FindAllSubmatch(source, -1) {
				targets++
				target := string(m[1])
				inputs, err := filepath.Glob(filepath.Join(dir, "testdata", "fuzz", target, "*"))
				if err != nil {
					t.Fatal(err)
				}
				if len(inputs) < 10 {
					t.Errorf("%s has %d inputs in testdata/fuzz, want 10 at least: go test %s -run NONE -fuzz '^%s$' -fuzztime 1m", target, len(inputs), dir, target)
				}
				for _, input := range inputs {
					if info, err := os.Stat(input); err != nil || info.Size() == 0 || info.Size() > 64<<10 {
						t.Errorf("%s: want an input of at most 64 KiB: %v", input, err)
					}
				}
			}
		}
	}
	if targets < 10 {
		t.Errorf("%d fuzz targets are found", targets)
	}
}
