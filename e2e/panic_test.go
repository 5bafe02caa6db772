package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/issuer"
	"bearerauth/e2e/wire"
	"bearerauth/filter/testkey"
)

// faults is the build of the module for tests that panics after every n-th host call
// from the first request on ($PANIC_EVERY).
func faults(t *testing.T) string {
	t.Helper()
	root, err := envoy.Root()
	if err != nil {
		t.Fatal(err)
	}
	name := "faults.wasm"
	if strings.Contains(envoy.Module(), "small") {
		name = "faults-small.wasm"
	}
	path := filepath.Join(root, ".cache", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("make e2e builds %s: %v", path, err)
	}
	return path
}

// TestPanics: a panic in Envoy refuses at most the request that it concerns. The VM goes
// on, and nothing goes upstream that would not have gone there without it.
func TestPanics(t *testing.T) {
	t.Parallel()
	for _, every := range []int{2, 5, 11} {
		t.Run(fmt.Sprint(every), func(t *testing.T) {
			t.Parallel()
			key, other := testkey.New("k1", "ES256"), testkey.New("k1", "ES256")
			i := issuer.Run(t, key)
			p, server := runWithIssuers(t, 1, []*issuer.Server{i}, listener{
				name: "gateway", config: withGoodClient(fetched(i, "")), module: faults(t),
				vm: fmt.Sprintf("environment_variables: {key_values: {PANIC_EVERY: %q}}", fmt.Sprint(every)),
			})
			addr := envoy.Address(t, p, "gateway")
			statuses := map[int]int{}
			for n := range 300 {
				r := wire.Request{Path: "/refused", Fields: bearer("fake-wrong-token")}
				allowed := []int{401, 500}
				switch n % 4 {
				case 0:
					r = wire.Request{Path: "/good", Fields: bearer("fake-good-client")}
					allowed = []int{200, 500}
				case 1: // keys are not there at first
					r = wire.Request{Path: "/good", Method: "POST", Body: "body", Fields: bearer(i.Token(key, nil)), Trailers: []wire.Field{{Name: "x-auth-subject", Value: "root"}}}
					allowed = []int{200, 500, 503}
				case 2:
					r.Fields = bearer(i.Token(other, nil))
					allowed = []int{401, 500, 503}
				}
				got := send(t, wire.HTTP1, addr, r)
				statuses[got.Status]++
				if !slices.Contains(allowed, got.Status) {
					t.Errorf("request %d: %d %s, want one of %v", n, got.Status, got.Body, allowed)
				}
			}
			t.Logf("a panic after every %d calls: %v", every, statuses)
			if statuses[500] < 30 {
				t.Errorf("%v: want more panics", statuses)
			}
			if every > 2 && statuses[200] == 0 {
				t.Errorf("%v: want requests that pass", statuses)
			}
			for _, r := range server.Requests() {
				if subject := r.Header.Get("x-auth-subject"); r.Target != "/good" || r.Trailer.Get("x-auth-subject") != "" || subject != "" && subject != "alice" {
					t.Errorf("went upstream: %s %s %v %v", r.Method, r.Target, r.Header, r.Trailer)
				}
			}
			if n := reloads(t, p); n != 0 {
				t.Errorf("%d reloads", n)
			}
		})
	}
}
