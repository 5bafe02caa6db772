package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bearerauth/cmd/preset"
)

// called is what a command did.
type called struct {
	status    int
	out, errs string
}

func call(t *testing.T, input string, arguments ...string) called {
	t.Helper()
	var out, errs bytes.Buffer
	status := run(arguments, strings.NewReader(input), &out, &errs)
	return called{status, out.String(), errs.String()}
}

// TestInit: what init writes for each preset and host passes check and test, and is not
// overwritten.
func TestInit(t *testing.T) {
	t.Parallel()
	for _, provider := range preset.Providers {
		for _, host := range preset.Hosts {
			t.Run(provider.Name+"/"+host, func(t *testing.T) {
				t.Parallel()
				dir := filepath.Join(t.TempDir(), "new")
				arguments := []string{
					"init", "--provider", provider.Name, "--host", host, "--dir", dir,
					"--issuer", provider.Example, "--audience", "shop-api", "--owner", "acme",
				}
				if c := call(t, "", arguments...); c.status != 0 {
					t.Fatalf("%+v", c)
				}
				if c := call(t, "", "check", "--strict", dir); c.status != 0 {
					t.Errorf("check: %+v", c)
				}
				if c := call(t, "", "test", "--require-coverage", dir); c.status != 0 {
					t.Errorf("test: %+v", c)
				}
				if c := call(t, "", arguments...); c.status != 2 || !strings.Contains(c.errs, "--force") {
					t.Errorf("a second time: %+v, want an error that names --force", c)
				}
				if c := call(t, "", append(arguments, "--force")...); c.status != 0 {
					t.Errorf("with --force: %+v", c)
				}
			})
		}
	}
}

// TestInitAnswers: what is missing or cannot be used is named.
func TestInitAnswers(t *testing.T) {
	t.Parallel()
	for arguments, want := range map[string]string{
		"":                               "--provider: want one of static, keycloak",
		"--provider x":                   "--provider: want one of",
		"--provider auth0":               "--host: want one of envoy",
		"--provider auth0 --host envoy":  "--issuer: want the iss of the tokens, such as https://",
		"--provider google --host istio": "--audience: want the OAuth client ID",
		"--provider okta --host envoy --issuer http://a.example --audience a":      "--issuer: want",
		"--provider okta --host envoy --issuer https://a.example\" --audience a":   "--issuer: want",
		"--provider okta --host envoy --issuer https://a.example --audience a\"]x": "--audience: want",
		"--provider github-actions --host envoy --audience a":                      "--owner: want",
		"--provider github-actions --host envoy --audience a --owner a/b":          "--owner: want",
	} {
		c := call(t, "", append([]string{"init", "--dir", t.TempDir()}, strings.Fields(arguments)...)...)
		if c.status != 2 || !strings.Contains(c.errs, want) {
			t.Errorf("init %s: %+v, want %s", arguments, c, want)
		}
	}
}

// TestInitAsks: at a terminal, init asks for what the flags leave open.
func TestInitAsks(t *testing.T) {
	t.Parallel()
	var asked bytes.Buffer
	a := &app{in: strings.NewReader("github-actions\nenvoy\nshop\nacme\n"), err: &asked}
	name, o := "", &preset.Options{}
	if err := a.ask(&name, o); err != nil || name != "github-actions" || o.Host != "envoy" || o.Audience != "shop" || o.Owner != "acme" {
		t.Errorf("%v %s %+v", err, name, o)
	}
	if strings.Contains(asked.String(), "Issuer") {
		t.Errorf("asked for the issuer, which is known: %s", &asked)
	}
	a.in = strings.NewReader("keycloak\n")
	if err := a.ask(new(string), &preset.Options{}); err == nil {
		t.Error("want an error where the input ends")
	}
}

// TestTokenNew: the entry is that of the token, and a configuration takes it.
func TestTokenNew(t *testing.T) {
	t.Parallel()
	c := call(t, "", "token", "new", "--json", "--subject", "acme", "--scope", "a", "--scope", "b", "--expires", "1h", "--prefix", "acme_")
	var made struct {
		Token string
		Entry entry
	}
	if err := json.Unmarshal([]byte(c.out), &made); err != nil || c.status != 0 {
		t.Fatalf("%v: %+v", err, c)
	}
	hash := call(t, "Bearer "+made.Token+"\n", "token", "hash")
	if strings.TrimSpace(hash.out) != made.Entry.SHA256 || !strings.HasPrefix(made.Token, "acme_") || len(made.Token) != 48 {
		t.Errorf("token %q, digest %s, entry %+v", made.Token, hash.out, made.Entry)
	}
	if expires, err := time.Parse(time.RFC3339, made.Entry.Expires); err != nil || time.Until(expires) > time.Hour || time.Until(expires) < 59*time.Minute {
		t.Errorf("expires %s", made.Entry.Expires)
	}
	text, err := json.Marshal(map[string]any{"providers": map[string]any{"a": map[string]any{"type": "static", "tokens": []entry{made.Entry}}}})
	if err != nil {
		t.Fatal(err)
	}
	if c := call(t, string(text), "check", "--strict", "-"); c.status != 0 {
		t.Errorf("%+v", c)
	}
	if again := call(t, "", "token", "new"); again.out == call(t, "", "token", "new").out {
		t.Error("two tokens are equal")
	}
	if c := call(t, "", "token", "new", "--expires", "-1h"); c.status != 2 {
		t.Errorf("an expired token: %+v", c)
	}
}

// TestJUnit: the report names each request, and each difference of those that fail.
func TestJUnit(t *testing.T) {
	t.Parallel()
	report := filepath.Join(t.TempDir(), "report.xml")
	if c := call(t, "", "test", "--junit", report, "../testdata/tests"); c.status != 1 {
		t.Fatalf("%+v", c)
	}
	raw, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	cases, failures, broken := 0, 0, 0
	for _, suite := range got.Suites {
		failures += suite.Failures
		broken += suite.Errors
		for _, c := range suite.Cases {
			cases++
			if c.Failure != nil && !strings.Contains(c.Failure.Text, "want") {
				t.Errorf("%s: %+v", c.Name, c.Failure)
			}
		}
	}
	if len(got.Suites) != 4 || cases != 11 || failures != 3 || broken != 2 {
		t.Errorf("%d suites, %d cases, %d failures, %d errors\n%s", len(got.Suites), cases, failures, broken, raw)
	}
	if c := call(t, "", "test", "--junit", t.TempDir(), "../testdata/tests/shop_test.yaml"); c.status != 2 {
		t.Errorf("a report that cannot be written: %+v", c)
	}
}

// TestFolder: a folder's broken files are found if they name the filter, and left out
// otherwise.
func TestFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.yaml": "providers:\n  a: {type: static, tokens: [{sha256: \"912c06ab360d801c4dd8cd47f0cf8bc5f138becbd2bec82994b9c67b2cd1de61\"}]}\n",
		"b.yaml": "image: {{ .Values.image }}: x\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"compose.yaml": "services: {web: {image: x}}\n", "values.yaml": "replicaCount: 1\n", "tsconfig.json": `{"compilerOptions": {}}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if c := call(t, "", "check", dir); c.status != 0 || !strings.HasPrefix(c.out, "1 configuration: 0 problems") {
		t.Errorf("%+v", c)
	}
	if c := call(t, "", "check", filepath.Join(dir, "values.yaml")); c.status != 1 {
		t.Errorf("a file of another program by its name: %+v", c)
	}
	misspelt := filepath.Join(dir, "misspelt.yaml")
	if err := os.WriteFile(misspelt, []byte("provider: {a: {type: static}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c := call(t, "", "check", dir); c.status != 1 || !strings.Contains(c.out, "misspelt.yaml:1:1: ") {
		t.Errorf("a configuration whose providers are misspelt: %+v", c)
	}
	if err := os.Remove(misspelt); err != nil {
		t.Fatal(err)
	}
	if c := call(t, "", "check", dir, filepath.Join(dir, "b.yaml")); c.status != 1 || !strings.Contains(c.out, "b.yaml:1:") {
		t.Errorf("a broken file by its name: %+v", c)
	}
	if err := os.WriteFile(filepath.Join(dir, "b.yaml"), []byte("# bearerauth\na: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c := call(t, "", "check", dir); c.status != 1 || !strings.Contains(c.out, "b.yaml:") {
		t.Errorf("a broken file that names the filter: %+v", c)
	}
}

// TestColour: output has colour only if the app says so, and a buffer is no terminal.
func TestColour(t *testing.T) {
	t.Parallel()
	if c := call(t, "", "check", "../testdata/envoy/envoy.yaml"); strings.Contains(c.out, "\x1b") {
		t.Errorf("colour without a terminal: %q", c.out)
	}
	a := &app{colour: true}
	if got := a.red("x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("red is %q", got)
	}
}

// TestCompletion: shells get a script, and the values of flags.
func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if c := call(t, "", "completion", shell); c.status != 0 || len(c.out) < 1000 {
			t.Errorf("%s: status %d, %d bytes", shell, c.status, len(c.out))
		}
	}
	if c := call(t, "", "__complete", "init", "--provider", "k"); !strings.Contains(c.out, "keycloak\n") {
		t.Errorf("%+v", c)
	}
}

// TestVersion: it names the ABI that the module exports.
func TestVersion(t *testing.T) {
	t.Parallel()
	exports, err := os.ReadFile("../../filter/exports.go")
	if err != nil {
		t.Fatal(err)
	}
	if want := "proxy_abi_version_" + strings.ReplaceAll(abi, ".", "_"); !bytes.Contains(exports, []byte(want)) {
		t.Errorf("the module does not export %s", want)
	}
	if c := call(t, "", "version"); c.status != 0 || !strings.Contains(c.out, abi) {
		t.Errorf("%+v", c)
	}
	if c := call(t, "", "version", "--json"); !json.Valid([]byte(c.out)) {
		t.Errorf("%+v", c)
	}
}
