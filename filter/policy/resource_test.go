package policy

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"bearerauth/filter/policy/reply"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// withResources puts protected resources, and more, into a configuration.
func withResources(config, more string) string {
	return `{` + more + `"protected_resources":{
		"mcp":{"resource":"https://api.example/mcp","authorization_servers":["https://issuer.example"]},
		"root":{"resource":"https://api.example/"}},` + config[1:]
}

const (
	wellKnownResource = "/.well-known/oauth-protected-resource"
	metadataPath      = wellKnownResource + "/mcp"
)

// almostMetadata are paths that a lenient server may take for that of the metadata.
func almostMetadata() []string {
	list := []string{
		"/", "/mcp", "/.well-known", "/.well-known/", "/.well-known/oauth-protected-resource/", "/.well-known/oauth-protected-resource/mc",
		"/.well-known/oauth-protected-resourcemcp", "/.well-known/oauth-authorization-server/mcp", "/x/..", "//", "", "*",
		"/.well-known/oauth-protected-resource/other", "/.well-known/openid-configuration",
		"/" + strings.Repeat("%2e%2e/", 300) + metadataPath[1:],
	}
	for _, path := range []string{metadataPath, wellKnownResource} {
		list = append(list,
			"/"+path, path+"/", path+"//", path+";x", path+"%00", path+"#", path+"#x", path+"%3f", path+"%23", path+"%", path+"\x00", path+" ",
			path+"/.", path+"/x/..", path+"/%2e", path+"/../..", path+"/..%2f..", path+"\\", strings.ToUpper(path), path[1:], "/."+path, "/x/.."+path,
			strings.Replace(path, "/.well", "/%2ewell", 1), strings.Replace(path, "/.well", "/%2Ewell", 1), strings.Replace(path, "k", "%6b", 1),
			strings.Replace(path, "-known/", "-known%2f", 1), strings.Replace(path, "-known/", "-known//", 1), strings.Replace(path, "-known/", `-known\`, 1),
			strings.Replace(path, "-known/", "-known;a/", 1), strings.Replace(path, "-known/", "-Known/", 1), strings.Replace(path, "resource", "Resource", 1),
			"http://api.example"+path, "//api.example"+path, path+"?#", path+"%2f", path+"%252f",
		)
	}
	return list
}

// TestMetadataChangesNoOtherDecision: except at its exact path, a policy with resources decides
// as one without, under any rules. At that path, only requests that had a bad form or met
// a deny rule are refused.
func TestMetadataChangesNoOtherDecision(t *testing.T) {
	t.Parallel()
	const own = `,"subject_header":"x-sub"`
	answered, refused := map[string]int{}, 0
	for _, rules := range []string{
		``, own, own + `,"non_canonical_paths":"reject"`,
		own + `,"rules":[{"access":"anonymous"}]`,
		own + `,"rules":[{"access":"deny","shadow":true}]`,
		own + `,"cors":{"preflight":true,"allowed_origins":["https://app.example"]}`,
		own + `,"cors":{"preflight":true},"rules":[{"access":"deny"}]`,
		own + `,"rules":[{"access":"deny"}]`,
		own + `,"rules":[{"match":{"path_prefix":"/.well-known"},"access":"deny"},{"access":"optional"}]`,
		own + `,"rules":[{"match":{"path":"` + metadataPath + `","hosts":["api.example"]},"access":"deny"}]`,
		own + `,"rules":[{"match":{"path_prefix":"/.well-known"},"access":"anonymous"},{"access":"deny"}]`,
		own + `,"rules":[{"match":{"path_prefix":"/.well-known"},"scopes":["admin"]},{"access":"insecure_presence_only"}]`,
	} {
		config := strings.TrimSuffix(minimalConfig, "}") + rules + "}"
		with, without := mustParse(t, withResources(config, "")), mustParse(t, config)
		for _, path := range append(almostMetadata(), metadataPath, metadataPath+"?a=b", wellKnownResource, wellKnownResource+"?access_token=x#y?z") {
			for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "get", "DELETE", "CONNECT", ""} {
				for _, more := range [][][2]string{
					nil,
					{{"authorization", "Bearer fake-token"}},
					{{"authorization", "Bearer a b"}, {"authorization", "x"}},
					{{"connection", "x-sub"}},
					{{"content-type", "application/grpc"}, {"origin", "https://app.example"}, {"access-control-request-method", "GET"}},
				} {
					pairs := append([][2]string{{":method", method}, {":authority", "api.example"}, {":path", path}}, more...)
					r := request.NewRequest(pairs)
					before := without.Decide(without.NewState(Host{}), testNow, &r)
					after := with.Decide(with.NewState(Host{}), testNow, &r)
					target, _, _ := strings.Cut(path, "?")
					exact := target == metadataPath || target == wellKnownResource
					reply, ok := after.(*verdict.Reply)
					switch decided(before) {
					case "non_canonical_path", "connection_header", "forbidden":
						if exact {
							refused++
							exact = false
						}
					}
					if ok != exact {
						t.Fatalf("%s\n%s %q %v: %s with resources, %s without", rules, method, path, more, decided(after), decided(before))
					}
					if ok {
						if request.IsGRPC(&r) {
							method = "gRPC"
							if got := header(reply.Headers, "cache-control"); got != "no-store" {
								t.Fatalf("Envoy empties this reply, which is %s", got)
							}
						}
						answered[fmt.Sprint(method, " ", reply.Status)]++
						continue
					}
					if !reflect.DeepEqual(plainVerdict(after), plainVerdict(before)) {
						t.Fatalf("%s\n%s %q %v:\n%+v with resources\n%+v without", rules, method, path, more, after, before)
					}
				}
			}
		}
	}
	for _, want := range []string{"GET 200", "HEAD 200", "OPTIONS 204", "POST 405", "get 405", "DELETE 405", "CONNECT 405", " 405", "gRPC 405"} {
		if answered[want] == 0 {
			t.Errorf("no %s", want)
		}
		delete(answered, want)
	}
	if len(answered) > 0 || refused == 0 {
		t.Errorf("answers of another kind: %v; %d refused", answered, refused)
	}
}

// plainVerdict is a verdict to compare.
func plainVerdict(v verdict.Verdict) any {
	switch v := v.(type) {
	case *verdict.Allow:
		return verdict.Allow{
			Reason: v.Reason, Remove: append([]string{}, v.Remove...), Set: append([][2]string{}, v.Set...),
			State: append([][2]string{}, v.State...), Identity: v.Identity,
		}
	case *verdict.Deny:
		return *v
	}
	return v
}

// TestMetadataHasNoPath: a request without a path asks for none.
func TestMetadataHasNoPath(t *testing.T) {
	t.Parallel()
	p := mustParse(t, withResources(minimalConfig, ""))
	r := request.Request{Method: "CONNECT", Authority: "api.example", Path: metadataPath}
	if got := decided(p.Decide(p.NewState(Host{}), testNow, &r)); got != "missing" {
		t.Error(got)
	}
}

func TestMetadataDocument(t *testing.T) {
	t.Parallel()
	p := mustParse(t, `{"protected_resources":{
		"all":{"dpop_bound_access_tokens_required":false,"resource":"https://api.example/a\u0026b",
			"authorization_servers":["https://b.example/x","https://a.example"],"jwks_uri":"https://api.example/jwks?x=1",
			"scopes_supported":["read","write"],"bearer_methods_supported":["query","header"],"resource_signing_alg_values_supported":["ES256"],
			"resource_name":"Größe \"1\" </script>","resource_documentation":"http://docs.example/#a","resource_policy_uri":"https://docs.example/p",
			"resource_tos_uri":"https://docs.example/t","tls_client_certificate_bound_access_tokens":true,
			"authorization_details_types_supported":["payment"],"dpop_signing_alg_values_supported":["ES256","EdDSA"]},
		"least":{"resource":"http://localhost:8080"}},`+minimalConfig[1:])
	want := map[string]string{
		wellKnownResource: `{"resource":"http://localhost:8080","bearer_methods_supported":["header"]}`,
		wellKnownResource + "/a&b": `{"resource":"https://api.example/a&b","authorization_servers":["https://b.example/x","https://a.example"],` +
			`"jwks_uri":"https://api.example/jwks?x=1","scopes_supported":["read","write"],"bearer_methods_supported":["query","header"],` +
			`"resource_signing_alg_values_supported":["ES256"],"resource_name":"Größe \"1\" </script>","resource_documentation":"http://docs.example/#a",` +
			`"resource_policy_uri":"https://docs.example/p","resource_tos_uri":"https://docs.example/t","tls_client_certificate_bound_access_tokens":true,` +
			`"authorization_details_types_supported":["payment"],"dpop_signing_alg_values_supported":["ES256","EdDSA"],"dpop_bound_access_tokens_required":false}`,
	}
	for path, body := range want {
		r := request.NewRequest([][2]string{{":method", "GET"}, {":authority", "elsewhere.example"}, {":path", path}})
		reply, ok := p.Decide(p.NewState(Host{}), testNow, &r).(*verdict.Reply)
		if !ok || string(reply.Body) != body || !json.Valid(reply.Body) {
			t.Errorf("%s: %+v\n%s\nwant\n%s", path, reply, reply.Body, body)
		}
	}
}

// TestMetadataByHost: the host of the request chooses between resources of one
// path, and nothing is guessed where it chooses none.
func TestMetadataByHost(t *testing.T) {
	t.Parallel()
	p := mustParse(t, `{"protected_resources":{
		"a":{"resource":"https://A.example/mcp"},"b":{"resource":"https://b.example:8443/mcp"},"c":{"resource":"http://[::1]:9/mcp"},
		"alone":{"resource":"https://c.example"}},`+minimalConfig[1:])
	for _, c := range []struct{ authority, path, want string }{
		{"a.example", metadataPath, "https://A.example/mcp"},
		{"a.EXAMPLE:80", metadataPath, "https://A.example/mcp"},
		{"b.example", metadataPath, "https://b.example:8443/mcp"},
		{"[0:0::1]:9", metadataPath, "http://[::1]:9/mcp"},
		{"c.example", metadataPath, ""},
		{"", metadataPath, ""},
		{"a.example.", metadataPath, ""},
		{"a.example@b.example", metadataPath, ""},
		{"a.example,b.example", metadataPath, ""},
		{"a.example:b.example", metadataPath, ""},
		{"x.a.example", metadataPath, ""},
		{"whatever", wellKnownResource, "https://c.example"},
		{"a@b:c", wellKnownResource, "https://c.example"},
	} {
		r := request.NewRequest([][2]string{{":method", "GET"}, {":authority", c.authority}, {":path", c.path}})
		v := p.Decide(p.NewState(Host{}), testNow, &r)
		reply, ok := v.(*verdict.Reply)
		if !ok && c.want == "" && decided(v) == "missing" {
			continue
		}
		if want := `{"resource":"` + c.want + `",`; !ok || !strings.HasPrefix(string(reply.Body), want) {
			t.Errorf("%q %s: %s, want %s", c.authority, c.path, decided(v), want)
		}
	}
}

// TestChallengesNameMetadata: in every challenge that another token would
// answer, and in no other.
func TestChallengesNameMetadata(t *testing.T) {
	t.Parallel()
	const mcp, root = "https://api.example" + metadataPath, "https://api.example" + wellKnownResource
	for name, c := range map[string]struct{ config, want string }{
		"one resource":             {`{"protected_resources":{"a":{"resource":"https://api.example/mcp"}},` + minimalConfig[1:], mcp},
		"two":                      {withResources(minimalConfig, ""), ""},
		"two, one chosen":          {withResources(minimalConfig, `"protected_resource":"root",`), root},
		"two, an address":          {withResources(minimalConfig, `"resource_metadata":"https://x.example/?a=b",`), "https://x.example/?a=b"},
		"none, an address":         {`{"resource_metadata":"http://127.0.0.1:80/x",` + minimalConfig[1:], "http://127.0.0.1:80/x"},
		"none":                     {minimalConfig, ""},
		"of a rule":                {withResources(ruled(`"protected_resource":"mcp"`), `"protected_resource":"root",`), mcp},
		"an address of a rule":     {withResources(ruled(`"resource_metadata":"https://x.example"`), `"protected_resource":"root",`), "https://x.example"},
		"of the top, in a rule":    {withResources(ruled(`"access":"optional"`), `"protected_resource":"root",`), root},
		"of the only one, in rule": {`{"protected_resources":{"a":{"resource":"https://api.example/mcp"}},` + ruled(`"access":"token"`)[1:], mcp},
	} {
		p := mustParse(t, c.config)
		used := p.fallback
		if len(p.rules) > 0 {
			used = p.rules[0]
		}
		named := 0
		for reason := range verdict.Reason(verdict.NumReasons) {
			if reason.Allows() || reason.Answers() {
				if d := used.refusals.Get(reason, 0); d != verdict.Internal {
					t.Errorf("%s: a refusal for %s: %+v", name, reason, d)
				}
				continue
			}
			for format := range used.refusals {
				d := used.refusals.Get(reason, reply.BodyFormat(format))
				got := header(d.Headers, "www-authenticate")
				o := verdict.Effects[reason]
				want := ""
				if c.want != "" && (o.Status == 401 || o.Code == "insufficient_scope") {
					want = `, resource_metadata="` + c.want + `"`
					named++
				}
				if strings.Count(got, "resource_metadata") != strings.Count(want, "resource_metadata") || !strings.HasSuffix(got, want) {
					t.Errorf("%s, %s: %q, want %q at its end", name, reason, got, want)
				}
				if o.Status == 400 && got == "" {
					t.Errorf("%s, %s: no challenge: is this test blind?", name, reason)
				}
			}
		}
		if c.want != "" && named < 10 {
			t.Errorf("%s: only %d challenges name it", name, named)
		}
	}
}

// ruled is a configuration with one rule.
func ruled(members string) string {
	return strings.TrimSuffix(minimalConfig, "}") + `,"rules":[{` + members + `}]}`
}

// TestMetadataIsNotQuick: a good token does not take a request past the answer.
func TestMetadataIsNotQuick(t *testing.T) {
	t.Parallel()
	config := fmt.Sprintf(`{"providers":{"a":{"type":"static","tokens":[{"sha256":%q}]}}}`, digestOf("fake-token"))
	p := mustParse(t, withResources(config, ""))
	if !p.OnlyCredential() {
		t.Fatal("nothing is asked of Quick")
	}
	s := p.NewState(Host{})
	if p.Quick(s, testNow, "Bearer fake-token", "/mcp") == nil {
		t.Fatal("not even this is quick")
	}
	for _, path := range append(almostMetadata(), metadataPath, metadataPath+"?a", wellKnownResource, wellKnownResource+"?") {
		r := request.NewRequest([][2]string{{":method", "GET"}, {":authority", "api.example"}, {":path", path}, {"authorization", "Bearer fake-token"}})
		want := decided(p.Decide(s, testNow, &r))
		if a := p.Quick(s, testNow, "Bearer fake-token", path); a != nil && want != "token_valid" {
			t.Errorf("%q: quick, Decide says %s", path, want)
		}
	}
}

func TestMetadataAllocatesNothing(t *testing.T) {
	p := mustParse(t, withResources(minimalConfig, ""))
	s := p.NewState(Host{})
	r := request.NewRequest([][2]string{{":method", "GET"}, {":authority", "api.example"}, {":path", metadataPath}})
	if n := testing.AllocsPerRun(100, func() {
		if decided(p.Decide(s, testNow, &r)) != "metadata" {
			t.Fatal("not answered")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
