package policy

import (
	"fmt"
	"testing"
	"time"

	"bearerauth/filter/policy/request"
)

// TestDecidedBy: the rules that decide are those whose demands a request meets or fails.
func TestDecidedBy(t *testing.T) {
	t.Parallel()
	p, err := Parse([]byte(`{
		"providers": {"a": {"type": "static", "tokens": [{"sha256": "912c06ab360d801c4dd8cd47f0cf8bc5f138becbd2bec82994b9c67b2cd1de61"}]}},
		"rules": [
			{"name": "open", "match": {"path_prefix": "/open"}, "access": "anonymous"},
			{"name": "shut", "match": {"path_prefix": "/shut"}, "access": "deny"},
			{"match": {"path_prefix": "/perhaps"}, "access": "optional"},
			{"match": {"path_prefix": "/trial"}, "scopes": ["x"], "shadow": true},
			{"match": {"path_prefix": "/scoped"}, "scopes": ["x"]}
		]
	}`))
	if err != nil {
		t.Fatal(err)
	}
	s := p.NewState(Host{})
	for path, want := range map[string]string{
		"/open/a":              "[{rules[0] open}]",
		"/shut":                "[{rules[1] shut}]",
		"/perhaps":             "[{rules[2] }]",
		"/trial/1":             "[{rules[3] }]",
		"/scoped":              "[{rules[4] }]",
		"/else":                "[]",
		"/open/..%2fshut":      "[{rules[1] shut}]",
		"/open/..%2felse":      "[]",
		"/scoped/..%2fperhaps": "[{rules[4] } {rules[2] }]",
	} {
		r := request.NewRequest([][2]string{{":method", "GET"}, {":authority", "a.example"}, {":path", path}})
		before := fmt.Sprintf("%+v", p.Decide(s, time.Now(), &r))
		if got := fmt.Sprint(p.DecidedBy(s, &r)); got != want {
			t.Errorf("%s: decided by %s, want %s", path, got, want)
		}
		if after := fmt.Sprintf("%+v", p.Decide(s, time.Now(), &r)); after != before {
			t.Errorf("%s: the verdict changed from %s to %s", path, before, after)
		}
	}
	if rules, providers := p.Rules(), p.Providers(); len(rules) != 5 || rules[0] != (RuleName{"rules[0]", "open"}) || len(providers) != 1 {
		t.Errorf("rules %v, providers %v", rules, providers)
	}
}
