package importer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/testkey"
)

// gatewayOperations are pieces of a rule of a SecurityPolicy. The meaning of a prefix is
// the narrower one of a rule that allows.
var gatewayOperations = []part{
	{``, func(*query) bool { return true }},
	{`"methods": ["GET"]`, func(q *query) bool { return q.method == "GET" }},
	{`"methods": ["GET", "POST"]`, func(q *query) bool { return q.method != "OPTIONS" }},
	{`"path": {"type": "Exact", "value": "/a"}`, onPath(func(s string) bool { return s == "/a" })},
	{`"path": {"type": "PathPrefix", "value": "/a"}`, onPath(func(s string) bool { return s == "/a" || strings.HasPrefix(s, "/a/") })},
	{`"path": {"type": "PathPrefix", "value": "/b"}, "methods": ["POST"]`, func(q *query) bool {
		return q.method == "POST" && (q.path == "/b" || strings.HasPrefix(q.path, "/b/"))
	}},
	{`"path": {"type": "PathPrefix", "value": "/"}`, func(*query) bool { return true }},
	{`"path": {"type": "RegularExpression", "value": "/[ab]/.*"}`, onPath(func(s string) bool { return strings.HasPrefix(s, "/a/") || strings.HasPrefix(s, "/b/") })},
}

var gatewayPrincipals = []part{
	{``, func(*query) bool { return true }},
	{`"headers": [{"name": "x-h", "values": ["1"]}]`, func(q *query) bool { return q.header == "1" }},
	{`"jwt": {"provider": "a"}`, func(q *query) bool { return q.issuer() == "a" }},
	{`"jwt": {"provider": "b"}`, func(q *query) bool { return q.issuer() == "b" }},
	{`"jwt": {"provider": "a", "scopes": ["read"]}`, func(q *query) bool { return q.issuer() == "a" && q.is("reader", "writer", "robot") }},
	{`"jwt": {"provider": "a", "scopes": ["read", "write"]}`, func(q *query) bool { return q.issuer() == "a" && q.is("writer") }},
	{`"jwt": {"provider": "b", "claims": [{"name": "tier", "values": ["gold"]}]}`, func(q *query) bool { return q.issuer() == "b" && q.is("admin", "boss", "robot") }},
	{`"jwt": {"provider": "a", "claims": [{"name": "groups", "valueType": "StringArray", "values": ["admin", "staff"]}]}`, func(q *query) bool {
		return q.issuer() == "a" && q.is("admin", "writer")
	}},
	{`"jwt": {"provider": "a", "scopes": ["admin"], "claims": [{"name": "tier", "values": ["gold", "silver"]}, {"name": "groups", "valueType": "StringArray", "values": ["admin"]}]}`, func(q *query) bool {
		return q.issuer() == "a" && q.is("admin")
	}},
}

// TestRandomGatewayRulesNeverLooser: the rules of a SecurityPolicy, in any order. A request
// that only the policy allows is in the list.
func TestRandomGatewayRulesNeverLooser(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, uint64(time.Now().UnixNano())))
	allowed, kept, exactly := 0, 0, 0
	const policies = 500
	for range policies {
		type ruleMeaning struct {
			deny     bool
			to, from part
		}
		var rules []ruleMeaning
		var texts []string
		for range r.IntN(6) {
			m := ruleMeaning{deny: r.IntN(4) == 0, to: pick(r, gatewayOperations...), from: pick(r, gatewayPrincipals...)}
			if m.deny && !strings.Contains(m.from.text, "jwt") && strings.Contains(m.to.text, "PathPrefix") {
				m.to = gatewayOperations[3] // whether a prefix ends at a segment makes a difference
			}
			rules = append(rules, m)
			texts = append(texts, fmt.Sprintf(`{"action": %q, "operation": {%s}, "principal": {%s}}`, map[bool]string{true: "Deny", false: "Allow"}[m.deny], m.to.text, m.from.text))
		}
		byDefault, lenient := r.IntN(4) == 0, r.IntN(4) == 0
		input := fmt.Sprintf(`{"apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "SecurityPolicy", "metadata": {"name": "p"}, "spec": {
			"jwt": {"optional": %t, "providers": [
				{"name": "a", "issuer": %q, "localJWKS": {"type": "Inline", "inline": %q}},
				{"name": "b", "issuer": %q, "localJWKS": {"type": "Inline", "inline": %q}, "extractFrom": {"headers": [{"name": "x-b"}]}}]},
			"authorization": {"defaultAction": %q, "rules": [%s]}}}`, lenient,
			issuers["a"], testkey.Set(keyOf("a")), issuers["b"], testkey.Set(keyOf("b")),
			map[bool]string{true: "Allow", false: "Deny"}[byDefault], strings.Join(texts, ",\n"))
		result, err := Gateway([]byte(input))
		if err != nil {
			t.Fatalf("%v\n%s", err, input)
		}
		exact := !lists(result, "SecurityPolicy/p spec.authorization")
		exactly += number(exact)
		n, k := compare(t, r, input, result, exact, func(q *query) bool {
			// Each good token alone could pass, and a client can leave the others out.
			var tries []*query
			for _, name := range sortedKeys(issuers) {
				if q.has[name] == 'g' {
					alone := *q
					alone.has = brought{name: 'g'}
					tries = append(tries, &alone)
				}
			}
			if lenient && q.has["a"] == 0 && q.has["b"] == 0 {
				tries = append(tries, q)
			}
			return slices.ContainsFunc(tries, func(q *query) bool {
				if i := slices.IndexFunc(rules, func(m ruleMeaning) bool { return m.to.holds(q) && m.from.holds(q) }); i >= 0 {
					return !rules[i].deny
				}
				return byDefault
			})
		})
		allowed, kept = allowed+n, kept+k
	}
	t.Logf("of %d requests that pass there, %d pass here; %d of %d policies exactly", allowed, kept, exactly, policies)
	if kept*5 < allowed*2 || exactly < policies/3 {
		t.Errorf("of %d requests that pass there, only %d pass here, and %d of %d policies are exact: an import has to be good for something", allowed, kept, exactly, policies)
	}
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
