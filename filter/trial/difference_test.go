package trial_test

import (
	"strings"
	"testing"

	"bearerauth/filter/scenario"
	"bearerauth/filter/trial"
)

const policy = `
config:
  subject_header: x-auth-subject
  providers:
    people: {type: jwt, issuer: "https://a.example", audiences: [api], algorithms: [ES256], cluster: c, jwks_uri: "https://a.example/keys"}
    opaque: {type: introspection, introspection_uri: "https://a.example/i", cluster: c, token_prefix: tok_, client_id: a, client_secret: fake}
  rules:
  - {name: open, match: {path: /open}, access: anonymous}
  - {name: shut, match: {path_prefix: /shut}, access: deny}
  - {match: {path_prefix: /scoped}, scopes: [read]}
tokens:
  alice: {provider: people, claims: {sub: alice}}
  session: {provider: opaque}
`

// TestDifferences: each expectation that does not hold is reported, and says what came.
func TestDifferences(t *testing.T) {
	t.Parallel()
	for request, want := range map[string]string{
		`{token: alice, expect: 200}`:                                                              "",
		`{token: alice, expect: 401}`:                                                              "status: 401, 200",
		`{path: /open, expect: {status: 200, reason: token_valid}}`:                                "reason: token_valid, anonymous",
		`{path: /scoped, expect: {status: 200}}`:                                                   "status: 200, 401",
		`{path: /shut, expect: {status: 403, rule: open}}`:                                         "rule: open, rules[1] (shut)",
		`{path: /shut, expect: {status: 403, rule: shut}}`:                                         "",
		`{path: /scoped, token: alice, expect: {status: 403, rule: "rules[2]"}}`:                   "",
		`{token: alice, expect: {status: 200, rule: open}}`:                                        "rule: open, none",
		`{expect: {status: 401, challenge: Bearer}}`:                                               `challenge: "Bearer", "Bearer realm=\"bearerauth\""`,
		`{path: /shut, expect: {status: 403, body: ""}}`:                                           `body: none, "{\"detail\":\"Forbidden\"}"`,
		`{path: /shut, expect: {status: 403, headers: {cache-control: null}}}`:                     `header cache-control: none, "no-store"`,
		`{token: alice, expect: {status: 200, upstream: {x-auth-subject: bob}}}`:                   `upstream x-auth-subject: "bob", "alice"`,
		`{token: alice, headers: {x-a: [1, 2]}, expect: {status: 200, upstream: {x-a: "1"}}}`:      `upstream x-a: "1", "1" and "2"`,
		`{token: alice, expect: {status: 200, absent: [x-auth-subject]}}`:                          `upstream x-auth-subject: none, "alice"`,
		`{token: alice, expect: {status: 200, subject: bob}}`:                                      `filter state sub: "bob", "alice"`,
		`{token: alice, expect: {status: 200, state: {scope: a}}}`:                                 `filter state scope: "a", none`,
		`{token: session, expect: {status: 200, waits: false}}`:                                    "waits: false, true",
		`{token: alice, expect: {status: 200, waits: true}}`:                                       "waits: true, false",
		`{token: alice, expect: {status: 200, answered: true}}`:                                    "answered: true, false",
		`{token: alice, after: 11m, expect: {reason: expired}}`:                                    "",
		`{method: OPTIONS, path: /open, expect: {status: 204, reason: missing, upstream: {a: b}}}`: "status: 204, 200; reason: missing, anonymous",
	} {
		story, err := scenario.Parse("a_test.yaml", []byte(policy+"requests: ["+request+"]\n"))
		if err != nil {
			t.Fatalf("%s: %v", request, err)
		}
		report, err := trial.Run(story)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range report.Results[0].Differences {
			got = append(got, d.What+": "+d.Want+", "+d.Got)
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%s\ngot  %s\nwant %s", request, strings.Join(got, "; "), want)
		}
		if report.Failed() != (want != "") {
			t.Errorf("%s: failed is %v", request, report.Failed())
		}
	}
}

// TestCoverage: a rule is met if it decides, a provider if a token of it has verified.
func TestCoverage(t *testing.T) {
	t.Parallel()
	story, err := scenario.Parse("a_test.yaml", []byte(policy+`
requests:
- {path: /open, expect: 200}
- {path: "/open/..%2fscoped", token: alice, expect: 403}
- {token: session, headers: {authorization: Basic x}, expect: 401}
`))
	if err != nil {
		t.Fatal(err)
	}
	report, err := trial.Run(story)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Rules) != 1 || report.Rules[0].Name != "shut" {
		t.Errorf("rules never met: %v, want shut", report.Rules)
	}
	if len(report.Providers) != 1 || report.Providers[0] != "opaque" {
		t.Errorf("providers never met: %v, want opaque", report.Providers)
	}
	if rules, of, providers, all := report.Covered(); rules != 2 || of != 3 || providers != 1 || all != 2 {
		t.Errorf("covered %d of %d rules, %d of %d providers", rules, of, providers, all)
	}
}

// TestWrongConfiguration: a configuration with problems is an error, and no verdict.
func TestWrongConfiguration(t *testing.T) {
	t.Parallel()
	story, err := scenario.Parse("a_test.yaml", []byte("config: {providers: {}}\nrequests: [{expect: 401}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if report, err := trial.Run(story); err == nil {
		t.Errorf("got %+v, want an error", report)
	}
}
