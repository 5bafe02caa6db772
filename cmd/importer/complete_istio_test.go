package importer

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	security "istio.io/api/security/v1"
)

const everyRequestAuthentication = `{
  "selector": {"matchLabels": {"app": "a"}},
  "jwtRules": [{
    "issuer": "https://a.example", "audiences": ["api"], "jwksUri": "https://a.example/keys", "timeout": "3s",
    "fromHeaders": [{"name": "x-a", "prefix": "A "}], "outputClaimToHeaders": [{"header": "x-sub", "claim": "sub"}], "spaceDelimitedClaims": ["roles"]}]
}`

const everyAuthorizationPolicy = `{
  "selector": {"matchLabels": {"app": "a"}},
  "rules": [{
    "from": [{"source": {"requestPrincipals": ["https://a.example/alice"]}}],
    "to": [{"operation": {"paths": ["/a"], "methods": ["GET"], "hosts": ["a.example", "a.example:*"]}}],
    "when": [{"key": "request.auth.claims[roles]", "values": ["admin"]}, {"key": "request.headers[x-h]", "values": ["1"]}]}]
}`

// TestNoIstioFieldIsDropped: see TestNoFieldIsDropped.
func TestNoIstioFieldIsDropped(t *testing.T) {
	t.Parallel()
	var authentication security.RequestAuthentication
	var policy security.AuthorizationPolicy
	for text, m := range map[string]proto.Message{everyRequestAuthentication: &authentication, everyAuthorizationPolicy: &policy} {
		if err := protojson.Unmarshal([]byte(text), m); err != nil {
			t.Fatal(err)
		}
	}
	read := func(a, p proto.Message) string {
		var documents string
		for kind, m := range map[string]proto.Message{"RequestAuthentication": a, "AuthorizationPolicy": p} {
			spec, err := protojson.Marshal(m)
			if err != nil {
				return err.Error()
			}
			documents += fmt.Sprintf("---\n"+`{"apiVersion": "security.istio.io/v1", "kind": %q, "metadata": {"name": "x"}, "spec": %s}`+"\n", kind, spec)
		}
		result, err := Istio([]byte(documents))
		return fmt.Sprint(string(result.Config), result.Left, err)
	}
	before := read(&authentication, &policy)
	tried := 0
	try := func(path string, changedAuthentication, changedPolicy proto.Message) {
		tried++
		// Without a selector a resource is for the other one's workload as well.
		if read(changedAuthentication, changedPolicy) == before && path != "jwt.selector" && path != "policy.selector" {
			t.Errorf("%s makes no difference and is not in Left", path)
		}
	}
	walkFields(authentication.ProtoReflect(), "jwt", func(path string, change func(protoreflect.Message)) {
		changed := proto.Clone(&authentication)
		change(changed.ProtoReflect())
		try(path, changed, &policy)
	})
	walkFields(policy.ProtoReflect(), "policy", func(path string, change func(protoreflect.Message)) {
		changed := proto.Clone(&policy)
		change(changed.ProtoReflect())
		try(path, &authentication, changed)
	})
	if tried < 50 {
		t.Errorf("only %d fields tried", tried)
	}
}
