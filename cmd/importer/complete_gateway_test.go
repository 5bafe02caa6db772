package importer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const everySecurityPolicy = `
targetRefs: [{kind: HTTPRoute, name: api}]
cors: {allowOrigins: ["https://app.example"], allowCredentials: true}
jwt:
  optional: true
  failOpen: true
  providers:
  - name: corp
    issuer: https://corp.example
    audiences: [api]
    remoteJWKS: {uri: "https://corp.example/keys", cacheDuration: 10m}
    claimToHeaders: [{header: x-user, claim: sub}]
    recomputeRoute: true
    extractFrom: {headers: [{name: x-jwt, valuePrefix: "JWT "}], cookies: [jwt], params: [jwt]}
apiKeyAuth:
  credentialRefs: [{name: keys}]
  extractFrom: [{headers: [x-key]}, {params: [key]}, {cookies: [key]}]
  forwardClientIDHeader: x-client
  sanitize: true
authorization:
  defaultAction: Allow
  rules:
  - {action: Deny, operation: {methods: [GET]}, principal: {headers: [{name: x-h, values: [a, b]}]}}
  - action: Allow
    operation: {methods: [GET], path: {type: Exact, value: /a}}
    principal: {headers: [{name: x-g, values: [c]}], jwt: {provider: corp, scopes: [read], claims: [{name: a.b, valueType: String, values: [v, w]}]}}
  - {action: Allow, cel: "true"}
  - {action: Deny, principal: {clientCIDRs: [10.0.0.0/8]}}
`

// idle are members that change nothing as long as they are present: Left names the objects
// that contain them.
var idle = []string{
	".targetRefs", ".jwt.optional", ".authorization.rules[3].principal.clientCIDRs",
	".targetRefs[0].kind", ".targetRefs[0].name", ".authorization.rules[2].cel", ".authorization.rules[3].principal.clientCIDRs[0]",
}

// TestNoGatewayMemberIsDropped changes every value of a SecurityPolicy, one at a
// time: the result must change with it.
func TestNoGatewayMemberIsDropped(t *testing.T) {
	t.Parallel()
	var base any
	if err := yaml.Unmarshal([]byte(everySecurityPolicy), &base); err != nil {
		t.Fatal(err)
	}
	read := func(spec any) string {
		text, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		result, err := Gateway(fmt.Appendf(nil, "{apiVersion: gateway.envoyproxy.io/v1alpha1, kind: SecurityPolicy, metadata: {name: x}, spec: %s}\n---\n"+
			"{apiVersion: v1, kind: Secret, metadata: {name: keys}, stringData: {client: fake-key-0123456789}}\n", text))
		return fmt.Sprint(string(result.Config), result.Left, err)
	}
	before := read(base)
	if !strings.HasSuffix(before, " <nil>") {
		t.Fatal(before)
	}
	tried := 0
	var walk func(value any, path string, set func(any))
	try := func(path string, set func(any), old, other any) {
		set(other)
		tried++
		if read(base) == before && !slices.Contains(idle, path) {
			t.Errorf("%s: %v makes no difference and is not in Left", path, other)
		}
		set(old)
	}
	walk = func(value any, path string, set func(any)) {
		switch v := value.(type) {
		case map[string]any:
			for name, member := range v {
				walk(member, path+"."+name, func(other any) { v[name] = other })
			}
		case []any:
			for i, item := range v {
				walk(item, fmt.Sprintf("%s[%d]", path, i), func(other any) { v[i] = other })
			}
			if path != "" {
				try(path, set, v, []any{})
			}
		case string:
			try(path, set, v, v+"z")
		case bool:
			try(path, set, v, !v)
		}
	}
	walk(base, "", func(any) {})
	if tried < 40 {
		t.Errorf("only %d values tried", tried)
	}
	if strings.Contains(before, "fake-key") {
		t.Error("the result has a key in plain text")
	}
}
