package importer

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/policy"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
	"bearerauth/filter/testkey"
)

// issuers of the random tests: tokens of a are in Authorization, tokens of b in x-b. Their
// keys are fakes.
var issuers = map[string]string{"a": "https://a.example", "b": "https://b.example"}

var now = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// keyOf is the key of an issuer.
func keyOf(name string) *testkey.Key {
	return &testkey.Key{ID: name, Algorithm: "HS256", Private: []byte(strings.Repeat("fake "+name+" ", 8))}
}

// people are the claims of the tokens, by the value of query.who.
var people = map[string]testkey.Members{
	"guest":  {"sub": "guest"},
	"reader": {"sub": "alice", "scope": "read"},
	"writer": {"sub": "bob", "scope": "read write", "tier": "silver", "groups": []string{"staff"}},
	"admin":  {"sub": "carol", "scope": "admin", "tier": "gold", "groups": []string{"staff", "admin"}},
	"robot":  {"sub": nil, "tier": "gold", "scope": "read"}, // without a subject it is no principal
	"boss":   {"sub": "alice", "tier": "gold", "groups": "admin"},
}

// tokenOf is a token of an issuer, with an end that only a good one has.
func tokenOf(name string, good bool, who string) string {
	at := now
	if !good {
		at = at.Add(-100 * time.Minute)
	}
	claims := testkey.Members{"iss": issuers[name]}
	maps.Copy(claims, people[who])
	return keyOf(name).Token(at, claims)
}

// query is one request of the random tests.
type query struct {
	method, host, path, search, header string
	has                                brought
	who                                string // of people
}

func (q *query) String() string {
	return fmt.Sprintf("%s %s%s?%s x-h=%q with %v of %s", q.method, q.host, q.path, q.search, q.header, q.has, q.who)
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

func randomQuery(r *rand.Rand) *query {
	return &query{
		pick(r, "GET", "POST", "OPTIONS"), pick(r, "h.example", "h.example:8080", "H.example", "other.example"),
		pick(r, "/", "/a", "/a/x", "/a/y/x", "/ab", "/b", "/b/x", "/A", "/c"), pick(r, "", "", "q=1", "q=2"), pick(r, "", "", "1", "2"),
		brought{"a": pick[byte](r, 0, 'g', 'g', 'b'), "b": pick[byte](r, 0, 0, 'g', 'b')},
		pick(r, sortedKeys(people)...),
	}
}

func (q *query) request() *request.Request {
	path := q.path
	if q.search != "" {
		path += "?" + q.search
	}
	pairs := [][2]string{{":method", q.method}, {":scheme", "https"}, {":authority", q.host}, {":path", path}}
	if q.header != "" {
		pairs = append(pairs, [2]string{"x-h", q.header})
	}
	if q.has["a"] != 0 {
		pairs = append(pairs, [2]string{"authorization", "Bearer " + tokenOf("a", q.has["a"] == 'g', q.who)})
	}
	if q.has["b"] != 0 {
		pairs = append(pairs, [2]string{"x-b", tokenOf("b", q.has["b"] == 'g', q.who)})
	}
	request := request.NewRequest(pairs)
	return &request
}

// compare holds an import to an oracle, with random requests. If exact, a request that only
// the input allows is an error, unless it has two tokens.
func compare(t *testing.T, r *rand.Rand, input string, result Result, exact bool, native func(*query) bool) (allowed, kept int) {
	t.Helper()
	p, err := policy.Parse(result.Config)
	if err != nil {
		t.Fatalf("%v\n%s\nof\n%s", err, result.Config, input)
	}
	state := p.NewState(policy.Host{})
	for range 60 {
		q := randomQuery(r)
		_, here := p.Decide(state, now, q.request()).(*verdict.Allow)
		there := native(q)
		if here && !there {
			t.Fatalf("looser: %v\n%s\nof\n%s", q, result.Config, input)
		}
		if exact && there && !here && (q.has["a"] == 0 || q.has["b"] == 0) {
			t.Fatalf("stricter, and not in the list: %v\n%s\nof\n%s\n%v", q, result.Config, input, result.Left)
		}
		if there {
			allowed++
		}
		if here {
			kept++
		}
	}
	return allowed, kept
}

// lists reports whether the import says that rules with these paths decide otherwise.
func lists(result Result, paths ...string) bool {
	return slices.ContainsFunc(result.Left, func(l Left) bool {
		for _, path := range paths {
			if strings.HasPrefix(l.Path, path) && !strings.Contains(l.What, "is found by Envoy and not by the filter") && !strings.Contains(l.What, "so the last rule has access optional") {
				return true
			}
		}
		return false
	})
}

// part is a piece of a configuration and what it means.
type part struct {
	text  string
	holds func(*query) bool
}

func onPath(f func(string) bool) func(*query) bool { return func(q *query) bool { return f(q.path) } }

func prefixed(p string) func(*query) bool {
	return onPath(func(s string) bool { return strings.HasPrefix(s, p) })
}

var envoyPaths = []part{
	{`"prefix": "/"`, prefixed("/")},
	{`"prefix": "/a"`, prefixed("/a")},
	{`"prefix": "/a/"`, prefixed("/a/")},
	{`"path": "/a"`, onPath(func(s string) bool { return s == "/a" })},
	{`"path": "/a", "case_sensitive": false`, onPath(func(s string) bool { return strings.EqualFold(s, "/a") })},
	{`"path_separated_prefix": "/a"`, onPath(func(s string) bool { return s == "/a" || strings.HasPrefix(s, "/a/") })},
	{`"safe_regex": {"regex": "/[ab]/.*"}`, onPath(func(s string) bool { return strings.HasPrefix(s, "/a/") || strings.HasPrefix(s, "/b/") })},
}

var envoyConditions = []part{
	{``, func(*query) bool { return true }},
	{``, func(*query) bool { return true }},
	{`, "headers": [{"name": "x-h", "string_match": {"exact": "1"}}]`, func(q *query) bool { return q.header == "1" }},
	{`, "headers": [{"name": "x-h", "present_match": true}]`, func(q *query) bool { return q.header != "" }},
	{`, "headers": [{"name": "x-h", "present_match": true, "invert_match": true}]`, func(q *query) bool { return q.header == "" }},
	{`, "headers": [{"name": "x-h", "range_match": {"start": 1, "end": 2}}]`, func(q *query) bool { return q.header == "1" }},
	{`, "headers": [{"name": ":method", "string_match": {"exact": "GET"}}]`, func(q *query) bool { return q.method == "GET" }},
	{`, "headers": [{"name": ":method", "string_match": {"safe_regex": {"regex": "GET|POST"}}}]`, func(q *query) bool { return q.method != "OPTIONS" }},
	{`, "headers": [{"name": ":method", "string_match": {"prefix": "P"}}]`, func(q *query) bool { return q.method == "POST" }},
	{`, "headers": [{"name": ":authority", "string_match": {"exact": "h.example"}}]`, func(q *query) bool { return q.host == "h.example" }},
	{`, "query_parameters": [{"name": "q", "string_match": {"exact": "1"}}]`, func(q *query) bool { return q.search == "q=1" }},
	{`, "query_parameters": [{"name": "q", "present_match": true}]`, func(q *query) bool { return q.search != "" }},
}

var envoyRequirements = []part{
	{``, func(*query) bool { return true }},
	{`"provider_name": "a"`, func(q *query) bool { return q.has["a"] == 'g' }},
	{`"provider_name": "b"`, func(q *query) bool { return q.has["b"] == 'g' }},
	{`"requires_any": {"requirements": [{"provider_name": "a"}, {"provider_name": "b"}]}`, func(q *query) bool { return q.has["a"] == 'g' || q.has["b"] == 'g' }},
	{`"requires_all": {"requirements": [{"provider_name": "a"}, {"provider_name": "b"}]}`, func(q *query) bool { return q.has["a"] == 'g' && q.has["b"] == 'g' }},
	{`"allow_missing": {}`, func(q *query) bool { return q.has["a"] != 'b' && q.has["b"] != 'b' }},
	{`"allow_missing_or_failed": {}`, func(*query) bool { return true }},
	{`"requires_any": {"requirements": [{"provider_name": "a"}, {"allow_missing": {}}]}`, func(q *query) bool { return q.has["a"] != 'b' }},
	{`"requires_all": {"requirements": [{"provider_name": "b"}, {"allow_missing": {}}]}`, func(q *query) bool { return q.has["b"] == 'g' && q.has["a"] != 'b' }},
}

// TestRandomRulesNeverLooser: an import allows no more than its input, for any rules in
// any order.
func TestRandomRulesNeverLooser(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	allowed, kept := 0, 0
	for range 250 {
		type ruleMeaning struct{ match, condition, need part }
		var rules []ruleMeaning
		var texts []string
		for range 1 + r.IntN(6) {
			m := ruleMeaning{pick(r, envoyPaths...), pick(r, envoyConditions...), pick(r, envoyRequirements...)}
			rules = append(rules, m)
			texts = append(texts, fmt.Sprintf(`{"match": {%s%s}, "requires": {%s}}`, m.match.text, m.condition.text, m.need.text))
		}
		input := fmt.Sprintf(`{"providers": {
			"a": {"issuer": %q, "require_expiration": true, "local_jwks": {"inline_string": %q}},
			"b": {"issuer": %q, "require_expiration": true, "from_headers": [{"name": "x-b"}], "local_jwks": {"inline_string": %q}}},
			"rules": [%s]}`, issuers["a"], testkey.Set(keyOf("a")), issuers["b"], testkey.Set(keyOf("b")), strings.Join(texts, ",\n"))
		result, err := Envoy([]byte(input))
		if err != nil {
			t.Fatalf("%v\n%s", err, input)
		}
		n, k := compare(t, r, input, result, false, func(q *query) bool {
			for _, m := range rules {
				if m.match.holds(q) && m.condition.holds(q) {
					return m.need.holds(q)
				}
			}
			return true
		})
		allowed, kept = allowed+n, kept+k
	}
	t.Logf("of %d requests that pass there, %d pass here", allowed, kept)
	if kept*2 < allowed {
		t.Errorf("of %d requests that pass there, only %d pass here: an import has to be good for something", allowed, kept)
	}
}

// istioPaths and the rest are pieces of an AuthorizationPolicy.
var istioOperations = []part{
	{`{"paths": ["/a"]}`, onPath(func(s string) bool { return s == "/a" })},
	{`{"paths": ["/a*"]}`, prefixed("/a")},
	{`{"paths": ["/a/*", "/b"]}`, onPath(func(s string) bool { return strings.HasPrefix(s, "/a/") || s == "/b" })},
	{`{"paths": ["*x"]}`, onPath(func(s string) bool { return strings.HasSuffix(s, "x") })},
	{`{"paths": ["/{*}/x"]}`, onPath(func(s string) bool { return s == "/a/x" || s == "/b/x" })},
	{`{"paths": ["/a/{**}"]}`, prefixed("/a/")},
	{`{"methods": ["GET"]}`, func(q *query) bool { return q.method == "GET" }},
	{`{"methods": ["P*"], "paths": ["/b*"]}`, func(q *query) bool { return q.method == "POST" && strings.HasPrefix(q.path, "/b") }},
	{`{"notPaths": ["/a*"]}`, onPath(func(s string) bool { return !strings.HasPrefix(s, "/a") })},
	{`{"notPaths": ["/a", "/b*"]}`, onPath(func(s string) bool { return s != "/a" && !strings.HasPrefix(s, "/b") })},
	{`{"notPaths": ["/a", "/b*"]}`, onPath(func(s string) bool { return s != "/a" && !strings.HasPrefix(s, "/b") })},
	{`{"paths": ["/b*"], "notMethods": ["GET"]}`, func(q *query) bool { return strings.HasPrefix(q.path, "/b") && q.method != "GET" }},
	{`{"hosts": ["h.example", "h.example:*"]}`, func(q *query) bool { return strings.HasPrefix(strings.ToLower(q.host), "h.example") }},
	{`{"hosts": ["h.example"]}`, func(q *query) bool { return strings.EqualFold(q.host, "h.example") }},
	{`{"hosts": ["*.example"]}`, func(q *query) bool { return strings.HasSuffix(strings.ToLower(q.host), ".example") }},
}

// issuer is the issuer whose token a request has, where nothing is bad.
func (q *query) issuer() string {
	for name := range issuers {
		if q.has[name] == 'g' {
			return name
		}
	}
	return ""
}

// principal is the issuer of a token that has a subject.
func (q *query) principal() string {
	if people[q.who]["sub"] == nil {
		return ""
	}
	return q.issuer()
}

var istioSources = []part{
	{``, func(*query) bool { return true }},
	{`"from": [{"source": {"requestPrincipals": ["*"]}}]`, func(q *query) bool { return q.principal() != "" }},
	{`"from": [{"source": {"requestPrincipals": ["https://a.example/*"]}}]`, func(q *query) bool { return q.principal() == "a" }},
	{`"from": [{"source": {"requestPrincipals": ["https://b.example/*"]}}]`, func(q *query) bool { return q.principal() == "b" }},
	{`"from": [{"source": {"notRequestPrincipals": ["*"]}}]`, func(q *query) bool { return q.principal() == "" }},
	{`"from": [{"source": {"notRequestPrincipals": ["*"]}}]`, func(q *query) bool { return q.principal() == "" }},
	{`"from": [{"source": {"notRequestPrincipals": ["*"]}}]`, func(q *query) bool { return q.principal() == "" }},
	{`"from": [{"source": {"notRequestPrincipals": ["https://a.example/*"]}}]`, func(q *query) bool { return q.principal() != "a" }},
	{`"when": [{"key": "request.headers[x-h]", "values": ["1"]}]`, func(q *query) bool { return q.header == "1" }},
	{`"when": [{"key": "request.headers[x-h]", "notValues": ["1"]}]`, func(q *query) bool { return q.header != "1" }},
	{`"when": [{"key": "request.auth.claims[iss]", "values": ["https://b.example"]}]`, func(q *query) bool { return q.issuer() == "b" }},
	{`"from": [{"source": {"requestPrincipals": ["https://a.example/alice", "https://b.example/*"]}}]`, func(q *query) bool {
		return q.principal() == "b" || q.principal() == "a" && q.is("reader", "boss")
	}},
	{`"from": [{"source": {"requestPrincipals": ["https://a.example/carol"]}}, {"source": {"requestPrincipals": ["https://a.example/b*"]}}]`, func(q *query) bool {
		return q.principal() == "a" && q.is("admin", "writer")
	}},
	{`"when": [{"key": "request.auth.claims[groups]", "values": ["admin"]}]`, func(q *query) bool { return q.is("admin", "boss") }},
	{`"when": [{"key": "request.auth.claims[groups]", "values": ["admin", "staff"]}]`, func(q *query) bool { return q.is("admin", "boss", "writer") }},
	{`"when": [{"key": "request.auth.claims[tier]", "values": ["gold"]}]`, func(q *query) bool { return q.is("admin", "boss", "robot") }},
	{`"when": [{"key": "request.auth.claims[scope]", "values": ["read", "write"]}]`, func(q *query) bool { return q.is("reader", "writer", "robot") }},
	{`"from": [{"source": {"requestPrincipals": ["*/carol", "https://b.exam*", "*ample/guest"]}}]`, func(q *query) bool { return q.principal() != "" && q.is("admin", "guest") }},
	{`"from": [{"source": {"requestPrincipals": ["*l"]}}]`, func(q *query) bool { return q.principal() != "" && q.is("admin") }},
	{`"when": [{"key": "request.auth.claims[tier]", "values": ["*"]}]`, func(q *query) bool { return q.is("admin", "boss", "robot", "writer") }},
	{`"from": [{"source": {"requestPrincipals": ["https://a.example/*"]}}], "when": [{"key": "request.auth.claims[scope]", "values": ["admin"]}]`, func(q *query) bool {
		return q.principal() == "a" && q.is("admin")
	}},
	{`"when": [{"key": "request.auth.claims[groups]", "values": ["staff"]}, {"key": "request.auth.claims[tier]", "values": ["gold", "silver"]}]`, func(q *query) bool {
		return q.is("admin", "writer")
	}},
}

// is reports whether a request has a good token of one of these people.
func (q *query) is(people ...string) bool {
	return q.issuer() != "" && slices.Contains(people, q.who)
}

// TestRandomPoliciesNeverLooser: Istio's policies, of either action.
func TestRandomPoliciesNeverLooser(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, uint64(time.Now().UnixNano())))
	allowed, kept := 0, 0
	for range 500 {
		type ruleMeaning struct {
			deny         bool
			to, from     part
			hasOperation bool
		}
		var rules []ruleMeaning
		allows := false
		input := fmt.Sprintf(`{"apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication", "metadata": {"name": "i"}, "spec": {"jwtRules": [
			{"issuer": %q, "jwks": %q}, {"issuer": %q, "jwks": %q, "fromHeaders": [{"name": "x-b"}]}]}}`, issuers["a"], testkey.Set(keyOf("a")), issuers["b"], testkey.Set(keyOf("b")))
		for i := range r.IntN(6) {
			m := ruleMeaning{deny: r.IntN(3) == 0, to: pick(r, istioOperations...), from: pick(r, istioSources...), hasOperation: r.IntN(5) > 0}
			members := []string{}
			if m.hasOperation {
				members = append(members, `"to": [{"operation": `+m.to.text+`}]`)
			}
			if m.from.text != "" {
				members = append(members, m.from.text)
			}
			action := "ALLOW"
			if m.deny {
				action = "DENY"
			}
			allows = allows || !m.deny
			rules = append(rules, m)
			input += fmt.Sprintf("\n---\n"+`{"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": {"name": "p%d"}, "spec": {"action": %q, "rules": [{%s}]}}`,
				i, action, strings.Join(members, ", "))
		}
		result, err := Istio([]byte(input))
		if err != nil {
			t.Fatalf("%v\n%s", err, input)
		}
		n, k := compare(t, r, input, result, !lists(result, "AuthorizationPolicy", "action"), func(q *query) bool {
			if q.has["a"] == 'b' || q.has["b"] == 'b' || q.has["a"] == 'g' && q.has["b"] == 'g' {
				return false // of two good tokens, Istio does not say which counts
			}
			granted := !allows
			for _, m := range rules {
				matches := (!m.hasOperation || m.to.holds(q)) && m.from.holds(q)
				if matches && m.deny {
					return false
				}
				granted = granted || matches
			}
			return granted
		})
		allowed, kept = allowed+n, kept+k
	}
	t.Logf("of %d requests that pass there, %d pass here", allowed, kept)
	if kept*3 < allowed {
		t.Errorf("of %d requests that pass there, only %d pass here: an import has to be good for something", allowed, kept)
	}
}
