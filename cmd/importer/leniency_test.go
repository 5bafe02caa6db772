package importer

import (
	"strings"
	"testing"

	jwtauthn "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// TestEnvoyForms: each form that Envoy's reader of YAML takes means the same as the form
// that Go's reader takes.
func TestEnvoyForms(t *testing.T) {
	t.Parallel()
	const strict = `
providers:
  a:
    issuer: https://a.example
    audiences: [api]
    from_headers: [{name: x-a, value_prefix: "A "}]
    forward: true
    clock_skew_seconds: 30
    max_lifetime: 3600s
    remote_jwks:
      http_uri: {uri: "https://a.example/keys", cluster: a, timeout: 1.5s}
      cache_duration: 300s
      retry_policy: {num_retries: 2}
rules:
- match: {prefix: /a, case_sensitive: false, headers: [{name: x-h, string_match: {exact: h}}]}
  requires: {provider_name: a}
`
	want, err := Envoy([]byte(strict))
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		"cache_duration: 300s":                             "cache_duration: {seconds: 300}",
		"cache_duration":                                   "cacheDuration",
		"timeout: 1.5s":                                    "timeout: {seconds: 1, nanos: 500000000}",
		"max_lifetime: 3600s":                              `max_lifetime: {seconds: "3600"}`,
		"audiences: [api]":                                 "audiences: api",
		`[{name: x-a, value_prefix: "A "}]`:                `{name: x-a, valuePrefix: "A "}`,
		"forward: true":                                    `forward: "true"`,
		"clock_skew_seconds: 30":                           `clockSkewSeconds: "30"`,
		"num_retries: 2":                                   "num_retries: {value: 2}",
		"case_sensitive: false":                            "case_sensitive: {value: false}",
		"headers: [{name: x-h, string_match: {exact: h}}]": "headers: {name: x-h, string_match: {exact: h}}",
		"- match: {prefix: /a":                             "  match: {prefix: /a",
	} {
		text := strings.Replace(strict, from, to, 1)
		got, err := Envoy([]byte(text))
		if text == strict || err != nil || string(got.Config) != string(want.Config) || len(got.Left) != len(want.Left) {
			t.Errorf("%s: %v\n%s", to, err, got.Config)
		}
	}
	for from, to := range map[string][2]string{
		"cache_duration: 300s":           {"cache_duration: {seconds: 300, minutes: 1}", "providers.a.remote_jwks.cache_duration: "},
		"timeout: 1.5s":                  {"timeout: 1.5", "providers.a.remote_jwks.http_uri.timeout: "},
		"audiences: [api]":               {"audiences: [api, 7]", "providers.a.audiences[1]: "},
		"forward: true":                  {`forward: "yes"`, "providers.a.forward: "},
		"name: x-a":                      {"nam: x-a", "providers.a.from_headers[0].nam: unknown field"},
		"clock_skew_seconds: 30":         {"clock_skew_seconds: -30", "providers.a.clock_skew_seconds: "},
		"string_match: {exact: h}":       {"string_match: {exact: [h]}", "rules[0].match.headers[0].string_match.exact: "},
		"requires: {provider_name: a}":   {"requires: {providerName: a, provider_names: a}", "rules[0].requires.provider_names: unknown field"},
		"issuer: https://a.example":      {"issuer: 7", "providers.a.issuer: "},
		"  a:\n    issuer":               {"  a: [x]\n  b:\n    issuer", "providers.a: "},
		"retry_policy: {num_retries: 2}": {"retry_policy: 2", "providers.a.remote_jwks.retry_policy: "},
	} {
		text := strings.Replace(strict, from, to[0], 1)
		if _, err := Envoy([]byte(text)); text == strict || err == nil || !strings.Contains(err.Error(), "JwtAuthentication: "+to[1]) {
			t.Errorf("%s: want an error that begins with %q, got %v", to[0], to[1], err)
		}
	}
}

// TestCanonicalFormsStay: what Go's reader takes, it takes for the same after canonical.
func TestCanonicalFormsStay(t *testing.T) {
	t.Parallel()
	var want, got jwtauthn.JwtAuthentication
	if err := protojson.Unmarshal([]byte(everywhere), &want); err != nil {
		t.Fatal(err)
	}
	if err := envoyProto([]byte(everywhere), &got); err != nil || !proto.Equal(&want, &got) {
		t.Errorf("%v\n%v\nwant\n%v", err, &got, &want)
	}
	const rule = `{"rules": [{"match": {"runtime_fraction": {"default_value": {"denominator": %}}}}]}`
	for _, denominator := range []string{`"TEN_THOUSAND"`, `1`, `"1"`} {
		var m jwtauthn.JwtAuthentication
		err := envoyProto([]byte(strings.Replace(rule, "%", denominator, 1)), &m)
		if err != nil || m.Rules[0].Match.RuntimeFraction.DefaultValue.Denominator != typev3.FractionalPercent_TEN_THOUSAND {
			t.Errorf("%s: %v", denominator, err)
		}
	}
}
