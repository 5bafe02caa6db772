// Package differential holds the import of a jwt_authn configuration to Envoy's
// own filter with that configuration.
package differential

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"bearerauth/cmd/importer"
	"bearerauth/e2e/envoy"
	"bearerauth/filter/testkey"
)

func TestMain(m *testing.M) { os.Exit(envoy.Main(m)) }

// TestImportDecidesAsEnvoy sends every request to Envoy's filter and to ours.
func TestImportDecidesAsEnvoy(t *testing.T) {
	t.Parallel()
	binary := envoy.Need(t)
	document, err := os.ReadFile("testdata/jwt_authn.yaml")
	if err != nil {
		t.Fatal(err)
	}
	native := os.Expand(string(document), func(name string) string { return testkey.Set(keys[name]...) })
	imported, err := importer.Envoy([]byte(native))
	if err != nil {
		t.Fatal(err)
	}
	filter, err := yaml.YAMLToJSON([]byte(native))
	if err != nil {
		t.Fatal(err)
	}
	jwtAuthn := fmt.Sprintf(`{"name": "jwt", "typed_config": {"@type": %q, %s}`,
		"type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication", strings.TrimPrefix(string(filter), "{"))
	config := envoy.Bootstrap{Listeners: []envoy.Listener{
		{Name: "native", Filters: []envoy.Filter{envoy.YAML(jwtAuthn)}},
		{Name: "imported", Filters: []envoy.Filter{envoy.Wasm{Name: "bearerauth", Config: string(imported.Config)}}},
	}}
	p := envoy.Run(t, envoy.Options{Binary: binary, Config: config.String()})
	theirs, ours := envoy.Address(t, p, "native"), envoy.Address(t, p, "imported")
	list := attempts()
	client := &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true},
		Timeout:   20 * time.Second,
	}
	t.Cleanup(client.CloseIdleConnections)
	began := time.Now()
	results := sendAll(t, client, list, theirs, ours)
	judge(t, list, results, imported)
	t.Logf("%d requests to each in %v", len(list), time.Since(began).Round(time.Millisecond))
	if len(list) < 3000 {
		t.Errorf("want thousands of requests, got %d", len(list))
	}
}

// result is what each said.
type result struct {
	native, filter int
}

// sendAll sends with a few workers, which keep their connections.
func sendAll(t *testing.T, client *http.Client, list []*attempt, theirs, ours string) []result {
	t.Helper()
	results := make([]result, len(list))
	work := make(chan int)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for i := range work {
				var err error
				if results[i].native, err = status(t.Context(), client, theirs, list[i]); err == nil {
					results[i].filter, err = status(t.Context(), client, ours, list[i])
				}
				if err != nil {
					t.Errorf("%v: %v", list[i], err)
				}
			}
		})
	}
	for i := range list {
		work <- i
	}
	close(work)
	workers.Wait()
	return results
}

func status(ctx context.Context, client *http.Client, addr string, a *attempt) (int, error) {
	r, err := http.NewRequestWithContext(ctx, a.method, "http://"+addr+"/", http.NoBody)
	if err != nil {
		return 0, err
	}
	path, query, _ := strings.Cut(a.path, "?")
	r.URL = &url.URL{Scheme: "http", Host: addr, Opaque: path, RawQuery: query}
	if strings.HasPrefix(path, "//") {
		r.URL.Opaque = "//" + addr + path
	}
	for _, f := range a.fields {
		r.Header[http.CanonicalHeaderKey(f[0])] = append(r.Header.Values(f[0]), f[1])
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0, err
	}
	return response.StatusCode, nil
}

// judge wants a reason for every difference, and a difference for every reason.
func judge(t *testing.T, list []*attempt, results []result, imported importer.Result) {
	t.Helper()
	seen := map[*difference]int{}
	allowed, unexplained := 0, clusters{}
	for i, a := range list {
		native, filter := results[i].native == http.StatusOK, results[i].filter == http.StatusOK
		if native && filter {
			allowed++
		}
		if native == filter {
			continue
		}
		explained := false
		for _, d := range differences {
			if d.holds(a) && (d.looser != "") == filter {
				seen[d]++
				explained = true
			}
		}
		if !explained {
			unexplained.add(a, results[i])
		}
	}
	for _, line := range unexplained.lines() {
		t.Error(line)
	}
	for _, d := range differences {
		if seen[d] == 0 {
			t.Errorf("no request differs because %s: strike it from the list", d.reason)
		}
	}
	if allowed < 300 {
		t.Errorf("only %d requests pass both: the others show little", allowed)
	}
	if t.Failed() {
		t.Logf("the import:\n%s", imported.Config)
	}
}

// clusters are differences of one kind, with the paths that show them.
type clusters map[string][]string

func (c clusters) add(a *attempt, r result) {
	kind := fmt.Sprintf("Envoy %d, the filter %d: %s", r.native, r.filter, a.kind())
	path, _, _ := strings.Cut(a.path, "?")
	if !slices.Contains(c[kind], path) {
		c[kind] = append(c[kind], path)
	}
}

func (c clusters) lines() (list []string) {
	for kind, paths := range c {
		list = append(list, kind+", at "+strings.Join(paths, " "))
	}
	slices.SortFunc(list, func(a, b string) int { return strings.Compare(b, a) }) // what is looser comes first
	return list[:min(len(list), 60)]
}

// TestDocsNameDifferences: the page on migrating lists every one.
func TestDocsNameDifferences(t *testing.T) {
	t.Parallel()
	root, err := envoy.Root()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "migrating.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(page)), " ")
	for _, d := range differences {
		if !strings.Contains(text, d.reason) {
			t.Errorf("docs/migrating.md does not name this difference: %s", d.reason)
		}
	}
}
