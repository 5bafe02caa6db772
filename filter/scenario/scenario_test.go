package scenario

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func parse(t *testing.T, text string) *Story {
	t.Helper()
	s, err := Parse("a_test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const jwt = `
config:
  providers:
    people: {type: jwt, issuer: "https://a.example", audiences: [api, web], types: [at+jwt], algorithms: [ES256, EdDSA], cluster: c, discovery: true}
    tenants: {type: jwt, issuer_template: "https://b.example/{tid}/", issuer_template_values: [t1], algorithms: [HS256], secret: "eHh4"}
    opaque: {type: introspection, introspection_uri: "https://c.example/i", cluster: c, token_prefix: tok_, token_min_length: 40}
    clients: {type: static, tokens: [{sha256: "00", subject: acme}, {sha256: "11"}]}
now: 2030-01-31T12:00:00Z
`

// part is the header or the payload of the token that a request sends.
func part(t *testing.T, r *Request, i int) map[string]any {
	t.Helper()
	token := strings.TrimPrefix(r.Headers[0][1], "Bearer ")
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[i])
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(raw, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

// TestTokens: a token is what its provider accepts, unless the story says otherwise.
func TestTokens(t *testing.T) {
	t.Parallel()
	s := parse(t, jwt+`
tokens:
  usual: {provider: people}
  own: {provider: people, alg: EdDSA, kid: k7, header: {typ: null}, claims: {aud: web, sub: null, n: 12345678901234567890}, expires: -3m, not_before: -10m, issued: -9m}
  tenant: {provider: tenants}
requests:
- {token: usual, expect: 200}
- {token: own, expect: 200}
- {token: tenant, expect: 200}
`)
	now := float64(time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC).Unix())
	usual, own, tenant := part(t, &s.Requests[0], 1), part(t, &s.Requests[1], 1), part(t, &s.Requests[2], 1)
	if usual["iss"] != "https://a.example" || usual["aud"] != "api" || usual["sub"] != "test" || usual["exp"] != now+600 || usual["iat"] != now {
		t.Errorf("usual claims %v", usual)
	}
	if header := part(t, &s.Requests[0], 0); header["typ"] != "at+jwt" || header["alg"] != "ES256" {
		t.Errorf("usual header %v", header)
	}
	if _, has := own["sub"]; has || own["aud"] != "web" || own["exp"] != now-180 || own["nbf"] != now-600 || own["iat"] != now-540 {
		t.Errorf("own claims %v", own)
	}
	if header := part(t, &s.Requests[1], 0); header["typ"] != nil || header["alg"] != "EdDSA" || header["kid"] != "k7" {
		t.Errorf("own header %v", header)
	}
	if tenant["iss"] != "https://b.example/t1/" || tenant["tid"] != "t1" {
		t.Errorf("claims of a template %v", tenant)
	}
	if !strings.Contains(string(s.Config), `"oct"`) || strings.Contains(string(s.Config), "eHh4") {
		t.Errorf("the secret of the configuration is not replaced: %s", s.Config)
	}
}

// TestReferences: a misspelt token in a path or a header is an error, not another text.
func TestReferences(t *testing.T) {
	t.Parallel()
	for request, want := range map[string]string{
		`{path: "/?t=${alcie}", expect: 401}`:                              "requests[0].path: want one of tokens in ${…}, got \"alcie\"",
		`{authority: "${alcie}", expect: 401}`:                             "requests[0].authority: want one of tokens",
		`{headers: {cookie: "a=${alice}; b=${alcie}"}, expect: 401}`:       "requests[0].headers.cookie: want one of tokens",
		`{token: alice, expect: {status: 200, upstream: {x: "${alcie}"}}}`: "requests[0].expect.upstream.x: want one of tokens",
		`{path: "/${jndi:ldap://a}${}{$}$", expect: 401}`:                  "",
		`{expect: "401"}`: "requests[0].expect: want a status such as 401, or an object",
		`{expect: [401]}`: "requests[0].expect: want a status such as 401, or an object",
	} {
		s, err := Parse("a_test.yaml", []byte(jwt+"tokens: {alice: {provider: people}}\nrequests: ["+request+"]\n"))
		switch {
		case want == "" && (err != nil || s.Requests[0].Path != "/${jndi:ldap://a}${}{$}$"):
			t.Errorf("%s: %v", request, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %s", request, err, want)
		}
	}
}

// TestAnswers: the servers publish the keys of the test and know its tokens.
func TestAnswers(t *testing.T) {
	t.Parallel()
	s := parse(t, jwt+`
tokens:
  a: {provider: people}
  session: {provider: opaque, claims: {scope: read}}
requests: [{token: session, expect: 200}]
`)
	metadata := s.Answer("a.example", "/.well-known/openid-configuration", "")
	if !strings.Contains(metadata.Body, `"issuer":"https://a.example"`) {
		t.Errorf("metadata %+v", metadata)
	}
	if keys := s.Answer("a.example", "/bearerauth-test/people", ""); strings.Count(keys.Body, `"kid"`) != 2 {
		t.Errorf("keys %+v, want two", keys)
	}
	token := strings.TrimPrefix(s.Requests[0].Headers[0][1], "Bearer ")
	if !strings.HasPrefix(token, "tok_") || len(token) < 40 {
		t.Errorf("token %s, want the form of the provider", token)
	}
	if known := s.Answer("c.example", "/i", "token="+token); !strings.Contains(known.Body, `"active":true`) || !strings.Contains(known.Body, `"scope":"read"`) {
		t.Errorf("known token: %+v", known)
	}
	if unknown := s.Answer("c.example", "/i", "token=other"); unknown.Body != `{"active":false}` {
		t.Errorf("unknown token: %+v", unknown)
	}
	if elsewhere := s.Answer("c.example", "/other", ""); elsewhere.OK {
		t.Errorf("an address that the configuration does not have: %+v", elsewhere)
	}
}

// TestStandIn: a static token needs no secret, and the digests of others stay.
func TestStandIn(t *testing.T) {
	t.Parallel()
	s := parse(t, jwt+"tokens: {acme: {provider: clients, subject: acme}}\nrequests: [{token: acme, expect: 200}]\n")
	if c := string(s.Config); strings.Contains(c, `"00"`) || !strings.Contains(c, `"11"`) {
		t.Errorf("configuration %s", c)
	}
	s = parse(t, jwt+"tokens: {second: {provider: clients, entry: 1}}\nrequests: [{token: second, expect: 200}]\n")
	if c := string(s.Config); !strings.Contains(c, `"00"`) || strings.Contains(c, `"11"`) {
		t.Errorf("configuration %s", c)
	}
}

// TestNames: a request without a name gets one without the text of a token.
func TestNames(t *testing.T) {
	t.Parallel()
	s := parse(t, jwt+"tokens: {a: secret-text}\nrequests: [{path: \"/?t=${a}\", headers: {x-a: \"${a}\"}, expect: 200}]\n")
	r := &s.Requests[0]
	if r.Path != "/?t=secret-text" || r.Headers[0][1] != "secret-text" || strings.Contains(r.Name, "secret") {
		t.Errorf("%+v", r)
	}
}

func TestWrongStories(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"requests: []":                                   "want at least one item",
		"requests: [{expect: 200}]":                      "config: want the configuration",
		"config: absent.yaml\nrequests: [{expect: 200}]": "no such file",
		jwt:                                     "requests: want at least one request",
		jwt + "requests: [{path: /}]":           "requests[0].expect: want the status",
		jwt + "requests: [{expect: 200, x: 1}]": "requests[0].x: unknown member",
		jwt + "requests: [{expect: {}}]":        "want a status or a reason",
		jwt + "requests: [{expect: 99}]":        "want a whole number from 100 to 599",
		jwt + "tokens: {a: {key: x}}\nrequests: [{expect: 200}]":                                  "tokens.a.key: want one of keys",
		jwt + "tokens: {a: {provider: clients}}\nrequests: [{expect: 200}]":                       "want exactly one token of the provider, got 2",
		jwt + "tokens: {a: {provider: people, expires: soon}}\nrequests: [{expect: 200}]":         "want a duration such as",
		jwt + "tokens: {a: {provider: clients, entry: 0, forged: true}}\nrequests: [{expect: 1}]": "allowed only for a JWT",
		jwt + "servers: {unknown: {status: 500}}\nrequests: [{expect: 200}]":                      "servers.unknown: want one of the configuration's providers",
		jwt + "revocations: {entries: []}\nrequests: [{expect: 200}]":                             "it has no revocations.uri",
		jwt + "ignore: [{warning: dotted-claim}]\nrequests: [{expect: 200}]":                      "ignore[0].reason: want",
		jwt + "keys: {a: {alg: none}}\nrequests: [{expect: 200}]":                                 "keys.a.alg: want one of",
		"a: 1\n---\nb: 2": "want one document",
	} {
		_, err := Parse("a_test.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot %v, want %s", text, err, want)
		}
	}
}

// TestConfigFile: a path begins at the test's folder; of several configurations a part of
// the name chooses one.
func TestConfigFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one := func(name string) string {
		return "kind: WasmPlugin\nmetadata: {name: " + name + "}\nspec: {pluginConfig: {realm: " + name + ", providers: {}}}\n"
	}
	for name, text := range map[string]string{
		"all.yaml":        one("first") + "---\n" + one("second"),
		"t/a_test.yaml":   "config: ../all.yaml#second\nrequests: [{expect: 200}]\n",
		"t/b_test.yaml":   "config: ../all.yaml\nrequests: [{expect: 200}]\n",
		"t/none.yaml":     "kind: Service\n",
		"t/none_test.yml": "config: none.yaml\nrequests: [{expect: 200}]\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Read(filepath.Join(dir, "t/a_test.yaml"))
	if err != nil || !strings.Contains(string(s.Config), `"second"`) {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := Read(filepath.Join(dir, "t/b_test.yaml")); err == nil || !strings.Contains(err.Error(), "all.yaml#first") {
		t.Errorf("%v, want a hint how to choose", err)
	}
	if _, err := Read(filepath.Join(dir, "t/none_test.yml")); err == nil || !strings.Contains(err.Error(), "no configuration of the filter") {
		t.Errorf("%v, want no configuration", err)
	}
}

func TestLoadNothing(t *testing.T) {
	t.Parallel()
	if _, err := Load(t.TempDir()); err == nil {
		t.Error("want an error where there are no stories: tests of none show nothing")
	}
}

// TestServers: what servers says replaces what a server would answer.
func TestServers(t *testing.T) {
	t.Parallel()
	s := parse(t, jwt+`
keys: {k: {alg: ES256}}
tokens: {a: {provider: people}, session: {provider: opaque}}
servers:
  people: {jwks: {keys: []}}
  opaque: {tokens: {session: {active: true, sub: zoe}, verbatim: {active: true}}}
requests: [{token: session, expect: 200}]
`)
	if keys := s.Answer("a.example", "/bearerauth-test/people", ""); keys.Body != `{"keys":[]}` {
		t.Errorf("keys %+v", keys)
	}
	token := strings.TrimPrefix(s.Requests[0].Headers[0][1], "Bearer ")
	for text, want := range map[string]string{token: `{"active":true,"sub":"zoe"}`, "verbatim": `{"active":true}`} {
		if got := s.Answer("c.example", "/i", "token="+text); got.Body != want {
			t.Errorf("%s: %+v, want %s", text, got, want)
		}
	}
	s = parse(t, jwt+"servers: {people: {status: 503}, opaque: {unreachable: true}, tenants: {keys: [k]}}\nkeys: {k: {alg: HS256}}\nrequests: [{expect: 200}]\n")
	if a := s.Answer("a.example", "/.well-known/openid-configuration", ""); a.Status != 503 || !a.OK {
		t.Errorf("%+v, want 503", a)
	}
	if a := s.Answer("c.example", "/i", "token=x"); a.OK {
		t.Errorf("%+v, want no answer", a)
	}
	if c := string(s.Config); !strings.Contains(c, `"kid":"k"`) || strings.Contains(c, "eHh4") {
		t.Errorf("keys of the configuration are not replaced: %s", c)
	}
}

// TestOnlyConfig: a story runs in a real Envoy unless it has servers that answer, or a
// clock or an environment of its own.
func TestOnlyConfig(t *testing.T) {
	t.Parallel()
	config, _, _ := strings.Cut(jwt, "now:")
	for more, want := range map[string]bool{
		"requests: [{expect: 401}]":                                                  true,
		"tokens: {a: {provider: tenants}}\nrequests: [{expect: 401}]":                true,
		"tokens: {a: {provider: clients, subject: acme}}\nrequests: [{expect: 401}]": true,
		"tokens: {a: {provider: people}}\nrequests: [{expect: 401}]":                 false,
		"tokens: {a: {provider: opaque}}\nrequests: [{expect: 401}]":                 false,
		"servers: {people: {unreachable: true}}\nrequests: [{expect: 401}]":          false,
		"now: 2030-01-31T12:00:00Z\nrequests: [{expect: 401}]":                       false,
		"environment: {A: b}\nrequests: [{expect: 401}]":                             false,
		"requests: [{expect: 401, after: 1m}]":                                       false,
	} {
		if got := parse(t, config+more+"\n").OnlyConfig(); got != want {
			t.Errorf("%s: %v, want %v", more, got, want)
		}
	}
}
