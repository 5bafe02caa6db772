package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/upstream"
	"bearerauth/e2e/wire"
)

// TestTwoListenersOneVM: they share the VM and nothing else, interleaved and
// over two workers.
func TestTwoListenersOneVM(t *testing.T) {
	t.Parallel()
	binary := envoy.Need(t)
	server := upstream.Run(t)
	p := envoy.Run(t, envoy.Options{
		Binary: binary, Concurrency: 2,
		Config: bootstrap(server.Port(), nil,
			listener{name: "a", config: oneToken("fake-a", "alice")}, listener{name: "b", config: oneToken("fake-b", "bob")}),
	})
	subjects := map[string]string{"a": "alice", "b": "bob"}
	var group sync.WaitGroup
	for range 4 {
		for own, other := range map[string]string{"a": "b", "b": "a"} {
			addr := envoy.Address(t, p, own)
			group.Go(func() {
				for i := range 25 {
					ctx, cancel := context.WithTimeout(context.Background(), limit)
					token, want := "fake-"+own, 200
					if i%2 == 1 {
						token, want = "fake-"+other, 401
					}
					r, err := wire.HTTP1(ctx, addr, wire.Request{Fields: bearer(token)})
					cancel()
					if err != nil || r.Status != want {
						t.Errorf("listener %s, token %s: %+v %v, want %d", own, token, r, err, want)
						return
					}
					if want == 200 && !strings.Contains(r.Body, subjects[own]) {
						t.Errorf("listener %s: the upstream saw %s", own, r.Body)
					}
				}
			})
		}
	}
	group.Wait()
	stats, err := p.Stats(`^wasm\.envoy\.wasm\.runtime`)
	if err != nil {
		t.Fatal(err)
	}
	// The base VM, the main thread's, and one for each worker: not one for each listener.
	if got := stats["wasm.envoy.wasm.runtime.v8.active"]; got != 4 {
		t.Errorf("%d VMs, want the listeners to share one per worker", got)
	}
}

// TestBadConfigurationAtStart: Envoy does not start, and says why.
func TestBadConfigurationAtStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ config, says string }{
		"empty":       {"{}", `providers: want an object with at least one provider`},
		"misspelt":    {`{"Realm": "x", "providers": {"a": {"type": "static", "tokens": [{"sha256": "x"}]}}}`, `Realm: unknown member`},
		"same, later": {`{"Realm": "x", "providers": {"a": {"type": "static", "tokens": [{"sha256": "x"}]}}}`, `providers.a.tokens\[0\].sha256: want 64`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := refusedAtStart(t, c.config)
			if _, err := log.Wait(c.says, time.Second); err != nil {
				t.Errorf("%v\n%s", err, log)
			}
		})
	}
}

// refusedAtStart is the log of an Envoy that does not start for its configuration.
func refusedAtStart(t *testing.T, config string) *envoy.Log {
	t.Helper()
	p, err := envoy.Start(t.Context(), envoy.Options{
		Binary: envoy.Need(t), Config: bootstrap(1, nil, listener{name: "bad", config: config}),
	})
	if err == nil {
		_ = p.Stop()
		t.Fatal("envoy started")
	}
	var exit *envoy.ExitError
	if !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return exit.Log
}

// TestUpdate: a bad update is refused and the old configuration stays in force; a good
// update replaces it.
func TestUpdate(t *testing.T) {
	t.Parallel()
	binary := envoy.Need(t)
	server := upstream.Run(t)
	with := func(config string) envoy.Listener { return listener{name: "l", config: config}.envoy() }
	file, err := envoy.NewListenerFile(t.TempDir(), with(oneToken("fake-old", "alice")))
	if err != nil {
		t.Fatal(err)
	}
	config := envoy.Bootstrap{Members: file.Members(), Clusters: []envoy.Cluster{upstreamAt(server.Port())}}
	p := envoy.Run(t, envoy.Options{Binary: binary, Config: config.String()})
	status := func(token string) int {
		return send(t, wire.HTTP1, envoy.Address(t, p, "l"), wire.Request{Fields: bearer(token)}).Status
	}
	if got := status("fake-old"); got != 200 {
		t.Fatalf("status %d before the update", got)
	}
	if err := file.Write(with(`{"providers": {}}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.WaitStat("listener_manager.lds.update_rejected", envoy.AtLeast(1), limit); err != nil {
		t.Fatal(err)
	}
	if got := status("fake-old"); got != 200 {
		t.Errorf("status %d after a refused update", got)
	}
	if err := file.Write(with(oneToken("fake-new", "bob"))); err != nil {
		t.Fatal(err)
	}
	if _, err := p.WaitStat("listener_manager.lds.update_success", envoy.AtLeast(2), limit); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(limit)
	for status("fake-new") != 200 {
		// The old listener drains while the new one starts on the same port.
		if time.Now().After(deadline) {
			t.Fatal("the new configuration never came")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestStructConfiguration: the same configuration, carried as a Struct.
func TestStructConfiguration(t *testing.T) {
	t.Parallel()
	g := runGateway(t, listener{config: oneToken("fake-token", "alice"), struc: true}, envoy.Options{})
	for token, want := range map[string]int{"fake-token": 200, "x": 401} {
		if r := g.http1(t, wire.Request{Fields: bearer(token)}); r.Status != want {
			t.Errorf("%s: status %d, want %d", token, r.Status, want)
		}
	}
}

// TestMetrics: counters with labels, in Prometheus' format.
func TestMetrics(t *testing.T) {
	t.Parallel()
	g := runGateway(t, listener{config: oneToken("fake-token", "alice")}, envoy.Options{})
	g.http1(t, wire.Request{Fields: bearer("fake-token")})
	g.http1(t, wire.Request{Fields: bearer("wrong")})
	for range 2 {
		g.http1(t, wire.Request{})
	}
	series := func(decision, reason string) string {
		return fmt.Sprintf(`bearerauth_requests_total{decision=%q,reason=%q}`, decision, reason)
	}
	want := map[string]float64{
		series("allow", "token_valid"): 1, series("deny", "unknown_token"): 1, series("deny", "missing"): 2, series("deny", "expired"): 0,
	}
	waitSeries(t, g, want)
}

// waitSeries waits until the counters have these values. They reach Envoy on the filter's
// tick.
func waitSeries(t *testing.T, g *gateway, want map[string]float64) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		got, err := g.Prometheus()
		if err != nil {
			t.Fatal(err)
		}
		wrong := ""
		for name, value := range want {
			if have, ok := got[name]; !ok || have != value {
				wrong += fmt.Sprintf("%s is %v, want %v\n", name, have, value)
			}
		}
		if wrong == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(wrong)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
