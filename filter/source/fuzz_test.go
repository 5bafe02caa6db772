package source

import (
	"bytes"
	"testing"

	"bearerauth/filter/policy/config"
)

// FuzzParse: any text is read or refused, with a place that the text has, and what is read
// is a JSON text that the filter's own reader takes.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"providers": {"a": {"type": "static", "tokens": [{"sha256": "00"}]}}}`,
		"providers:\n  a: &a {type: static}\n  b:\n    <<: *a\n    x: |2\n      text\n",
		"kind: WasmPlugin\nmetadata: {name: bearerauth}\nspec: {pluginConfig: {providers: {a: 0x10}}}\n---\na: [1, .5, ~]\n",
		"vm_config: {}\nname: bearerauth\nconfiguration: {\"@type\": a.StringValue, value: \"{\\\"providers\\\": 1\"}\n",
		"a: *a\n", "{", "? [x]\n: 1\n", "a: !!binary x\n", "\ufeff{}",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, yaml bool) {
		name := "a.json"
		if yaml {
			name = "a.yaml"
		}
		file, err := Parse(name, []byte(text))
		if err != nil {
			broken, ok := err.(*FileError)
			if !ok {
				t.Fatalf("%v has no place", err)
			}
			inside(t, text, broken.Syntax.At)
			return
		}
		for _, c := range file.Configs {
			inside(t, text, c.At)
			for _, at := range c.members {
				inside(t, text, at)
			}
			if c.Err != nil {
				inside(t, text, c.Err.At)
				continue
			}
			var problems config.Problems
			config.ReadDocument(c.Text, &problems)
			for _, p := range problems.List {
				inside(t, text, c.Position(p.Path))
			}
		}
	})
}

func inside(t *testing.T, text string, at Position) {
	t.Helper()
	if most := 1 + bytes.Count([]byte(text), []byte("\n")) + bytes.Count([]byte(text), []byte("\r")) + 3*bytes.Count([]byte(text), []byte("\u0085")); at.Line < 1 || at.Column < 1 || at.Line > most+1 {
		t.Fatalf("%+v is outside of %q", at, text)
	}
}
