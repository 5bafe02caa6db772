package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/issuer"
	"bearerauth/e2e/upstream"
	"bearerauth/e2e/wire"
	"bearerauth/filter/testkey"
)

// TestClaims: claims on their way through a real Envoy, with a configuration
// that is a Struct, whose numbers are doubles, and over both versions.
func TestClaims(t *testing.T) {
	t.Parallel()
	const name = "https://issuer.example"
	key := testkey.New("k1", "RS256")
	g := runGateway(t, listener{struc: true, config: fmt.Sprintf(`{
		"subject_header": "x-auth-subject", "provider_header": "x-auth-provider", "payload_header": "x-auth-payload",
		"filter_state": ["provider", "scope", "client_id"],
		"claim_headers": [
			{"claim": "tier", "header": "x-auth-tier", "filter_state": "tier"},
			{"claim": ["org", "roles"], "header": "x-auth-roles", "filter_state": "roles", "format": "comma", "missing": "deny"},
			{"claim": "big", "header": "x-auth-big", "max_bytes": 8000}],
		"rules": [
			{"match": {"path": "/admin"}, "any_scopes": ["admin", "root"], "claims": [
				{"claim": "level", "one_of": [3, 1000000, 9007199254740991]}, {"claim": ["org", "roles"], "contains": "admin"}]}],
		"providers": {"idp": {"type": "jwt", "issuer": %q, "audiences": ["api"], "algorithms": ["RS256"], "jwks": %q,
			"scope_claims": [{"claim": "scp", "form": "array"}]}}}`, name, testkey.Set(key))}, envoy.Options{})
	big := strings.Repeat("b", 8000)
	token := func(more issuer.Claims) string {
		claims := issuer.Claims{
			"aud": "api", "azp": "web", "scp": []string{"read", "admin"}, "level": 1000000, "tier": "gold",
			"org": map[string]any{"roles": []string{"a,b", "admin", "Ä"}},
		}
		for name, value := range more {
			claims[name] = value
		}
		return issuer.Token(key, name, claims)
	}
	const injected = "gold\r\nx-auth-roles: root\r\n\r\nGET /evil HTTP/1.1\r\n\x00\x7f\u2028"
	for _, c := range []struct {
		what, path, token string
		status            int
		upstream, state   map[string]string
	}{
		{
			"everything", "/admin", token(issuer.Claims{"big": big}), 200,
			map[string]string{"X-Auth-Subject": "alice", "X-Auth-Provider": "idp", "X-Auth-Tier": "gold", "X-Auth-Roles": "a%2Cb,admin,%C3%84", "X-Auth-Big": big},
			map[string]string{"sub": "alice", "provider": "idp", "scope": "read admin", "client_id": "web", "claim.tier": "gold", "claim.roles": "a%2Cb,admin,%C3%84"},
		},
		{
			"another header in a claim", "/", token(issuer.Claims{"tier": injected, "big": big + "b"}), 200,
			map[string]string{"X-Auth-Tier": "gold%0D%0Ax-auth-roles: root%0D%0A%0D%0AGET /evil HTTP/1.1%0D%0A%00%7F%E2%80%A8", "X-Auth-Roles": "a%2Cb,admin,%C3%84", "X-Auth-Big": ""},
			map[string]string{"claim.tier": "gold%0D%0Ax-auth-roles: root%0D%0A%0D%0AGET /evil HTTP/1.1%0D%0A%00%7F%E2%80%A8"},
		},
		{
			"no tier", "/", token(issuer.Claims{"tier": nil, "sub": nil, "azp": nil}), 200,
			map[string]string{"X-Auth-Tier": "", "X-Auth-Subject": "", "X-Auth-Provider": "idp"},
			map[string]string{"claim.tier": "", "sub": "", "client_id": "", "provider": "idp"},
		},
		{"another level", "/admin", token(issuer.Claims{"level": "3"}), 403, nil, map[string]string{"sub": "alice", "claim.tier": "gold"}},
		{"another role", "/admin", token(issuer.Claims{"org": map[string]any{"roles": []string{"Admin"}}}), 403, nil, map[string]string{"claim.roles": "Admin"}},
		{"scopes in another form", "/admin", token(issuer.Claims{"scp": "read admin"}), 403, nil, map[string]string{"scope": ""}},
		{"no roles", "/", token(issuer.Claims{"org": "admin"}), 403, nil, map[string]string{"sub": "alice", "claim.roles": ""}},
		{"no roles, of a stranger", "/", issuer.Token(testkey.New("k1", "RS256"), name, issuer.Claims{"aud": "api"}), 401, nil, map[string]string{"sub": "", "provider": ""}},
	} {
		for version, how := range map[string]sender{"HTTP1": wire.HTTP1, "HTTP2": wire.HTTP2} {
			for _, time := range []string{"first", "remembered"} {
				t.Run(c.what+"/"+version+"/"+time, func(t *testing.T) { tellClaims(t, g, how, c.path, c.token, c.status, c.upstream, c.state) })
			}
		}
	}
}

func tellClaims(t *testing.T, g *gateway, how sender, path, token string, status int, want, state map[string]string) {
	id := strings.ReplaceAll(strings.ReplaceAll(t.Name(), " ", "_"), ",", "")
	fields := append(bearer(token), wire.Field{Name: "x-case", Value: id})
	var trailers []wire.Field
	for _, name := range []string{"x-auth-subject", "x-auth-provider", "x-auth-payload", "x-auth-tier", "x-auth-roles", "x-auth-big"} {
		for _, spelling := range []string{name, strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", "."), strings.Replace(name, "-", "!", 1)} {
			fields = append(fields, wire.Field{Name: spelling, Value: "forged"})
			trailers = append(trailers, wire.Field{Name: spelling, Value: "forged"})
		}
	}
	mark := g.Log.Mark()
	r := send(t, how, g.addr, wire.Request{Method: "POST", Path: path, Fields: fields, Body: "x", Trailers: trailers})
	if r.Status != status {
		t.Fatalf("status %d %v, want %d", r.Status, r.Header, status)
	}
	if challenge := r.Header.Get("Www-Authenticate"); status == 403 && path == "/admin" && !strings.HasSuffix(challenge, `error="insufficient_scope", error_description="The access token lacks a scope that the request needs", scope="admin root"`) {
		t.Errorf("challenge %q", challenge)
	}
	if status == 200 {
		got, err := g.upstream.Wait(func(r upstream.Request) bool { return r.Header.Get("X-Case") == id }, limit)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range want {
			if values := got.Header[name]; value == "" && len(values) > 0 || value != "" && (len(values) != 1 || values[0] != value) {
				t.Errorf("%s: %.99q, want %.99q", name, values, value)
			}
		}
		if payload := strings.Split(token, ".")[1]; got.Header.Get("X-Auth-Payload") != payload {
			t.Errorf("payload %.99q", got.Header.Get("X-Auth-Payload"))
		}
		for _, pairs := range []map[string][]string{got.Header, got.Trailer} {
			for name, values := range pairs {
				if strings.Contains(strings.Join(values, "|"), "forged") {
					t.Errorf("%s: %q", name, values)
				}
			}
		}
	}
	line, err := g.Log.WaitAfter(mark, "access "+id+" ", limit)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range state {
		if got := loggedState(t, line, name); got != value {
			t.Errorf("filter state %s %q, want %q", name, got, value)
		}
	}
}
