package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/issuer"
	"bearerauth/e2e/upstream"
	"bearerauth/e2e/wire"
	"bearerauth/filter/testkey"
)

// TestColdStart: many clients wait for the first keys, half of them leave, and
// the others get their verdict.
func TestColdStart(t *testing.T) {
	t.Parallel()
	key, other := testkey.New("k1", "ES256"), testkey.New("k1", "ES256")
	i := issuer.Run(t, key)
	i.Hold()
	p, server := runWithIssuers(t, 2, []*issuer.Server{i}, listener{name: "l", config: fetched(i, `, "timeout": "50s"`)})
	addr := envoy.Address(t, p, "l")
	const clients = 80
	var stay, leave sync.WaitGroup
	patience, leaveNow := context.WithCancel(t.Context())
	defer leaveNow()
	for n := range clients {
		signer, want := key, 200
		if n%8 >= 6 {
			signer, want = other, 401
		}
		how := wire.HTTP1
		if n%4 >= 2 {
			how = wire.HTTP2
		}
		request := wire.Request{Path: fmt.Sprint("/client/", n), Fields: bearer(i.Token(signer, nil))}
		if n%2 == 0 {
			leave.Go(func() {
				if r, err := how(patience, addr, request); err == nil {
					t.Errorf("client %d got %+v before there were keys", n, r)
				}
			})
			continue
		}
		stay.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			r, err := how(ctx, addr, request)
			if err != nil || r.Status != want {
				t.Errorf("client %d: %+v %v, want %d", n, r, err, want)
			}
		})
	}
	active := func(n int64) {
		t.Helper()
		if _, err := p.WaitStat("http.l.downstream_rq_active", envoy.Exactly(n), limit); err != nil {
			t.Fatal(err)
		}
	}
	active(clients)
	leaveNow()
	leave.Wait()
	active(clients / 2)
	if n := len(server.Requests()); n > 0 {
		t.Fatalf("%d requests went upstream before their verdict", n)
	}
	i.Release()
	stay.Wait()
	// The main thread has a VM, too, whose timer runs like the others'.
	if n := i.Requests(issuer.KeysPath); n > 3 {
		t.Errorf("the issuer was asked %d times by two workers", n)
	}
	// Refusals from within the answer to a fetch leave the next request of that
	// worker as it is: one connection is one worker.
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	conn, err := wire.Dial(ctx, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for n := range 3 {
		other.ID = fmt.Sprint("unknown-", n)
		for _, c := range []struct {
			signer *testkey.Key
			status int
		}{{other, 401}, {key, 200}} {
			s, err := conn.Send(wire.Request{Fields: bearer(i.Token(c.signer, nil))})
			if err != nil {
				t.Fatal(err)
			}
			if r, err := s.Response(ctx); err != nil || r.Status != c.status {
				t.Fatalf("%+v %v afterwards, want %d", r, err, c.status)
			}
		}
	}
}

// TestWaitingPosts: no byte of a request that waits goes upstream, and the request arrives
// whole after an allow.
func TestWaitingPosts(t *testing.T) {
	t.Parallel()
	key, other := testkey.New("k1", "ES256"), testkey.New("k1", "ES256")
	i := issuer.Run(t, key)
	i.Hold()
	config := fetched(i, `, "timeout": "50s"`)
	p, server := runWithIssuers(t, 1, []*issuer.Server{i},
		listener{name: "shown", config: config, wasm: "allow_on_headers_stop_iteration: true"},
		listener{name: "held", config: config, wasm: "allow_on_headers_stop_iteration: false"})
	body := strings.Repeat("a waiting body ", 1000)
	bad := strings.Repeat(secret, 1000)
	var group sync.WaitGroup
	for _, name := range []string{"shown", "held"} {
		addr := envoy.Address(t, p, name)
		for version, how := range map[string]sender{"1": wire.HTTP1, "2": wire.HTTP2} {
			for _, c := range []struct {
				path, body string
				signer     *testkey.Key
				status     int
			}{{"/good", body, key, 200}, {"/bad", bad, other, 401}} {
				group.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), limit)
					defer cancel()
					r, err := how(ctx, addr, wire.Request{
						Method: "POST", Path: c.path + "/" + name + version, Fields: bearer(i.Token(c.signer, nil)), Body: c.body,
					})
					if err != nil || r.Status != c.status {
						t.Errorf("%s %s%s: %+v %v, want %d", name, c.path, version, r, err, c.status)
					}
				})
			}
		}
		// One that is still uploading when its verdict comes.
		group.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			conn, err := wire.Dial(ctx, addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			s, err := conn.Send(wire.Request{Method: "POST", Path: "/good/" + name + "-slow", Fields: bearer(i.Token(key, nil)), Body: "first ", Unended: true})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := server.Wait(func(r upstream.Request) bool { return r.Target == "/good/"+name+"-slow" }, limit); err != nil {
				t.Error(err)
			}
			if err := s.Data("second", true); err != nil {
				t.Error(err)
			}
			if r, err := s.Response(ctx); err != nil || r.Status != 200 || !strings.Contains(r.Body, `"first second"`) {
				t.Errorf("%+v %v for a slow upload", r, err)
			}
		})
	}
	for _, name := range []string{"shown", "held"} {
		if _, err := p.WaitStat("http."+name+".downstream_rq_active", envoy.Exactly(5), limit); err != nil {
			t.Fatal(err)
		}
	}
	if err := i.Wait(issuer.KeysPath, 2, limit); err != nil {
		t.Fatal(err)
	}
	if n := len(server.Requests()); n > 0 || server.Saw(secret) {
		t.Fatalf("%d requests went upstream before their verdict", n)
	}
	i.Release()
	group.Wait()
	for _, name := range []string{"shown", "held"} {
		for _, version := range []string{"1", "2"} {
			target := "/good/" + name + version
			if _, err := server.Wait(func(r upstream.Request) bool { return r.Target == target && r.Complete && r.Body == body }, limit); err != nil {
				t.Error(target, err)
			}
		}
	}
	if server.Saw(secret) {
		t.Error("a part of a refused request reached the upstream")
	}
}

// TestTrailersOfWaitingPosts: what only the filter may say, and credentials, never
// arrive in the trailers of a request that had to wait.
func TestTrailersOfWaitingPosts(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "ES256")
	i, in := runIntrospection(t)
	i.Publish(key)
	in.Activate("fake-opaque", issuer.Claims{"sub": "alice"})
	i.Hold()
	const wasm, hcm = "allow_on_headers_stop_iteration: true", "http_protocol_options: {enable_trailers: true}"
	p, server := runWithIssuers(t, 1, []*issuer.Server{i},
		listener{name: "keys", config: fetched(i, `, "timeout": "50s"`), wasm: wasm, hcm: hcm},
		listener{name: "introspection", config: introspecting(i, issuer.IntrospectionPath, `, "timeout": "50s"`), wasm: wasm, hcm: hcm})
	var group sync.WaitGroup
	for name, token := range map[string]string{"keys": i.Token(key, nil), "introspection": "fake-opaque"} {
		addr := envoy.Address(t, p, name)
		for version, how := range map[string]sender{"1": wire.HTTP1, "2": wire.HTTP2} {
			group.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				r, err := how(ctx, addr, wire.Request{
					Method: "POST", Path: "/" + name + version, Fields: append(bearer(token), wire.Field{Name: "te", Value: "trailers"}), Body: "body",
					Trailers: []wire.Field{
						{Name: "x-auth-subject", Value: "forged-root"},
						{Name: "x_auth_subject", Value: "forged-root"},
						{Name: "authorization", Value: "Bearer forged-root"},
						{Name: "x-checksum", Value: "kept-" + name + version},
					},
				})
				if err != nil || r.Status != 200 {
					t.Errorf("%s %s: %+v %v", name, version, r, err)
				}
			})
		}
	}
	for _, name := range []string{"keys", "introspection"} {
		if _, err := p.WaitStat("http."+name+".downstream_rq_active", envoy.Exactly(2), limit); err != nil {
			t.Fatal(err)
		}
	}
	i.Release()
	group.Wait()
	if server.Saw("forged-root") {
		t.Error("forged trailers reached the upstream")
	}
	for _, name := range []string{"keys", "introspection"} {
		for _, version := range []string{"1", "2"} {
			if !server.Saw("kept-" + name + version) {
				t.Errorf("%s: the other trailers of HTTP/%s did not reach the upstream", name, version)
			}
		}
	}
}
