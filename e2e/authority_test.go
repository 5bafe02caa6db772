package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/upstream"
	"bearerauth/e2e/wire"
	"bearerauth/filter/testkey"
)

// authority is the authorization server of e2e/mcp/authority.js.
type authority struct {
	t      *testing.T
	Issuer string `json:"issuer"`
}

// post asks one of its endpoints as the client app.
func (a *authority) post(path string, form url.Values, answer any) {
	a.t.Helper()
	request, err := http.NewRequest(http.MethodPost, a.Issuer+path, bytes.NewBufferString(form.Encode()))
	if err != nil {
		a.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth("app", "fake-app-secret")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		a.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		a.t.Fatalf("%s: %s", path, response.Status)
	}
	if answer != nil {
		if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
			a.t.Fatal(err)
		}
	}
}

func (a *authority) token(more url.Values) string {
	a.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"orders:read"}}
	for name, values := range more {
		form[name] = values
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	a.post("/token", form, &answer)
	return answer.Token
}

// TestAuthority: a real authorization server issues an opaque token, calls it
// active, in plain JSON or signed (RFC 9701), and revokes it (RFC 7009), which is
// seen when the answer has run out.
func TestAuthority(t *testing.T) {
	t.Parallel()
	binary := envoy.Need(t)
	dir := nodePackages(t)
	key := testkey.New("gate-1", "ES256")
	public, err := json.Marshal(key.JWK())
	if err != nil {
		t.Fatal(err)
	}
	a := authority{t: t}
	runNode(t, dir, &a, "authority.js", string(public))
	port := 0
	if _, err := fmt.Sscanf(a.Issuer, "http://127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	config := func(client string) string {
		return fmt.Sprintf(`{"client_id_header": "x-auth-client", "rules": [{"match": {"path": "/admin"}, "scopes": ["admin"]}, {"scopes": ["orders:read"]}],
  "providers": {"server": {"type": "introspection", "cluster": "issuer", "introspection_uri": "%s/token/introspection",
    "issuers": [%q], "positive_ttl": "2s", %s}}}`, a.Issuer, a.Issuer, client)
	}
	signed := func(more string) string {
		return fmt.Sprintf(`"signed_response": {"issuer": %q, "algorithms": ["RS256"], "discovery": true, "cluster": "issuer"%s}`, a.Issuer, more)
	}
	server := upstream.Run(t)
	p := envoy.Run(t, envoy.Options{Binary: binary, Config: bootstrap(server.Port(), []envoy.Cluster{{Name: "issuer", Port: port}},
		listener{name: "secret", config: config(`"client_id": "gate", "client_secret": "fake-gate-secret"`)},
		listener{name: "key", config: config(fmt.Sprintf(`"client_id": "gate-key", "client_authentication": "private_key_jwt",
    "private_key": %q, "private_key_id": "gate-1", "assertion_audience": %q`, key.PEM(), a.Issuer))},
		listener{name: "signed", config: config(`"client_id": "gate", "client_secret": "fake-gate-secret", ` + signed(""))},
		listener{name: "signed-other", config: config(`"client_id": "gate", "client_secret": "fake-gate-secret", ` + signed(`, "audience": "app"`))},
		listener{name: "wrong", config: config(`"client_id": "gate", "client_secret": "fake-wrong-secret"`)},
	)})
	for _, name := range []string{"secret", "key", "signed"} {
		addr := envoy.Address(t, p, name)
		for range 5 { // this server takes an assertion but once
			token := a.token(nil)
			if strings.Count(token, ".") == 2 {
				t.Fatal("the token is not opaque")
			}
			wantStatus(t, addr, token, 200)
			if r := send(t, wire.HTTP1, addr, wire.Request{Path: "/admin", Fields: bearer(token)}); r.Status != 403 {
				t.Errorf("%s: %d without the scope", name, r.Status)
			}
			if got := lastRequest(t, server).Header.Get("X-Auth-Client"); got != "app" {
				t.Errorf("%s: the client is %q", name, got)
			}
		}
		token := a.token(nil)
		wantStatus(t, addr, token, 200)
		answered := time.Now()
		a.post("/token/revocation", url.Values{"token": {token}}, nil)
		await(t, addr, func() string { return token }, 401, 200)
		if held := time.Since(answered); held > 10*time.Second {
			t.Errorf("%s: a revoked token passed for %s, want 2s", name, held)
		}
		wantStatus(t, addr, "opaque-unknown", 401)
		wantStatus(t, addr, a.token(url.Values{"resource": {"https://api.example"}}), 401) // a JWT
	}
	if log := p.Log.String(); strings.Contains(log, "introspection by") {
		t.Errorf("failures in the log:\n%s", p.Log.Tail(20))
	}
	wantStatus(t, envoy.Address(t, p, "signed-other"), a.token(nil), 503)
	if _, err := p.Log.Wait(`want the aud "app"`, limit); err != nil {
		t.Error(err)
	}
	wantStatus(t, envoy.Address(t, p, "wrong"), a.token(nil), 503)
	if _, err := p.Log.Wait(`refuses the question with "401", invalid_client`, limit); err != nil {
		t.Error(err)
	}
}

func lastRequest(t *testing.T, server *upstream.Server) upstream.Request {
	t.Helper()
	all := server.Requests()
	if len(all) == 0 {
		t.Fatal("nothing went upstream")
	}
	return all[len(all)-1]
}
