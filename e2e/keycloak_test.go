//go:build keycloak

package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/issuer"
	"bearerauth/e2e/keycloak"
	"bearerauth/e2e/upstream"
	"bearerauth/e2e/wire"
	"bearerauth/filter/testkey"
)

// clerked is a configuration whose rules go by what is in Keycloak's tokens.
func clerked(providers string) string {
	return fmt.Sprintf(`{"subject_header": "x-auth-subject", "client_id_header": "x-auth-client",
  "claim_headers": [{"claim": ["realm_access", "roles"], "header": "x-auth-roles", "format": "comma"}],
  "rules": [{"match": {"path": "/admin"}, "scopes": ["admin"]},
    {"match": {"path": "/clerks"}, "claims": [{"claim": ["realm_access", "roles"], "contains": "clerk"}]},
    {"scopes": ["orders:read"]}],
  "providers": {%s}}`, providers)
}

func jwtOfKeycloak(s *keycloak.Server, cluster, more string) string {
	return fmt.Sprintf(`"people": {"type": "jwt", "issuer": %q, "audiences": ["gate"], "algorithms": ["RS256"], "leeway": "0s", "cluster": %q, %s}`,
		s.Issuer, cluster, more)
}

func introspectionOfKeycloak(s *keycloak.Server, cluster, more string) string {
	return fmt.Sprintf(`"server": {"type": "introspection", "cluster": %q, "introspection_uri": %q, "leeway": "0s", "positive_ttl": "2s", %s}`,
		cluster, s.Issuer+keycloak.IntrospectionPath, more)
}

const (
	gateSecret = `"client_id": "gate", "client_secret": "fake-gate-secret"`
	ofKeycloak = `"jwts": "of_issuers", "issuers": [%q], `
)

// keycloaked is a Keycloak, and an Envoy whose listeners reach it by clusters of their names.
type keycloaked struct {
	*keycloak.Server
	*envoy.Process
	upstream *upstream.Server
	began    time.Time
}

func runKeycloaked(t *testing.T) keycloaked {
	t.Helper()
	binary := envoy.Need(t)
	key := testkey.New("gate-1", "ES256")
	s := keycloak.Run(t, testkey.Set(key))
	uri := fmt.Sprintf(`"jwks_uri": %q`, s.Issuer+keycloak.KeysPath)
	of := fmt.Sprintf(ofKeycloak, s.Issuer)
	gateKey := fmt.Sprintf(`"client_id": "gate-key", "client_authentication": "private_key_jwt", "private_key": %q, "private_key_id": "gate-1", "assertion_audience": %q`,
		key.PEM(), s.Issuer)
	listeners := []listener{
		{name: "discovery", config: clerked(jwtOfKeycloak(s, "discovery", `"discovery": true`))},
		{name: "uri", config: clerked(jwtOfKeycloak(s, "uri", uri))},
		{name: "often", config: clerked(jwtOfKeycloak(s, "often", uri+`, "min_refresh": "2s"`))},
		{name: "secret", config: clerked(introspectionOfKeycloak(s, "secret", of+gateSecret))},
		{name: "key", config: clerked(introspectionOfKeycloak(s, "key", of+gateKey))},
		{name: "both", config: clerked(jwtOfKeycloak(s, "both", uri+`, "introspect_after_verify": "server"`) + ", " +
			introspectionOfKeycloak(s, "both", `"only_after_verify": true, `+gateSecret))},
		{name: "wrong", config: clerked(introspectionOfKeycloak(s, "wrong", of+`"client_id": "gate", "client_secret": "fake-wrong-secret"`))},
	}
	server := upstream.Run(t)
	var clusters []envoy.Cluster
	for _, l := range listeners {
		clusters = append(clusters, envoy.Cluster{Name: l.name, Port: s.Port})
	}
	config := bootstrap(server.Port(), clusters, listeners...)
	began := time.Now()
	return keycloaked{s, envoy.Run(t, envoy.Options{Binary: binary, Config: config}), server, began}
}

// calls is how many calls a listener has made to Keycloak.
func (k keycloaked) calls(t *testing.T, listener string) int64 {
	t.Helper()
	name := "cluster." + listener + ".upstream_rq_total"
	stats, err := k.Stats("^" + name + "$")
	if err != nil {
		t.Fatal(err)
	}
	return stats[name]
}

// Envoy's main thread has a VM, too, which fetches like the one worker's.
const fetchers = 2

// atMost is how many fetches fit between the start and now, if one comes at
// once and each further one after the least time between them.
func (k keycloaked) atMost(least time.Duration) int64 {
	return fetchers * (1 + int64(time.Since(k.began)/least))
}

// TestKeycloak: a real Keycloak's tokens, keys and introspection, as it comes.
func TestKeycloak(t *testing.T) {
	k := runKeycloaked(t)
	for _, name := range []string{"discovery", "uri", "secret", "key", "both"} {
		t.Run(name, func(t *testing.T) { k.checkTokens(t, envoy.Address(t, k.Process, name)) })
	}
	t.Run("fetches", k.checkFetches)
	for _, name := range []string{"secret", "key", "both"} {
		t.Run("revocation at "+name, func(t *testing.T) { k.checkRevocation(t, name) })
	}
	if log := k.Log.String(); strings.Contains(log, "introspection by") || strings.Contains(log, "PRIVATE KEY") {
		t.Errorf("failures or secrets in the log:\n%s", k.Log.Tail(20))
	}
	wantStatus(t, envoy.Address(t, k.Process, "wrong"), k.Token(t, "app"), 503)
	if _, err := k.Log.Wait(`refuses the question with "401", invalid_client`, limit); err != nil {
		t.Error(err)
	}
}

// checkTokens: which of its tokens pass, and what the upstream receives.
func (k keycloaked) checkTokens(t *testing.T, addr string) {
	token := k.Token(t, "app")
	wantStatus(t, addr, token, 200)
	seen := lastRequest(t, k.upstream).Header
	if seen.Get("X-Auth-Client") != "app" || seen.Get("X-Auth-Roles") != "clerk" || seen.Get("X-Auth-Subject") == "" {
		t.Errorf("the upstream is told %v, want the client app, the role clerk and some subject", seen)
	}
	for path, status := range map[string]int{"/clerks": 200, "/admin": 403} {
		if r := send(t, wire.HTTP1, addr, wire.Request{Path: path, Fields: bearer(token)}); r.Status != status {
			t.Errorf("%d for %s, want %d", r.Status, path, status)
		}
	}
	brief := k.Token(t, "brief")
	wantStatus(t, addr, brief, 200)
	if r := send(t, wire.HTTP1, addr, wire.Request{Path: "/clerks", Fields: bearer(brief)}); r.Status != 403 {
		t.Errorf("%d without the role", r.Status)
	}
	session := k.SignIn(t)
	wantStatus(t, addr, session.Access, 200)
	wantStatus(t, addr, session.Refresh, 401)
	wantStatus(t, addr, k.Token(t, "stranger"), 401) // the filter's client is not its audience
	at := len(token) - 20
	other := map[bool]string{true: "B", false: "A"}[token[at] == 'A']
	wantStatus(t, addr, token[:at]+other+token[at+1:], 401)
	await(t, addr, func() string { return brief }, 401, 200) // it has expired
}

// checkFetches: Keycloak says no-cache of its keys, and that is no reason to
// fetch them for each request, nor are keys that it never had.
func (k keycloaked) checkFetches(t *testing.T) {
	unknown := testkey.New("", "RS256")
	for n := range 50 {
		for _, name := range []string{"discovery", "uri"} {
			wantStatus(t, envoy.Address(t, k.Process, name), k.Token(t, "app"), 200)
		}
		unknown.ID = fmt.Sprint("unknown-", n)
		wantStatus(t, envoy.Address(t, k.Process, "discovery"), issuer.Token(unknown, k.Issuer, issuer.Claims{"aud": "gate"}), 401)
	}
	// By default a minute passes, or three quarters of it, since not all go at once.
	usual := k.atMost(45 * time.Second)
	if n := k.calls(t, "uri"); n < 1 || n > usual {
		t.Errorf("%d fetches, want at most %d", n, usual)
	}
	// Unknown keys are worth four more, then one every 10 seconds, of the worker. A fetch by discovery is two calls.
	if n, most := k.calls(t, "discovery"), 2*(usual+4+int64(time.Since(k.began)/(10*time.Second))); n < 2 || n > most {
		t.Errorf("%d calls with unknown keys, want at most %d", n, most)
	}
	if _, err := k.WaitStat("cluster.often.upstream_rq_total", envoy.AtLeast(4*fetchers), limit); err != nil {
		t.Error(err)
	}
	if n, most := k.calls(t, "often"), k.atMost(1500*time.Millisecond); n > most {
		t.Errorf("%d fetches with a min_refresh of 2s, want at most %d", n, most)
	}
}

// checkRevocation: a token that is revoked, and one whose session ends, are
// refused when the answer has run out. One answer serves many requests.
func (k keycloaked) checkRevocation(t *testing.T, name string) {
	addr := envoy.Address(t, k.Process, name)
	token, session := k.Token(t, "app"), k.SignIn(t)
	for what, c := range map[string]struct {
		token string
		end   func()
	}{
		"revoked":    {token, func() { k.Revoke(t, "app", token) }},
		"signed out": {session.Access, func() { k.SignOut(t, session) }},
	} {
		wantStatus(t, addr, c.token, 200)
		before := k.calls(t, name)
		asked := time.Now()
		for range 20 {
			wantStatus(t, addr, c.token, 200)
		}
		if n := k.calls(t, name) - before; n > 1+int64(time.Since(asked)/(2*time.Second)) {
			t.Errorf("%s: %d calls for 20 requests", what, n)
		}
		c.end()
		ended := time.Now()
		await(t, addr, func() string { return c.token }, 401, 200)
		if held := time.Since(ended); held > 10*time.Second {
			t.Errorf("%s: it passed for %s, want 2s", what, held)
		}
		// A gateway that may not call the server cannot know the answer.
		wantStatus(t, envoy.Address(t, k.Process, "uri"), c.token, 200)
	}
}
