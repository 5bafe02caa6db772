package check_test

import (
	"strings"
	"testing"

	"bearerauth/cmd/check"
	"bearerauth/filter/scenario"
	"bearerauth/filter/source"
)

func find(t *testing.T, text string, stories ...*scenario.Story) []check.Finding {
	t.Helper()
	f, err := source.Parse("a.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Configs) != 1 {
		t.Fatalf("%d configurations in\n%s", len(f.Configs), text)
	}
	return check.Config(f.Configs[0], stories)
}

const static = `
providers:
  clients: {type: static, tokens: [{sha256: "912c06ab360d801c4dd8cd47f0cf8bc5f138becbd2bec82994b9c67b2cd1de61", scopes: [read]}]}
`

func jwt(more string) string {
	return `
providers:
  people: {type: jwt, issuer: "https://a.example", algorithms: [RS256], cluster: c, jwks_uri: "https://a.example/keys", ` + more + `}
`
}

func introspection(more string) string {
	return `
providers:
  opaque: {type: introspection, introspection_uri: "https://a.example/i", cluster: c, client_id: a, client_secret: fake, ` + more + `}
`
}

// TestWarnings: each warning is raised where it should be, and not beside it.
func TestWarnings(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ raised, silent []string }{
		"anonymous-catch-all": {
			[]string{static + `rules: [{access: anonymous}]`, static + `rules: [{match: {path_prefix: /}, access: insecure_presence_only}]`},
			[]string{static + `rules: [{match: {path_prefix: /, methods: [GET]}, access: anonymous}]`, static + `rules: [{access: optional}]`},
		},
		"client-chosen-match": {
			[]string{static + `rules: [{match: {headers: [{name: x-a, equal: b}]}, access: deny}]`, static + `rules: [{match: {query: [{name: a, regex: b}]}, scopes: [read]}]`},
			[]string{static + `rules: [{match: {headers: [{name: x-a, present: true}]}, access: deny}]`, static + `rules: [{match: {headers: [{name: x-a, equal: b}]}, access: anonymous}]`, static + `rules: [{match: {headers: [{name: x-a, equal: b}]}, details: {forbidden: closed}}]`},
		},
		"cluster-without-tls": {
			[]string{strings.Replace(jwt("audiences: [a]"), "https://a.example/keys", "http://a.example/keys", 1)},
			[]string{jwt("audiences: [a]")},
		},
		"dotted-claim": {
			[]string{static + `claim_headers: [{claim: a.b, header: x-a}]`, static + `rules: [{claims: [{claim: a.b, exists: true}]}]`, jwt("audiences: [a], scope_claims: [{claim: a.b}]")},
			[]string{static + `claim_headers: [{claim: "https://a.example/b.c", header: x-a}]`, static + `claim_headers: [{claim: [a.b, c], header: x-a}]`},
		},
		"expired-token": {
			[]string{strings.Replace(static, "scopes:", `expires: "2020-01-31T00:00:00Z", scopes:`, 1)},
			[]string{strings.Replace(static, "scopes:", `expires: "2999-01-31T00:00:00Z", scopes:`, 1)},
		},
		"fails-open": {
			[]string{
				strings.Replace(plugin, "failure_policy: FAIL_RELOAD", "failure_policy: FAIL_OPEN", 1), strings.Replace(plugin, "failure_policy: FAIL_RELOAD", "failOpen: true", 1),
				istio + ", failStrategy: FAIL_OPEN}", gateway + ", failOpen: true}]}",
			},
			[]string{plugin, istio + "}", istio + ", failStrategy: FAIL_CLOSE}", gateway + "}]}", gateway + ", failOpen: false}]}"},
		},
		"introspection-without-shape": {
			[]string{introspection("timeout: 1s"), introspection("only_after_verify: false")},
			[]string{introspection("token_prefix: a_"), introspection("token_regex: a+"), introspection("token_min_length: 20")},
		},
		"issuer-without-audiences": {
			[]string{jwt("timeout: 1s"), jwt("required_claims: [{claim: typ, values: [a]}]")},
			[]string{jwt("audiences: [a]"), jwt("required_claims: [{claim: client_id, values: [a]}]")},
		},
		"key-not-used": {
			[]string{`
providers:
  a: {type: jwt, issuer: "https://a.example", audiences: [a], jwks: {keys: [
    {kty: OKP, crv: Ed25519, alg: EdDSA, kid: a, x: FWzl2qaN95mq5z4_qNjxw0TuoRoArPB8OWr0dK6rhAU},
    {kty: OKP, crv: Ed25519, alg: EdDSA, kid: b, use: enc, x: FWzl2qaN95mq5z4_qNjxw0TuoRoArPB8OWr0dK6rhAU}]}}
`},
			[]string{static},
		},
		"offline-access": {
			[]string{static + `protected_resources: {a: {resource: "https://a.example", scopes_supported: [offline_access]}}`},
			[]string{static + `protected_resources: {a: {resource: "https://a.example", scopes_supported: [read]}}`},
		},
		"optional-before-token": {
			[]string{static + `rules: [{match: {path_prefix: /a, methods: [GET]}, access: optional}, {match: {path: /a/b}, scopes: [read]}]`, static + `rules: [{match: {path: /a, methods: [GET]}, access: optional}, {match: {path_prefix: /}}]`},
			[]string{static + `rules: [{match: {path_prefix: /a, methods: [GET]}, access: optional}, {match: {path: /ab}}]`, static + `rules: [{match: {path_prefix: /a, methods: [GET]}, access: optional}, {match: {path: /a/b, methods: [POST]}}]`, static + `rules: [{match: {path: /a/b}}, {match: {path_prefix: /a}, access: optional}]`},
		},
		"resource-without-audience": {
			[]string{jwt("audiences: [a]") + `protected_resources: {a: {resource: "https://a.example"}}`},
			[]string{jwt(`audiences: ["https://a.example"]`) + `protected_resources: {a: {resource: "https://a.example"}}`, static + `protected_resources: {a: {resource: "https://a.example"}}`},
		},
		"shadow-before-rules": {
			[]string{static + `rules: [{match: {path_prefix: /a, methods: [GET]}, shadow: true}, {match: {path: /a/b}, access: deny}]`},
			[]string{static + `rules: [{match: {path_prefix: /a}, shadow: true}]`, static + `rules: [{match: {path: /a}, shadow: true}, {match: {path: /b}, access: deny}]`},
		},
		"unknown-scope": {
			[]string{static + `rules: [{scopes: [raed]}]`, static + `rules: [{any_scopes: [read, write]}]`},
			[]string{static + `rules: [{scopes: [read]}]`, jwt("audiences: [a]") + `rules: [{scopes: [any]}]`},
		},
	}
	for _, w := range check.Warnings {
		c, ok := cases[w.Name]
		if !ok {
			t.Errorf("no test of %s", w.Name)
		}
		for i, text := range append(c.raised, c.silent...) {
			want, got := i < len(c.raised), false
			for _, f := range find(t, text) {
				if f.Warning == "" {
					t.Errorf("%s: a problem: %s\n%s", w.Name, f.String(), text)
				}
				got = got || f.Warning == w.Name
			}
			if got != want {
				t.Errorf("%s: raised is %v, want %v\n%s", w.Name, got, want, text)
			}
		}
	}
}

// The configuration inside the manifests of hosts.
const (
	inline  = `{providers: {apps: {type: static, tokens: [{sha256: "912c06ab360d801c4dd8cd47f0cf8bc5f138becbd2bec82994b9c67b2cd1de61"}]}}}`
	plugin  = "failure_policy: FAIL_RELOAD\nvm_config: {}\nconfiguration: {\"@type\": type.googleapis.com/google.protobuf.Struct, value: " + inline + "}\n"
	istio   = "kind: WasmPlugin\nmetadata: {name: bearerauth}\nspec: {pluginConfig: " + inline
	gateway = "kind: EnvoyExtensionPolicy\nmetadata: {name: bearerauth}\nspec: {wasm: [{config: " + inline
)

// about is a policy test of a configuration, with more members.
func about(t *testing.T, config, more string) *scenario.Story {
	t.Helper()
	text := "config:\n " + strings.ReplaceAll(strings.TrimSpace(config), "\n", "\n ") + "\n" + more + "\nrequests: [{expect: 401}]\n"
	story, err := scenario.Parse("a_test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return story
}

// TestIgnored: a policy test accepts a warning by its name, and only at its path.
func TestIgnored(t *testing.T) {
	t.Parallel()
	text := static + `rules: [{scopes: [a]}]`
	for path, want := range map[string]int{"": 0, `, path: "rules[0].scopes[0]"`: 0, `, path: "rules[1].scopes[0]"`: 1} {
		story := about(t, static, "ignore: [{warning: unknown-scope, reason: a test"+path+"}]")
		if got := find(t, text, story); len(got) != want {
			t.Errorf("path%s: %v, want %d", path, got, want)
		}
	}
}

// TestScopesOfTests: a scope is known if a policy test makes a token with it.
func TestScopesOfTests(t *testing.T) {
	t.Parallel()
	text := jwt("audiences: [a]") + `rules: [{scopes: [write]}]`
	for scope, want := range map[string]int{"write": 0, "read": 1} {
		story := about(t, text, "tokens: {a: {provider: people, claims: {scope: "+scope+"}}}")
		if got := find(t, text, story); len(got) != want {
			t.Errorf("%s: %v, want %d", scope, got, want)
		}
	}
}

// TestSecrets: no finding shows a secret.
func TestSecrets(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"providers: {a: {type: static, tokens: [{THE-SECRET-TOKEN: alice}]}}",
		"providers: {a: {type: static, tokens: [{sha256: THE-SECRET-TOKEN}]}}",
		strings.Replace(introspection("a: b"), "client_secret: fake", "client_secret: {x: THE-SECRET-TOKEN}", 1),
		strings.Replace(introspection("a: b"), "client_secret: fake", "client_secret_environment: THE-SECRET-TOKEN, token_prefixx: a", 1),
	} {
		for _, f := range find(t, text) {
			if strings.Contains(f.String(), "THE-SECRET") {
				t.Errorf("%s\n%s", f.String(), text)
			}
		}
	}
}
