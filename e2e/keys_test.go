package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/issuer"
	"bearerauth/e2e/upstream"
	"bearerauth/e2e/wire"
	"bearerauth/filter/testkey"
)

// fetched is a configuration whose keys come from an issuer; more are members of
// the provider.
func fetched(i *issuer.Server, more string) string {
	return fmt.Sprintf(`{"subject_header": "x-auth-subject", "providers": {"idp": {
  "type": "jwt", "issuer": %q, "algorithms": ["ES256", "EdDSA"], "cluster": %q, "jwks_uri": "%s/keys"%s}}}`,
		i.Name(), i.Cluster(), i.Name(), more)
}

func clustersOf(issuers ...*issuer.Server) (clusters []envoy.Cluster) {
	for _, i := range issuers {
		clusters = append(clusters, envoy.Cluster{Name: i.Cluster(), Port: i.Port()})
	}
	return clusters
}

// runWithIssuers starts an Envoy that knows the issuers.
func runWithIssuers(t *testing.T, concurrency int, issuers []*issuer.Server, listeners ...listener) (*envoy.Process, *upstream.Server) {
	t.Helper()
	binary := envoy.Need(t)
	server := upstream.Run(t)
	config := bootstrap(server.Port(), clustersOf(issuers...), listeners...)
	return envoy.Run(t, envoy.Options{Binary: binary, Config: config, Concurrency: concurrency}), server
}

// attempt is send where an error is no failure of the test.
func attempt(addr, token string) (*wire.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return wire.HTTP1(ctx, addr, wire.Request{Fields: bearer(token)})
}

// await asks until the status comes; until then it has to be one of some others.
func await(t *testing.T, addr string, token func() string, status int, until ...int) {
	t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		r, err := attempt(addr, token())
		if err != nil {
			t.Fatal(err)
		}
		if r.Status == status {
			return
		}
		if !slices.Contains(until, r.Status) || time.Now().After(deadline) {
			t.Fatalf("status %d, want %d after %d", r.Status, status, until)
		}
	}
}

// TestKeyRotation: under load, a token of a key that the issuer published before the
// request passes, or gets 503 while the issuer is down. It is never refused.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	old := testkey.New("k0", "ES256")
	i := issuer.Run(t, old)
	p, _ := runWithIssuers(t, 2, []*issuer.Server{i}, listener{name: "l", config: fetched(i, "")})
	addr := envoy.Address(t, p, "l")
	var current atomic.Pointer[testkey.Key]
	var passed atomic.Int64
	current.Store(old)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for ctx.Err() == nil {
				key := current.Load()
				r, err := attempt(addr, i.Token(key, nil))
				if err != nil || r.Status != 200 {
					t.Errorf("key %s: %+v %v", key.ID, r, err)
					return
				}
				passed.Add(1)
			}
		})
	}
	// A burst of fetches for unknown kids is four in each worker, and an outage
	// spends of it again and again: this one is short.
	for n := 1; n <= 2; n++ {
		next := testkey.New(fmt.Sprint("k", n), "ES256")
		i.Publish(old, next)
		current.Store(next)
		old = next
		for from, deadline := passed.Load(), time.Now().Add(limit); passed.Load() < from+100; time.Sleep(time.Millisecond) {
			if t.Failed() || time.Now().After(deadline) {
				t.Fatalf("%d requests after rotation %d", passed.Load()-from, n)
			}
		}
	}
	stop()
	clients.Wait()
	if got := i.Requests(issuer.KeysPath); got > 2*4 {
		t.Errorf("the issuer was asked %d times by two workers", got)
	}
	last := testkey.New("last", "ES256")
	i.Publish(old, last)
	i.Down()
	for range 5 {
		if r, err := attempt(addr, i.Token(last, nil)); err != nil || r.Status != 503 || r.Header.Get("Retry-After") == "" {
			t.Fatalf("%+v %v while the issuer is down, want 503", r, err)
		}
		if r, err := attempt(addr, i.Token(old, nil)); err != nil || r.Status != 200 {
			t.Fatalf("%+v %v for a known key while the issuer is down", r, err)
		}
	}
	if err := i.Up(); err != nil {
		t.Fatal(err)
	}
	await(t, addr, func() string { return i.Token(last, nil) }, 200, 503)
}

// TestIssuerDown: at the start, in the middle, and what its end brings.
func TestIssuerDown(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "ES256")
	i := issuer.Run(t, key)
	i.Down()
	p, server := runWithIssuers(t, 1, []*issuer.Server{i},
		listener{name: "l", config: fetched(i, `, "refresh": "1s", "max_refresh": "1s"`)})
	addr := envoy.Address(t, p, "l")
	token := func() string { return i.Token(key, nil) }
	for range 3 {
		r, err := attempt(addr, token())
		if err != nil || r.Status != 503 || r.Header.Get("Retry-After") == "" || r.Header.Get("Www-Authenticate") != "" {
			t.Fatalf("%+v %v, want 503", r, err)
		}
	}
	if r, err := attempt(addr, "x"); err != nil || r.Status != 401 {
		t.Errorf("%+v %v for what is no token", r, err)
	}
	if n := len(server.Requests()); n > 0 {
		t.Fatalf("%d requests went upstream", n)
	}
	if err := i.Up(); err != nil {
		t.Fatal(err)
	}
	await(t, addr, token, 200, 503)
	// The keys are refreshed ahead of time, without a request.
	if err := i.Wait(issuer.KeysPath, i.Requests(issuer.KeysPath)+1, limit); err != nil {
		t.Fatal(err)
	}
	const failures = "wasmcustom.result=.=failure;.;bearerauth_key_fetches_total"
	stats, err := p.Stats("bearerauth_key_fetches_total")
	if err != nil {
		t.Fatal(err)
	}
	i.Reset(true)
	if _, err := p.WaitStat(failures, envoy.AtLeast(stats[failures]+2), limit); err != nil {
		t.Fatalf("%v in %v", err, stats)
	}
	next := testkey.New("k2", "ES256")
	i.Publish(key, next)
	for range 20 {
		if r, err := attempt(addr, token()); err != nil || r.Status != 200 {
			t.Fatalf("%+v %v in the middle of an outage", r, err)
		}
	}
	i.Down()
	await(t, addr, token, 200, 200)
	i.Reset(false)
	if err := i.Up(); err != nil {
		t.Fatal(err)
	}
	await(t, addr, func() string { return i.Token(next, nil) }, 200, 503)
}

// TestWrongDocuments: none of them opens a door, and none closes it for good.
func TestWrongDocuments(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "ES256")
	i := issuer.Run(t, key)
	var providers []string
	paths := map[string]string{}
	for what, reply := range issuer.Wrong(key) {
		id := strings.ReplaceAll(what, " ", "-")
		paths[id] = "/wrong/" + id
		i.Reply(paths[id], reply)
		providers = append(providers, fmt.Sprintf(`%q: {"type": "jwt", "issuer": "https://%s.example",
  "algorithms": ["ES256"], "cluster": %q, "jwks_uri": "%s%s", "timeout": "2s"}`, id, id, i.Cluster(), i.Name(), paths[id]))
	}
	for _, cluster := range []string{"nobody", "unknown"} {
		providers = append(providers, fmt.Sprintf(`%q: {"type": "jwt", "issuer": "https://%s.example",
  "algorithms": ["ES256"], "cluster": %q, "jwks_uri": "https://x.example/"}`, cluster, cluster, cluster))
	}
	p, server := runWithIssuers(t, 1, []*issuer.Server{i},
		listener{name: "l", config: `{"providers": {` + strings.Join(providers, ",\n") + `}}`})
	addr := envoy.Address(t, p, "l")
	ask := func(id string) *wire.Response {
		r, err := attempt(addr, issuer.Token(key, "https://"+id+".example", nil))
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		return r
	}
	for _, cluster := range []string{"nobody", "unknown"} {
		if r := ask(cluster); r.Status != 503 {
			t.Errorf("cluster %s: status %d, want 503", cluster, r.Status)
		}
	}
	for id := range paths {
		if r := ask(id); r.Status != 503 {
			t.Errorf("%s: status %d, want 503", id, r.Status)
		}
	}
	if n := len(server.Requests()); n > 0 {
		t.Errorf("%d requests went upstream", n)
	}
	if n := i.Requests("/elsewhere"); n > 0 {
		t.Error("a redirect was followed")
	}
	for _, path := range paths {
		i.Reply(path, issuer.Say(200, testkey.Set(key)))
	}
	for id := range paths {
		await(t, addr, func() string { return issuer.Token(key, "https://"+id+".example", nil) }, 200, 503)
	}
}

// TestIssuers: one by discovery, one by its keys' address, one that calls itself
// by another name, in one VM.
func TestIssuers(t *testing.T) {
	t.Parallel()
	key, other := testkey.New("k1", "ES256"), testkey.New("k1", "ES256")
	a, b := issuer.Run(t, key), issuer.Run(t, other)
	discover := func(from *issuer.Server, name string) string {
		return fmt.Sprintf(`{"providers": {"idp": {"type": "jwt", "issuer": %q, "discovery": true, "algorithms": ["ES256"], "cluster": %q}}}`, name, from.Cluster())
	}
	p, _ := runWithIssuers(t, 2, []*issuer.Server{a, b},
		listener{name: "a", config: discover(a, a.Name())}, listener{name: "b", config: fetched(b, "")},
		listener{name: "wrong", config: discover(b, a.Name())})
	for range 10 {
		for _, c := range []struct {
			listener, token string
			status          int
		}{
			{"a", a.Token(key, nil), 200},
			{"a", a.Token(other, nil), 401},
			{"a", b.Token(other, nil), 401},
			{"b", b.Token(other, nil), 200},
			{"b", b.Token(key, nil), 401},
			{"b", a.Token(key, nil), 401},
			{"wrong", a.Token(key, nil), 503},
			{"wrong", a.Token(other, nil), 503},
		} {
			if r, err := attempt(envoy.Address(t, p, c.listener), c.token); err != nil || r.Status != c.status {
				t.Errorf("listener %s: %+v %v, want %d", c.listener, r, err, c.status)
			}
		}
	}
	if log := p.Log.String(); !strings.Contains(log, "want the issuer "+`"`+a.Name()+`"`) {
		t.Error("the log does not say why the wrong issuer's keys are not used")
	}
}
