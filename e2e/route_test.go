package e2e_test

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/wire"
)

const routes = `
- match: {prefix: /turned, headers: [{name: x-auth-subject, string_match: {exact: root}}]}
  name: public
  route: {cluster: upstream}
- match: {prefix: /turned}
  name: admin
  route: {cluster: upstream}
- match: {prefix: /public}
  name: public
  route: {cluster: upstream}
- match: {prefix: /annotated}
  name: annotated
  route: {cluster: upstream}
  metadata: {filter_metadata: {envoy-gateway: {resources: [{kind: HTTPRoute, annotations: {auth.example/open: "true", auth.example/number: 1}}]}}}
- match: {prefix: /scoped}
  name: scoped
  route: {cluster: upstream}
- match: {prefix: ""}
  route: {cluster: upstream}
`

// TestRoutes: rules can follow the route, but no client can choose the route that decides
// about its request.
func TestRoutes(t *testing.T) {
	t.Parallel()
	config := fmt.Sprintf(`{"subject_header": "x-auth-subject",
  "providers": {"clients": {"type": "static", "tokens": [{"sha256": "%x", "subject": "alice"}]}},
  "rules": [
    {"match": {"route_names": ["public"]}, "access": "anonymous"},
    {"match": {"route_metadata": [{"path": ["envoy-gateway", "resources", "0", "annotations", "auth.example/open"], "equal": "true"}]}, "access": "anonymous"},
    {"match": {"route_metadata": [{"path": ["envoy-gateway", "resources", "1", "annotations", "auth.example/open"], "present": true}]}, "scopes": ["never"]},
    {"match": {"route_names": ["scoped"]}, "scopes": ["read"]}
  ]}`, sha256.Sum256([]byte("fake-token")))
	g := runGateway(t, listener{config: config, routes: routes}, envoy.Options{})
	forged := wire.Field{Name: "x-auth-subject", Value: "root"}
	alias := wire.Field{Name: "x_auth_subject", Value: "root"}
	for _, c := range []struct {
		name, path string
		fields     []wire.Field
		status     int
	}{
		{"an opening by name", "/public", nil, 200},
		{"an opening by metadata", "/annotated", nil, 200},
		{"another route", "/other", nil, 401},
		{"another route with a token", "/other", bearer("fake-token"), 200},
		{"a route's scopes", "/scoped", bearer("fake-token"), 403},
		{"not by name, with a forged header", "/public", []wire.Field{forged}, 401},
		{"not by name, with an alias of it", "/public", []wire.Field{alias}, 401},
		{"not by metadata, with a forged header", "/annotated", []wire.Field{forged}, 401},
		// Routed by the header, the request is public; without it, it is not, and
		// the filter takes the header out.
		{"the route of a header that goes", "/turned", []wire.Field{forged}, 401},
		{"the route without it", "/turned", nil, 401},
		{"every route's demands bind a forger", "/other", append(bearer("fake-token"), forged), 403},
	} {
		for version, how := range map[string]sender{"HTTP1": wire.HTTP1, "HTTP2": wire.HTTP2} {
			t.Run(c.name+"/"+version, func(t *testing.T) {
				r := send(t, how, g.addr, wire.Request{Path: c.path, Fields: c.fields})
				if r.Status != c.status {
					t.Errorf("status %d, want %d", r.Status, c.status)
				}
			})
		}
	}
}
