package e2e_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/issuer"
	"bearerauth/e2e/wire"
	"bearerauth/filter/testkey"
)

// TestNoTokenInAccessLog: no answer that the filter gives by itself leaves a token
// of the query in the access log, whether a provider reads the query or not.
func TestNoTokenInAccessLog(t *testing.T) {
	t.Parallel()
	i := issuer.Run(t) // it has no keys: a request that waits for them gets 503
	i.Down()
	const secret = "eyfake-secret-token"
	config := func(locations string) string {
		return fmt.Sprintf(`{"cors": {"preflight": true}, "protected_resources": {"mcp": {"resource": "https://test.example/meta", "authorization_servers": ["https://as.example"]}},
  "providers": {"clients": {"type": "static"%s, "tokens": [{"sha256": "%x"}]},
    "idp": {"type": "jwt"%s, "issuer": %q, "algorithms": ["ES256"], "cluster": "issuer-0", "jwks_uri": "%s/keys"}},
  "rules": [{"match": {"path": "/deny"}, "access": "deny"}, {"match": {"path": "/scope"}, "scopes": ["admin"]}, {"match": {"path": "/open"}, "access": "anonymous"}]}`,
			locations, sha256.Sum256([]byte(secret)), locations, i.Name(), i.Name())
	}
	p, server := runWithIssuers(t, 1, []*issuer.Server{i},
		listener{name: "read", config: config(`, "token_locations": [{"header": "authorization"}, {"insecure_query_parameter": "access_token"}, {"insecure_query_parameter": "key"}]`)},
		listener{name: "unread", config: config("")})
	key := testkey.New("k1", "ES256")
	jwt := i.Token(key, nil)
	status := map[string]map[int]bool{"read": {}, "unread": {}}
	n := 0
	for name := range status {
		addr := envoy.Address(t, p, name)
		parameters := []string{"access_token", "%61ccess_token", "access_token[]", "+access_token", "access.token"}
		if name == "read" {
			parameters = append(parameters, "key", "key[]")
		}
		for _, path := range []string{"/", "/deny", "/scope", "/..%2f", "/a//b", "/.well-known/oauth-protected-resource/meta", "/%00", "/a%2fb;c//%40"} {
			for _, parameter := range parameters {
				for _, token := range []string{secret, secret + "-wrong", secret + " malformed", secret + "&" + parameter + "=" + secret, jwt} {
					token = strings.ReplaceAll(token, " ", "%20")
					for version, how := range map[string]sender{"HTTP1": wire.HTTP1, "HTTP2": wire.HTTP2} {
						if version == "HTTP2" && n%7 > 0 {
							n++
							continue
						}
						n++
						r := send(t, how, addr, wire.Request{Path: path + "?a=1&" + parameter + "=" + token + "&b=2", Fields: []wire.Field{{Name: "x-case", Value: fmt.Sprint("case-", n)}}})
						status[name][r.Status] = true
					}
				}
			}
		}
		if name == "unread" {
			continue // there the parameter is the upstream's own, and a preflight takes it along
		}
		r := send(t, wire.HTTP1, addr, wire.Request{Method: "OPTIONS", Path: "/?access_token=" + secret, Fields: []wire.Field{
			{Name: "origin", Value: "https://app.example"}, {Name: "access-control-request-method", Value: "GET"}, {Name: "x-case", Value: "preflight"},
		}})
		status[name][r.Status] = true
	}
	for _, want := range []int{200, 400, 401, 403, 503} {
		if !status["read"][want] {
			t.Errorf("no answer %d where the query is read: %v", want, status["read"])
		}
	}
	if _, err := p.Log.WaitAfter(0, "access preflight ", limit); err != nil {
		t.Fatal(err)
	}
	log := p.Log.String()
	for line := range strings.Lines(log) {
		if strings.HasPrefix(line, "access ") && (strings.Contains(line, secret) || strings.Contains(line, jwt)) {
			t.Errorf("the access log shows a token: %s", line)
		}
	}
	if !strings.Contains(log, "path=/deny?a=1&b=2]") {
		t.Error("the access log does not show what is left of the path")
	}
	if server.Saw(secret) {
		t.Error("a token of the query reached the upstream")
	}
}

// TestNoTokenInAccessLogOfLeavers: a request that its client or Envoy ends while it waits
// leaves no token of the query in the access log. A request that continues keeps its
// query.
func TestNoTokenInAccessLogOfLeavers(t *testing.T) {
	t.Parallel()
	const secret = "fake-secret-token"
	i, in := runIntrospection(t)
	in.Activate(secret, issuer.Claims{"sub": "alice"})
	i.Hold()
	config := func(more string) string {
		return strings.TrimSuffix(introspecting(i, issuer.IntrospectionPath,
			`, "timeout": "50s", "token_locations": [{"header": "authorization"}, {"insecure_query_parameter": "key"}]`), "}") + more + "}"
	}
	const hcm = "stream_idle_timeout: 3s"
	p, server := runWithIssuers(t, 1, []*issuer.Server{i},
		listener{name: "idle", config: config(""), hcm: hcm},
		listener{name: "leave", config: config("")},
		listener{name: "stay", config: config("")},
		listener{name: "forward", config: config(`, "forward_authorization": true`)},
		listener{
			name: "route", routes: `- {name: guarded, match: {prefix: ""}, route: {cluster: upstream}}`,
			config: strings.Replace(config(""), `{"path": "/admin"}`, `{"route_names": ["guarded"]}`, 1),
		},
		listener{
			name: "other", routes: `- {name: other, match: {prefix: ""}, route: {cluster: upstream}}`,
			config: strings.Replace(config(""), `{"path": "/admin"}`, `{"route_names": ["guarded"]}`, 1),
		})
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	open := func(name, path string) *wire.Stream {
		conn, err := wire.Dial(ctx, envoy.Address(t, p, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		s, err := conn.Send(wire.Request{Path: path, Fields: []wire.Field{{Name: "x-case", Value: name}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.WaitStat("http."+name+".downstream_rq_active", envoy.Exactly(1), limit); err != nil {
			t.Fatal(err)
		}
		return s
	}
	target := "/x?a=1&key=" + secret + "&b=2"
	stay, forward, leave, route := open("stay", target), open("forward", target), open("leave", target), open("route", target)
	other, idle := open("other", target), open("idle", target)
	if err := leave.Reset(); err != nil {
		t.Fatal(err)
	}
	if r, err := idle.Response(ctx); err != nil || r.Status < 400 {
		t.Errorf("%+v %v after the idle timeout", r, err)
	}
	for _, name := range []string{"leave", "idle"} {
		if _, err := p.Log.WaitAfter(0, "access "+name+" ", limit); err != nil {
			t.Fatal(err)
		}
	}
	i.Release()
	for _, c := range []struct {
		s      *wire.Stream
		status int
	}{{stay, 200}, {forward, 200}, {other, 200}, {route, 403}} { // the route asks for a scope
		if r, err := c.s.Response(ctx); err != nil || r.Status != c.status {
			t.Errorf("%+v %v, want %d", r, err, c.status)
		}
	}
	got := map[string]int{}
	for _, r := range server.Requests() {
		got[r.Target]++
	}
	if want := map[string]int{"/x?a=1&b=2": 2, target: 1}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the upstream got %v, want %v", got, want)
	}
	for _, name := range []string{"stay", "forward", "route"} {
		if _, err := p.Log.WaitAfter(0, "access "+name+" ", limit); err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.Lines(p.Log.String()) {
		if strings.HasPrefix(line, "access ") && !strings.HasPrefix(line, "access forward ") && strings.Contains(line, secret) {
			t.Errorf("the access log shows a token: %s", line)
		}
	}
}
