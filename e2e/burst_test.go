package e2e_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/issuer"
	"bearerauth/e2e/wire"
	"bearerauth/filter/testkey"
)

// Routes on which a request ends in the very callback that lets it go on: Envoy
// runs those ends nested, and V8's stack bears some 300 of them.
const (
	directRoutes = "- match: {prefix: \"\"}\n  direct_response: {status: 200}\n"
	noRoutes     = "- match: {path: /elsewhere}\n  direct_response: {status: 200}\n"
)

// burst is many requests that wait for one answer, or each for an answer of its own.
type burst struct {
	name   string
	config func(i *issuer.Server) string
	token  func(i *issuer.Server, n int) string
	routes string
	server serverState
	warm   bool // the keys were fetched before
	status int
}

// serverState is what the issuer does while the requests wait.
type serverState int

const (
	slow    serverState = iota // it answers once all of them wait
	hung                       // it never answers
	refuses                    // it refuses connections
	noHosts                    // its cluster has no hosts: Envoy answers the call itself, at once
)

func bursts() []burst {
	signer, stranger := testkey.New("k1", "ES256"), testkey.New("k2", "ES256")
	published := func(i *issuer.Server) *issuer.Server { i.Publish(signer); return i }
	keys := func(timeout string) func(*issuer.Server) string {
		return func(i *issuer.Server) string {
			return fetched(published(i), fmt.Sprintf(`, "timeout": %q`, timeout))
		}
	}
	asks := func(timeout string) func(*issuer.Server) string {
		return func(i *issuer.Server) string {
			return introspecting(i, issuer.IntrospectionPath, fmt.Sprintf(`, "timeout": %q`, timeout))
		}
	}
	revoking := func(timeout string) func(*issuer.Server) string {
		return func(i *issuer.Server) string {
			return fmt.Sprintf(`{"providers": {"idp": {"type": "jwt", "issuer": %q, "algorithms": ["ES256"], "jwks": %s}},
				"revocations": {"cluster": %q, "uri": "%s%s", "timeout": %q}}`,
				i.Name(), testkey.Set(signer), i.Cluster(), i.Name(), issuer.RevokedPath, timeout)
		}
	}
	good := func(i *issuer.Server, _ int) string { return i.Token(signer, nil) }
	unknown := func(i *issuer.Server, _ int) string { return i.Token(stranger, nil) }
	kids := func(i *issuer.Server, n int) string {
		k := *stranger
		k.ID = fmt.Sprint("unknown-", n)
		return i.Token(&k, nil)
	}
	same := func(*issuer.Server, int) string { return "fake-opaque" }
	each := func(_ *issuer.Server, n int) string { return fmt.Sprint("fake-opaque-", n) }
	return []burst{
		{name: "cold keys, direct response", config: keys("50s"), token: good, routes: directRoutes, status: 200},
		{name: "cold keys, upstream", config: keys("50s"), token: good, status: 200},
		{name: "cold keys, no route", config: keys("50s"), token: good, routes: noRoutes, status: 404},
		{name: "one unknown kid", config: keys("50s"), token: unknown, warm: true, status: 401},
		{name: "many unknown kids", config: keys("50s"), token: kids, warm: true, status: 401},
		{name: "keys, hung server", config: keys("1s"), token: good, server: hung, status: 503},
		{name: "keys, no server", config: keys("1s"), token: good, server: refuses, status: 503},
		{name: "one opaque token", config: asks("50s"), token: same, status: 401},
		{name: "many opaque tokens", config: asks("50s"), token: each, status: 401},
		{name: "one opaque token, hung server", config: asks("1s"), token: same, server: hung, status: 503},
		{name: "many opaque tokens, hung server", config: asks("1s"), token: each, server: hung, status: 503},
		{name: "many opaque tokens, no server", config: asks("1s"), token: each, server: refuses, status: 503},
		{name: "many opaque tokens, no hosts", config: asks("1s"), token: each, server: noHosts, status: 503},
		{name: "one opaque token, no hosts", config: asks("1s"), token: same, server: noHosts, status: 503},
		{name: "keys, no hosts", config: keys("1s"), token: good, server: noHosts, status: 503},
		{name: "revocations, direct response", config: revoking("50s"), token: good, routes: directRoutes, status: 200},
		{name: "revocations, hung server", config: revoking("1s"), token: good, server: hung, status: 503},
	}
}

// burstSizes are numbers of requests and of the connections that they come over.
var burstSizes = []struct{ requests, connections int }{{100, 1}, {450, 1}, {450, 50}, {1000, 1}, {1000, 50}}

// TestBursts: as many requests as can wait get their answers, whether they wait for keys,
// introspection or revocations. The VM lives, and good clients of each of its plugins are
// served.
func TestBursts(t *testing.T) {
	t.Parallel()
	for _, b := range bursts() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			b.run(t)
		})
	}
}

func (b burst) run(t *testing.T) {
	var issuers []*issuer.Server
	listeners := []listener{{name: "neighbour", config: oneToken("fake-neighbour", "bob")}}
	for _, size := range burstSizes {
		i, _ := runIntrospection(t)
		if !b.warm {
			i.Hold()
		}
		config := withGoodClient(b.config(i))
		if b.server == noHosts {
			config = strings.ReplaceAll(config, i.Cluster(), "nobody")
		}
		issuers = append(issuers, i)
		listeners = append(listeners, listener{
			name:   fmt.Sprintf("burst-%d-%d", size.requests, size.connections),
			config: config, routes: b.routes,
			hcm: "http2_protocol_options: {max_concurrent_streams: 2000}",
		})
		if b.server == refuses {
			i.Down()
		}
	}
	p, _ := runWithIssuers(t, 1, issuers, listeners...)
	for n, size := range burstSizes {
		b.send(t, p, issuers[n], listeners[n+1].name, size.requests, size.connections)
	}
	if n := reloads(t, p); n != 0 {
		t.Errorf("the VM was started anew %d times", n)
	}
}

func (b burst) send(t *testing.T, p *envoy.Process, i *issuer.Server, name string, size, connections int) {
	t.Helper()
	addr := envoy.Address(t, p, name)
	goodClients := func() {
		t.Helper()
		want := 200
		if b.routes == noRoutes {
			want = 404
		}
		if r, err := attempt(addr, "fake-good-client"); err != nil || r.Status != want {
			t.Errorf("%s: a good client got %+v %v, want %d", name, r, err, want)
		}
		if r, err := attempt(envoy.Address(t, p, "neighbour"), "fake-neighbour"); err != nil || r.Status != 200 {
			t.Errorf("%s: the other plugin's client got %+v %v", name, r, err)
		}
	}
	if b.warm {
		if err := i.Wait(issuer.KeysPath, 1, limit); err != nil {
			t.Fatal(err)
		}
		await(t, addr, func() string { return i.Token(testkey.New("k1", "ES256"), nil) }, 401, 503)
		i.Hold()
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	conns := make([]*wire.Conn, connections)
	for n := range conns {
		var err error
		if conns[n], err = wire.Dial(ctx, addr); err != nil {
			t.Fatal(err)
		}
		defer conns[n].Close()
	}
	streams := make([]*wire.Stream, size)
	for n := range streams {
		var err error
		if streams[n], err = conns[n%connections].Send(wire.Request{Fields: bearer(b.token(i, n))}); err != nil {
			t.Fatal(err)
		}
	}
	if b.server == slow {
		if b.name != "many unknown kids" { // of which few wait: fetches for them come from a bucket
			if _, err := p.WaitStat("http."+name+".downstream_rq_active", envoy.Exactly(int64(size)), limit); err != nil {
				t.Fatal(err)
			}
		}
		goodClients()
		i.Release()
	}
	began := time.Now()
	statuses := map[string]int{}
	for _, s := range streams {
		got := "none"
		if r, err := s.Response(ctx); err == nil {
			got = fmt.Sprint(r.Status)
		}
		statuses[got]++
	}
	t.Logf("%d requests over %d connections: %v after %v", size, connections, statuses, time.Since(began).Round(time.Millisecond))
	if statuses[fmt.Sprint(b.status)] != size {
		t.Errorf("%d requests over %d connections: %v, want %d for each", size, connections, statuses, b.status)
	}
	goodClients()
}

// withGoodClient adds a static token: what is served to it shows that the VM lives.
func withGoodClient(config string) string {
	return strings.Replace(config, `"providers": {`, fmt.Sprintf(
		`"providers": {"clients": {"type": "static", "tokens": [{"sha256": "%x"}]}, `, sha256.Sum256([]byte("fake-good-client"))), 1)
}
