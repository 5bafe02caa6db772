package importer

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bearerauth/filter/policy"
)

var update = flag.Bool("update", false, "write the golden files")

// readers by the beginning of a folder's name.
var readers = map[string]func([]byte) (Result, error){
	"envoy":   Envoy,
	"istio":   Istio,
	"gateway": Gateway,
}

// TestGolden: in.yaml becomes out.json and left.txt, or error.txt.
func TestGolden(t *testing.T) {
	t.Parallel()
	inputs, err := filepath.Glob("testdata/*/in.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatal("want testdata/*/in.yaml", err)
	}
	for _, input := range inputs {
		dir := filepath.Dir(input)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			document, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			kind, _, _ := strings.Cut(filepath.Base(dir), "-")
			read := readers[kind]
			if read == nil {
				t.Fatalf("want a folder called after a reader, got %s", dir)
			}
			got := map[string][]byte{}
			result, err := read(document)
			if err != nil {
				got["error.txt"] = []byte(err.Error() + "\n")
			} else {
				got["out.json"] = result.Config
				got["left.txt"] = []byte{}
				for _, left := range result.Left {
					got["left.txt"] = append(got["left.txt"], left.String()+"\n"...)
				}
			}
			for _, name := range []string{"out.json", "left.txt", "error.txt"} {
				checkGolden(t, filepath.Join(dir, name), got[name])
			}
			if err == nil {
				mustParse(t, result.Config)
			}
		})
	}
}

func checkGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if got == nil {
			_ = os.Remove(path) // it need not be there
			return
		}
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && got == nil {
		return
	}
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

// mustParse: the filter takes the configuration.
func mustParse(t *testing.T, config []byte) {
	t.Helper()
	_, err := policy.Parse(config)
	if err == nil {
		return
	}
	t.Errorf("the filter refuses the import: %v\n%s", err, config)
}
