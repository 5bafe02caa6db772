package e2e_test

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/issuer"
	"bearerauth/e2e/upstream"
	"bearerauth/e2e/wire"
	"bearerauth/filter/testkey"
)

// runIntrospection starts a server that knows the client "gate" by a secret.
func runIntrospection(t *testing.T) (*issuer.Server, *issuer.Introspection) {
	t.Helper()
	i := issuer.Run(t)
	in := &issuer.Introspection{Client: func(r *http.Request, _ url.Values) error {
		if id, secret, ok := r.BasicAuth(); !ok || id != "gate" || secret != "fake-client-secret" {
			return errors.New("another client")
		}
		return nil
	}}
	i.Reply(issuer.IntrospectionPath, in.ServeHTTP)
	return i, in
}

// introspecting is a configuration whose tokens a server knows; more are members
// of the provider.
func introspecting(i *issuer.Server, path, more string) string {
	return fmt.Sprintf(`{"subject_header": "x-auth-subject", "rules": [{"match": {"path": "/admin"}, "scopes": ["admin"]}], "providers": {"server": {
  "type": "introspection", "cluster": %q, "introspection_uri": "%s%s", "client_id": "gate", "client_secret": "fake-client-secret"%s}}}`,
		i.Cluster(), i.Name(), path, more)
}

func wantStatus(t *testing.T, addr, token string, status int) *wire.Response {
	t.Helper()
	r, err := attempt(addr, token)
	if err != nil || r.Status != status {
		t.Fatalf("%+v %v for %s, want %d", r, err, token, status)
	}
	if status == 503 && r.Header.Get("Retry-After") == "" {
		t.Fatalf("no Retry-After for %s", token)
	}
	return r
}

// assertions checks client assertions with another library and keeps them.
type assertions struct {
	key  crypto.PublicKey
	once bool // each is taken but once

	mu   sync.Mutex
	seen map[string]int
}

func (a *assertions) check(name string, form url.Values) error {
	text := form.Get("client_assertion")
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		return err
	}
	payload, err := signed.Verify(a.key)
	if err != nil {
		return err
	}
	var claims struct {
		Iss, Sub, Aud, JTI string
		Iat, Exp           int64
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return err
	}
	now := time.Now().Unix()
	if claims.Iss != "gate" || claims.Sub != "gate" || claims.Aud != name || claims.JTI == "" || claims.Iat > now+1 || claims.Exp <= now || claims.Exp > now+300 ||
		signed.Signatures[0].Protected.KeyID != "gate-1" || form.Get("client_id") != "gate" ||
		form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return fmt.Errorf("want another assertion than %s", payload)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.once && a.seen[text] > 0 {
		return errors.New("seen before")
	}
	a.seen[text]++
	return nil
}

// TestIntrospectionClients: each method of client authentication works, with secrets from
// the environment, and one assertion serves many calls.
func TestIntrospectionClients(t *testing.T) {
	t.Parallel()
	rsaKey, ecKey := testkey.New("gate-1", "RS256"), testkey.New("gate-1", "ES256")
	public := func(key *testkey.Key) crypto.PublicKey { return key.Private.(crypto.Signer).Public() }
	signers := map[string]*assertions{
		"rsa": {key: public(rsaKey), seen: map[string]int{}}, "ec": {key: public(ecKey), seen: map[string]int{}},
		"once": {key: public(rsaKey), once: true, seen: map[string]int{}},
	}
	i := issuer.Run(t)
	const secret = "fake:client %secret"
	clients := map[string]func(*http.Request, url.Values) error{
		"basic": func(r *http.Request, form url.Values) error {
			// RFC 6749 section 2.3.1: form-encoded within Basic.
			id, password, _ := r.BasicAuth()
			if id, err := url.QueryUnescape(id); err != nil || id != "gate" {
				return errors.New("another client")
			}
			if password, err := url.QueryUnescape(password); err != nil || password != secret {
				return errors.New("another secret")
			}
			return nil
		},
		"post": func(r *http.Request, form url.Values) error {
			if r.Header.Get("Authorization") != "" || form.Get("client_id") != "gate" || form.Get("client_secret") != secret {
				return errors.New("another client")
			}
			return nil
		},
		"bearer": func(r *http.Request, form url.Values) error {
			if r.Header.Get("Authorization") != "Bearer fake-bearer-token" {
				return errors.New("another client")
			}
			return nil
		},
		"rsa":  func(_ *http.Request, form url.Values) error { return signers["rsa"].check(i.Name(), form) },
		"ec":   func(_ *http.Request, form url.Values) error { return signers["ec"].check(i.Name(), form) },
		"once": func(_ *http.Request, form url.Values) error { return signers["once"].check(i.Name(), form) },
	}
	members := map[string]string{
		"basic":  `"client_id": "gate", "client_secret_environment": "GATE_SECRET"`,
		"post":   `"client_id": "gate", "client_secret_environment": "GATE_SECRET", "client_authentication": "client_secret_post"`,
		"bearer": `"client_secret_environment": "GATE_BEARER", "client_authentication": "bearer"`,
		"rsa":    `"private_key_environment": "GATE_RSA"`,
		"ec":     `"private_key_environment": "GATE_EC"`,
		"once":   `"private_key_environment": "GATE_RSA"`,
	}
	var listeners []listener
	servers := map[string]*issuer.Introspection{}
	for name, more := range members {
		if signers[name] != nil {
			more += fmt.Sprintf(`, "client_id": "gate", "private_key_id": "gate-1", "assertion_audience": %q, "client_authentication": "private_key_jwt"`, i.Name())
		}
		servers[name] = &issuer.Introspection{Client: clients[name]}
		i.Reply("/"+name, servers[name].ServeHTTP)
		listeners = append(listeners, listener{
			name: name, vm: "environment_variables: {host_env_keys: [GATE_SECRET, GATE_BEARER, GATE_RSA, GATE_EC]}",
			config: strings.Replace(introspecting(i, "/"+name, ""), `"client_id": "gate", "client_secret": "fake-client-secret"`, more, 1),
		})
	}
	server := upstream.Run(t)
	config := bootstrap(server.Port(), clustersOf(i), listeners...)
	p := envoy.Run(t, envoy.Options{Binary: envoy.Need(t), Config: config, Env: []string{
		"GATE_SECRET=" + secret, "GATE_BEARER=fake-bearer-token", "GATE_RSA=" + rsaKey.PEM(), "GATE_EC=" + ecKey.PEM(),
	}, ComponentLogLevel: "wasm:info"})
	if binary := p.Binary; binary.AtLeast(1, 40) {
		if _, err := p.Log.Wait("the host signs client assertions", limit); err != nil {
			t.Error(err)
		}
	}
	for name, in := range servers {
		addr := envoy.Address(t, p, name)
		for n := range 20 {
			token := fmt.Sprint("opaque-", name, "-", n)
			in.Activate(token, issuer.Claims{"sub": token, "scope": "read", "client_id": "app"})
			for range 2 {
				wantStatus(t, addr, token, 200)
			}
			if n := in.Asked(token); n != 1 {
				t.Errorf("%s: asked %d times about one token", name, n)
			}
		}
		wantStatus(t, addr, "opaque-unknown", 401)
		r := send(t, wire.HTTP1, addr, wire.Request{Path: "/admin", Fields: bearer("opaque-" + name + "-0")})
		if r.Status != 403 {
			t.Errorf("%s: %d without the scope", name, r.Status)
		}
	}
	for name, want := range map[string]int{"rsa": 1, "ec": 1, "once": 21} {
		if n := len(signers[name].seen); n != want {
			t.Errorf("%s: %d assertions for 21 tokens, want %d", name, n, want)
		}
	}
	if len(server.Requests()) != 6*40 || !server.Saw("opaque-basic-3") {
		t.Errorf("%d requests went upstream", len(server.Requests()))
	}
	if log := p.Log.String(); strings.Contains(log, "introspection by") || strings.Contains(log, "PRIVATE KEY") || strings.Contains(log, secret) {
		t.Error("the log has failures or secrets")
	}
}

// TestIntrospectionFaults: no request passes by a fault of the server, and the next good
// answer ends the fault.
func TestIntrospectionFaults(t *testing.T) {
	t.Parallel()
	i, in := runIntrospection(t)
	faults := issuer.WrongIntrospection()
	var listeners []listener
	for name := range faults {
		id := strings.ReplaceAll(name, " ", "-")
		listeners = append(listeners, listener{name: id, config: introspecting(i, "/"+id, `, "timeout": "1s"`)})
	}
	p, server := runWithIssuers(t, 1, []*issuer.Server{i}, listeners...)
	for name, fault := range faults {
		id := strings.ReplaceAll(name, " ", "-")
		addr := envoy.Address(t, p, id)
		i.Reply("/"+id, fault)
		for range 2 {
			wantStatus(t, addr, "opaque", 503)
		}
		if n := len(server.Requests()); n > 0 {
			t.Fatalf("%s: %d requests went upstream", name, n)
		}
		i.Reply("/"+id, in.ServeHTTP)
	}
	in.Activate("opaque", issuer.Claims{"sub": "alice"})
	for name := range faults {
		wantStatus(t, envoy.Address(t, p, strings.ReplaceAll(name, " ", "-")), "opaque", 200)
	}
	if i.Requests("/elsewhere") > 0 {
		t.Error("a redirect was followed")
	}
	log := p.Log.String()
	for _, want := range []string{`refuses the question with "401"`, `refuses the question with "403"`, `want status 200, got "429"`, `want status 200, got "500"`, "no answer"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %s", want)
		}
	}
	if strings.Count(log, `refuses the question with "401"`) != 1 {
		t.Error("more than one line a minute")
	}
}

// TestIntrospectionOnce: a hundred requests with one new token are a call in each worker.
func TestIntrospectionOnce(t *testing.T) {
	t.Parallel()
	i, in := runIntrospection(t)
	in.Activate("opaque", issuer.Claims{"sub": "alice"})
	p, server := runWithIssuers(t, 2, []*issuer.Server{i}, listener{name: "l", config: introspecting(i, issuer.IntrospectionPath, `, "timeout": "50s"`)})
	addr := envoy.Address(t, p, "l")
	i.Hold()
	patience, leave := context.WithCancel(t.Context())
	defer leave()
	var stay, gone sync.WaitGroup
	for n := range 100 {
		if n%4 == 0 {
			gone.Go(func() { _, _ = wire.HTTP1(patience, addr, wire.Request{Fields: bearer("opaque")}) })
			continue
		}
		stay.Go(func() {
			how := []sender{wire.HTTP1, wire.HTTP2}[n%2]
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			if r, err := how(ctx, addr, wire.Request{Method: "POST", Body: "x", Fields: bearer("opaque")}); err != nil || r.Status != 200 {
				t.Errorf("%+v %v", r, err)
			}
		})
	}
	if _, err := p.WaitStat("http.l.downstream_rq_active", envoy.Exactly(100), limit); err != nil {
		t.Fatal(err)
	}
	leave()
	gone.Wait()
	if n := len(server.Requests()); n > 0 {
		t.Fatalf("%d requests went upstream before their verdict", n)
	}
	i.Release()
	stay.Wait()
	if n := i.Requests(issuer.IntrospectionPath); n > 2 {
		t.Errorf("%d calls of two workers", n)
	}
}

// TestIntrospectionFlood: while garbage keeps the server busy, good tokens pass, although
// their answers expire again and again.
func TestIntrospectionFlood(t *testing.T) {
	t.Parallel()
	i, in := runIntrospection(t)
	var busy, most atomic.Int64
	i.Reply(issuer.IntrospectionPath, func(w http.ResponseWriter, r *http.Request) {
		for now := busy.Add(1); now > most.Load(); {
			most.Store(now)
		}
		defer busy.Add(-1)
		select {
		case <-time.After(50 * time.Millisecond): // a server that has something to do
		case <-r.Context().Done():
		}
		in.ServeHTTP(w, r)
	})
	p, _ := runWithIssuers(t, 1, []*issuer.Server{i}, listener{name: "l", config: introspecting(i, issuer.IntrospectionPath, `, "max_calls": 8, "positive_ttl": "100ms"`)})
	addr := envoy.Address(t, p, "l")
	in.Activate("opaque", issuer.Claims{"sub": "alice"})
	wantStatus(t, addr, "opaque", 200)
	ctx, stop := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	var refused atomic.Int64
	for n := range 64 {
		flood.Go(func() {
			for k := 0; ctx.Err() == nil; k++ {
				if r, err := attempt(addr, fmt.Sprint("garbage-", n, "-", k)); err == nil && (r.Status == 401 || r.Status == 503) {
					refused.Add(1)
				} else if ctx.Err() == nil {
					t.Errorf("garbage: %+v %v", r, err)
					return
				}
			}
		})
	}
	for in.Asked("garbage-0-0") == 0 && !t.Failed() {
		time.Sleep(time.Millisecond)
	}
	before := in.Asked("opaque")
	for began := time.Now(); time.Since(began) < 3*time.Second; time.Sleep(20 * time.Millisecond) {
		at := time.Now()
		wantStatus(t, addr, "opaque", 200)
		if took := time.Since(at); took > 2*time.Second {
			t.Errorf("a good token took %s", took)
		}
	}
	stop()
	flood.Wait()
	if asked := in.Asked("opaque") - before; asked < 5 {
		t.Errorf("the good token was asked about %d times", asked)
	}
	if n := most.Load(); n > 8 {
		t.Errorf("%d calls at once, want at most 8", n)
	}
	if n := refused.Load(); n < 50 {
		t.Errorf("%d garbage tokens: no flood", n)
	}
}

// TestIntrospectionOutage: with and without stale answers, and its end.
func TestIntrospectionOutage(t *testing.T) {
	t.Parallel()
	i, in := runIntrospection(t)
	p, _ := runWithIssuers(t, 1, []*issuer.Server{i},
		listener{name: "strict", config: introspecting(i, issuer.IntrospectionPath, `, "positive_ttl": "1s"`)},
		listener{name: "stale", config: introspecting(i, issuer.IntrospectionPath, `, "positive_ttl": "1s", "stale_if_error": "6s"`)})
	strict, stale := envoy.Address(t, p, "strict"), envoy.Address(t, p, "stale")
	in.Activate("opaque", issuer.Claims{"sub": "alice"})
	wantStatus(t, strict, "opaque", 200)
	wantStatus(t, stale, "opaque", 200)
	answered := time.Now()
	i.Down()
	wantStatus(t, strict, "opaque-new", 503)
	await(t, strict, func() string { return "opaque" }, 503, 200)
	for time.Since(answered) < 5*time.Second {
		wantStatus(t, stale, "opaque", 200)
		wantStatus(t, stale, "opaque-new", 503)
		time.Sleep(50 * time.Millisecond)
	}
	await(t, stale, func() string { return "opaque" }, 503, 200)
	if held := time.Since(answered); held > 10*time.Second {
		t.Errorf("a stale answer held for %s, want 7s", held)
	}
	if err := i.Up(); err != nil {
		t.Fatal(err)
	}
	await(t, strict, func() string { return "opaque" }, 200, 503)
	await(t, stale, func() string { return "opaque" }, 200, 503)
	// A revocation takes effect when the cached answer expires, and not earlier.
	in.Revoke("opaque")
	await(t, strict, func() string { return "opaque" }, 401, 200)
	const failures = "wasmcustom.result=.=failure;.;bearerauth_introspections_total"
	if _, err := p.WaitStat(failures, envoy.AtLeast(2), limit); err != nil {
		t.Error(err)
	}
}
