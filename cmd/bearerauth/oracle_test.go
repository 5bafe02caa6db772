package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"bearerauth/filter/source"
)

// TestYAMLOracle: YAML becomes the same JSON as by the reader of Kubernetes.
func TestYAMLOracle(t *testing.T) {
	t.Parallel()
	compared := 0
	for _, pattern := range []string{"../testdata/*/*.yaml", "../importer/testdata/*/in.yaml", "../../testdata/scenarios/*.yaml", "../../deploy/*.yaml", "../../envoy.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			f, err := source.Read(name)
			if err != nil {
				continue // a test of syntax errors
			}
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for i, part := range strings.Split("\n"+string(raw), "\n---\n") {
				want, err := yaml.YAMLToJSON([]byte(part))
				if err != nil || i >= len(f.Documents) || strings.Contains(name, "policy-yaml") {
					continue // a duplicate member, which only this reader keeps
				}
				compared++
				if got := f.Documents[i].JSON(); !reflect.DeepEqual(decoded(t, got), decoded(t, want)) {
					t.Errorf("%s, document %d\ngot  %s\nwant %s", name, i+1, got, want)
				}
			}
		}
	}
	if compared < 50 {
		t.Errorf("compared %d documents, want at least 50", compared)
	}
}

func decoded(t *testing.T, text []byte) (value any) {
	t.Helper()
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// TestCorpus: every valid configuration of the filter passes, alone and in a manifest.
func TestCorpus(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("../../testdata/config/valid/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 50 {
		t.Fatalf("found %d configurations, want at least 50", len(names))
	}
	// All variables of the corpus.
	var values, variables string
	for _, name := range []string{"BEARERAUTH_TEST_SECRET"} {
		values += name + ": a, "
		variables += "{name: " + name + "}, "
	}
	values, variables = "{"+values+"}", "["+variables+"]"
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if c := call(t, "", "check", name); c.status != 0 {
			t.Errorf("%s: %+v", name, c)
		}
		var tidy bytes.Buffer
		if err := json.Indent(&tidy, raw, "    ", "  "); err != nil {
			t.Fatal(err)
		}
		if base := filepath.Base(name); base == "escapes.json" || base == "space_around.json" {
			continue // surrogates in escapes and tabs, which YAML does not have
		}
		manifest := "kind: WasmPlugin\nmetadata: {name: a}\nspec:\n  vmConfig: {env: " + variables + "}\n  pluginConfig:\n    " + tidy.String() + "\n"
		if c := call(t, manifest, "check", "-"); c.status != 0 {
			t.Errorf("%s in a manifest: %+v", name, c)
		}
		filter := "name: bearerauth\nvm_config: {environment_variables: {key_values: " + values + "}}\nconfiguration:\n  \"@type\": a.StringValue\n  value: |\n    " + tidy.String() + "\n"
		if c := call(t, filter, "check", "-"); c.status != 0 {
			t.Errorf("%s in a string: %+v", name, c)
		}
	}
}
