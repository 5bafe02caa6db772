package schema

import (
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"bearerauth/filter/corpus"
	"bearerauth/filter/policy"
	configuration "bearerauth/filter/policy/config"
)

// parserOnlyMessages begin what only the parser can find wrong, in JSON that
// readers read alike. Each has to come up.
var parserOnlyMessages = []string{
	"want one of the rule's own providers, got ",
	"want scopes, any_scopes, claims, or not all providers of the rule: ",
	"duplicate token: ",
	"can never apply: ",
	"want another header: ",
	"want another filter state: ",
	"want a header that the filter does not set itself",
	"want one of the providers, got ",
	"want one of the protected resources, got ",
	"want another host and path: ",
	"want a time after not_before",
	"want a regular expression (RE2)",
	"want only an IPv6 address in brackets",
	"want a string of 1 to 1024 bytes", // a schema counts characters
	"want other audiences or key_ids: ",
	"want providers with different token_locations: ",
	"want the same header and prefix: ",
	"want at most 8 different cookies and query parameters in all",
	"required: the provider ",
	"no provider accepts tokens of this issuer",
	"want a provider of type jwt: ",
	"want at least refresh",
	"want the algorithms to accept: the keys do not name one",
	"want only algorithms of these keys, ",
	"want the name of an environment variable that the VM has",
	"want a prefix that distinguishes these tokens from those of the provider ",
	"want issuers of no provider of type jwt: ",
	"want at least token_min_length",
	"want a secret of 1 to 16384 bytes", // a schema counts characters
	"want the name of a provider of type introspection, got ",
	"want a provider of type jwt that names this provider in introspect_after_verify",
	"a forged token without a kid would be checked with ", // the cost of keys is summed up
	"a forged token with the kid ",                        // the same
	"no key of the JWK Set can be used: ",                 // see parserOnlyKey
	"want a duration from ",                               // see parserOnlyDuration
}

// Of the messages about keys and durations these only: the others a schema sees.
var (
	parserOnlyKey = regexp.MustCompile(`\[\d+\] (want a point on the curve|want an odd RSA modulus|want an odd RSA exponent|` +
		`want a canonical point|want a smaller RSA exponent|an Ed25519 key of small order|want an RSA modulus)`)
	parserOnlyDuration = regexp.MustCompile(`, got "[0-9]{1,9}(ms|s|m|h)"$`)
)

// hostileStrings take the place of every string: each is wrong, or a border
// case, somewhere.
var hostileStrings = []string{
	"", " ", "x", "X", "a b", "a/b", "a.b", "ä", "\u0080", "\u0000", "\t", "\n", "\u007f", "\U0001F600", `"`, `\`, "%", "-", "_",
	"sub", "scope", "token", "deny", "optional", "anonymous", "insecure_presence_only", "static", "clients",
	"GET", "get", "Get", "PURGE", "purge", "host", "Host", "HOST", "te", "te_", "cookie", "keep_alive", "x-envoy-a", "x_envoy_a", "x-envoy", ":path",
	"/", "//", "/a", "/a/", "/a//", "/a/.", "/a/..", "/%2e", "/%2E./a", "/...", "/a?", "/a#", "/a;b", `/a\`, "/a b", "/a%20b", "/%", "/%1", "/%1f", "/%7f", "/%7F", "/%80",
	"/%23", "/%25", "/%2f", "/%2F", "/%3b", "/%3F", "/%5c", "/%2a", "/%24", "/%3e", "/%5B", "/%C3%A4", "/%c3", "/%c3ä", "/%E0%9F%BF", "/%ED%9F%BF", "/%ED%A0%80", "/%F4%8F%BF%BF", "/%F4%90%80%80", "/%f1%80%80%80", "/ä",
	"/*", "/{*}", "/**", "/{**}", "/**/", "/*/a", "/a*", "/***", "/{a}", "/{*", "/[", "/<", "/^", "/`", "/|", "/'(),", "/:@!$&+=",
	"*", "*.", "*.a", "*.a.", "a.", ".a", "a..b", "a:1", "*.*.a", "[::1]", "[::]", "[:]", "[1::2::3]", "[::ffff:192.0.2.1]", "[fe80::1%a]", "[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7:8:9]", "[12345::]", "::1", "[]",
	"(", ")", "a)|(b", "[", `\Qa`, "(?=a)", "(?i)a", ".*",
	"2030-01-31T00:00:00Z", "2030-02-30T00:00:00Z", "2030-01-31t00:00:00z", "2030-01-31T00:00:00+23:59", "2030-01-31T00:00:00-24:00", "2030-01-31T00:00:00,5Z", "2030-01-31T00:00:00.5Z",
	"2030-01-31T1:00:00Z", "2016-12-31T23:59:60Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+23:00", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
	strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 65), strings.Repeat("a", 128), strings.Repeat("a", 129), strings.Repeat("a", 1024), strings.Repeat("a", 1025),
	strings.Repeat("é", 600), strings.Repeat("a.", 126) + "a", strings.Repeat("a.", 127) + "a", "*" + strings.Repeat(".a", 126) + "a", "*" + strings.Repeat(".a", 127),
	strings.Repeat("0", 63), strings.Repeat("0", 64) + " ", strings.Repeat("A", 64), strings.Repeat("g", 64), strings.Repeat("é", 64),
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"0s", "1s", "1m", "10m", "9h", "9999h", "1", "s", "-1s", "+1s", "1.5s", "1d", "1m30s", "1 s", "1S", "000000001s", "0000000001s", "5124096h", "1ms",
	"none", "RS256", "rs256", "ES256", "EdDSA", "HS256", "HS512", "ES256K", "at+jwt", "application/jwt", "a/b/c", "/jwt", "jwt/",
	"https://a", "https://a.", "http://localhost", "http://localhost:", "http://127.0.0.1:8/a/..", "https://[::1]:12345/a", "https://[::2]", "https://a/b//", "https://a/./b", "https://a/.b/",
	"https://a/b;c", "https://a/%41", "https://a/~!$&'()*+,=:@-", "https://a:123456", "https://a?", "https://a/\"", "https://a/|", "http://a#b", "http:///a", "https://a\\b", "http://?", "header", "body",
	"http://a/b?c", "https://a/#", "https://u@a", "https://", "https://?", "ftp://a", "HTTPS://a", "https://a:1/", "a:1",
	"https://a/{b}", "https://{b}/", "{b}", "a{b}c}", "a{b{c}", "a{}", "a{ b}", "a{b }", "a{b}\n", "https://a?{b}", "https://a@{b}/",
	"-----BEGIN PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----", "-----BEGIN PRIVATE KEY-----",
	"-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----",
	"{}", "[]", `{"keys":[]}`, `{"keys":[{}]}`, "AA", "AB", "AQAB", strings.Repeat("A", 43), strings.Repeat("A", 86), strings.Repeat("a", 257),
	"RSA", "EC", "OKP", "oct", "sig", "enc", "P-256", "P-384", "Ed25519", "BEARERAUTH_TEST_SECRET", "BEARERAUTH_TEST_SHORT", "A=B",
}

// wrongValues take the place of every value.
var wrongValues = []any{
	nil, true, false, 0.0, 1.5, "x", "",
	[]any{},
	[]any{nil},
	[]any{""},
	[]any{"x"},
	[]any{"x", "x"},
	[]any{0.0},
	[]any{[]any{}},
	[]any{map[string]any{}},
	map[string]any{},
	map[string]any{"x": "x"},
	map[string]any{"": "x"},
	map[string]any{"x": nil},
	map[string]any{"x": map[string]any{}},
}

// members are added to every object.
var members = map[string][]any{
	"unknown":                           {true},
	"access":                            {"token", "deny", "optional", "anonymous", "insecure_presence_only"},
	"providers":                         {[]any{"clients"}, []any{"people"}},
	"scopes":                            {[]any{"a"}, []any{"a", "a"}},
	"insecure_forward_unverified_token": {true, false},
	"forward_authorization":             {true, false},
	"details":                           {map[string]any{}, map[string]any{"forbidden": "x"}},
	"rules":                             {[]any{map[string]any{}}, []any{map[string]any{}, map[string]any{}}},
	"path":                              {"/added"},
	"path_prefix":                       {"/added"},
	"path_template":                     {"/added/*"},
	"path_regex":                        {"/added.*"},
	"methods":                           {[]any{"GET"}},
	"hosts":                             {[]any{"added.example"}},
	"present":                           {true, false},
	"equal":                             {"x", ""},
	"regex":                             {"x", ""},
	"subject_header":                    {"x-auth-token", "x-added"},
	"token_header":                      {"x-auth-token"},
	"headers":                           {[]any{map[string]any{"name": "X_Auth_Token", "present": true}}},
	"query":                             {[]any{map[string]any{"name": "a", "present": true}}},
	"not_before":                        {"2030-01-31T00:00:00Z", "2150-01-01T00:00:00Z"},
	"expires":                           {"2030-01-31T00:00:00Z", "1980-01-01T00:00:00Z"},
	"attributes":                        {map[string]any{"a": "b"}, map[string]any{}},
	"subject":                           {"added"},
	"type":                              {"static", "jwt", "introspection"},
	"introspect_after_verify":           {"key", "added"},
	"introspection_uri":                 {"https://added.example/introspect"},
	"client_authentication":             {"client_secret_basic", "bearer", "private_key_jwt", "none"},
	"client_secret":                     {"fake-added", "fake added"},
	"client_secret_environment":         {"BEARERAUTH_TEST_SECRET", "BEARERAUTH_TEST_EMPTY"},
	"private_key":                       {"-----BEGIN PRIVATE KEY-----", "fake"},
	"private_key_environment":           {"BEARERAUTH_TEST_SECRET"},
	"private_key_id":                    {"added"},
	"assertion_audience":                {"added"},
	"signed_response":                   {map[string]any{"issuer": "added", "algorithms": []any{"RS256"}, "jwks_uri": "https://added.example/keys", "cluster": "added"}},
	"audience":                          {"added", ""},
	"max_age":                           {"0s", "1m", "11m"},
	"jwts":                              {"never", "of_issuers"},
	"only_after_verify":                 {true, false},
	"token_prefix":                      {"added_"},
	"token_min_length":                  {4096.0, 16385.0},
	"token_max_length":                  {16384.0, 1.0, 0.0},
	"token_regex":                       {"[a-z]+", "("},
	"max_calls":                         {2.0, 1.0, 1001.0},
	"cache_bytes":                       {65536.0, 65535.0},
	"tokens":                            {[]any{}},
	"issuer":                            {"https://added.example", "added"},
	"issuers":                           {[]any{"https://added.example"}, []any{"a", "b"}},
	"issuer_template":                   {"https://a/{tid}"},
	"issuer_template_values":            {[]any{"a"}, []any{"a", "b"}},
	"audiences":                         {[]any{"added"}},
	"insecure_any_issuer_and_audience":  {true, false},
	"insecure_allow_no_expiry":          {true, false},
	"max_lifetime":                      {"1h", "0s"},
	"algorithms":                        {[]any{"RS256"}, []any{"HS256", "HS512"}, []any{"ES256", "none"}},
	"jwks":                              {map[string]any{"keys": []any{}}, `{"keys":[]}`},
	"pem":                               {"-----BEGIN PUBLIC KEY-----"},
	"secret":                            {strings.Repeat("A", 43), strings.Repeat("A", 86), ""},
	"secret_environment":                {"BEARERAUTH_TEST_SECRET", "missing"},
	"jwks_uri":                          {"https://added.example/keys"},
	"discovery":                         {true, false},
	"cluster":                           {"added"},
	"jwks_clusters":                     {map[string]any{"added.example": "added"}, map[string]any{}},
	"timeout":                           {"1s"},
	"refresh":                           {"20m", "1s"},
	"min_refresh":                       {"1s"},
	"max_refresh":                       {"20m", "5m"},
	"max_stale":                         {"1h", "5m"},
	"alg":                               {"RS256", "ES256", "HS512", "none"},
	"use":                               {"sig", "enc"},
	"key_ops":                           {[]any{"verify"}, []any{"sign"}},
	"kid":                               {"added", 1.0},
	"crv":                               {"P-256", "P-521", "Ed25519", "X25519"},
	"d":                                 {"AA"},
	"prefix":                            {"added", ""},
	"protected_resource":                {"mcp", "added"},
	"resource_metadata":                 {"https://added.example/x?y", "https://added.example#"},
	"resource":                          {"https://added.example/", "https://added.example/;"},
	"bearer_methods_supported":          {[]any{"header"}, []any{"header", "cookie"}},
	"provider_header":                   {"x-auth-token", "x-added"},
	"client_id_header":                  {"x-auth-token", "x-added"},
	"payload_header":                    {"x-auth-token", "x-added"},
	"payload_padding":                   {true, false},
	"filter_state":                      {[]any{"scope", "payload"}, []any{"scope", "scope"}, "tier", "sub"},
	"claim_headers":                     {[]any{map[string]any{"claim": "a", "filter_state": "a"}}},
	"claim":                             {"a", []any{"a", "a"}, []any{"1", "2", "3", "4", "5", "6", "7", "8"}, []any{"1", "2", "3", "4", "5", "6", "7", "8", "9"}},
	"header":                            {"x-added"},
	"format":                            {"text", "json", "JSON"},
	"base64url":                         {true},
	"max_bytes":                         {1.0, 0.0, 16384.0, 16385.0, 1.5},
	"missing":                           {"omit", "deny"},
	"default":                           {"added", "", "a\nb"},
	"scope_claims":                      {[]any{map[string]any{"claim": "scp"}}},
	"form":                              {"string", "array", "string_or_array"},
	"client_id":                         {"added", ""},
	"any_scopes":                        {[]any{"a"}, []any{"a", "a"}},
	"claims":                            {[]any{map[string]any{"claim": "a", "exists": true}}},
	"any_of":                            {[]any{map[string]any{"scopes": []any{"a"}}}, []any{map[string]any{}}},
	"one_of":                            {[]any{"a", 1.0, true}, []any{"a", "a"}, []any{nil}},
	"contains":                          {"a", 7.0, ""},
	"matches":                           {"a.*", "("},
	"exists":                            {true, false},
	"revocations":                       {map[string]any{"entries": []any{map[string]any{"kid": "added"}}}},
	"entries":                           {[]any{map[string]any{"kid": "added"}}},
	"uri":                               {"https://added.example/list"},
	"insecure_pass_when_stale":          {true},
	"require_jti":                       {true},
	"iss":                               {"https://issuer.example", "https://added.example"},
	"jti":                               {"added"},
	"sub":                               {"added"},
	"issued_before":                     {"2030-01-31T00:00:00Z", 0.0, -1.0, 253402300799.0, 253402300800.0},
}

// variants are what takes the place of v. Those strings that do not hang on v
// are for the first value of a kind only: more of the same would take most of
// the time.
func variants(v any, first bool) []any {
	list := slices.Clone(wrongValues)
	switch v := v.(type) {
	case string:
		if first {
			for _, s := range hostileStrings {
				list = append(list, s)
			}
		}
		list = append(list, strings.ToUpper(v), strings.ToLower(v), " "+v, v+" ", v+"\n", v+"x", "x"+v, v+"é", v+"/", "*"+v, v+"%", v+v)
	case bool:
		list = append(list, !v)
	case []any:
		for i := range v {
			list = append(list,
				append(slices.Clone(v), v[i]),
				slices.Delete(slices.Clone(v), i, i+1),
				slices.Insert(slices.Clone(v), 0, v[i]))
			if object, ok := v[i].(map[string]any); ok {
				similar := maps.Clone(object)
				similar["subject"] = "somebody else"
				list = append(list, append(slices.Clone(v), similar))
			}
		}
		reversed := slices.Clone(v)
		slices.Reverse(reversed)
		list = append(list, reversed)
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			without := maps.Clone(v)
			delete(without, name)
			list = append(list, without)
			for _, other := range []string{
				strings.ToUpper(name), strings.ReplaceAll(name, "s", "ſ"), strings.ReplaceAll(name, "k", "\u212a"),
				name + " ", name + "s", strings.ReplaceAll(name, "_", "-"), "", strings.Repeat("n", 64), strings.Repeat("n", 65),
			} {
				renamed := maps.Clone(without)
				renamed[other] = v[name]
				list = append(list, renamed)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			for _, value := range members[name] {
				with := maps.Clone(v)
				with[name] = value
				list = append(list, with)
			}
		}
	}
	return list
}

// mutation walks documents and calls visit after each single change.
type mutation struct {
	seen  map[string]bool // the places where all variants were tried
	skip  int             // to go through all remainders
	visit func()
}

// sampled: where all variants were tried in one document or item already, one
// of so many is tried in the others.
const sampled = 13

// value changes v at a path without indexes and chosen names; set replaces the value.
func (m *mutation) value(at string, v any, set func(any)) {
	first := !m.seen[at]
	for _, other := range variants(v, first) {
		if m.skip++; first || m.skip%sampled == 0 {
			set(other)
			m.visit()
		}
	}
	set(v)
	m.seen[at] = true
	switch v := v.(type) {
	case []any:
		for i := range v {
			m.value(at+"[]", v[i], func(other any) { v[i] = other })
		}
	case map[string]any:
		chosen := at == ".providers" || at == ".protected_resources" || strings.HasSuffix(at, ".attributes") || strings.HasSuffix(at, ".jwks_clusters")
		for _, name := range slices.Sorted(maps.Keys(v)) {
			inner := at + "." + name
			if chosen {
				inner = at + ".*"
			}
			m.value(inner, v[name], func(other any) { v[name] = other })
		}
	}
}

// parserOnlyMessage says that only the parser can find this wrong, and keeps in met
// what came up.
func parserOnlyMessage(message string, met map[string]bool) bool {
	for _, only := range parserOnlyMessages {
		if strings.HasPrefix(message, only) {
			if strings.HasPrefix(only, "no key of the JWK Set") && !parserOnlyKey.MatchString(message) ||
				strings.HasPrefix(only, "want a duration") && !parserOnlyDuration.MatchString(message) {
				return false
			}
			met[only] = true
			return true
		}
	}
	return false
}

// parserOnlyValue: a schema looks neither into a JWK Set that is a string, nor
// into PEM, nor into the environment.
func parserOnlyValue(doc any, p configuration.Problem) bool {
	path := strings.Split(p.Path, ".")
	switch last := path[len(path)-1]; last {
	case "jwks", "pem":
		for _, name := range path {
			members, _ := doc.(map[string]any)
			doc = members[name]
		}
		text, _ := doc.(string)
		return last == "jwks" && strings.HasPrefix(text, "{") ||
			last == "pem" && strings.Contains(text, "-----BEGIN ") && !strings.HasPrefix(p.Message, "want a public key")
	case "private_key", "private_key_environment":
		return strings.HasPrefix(p.Message, "want one PEM block ")
	case "client_secret_environment":
		return strings.HasPrefix(p.Message, "want a bearer token of RFC 6750 ")
	case "secret_environment":
		return strings.HasPrefix(p.Message, "want a secret of at least ")
	}
	return false
}

// compare checks one document with schema and parser.
func compare(t *testing.T, s *jsonschema.Schema, met map[string]bool, doc any) {
	t.Helper()
	config, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	_, err = policy.ParseWith(config, corpus.Environment)
	invalid := s.Validate(doc)
	switch {
	case err == nil && invalid != nil:
		t.Errorf("stricter than the parser: %v\n%s", invalid, short(config))
	case err != nil && invalid == nil:
		var all *configuration.ConfigError
		if !errors.As(err, &all) {
			t.Fatal(err)
		}
		for _, p := range all.Problems {
			if !parserOnlyMessage(p.Message, met) && !parserOnlyValue(doc, p) {
				t.Errorf("the schema does not see %s: %s\n%s", p.Path, p.Message, short(config))
			}
		}
	}
}

func short(config []byte) string {
	const most = 2000
	if len(config) > most {
		return string(config[:most]) + "…"
	}
	return string(config)
}

// TestMutations changes every value of the valid files in the ways that the
// lists above know: in all of them where a value of its place comes first, in a
// sample later. What the schema refuses then, the parser refuses, and the
// other way round but for parserOnlyMessages.
func TestMutations(t *testing.T) {
	t.Parallel()
	s := compile(t)
	met := map[string]bool{}
	seen := map[string]bool{}
	for _, c := range invalid(t) {
		var doc any
		if json.Unmarshal(c.Config, &doc) == nil {
			compare(t, s, met, doc)
		}
	}
	cases := corpus.Valid(t, configs)
	// Short ones first: there a change costs least.
	slices.SortStableFunc(cases, func(a, b corpus.Case) int { return len(a.Config) - len(b.Config) })
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			var doc any
			if err := json.Unmarshal(c.Config, &doc); err != nil {
				t.Fatal(err)
			}
			n := 0
			m := mutation{seen: seen, visit: func() {
				n++
				compare(t, s, met, doc)
			}}
			m.value("", doc, func(other any) { doc = other })
			if n == 0 {
				t.Errorf("%d mutations only", n)
			}
			t.Log(n, "mutations")
		})
	}
	for _, only := range parserOnlyMessages {
		if !met[only] {
			t.Errorf("nothing is refused for %q", only)
		}
	}
}
