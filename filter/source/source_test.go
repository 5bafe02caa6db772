package source

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func parse(t *testing.T, name, text string) *File {
	t.Helper()
	f, err := Parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestPositions: a member has the same path in every form, and the place of its name.
func TestPositions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file, text string
		want       Position
	}{
		"JSON":          {"a.json", "{\n \"providers\": {\n  \"a\": {\"type\": \"static\"}}}", Position{3, 9}},
		"YAML":          {"a.yaml", "providers:\n  a:\n    type: static\n", Position{3, 5}},
		"flow in YAML":  {"a.yaml", "providers: {a: {type: static}}\n", Position{1, 17}},
		"standard JSON": {"<stdin>", " {\"providers\": {\"a\": {\"type\": 1}}}", Position{1, 23}},
		"alias":         {"a.yaml", "x: &x {type: static}\nproviders:\n  a: *x\n", Position{1, 8}},
		"merge":         {"a.yaml", "x: &x {type: static}\nproviders:\n  a:\n    <<: *x\n    tokens: []\n", Position{1, 8}},
		"literal":       {"a.yaml", "config:\n  vm_config: {}\n  configuration:\n    \"@type\": a.StringValue\n    value: |\n      {\"providers\":\n        {\"a\": {\"type\": 1}}}\n", Position{7, 16}},
		"indicator":     {"a.yaml", "config:\n  vm_config: {}\n  configuration:\n    \"@type\": a.StringValue\n    value: |2\n        {\"providers\":\n        {\"a\": {\"type\": 1}}}\n", Position{7, 16}},
		"quoted":        {"a.yaml", "config:\n  vm_config: {}\n  configuration:\n    \"@type\": a.StringValue\n    value: '{\"providers\": {\"a\": {\"type\": 1}}}'\n", Position{5, 12}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := parse(t, c.file, c.text)
			if len(f.Configs) != 1 {
				t.Fatalf("%d configurations, want one", len(f.Configs))
			}
			if got := f.Configs[0].Position("providers.a.type"); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			if got, want := f.Configs[0].Position("providers.a.absent.deeper[3]"), f.Configs[0].Position("providers.a"); got != want {
				t.Errorf("an absent member is at %+v, want %+v, the place of its object", got, want)
			}
		})
	}
}

func TestParent(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"a": "", "a.b": "a", "a[3]": "a", "a.b[3].c": "a.b[3]", `a["x.y"]`: "a", `a["x.y"].b`: `a["x.y"]`,
	} {
		if got := parent(path); got != want {
			t.Errorf("parent(%s) is %q, want %q", path, got, want)
		}
	}
}

// TestScalars: YAML becomes the JSON that Envoy makes of it.
func TestScalars(t *testing.T) {
	t.Parallel()
	f := parse(t, "a.yaml", `providers: {a: yes, aa: "yes", ab: !!str Off, ac: OFF, b: "1", c: 1, d: 1.50, e: true, f: null, g: ~, h: 0x10, i: 2020-01-31, j: .5, k: "é\u0007", l: 1_000, m: .inf}`)
	want := `{"providers":{"a":true,"aa":"yes","ab":"Off","ac":false,"b":"1","c":1,"d":1.50,"e":true,"f":null,"g":null,"h":16,"i":"2020-01-31","j":0.5,"k":"é\u0007","l":1000,"m":".inf"}}`
	if got := string(f.Configs[0].Text); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestVerbatim: the text of a StringValue is what Envoy hands over, byte for byte.
func TestVerbatim(t *testing.T) {
	t.Parallel()
	text := `{ "providers" : {"a":1,"a":2} , "x" : 1.0e3 }`
	f := parse(t, "a.yaml", "vm_config: {}\nname: bearerauth\nconfiguration: {\"@type\": x.StringValue, value: '"+text+"'}\n")
	if got := string(f.Configs[0].Text); got != text {
		t.Errorf("got %s", got)
	}
}

func TestSyntaxErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file, text, want string
	}{
		"JSON, a comma":           {"a.json", "{\n  \"a\": 1,\n}", "a.json:2:9: not valid JSON: "},
		"JSON, cut off":           {"a.json", "{\n  \"a\": [1", "a.json:2:10: not valid JSON: the text ends too early"},
		"JSON, two values":        {"a.json", "{}\n {}", "a.json:2:2: not valid JSON: want nothing after the first value"},
		"YAML, indentation":       {"a.yaml", "a:\n  b: 1\n c: 2\n", "a.yaml:3:2: not valid YAML: did not find expected key: does the line begin in the same column"},
		"YAML, a tab":             {"a.yaml", "a: 1\n\tb: 2\n", "a.yaml:2:2: not valid YAML: want spaces, got a tab"},
		"YAML, anchor":            {"a.yaml", "a: 1\nb: *x\n", "a.yaml:2:1: not valid YAML: unknown anchor"},
		"YAML, an odd name":       {"a.yaml", "a: 1\n? [x]\n: 2\n", "a.yaml:2:3: want a string as the name of a member"},
		"JSON, a comma in a list": {"a.json", "[1,\n2 ,\n ]", "a.json:2:3: not valid JSON: want no comma before ]"},
		"JSON, a comment":         {"a.json", "{\n  // x\n  \"a\": 1}", "a.json:2:3: not valid JSON: want no comments"},
		"JSON, single quotes":     {"a.json", "{'a': 1}", "a.json:1:2: not valid JSON: want double quotes"},
		"JSON, a template":        {"a.json", "{\"a\": 1,\n \"b\": {{ .Values.b }}}", "a.json:2:7: not valid JSON: this is a template"},
		"YAML, a template":        {"a.yaml", "a: 1\nb: {{ .Values.b }}\n", "a.yaml:2:4: not valid YAML: this is a template"},
		"YAML, a condition":       {"a.yaml", "{{- if .Values.a }}\na: 1\n{{- end }}\n", "a.yaml:1:1: not valid YAML: this is a template"},
		"YAML, a Jinja condition": {"a.yaml", "{% if a %}\na: 1\n{% endif %}\n", "a.yaml:1:1: not valid YAML: this is a template"},
		"UTF-16":                  {"a.json", "\xff\xfe{\x00}\x00", "a.json:1:1: want a text in UTF-8, got the byte 0xff"},
		"a module":                {"a.yaml", "\x00asm\x01\x00\x00\x00\xff", "a.yaml:1:1: want a text in UTF-8, got the byte 0x00"},
		"Latin-1":                 {"a.yaml", "a: b\nc: \xfc\x00\n", "a.yaml:2:4: want a text in UTF-8, got the byte 0xfc"},
		"YAML, a long text":       {"a.yaml", strings.Repeat("a: b\n", 2500) + "c: d: e\n" + strings.Repeat("f: g\n", 500), "a.yaml:2501:1: not valid YAML: "},
		"YAML, second of two":     {"a.yaml", "a: 1\n---\nb: [\n", "a.yaml:3:1: not valid YAML: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(c.file, []byte(c.text))
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want %s…", err, c.want)
			}
		})
	}
}

// TestAliases: a few lines that mean billions of values, and a value within itself, end in
// an error.
func TestAliases(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for _, i := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"} {
		before := string(i[0] - 1)
		b.WriteString("a" + i + ": &a" + i + " [" + strings.TrimSuffix(strings.Repeat("*a"+before+", ", 9), ", ") + "]\n")
	}
	for name, text := range map[string]string{"billions": b.String(), "itself": "a: &a\n  b: *a\n"} {
		_, err := Parse("a.yaml", []byte(text))
		var broken *FileError
		if !errors.As(err, &broken) {
			t.Errorf("%s: %v, want an error with its place", name, err)
		}
	}
}

// TestFind: where configurations are, and what is none.
func TestFind(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"providers: {}":                       {""},
		"provider: {}":                        {""},
		"kind: Service\nspec: {}":             nil,
		"$defs: {}\nproperties: {}":           nil,
		"- a\n- b":                            nil,
		"":                                    nil,
		"requests: []\nconfig: file.yaml":     nil,
		"requests: []\nconfig: {a: 1}":        {"policy test"},
		"vm_config: {}\nname: other":          nil,
		"vmConfig: {}\nrootId: my-BearerAuth": {"Wasm filter my-BearerAuth"},
		"vm_config: {}\nconfiguration: {\"@type\": a.Struct, value: {providers: {}}}":                               {"Wasm filter without a name"},
		"vm_config: {}\nconfiguration: {\"@type\": a.StringValue, value: \"{\\\"providers\\\": 1}\"}":               {"Wasm filter without a name"},
		"kind: WasmPlugin\nmetadata: {name: a}\nspec: {url: oci://x/other}":                                         nil,
		"kind: WasmPlugin\nmetadata: {name: a}\nspec: {url: oci://x/bearerauth}":                                    {"WasmPlugin a"},
		"kind: TrafficExtension\nmetadata: {name: a}\nspec: {wasm: {pluginConfig: {providers: {}}}}":                {"TrafficExtension a"},
		"kind: EnvoyExtensionPolicy\nmetadata: {name: a}\nspec: {wasm: [{config: {a: 1}}, {name: bearerauth}]}":     {"EnvoyExtensionPolicy a, spec.wasm[1]"},
		"kind: List\nitems:\n- kind: WasmPlugin\n  metadata: {name: a}\n  spec: {pluginConfig: {providers: {}}}":    {"WasmPlugin a"},
		"providers: {}\n---\nproviders: {}":                                                                         {"", ""},
		"kind: WasmPlugin\nmetadata: {name: bearerauth}\nspec: {pluginConfig: {a: 1}}\n---\nkind: Service\nspec: 1": {"WasmPlugin bearerauth"},
	} {
		f := parse(t, "a.yaml", text)
		var got []string
		for _, c := range f.Configs {
			got = append(got, c.Where)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s\nhas %q, want %q", text, got, want)
		}
	}
}

// TestForms: a host takes a configuration in one form only, as a string or as an object.
func TestForms(t *testing.T) {
	t.Parallel()
	const text, object = `'{"providers": {}}'`, `{providers: {}}`
	for document, want := range map[string]string{
		"vm_config: {}\nname: bearerauth\nconfiguration: {\"@type\": a.StringValue, value: " + text + "}":   "",
		"vm_config: {}\nname: bearerauth\nconfiguration: {\"@type\": a.Struct, value: " + object + "}":      "",
		"kind: WasmPlugin\nmetadata: {name: a}\nspec: {pluginConfig: " + object + "}":                       "",
		"kind: EnvoyExtensionPolicy\nspec: {wasm: [{config: " + object + "}]}":                              "",
		"vm_config: {}\nname: bearerauth\nconfiguration: {\"@type\": a.StringValue, value: " + object + "}": `3:16: want a string in "value"`,
		"vm_config: {}\nname: bearerauth\nconfiguration: {\"@type\": a.StringValue}":                        `3:16: want a string in "value"`,
		"vm_config: {}\nname: bearerauth\nconfiguration: {\"@type\": a.Struct, value: " + text + "}":        "3:43: want an object, got a string",
		"vm_config: {}\nname: bearerauth\nconfiguration: {\"@type\": a.StringVal, value: " + text + "}":     "3:16: want \"@type\": type.googleapis.com/google.protobuf.StringValue, got \"a.StringVal\"",
		"kind: WasmPlugin\nmetadata: {name: a}\nspec: {pluginConfig: " + text + "}":                         "3:22: want an object, got a string",
		"kind: TrafficExtension\nspec: {wasm: {pluginConfig: " + text + "}}":                                "2:29: want an object, got a string",
		"kind: EnvoyExtensionPolicy\nspec: {wasm: [{config: " + text + "}]}":                                "2:24: want an object, got a string",
	} {
		f := parse(t, "a.yaml", document)
		if len(f.Configs) != 1 {
			t.Errorf("%s\n%d configurations, want one", document, len(f.Configs))
			continue
		}
		got := ""
		if err := f.Configs[0].Err; err != nil {
			got = fmt.Sprintf("%d:%d: %s", err.At.Line, err.At.Column, err.Message)
		}
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s\ngot  %s\nwant %s", document, got, want)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"b.yaml", "a/c.json", "a/d.yml", "a/e.txt", ".git/f.yaml", "node_modules/g/h.json"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		got[i], _ = filepath.Rel(dir, got[i])
	}
	if want := []string{filepath.FromSlash("a/c.json"), filepath.FromSlash("a/d.yml"), "b.yaml"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for link, to := range map[string]string{"a/loop": "..", "nothing.yaml": "absent.yaml", "folder.yaml": "a", "file.yaml": "b.yaml", "here": "a"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]int{dir: 4, filepath.Join(dir, "here"): 2, dir + "/": 4, filepath.Join(dir, "a", "loop"): 4} {
		if got, err := Files(path); err != nil || len(got) != want {
			t.Errorf("%s with links: %q, %v, want %d files", path, got, err, want)
		}
	}
	if err := os.Symlink("self.yaml", filepath.Join(dir, "self.yaml")); err != nil {
		t.Fatal(err)
	}
	if got, err := Files(dir); err == nil {
		t.Errorf("%q, want an error for what cannot be read", got)
	}
	if _, err := Files(filepath.Join(dir, "absent")); err == nil {
		t.Error("want an error for what does not exist")
	}
}

func TestClusters(t *testing.T) {
	t.Parallel()
	const filter = "name: bearerauth\nvm_config: {}\nconfiguration: {\"@type\": a.Struct, value: {providers: {}}}\n"
	f := parse(t, "a.yaml", filter+`static_resources:
  clusters:
  - name: plain
    load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1}}}}]}]}
  - name: tls
    transport_socket:
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        common_tls_context: {validation_context: {}}
`)
	want := []Cluster{{Name: "plain", Local: true}, {Name: "tls", TLS: true, Verifies: true}}
	if got := f.Configs[0].Clusters; !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	f = parse(t, "a.yaml", filter+"static_resources: {clusters: []}\ndynamic_resources: {cds_config: {}}\n")
	if got := f.Configs[0].Clusters; got != nil {
		t.Errorf("%+v, want none known: a service adds others", got)
	}
}
