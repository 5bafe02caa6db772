package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bearerauth/e2e/envoy"
	"bearerauth/filter/policy"
	"sigs.k8s.io/yaml"
)

func TestRows(t *testing.T) {
	names := map[string]bool{}
	bare := 0
	for _, r := range rows {
		if names[r.name] {
			t.Errorf("wanted each name once, got %q twice", r.name)
		}
		names[r.name] = true
		if r.filter == nil {
			bare++
		}
	}
	if bare != 1 || !names[bareName] || !names[ourStatic] {
		t.Errorf("wanted one row without a filter, and %q and %q among the rows; got %d", bareName, ourStatic, bare)
	}
	for _, r := range rows {
		for _, other := range []string{r.beside, r.target.Of} {
			if other != "" && (!names[other] || other == r.name) {
				t.Errorf("%q: wanted another row to compare with, got %q", r.name, other)
			}
		}
		if r.target.Of != "" && (r.target.Times > 0) == (r.target.Plus > 0) {
			t.Errorf("%q: wanted a target of Times or of Plus, got %+v", r.name, r.target)
		}
	}
}

// Every configuration of Bearerauth is one that the filter takes, and Envoy's
// bootstrap carries it unchanged.
func TestConfigurations(t *testing.T) {
	m, err := newMaterial(t.Context(), "/nowhere", rows, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			var tree any
			if err := yaml.Unmarshal([]byte(bootstrap(rows[i:i+1], m)), &tree); err != nil {
				t.Fatalf("wanted YAML: %v", err)
			}
			ours, ok := configurationOf(r)
			if !ok {
				return
			}
			config := ours(m)
			if _, err := policy.Parse([]byte(config)); err != nil {
				t.Error(err)
			}
			if carried(tree, config) == 0 {
				t.Error("wanted the configuration in the bootstrap as it is")
			}
		})
	}
}

func configurationOf(r row) (b bearerauth, ok bool) {
	if s, is := r.filter.(small); is {
		return s.bearerauth, true
	}
	b, ok = r.filter.(bearerauth)
	return b, ok
}

func carried(tree any, text string) (n int) {
	switch v := tree.(type) {
	case string:
		if v == text {
			n = 1
		}
	case []any:
		for _, e := range v {
			n += carried(e, text)
		}
	case map[string]any:
		for _, e := range v {
			n += carried(e, text)
		}
	}
	return n
}

// runRows is a real Envoy with these rows, and the tokens for them.
func runRows(t *testing.T, rows []row, tokens int) (*gateway, *material) {
	t.Helper()
	binary := envoy.Need(t)
	root, err := envoy.Root()
	if err != nil {
		t.Fatal(err)
	}
	m, err := newMaterial(t.Context(), root, rows, tokens)
	if err != nil {
		t.Fatal(err)
	}
	p := envoy.Run(t, envoy.Options{Binary: binary, Config: bootstrap(rows, m)})
	addresses, err := p.Listeners()
	if err != nil {
		t.Fatal(err)
	}
	return &gateway{Process: p, addresses: addresses}, m
}

// The real Envoy takes all of it: only what no test without it can see.
func TestEnvoyTakesTheRows(t *testing.T) {
	// Those with a VM take seconds each, and are tested elsewhere.
	var native []row
	for _, r := range rows {
		if _, ours := configurationOf(r); !ours {
			native = append(native, r)
		}
	}
	g, m := runRows(t, native, 2)
	for i, r := range native {
		token := m.tokens[r.token][0]
		request, err := newRequest(token)
		if err == nil {
			err = g.try(t.Context(), rowID(i), request.with(token), r.wanted())
		}
		if err != nil {
			t.Errorf("%q: %v", r.name, err)
		}
	}
}

// Rows that are to ask with every request do, with as few tokens as there ever
// are (-quick): no cache holds so many.
func TestEveryRequestAsks(t *testing.T) {
	const tokens, again = 500, 50
	var asking []row
	for _, r := range withoutSmall(rows) {
		if r.token == manyOpaque {
			asking = append(asking, r)
		}
	}
	g, m := runRows(t, asking, tokens)
	request, err := newRequest(staticToken(0))
	if err != nil {
		t.Fatal(err)
	}
	const calls = "cluster." + authority + ".upstream_rq_200"
	for i, r := range asking {
		all := m.tokens[manyOpaque]
		for _, token := range append(all, all[:again]...) {
			if err := g.try(t.Context(), rowID(i), request.with(token), r.wanted()); err != nil {
				t.Fatalf("%q: %v", r.name, err)
			}
		}
		stats, err := g.Stats("^" + calls + "$")
		if wanted := int64((tokens + again) * (i + 1)); err != nil || stats[calls] != wanted {
			t.Errorf("%q: wanted %d calls by now, got %d, %v", r.name, wanted, stats[calls], err)
		}
	}
	if len(asking) != 3 {
		t.Errorf("wanted 3 rows that ask with every request, got %d", len(asking))
	}
}

func TestApart(t *testing.T) {
	for _, c := range []struct {
		cpus             []int
		envoyCPU, wrkCPU int
	}{{[]int{3}, -1, -1}, {[]int{0, 1}, 0, 1}, {[]int{2, 4, 7}, 2, 7}} {
		if e, w := apart(c.cpus); e != c.envoyCPU || w != c.wrkCPU {
			t.Errorf("%v: wanted %d and %d, got %d and %d", c.cpus, c.envoyCPU, c.wrkCPU, e, w)
		}
	}
}

func TestRequest(t *testing.T) {
	for _, token := range []string{"", staticToken(0), strings.Repeat("x", 660)} {
		request, err := newRequest(token)
		if err != nil {
			t.Fatal(err)
		}
		text := request.with(token)
		headers := strings.Count(text, "\r\n") - 2
		wanted := 15
		if token == "" {
			wanted = 14
		}
		if len(text) != requestSize || headers != wanted || !strings.HasSuffix(text, "\r\n\r\n") {
			t.Errorf("wanted %d bytes and %d headers, got %d and %d in %q", requestSize, wanted, len(text), headers, text)
		}
		if strings.Contains(text, "authorization") == (token == "") {
			t.Errorf("wanted Authorization if there is a token, got %q", text)
		}
	}
	if _, err := newRequest(strings.Repeat("x", requestSize)); err == nil {
		t.Error("wanted an error for a token that is too long")
	}
	if got := len(staticToken(0)); got != 43 {
		t.Errorf("wanted a static token of 43 bytes, got %d", got)
	}
}

func TestSelected(t *testing.T) {
	some, err := selected(rows, "^bearerauth, denied$")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range some {
		names = append(names, r.name)
	}
	if got, wanted := fmt.Sprint(names), fmt.Sprint([]string{bareName, nativeDenied, floorStatic, ourStatic, "bearerauth, denied", ofSmall(ourStatic)}); got != wanted {
		t.Errorf("wanted %v, got %v", wanted, got)
	}
	for _, bad := range []string{"(", "no such row"} {
		if _, err := selected(rows, bad); err == nil {
			t.Errorf("%q: wanted an error", bad)
		}
	}
}

// These are the bytes that the README shows how to make.
func TestFloor(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("floor", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	modules, err := filepath.Glob(filepath.Join("floor", "*.wasm"))
	if err != nil || len(modules) != 4 {
		t.Fatalf("wanted 4 modules, got %d, %v", len(modules), err)
	}
	for _, name := range modules {
		module, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if line := fmt.Sprintf("| `%s` | `%x` |", filepath.Base(name), sha256.Sum256(module)); !strings.Contains(string(readme), line) {
			t.Errorf("wanted in floor/README.md: %s", line)
		}
	}
}
