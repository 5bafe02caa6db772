package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

type raw = json.RawMessage

// identityConfig is jwtConfig without its headers, with members at the top.
func identityConfig(t testing.TB, top, provider map[string]any) string {
	t.Helper()
	var config map[string]any
	if err := json.Unmarshal([]byte(jwtConfig(t, provider)), &config); err != nil {
		t.Fatal(err)
	}
	delete(config, "claim_headers")
	delete(config, "subject_header")
	for name, value := range top {
		if providers, ok := value.(map[string]any); ok && name == "providers" {
			for name, value := range providers {
				config["providers"].(map[string]any)[name] = value
			}
			continue
		}
		config[name] = value
	}
	return mustJSON(config)
}

// twice decides twice, the second time from memory, and wants the same.
func twice(t *testing.T, p *Policy, token string) verdict.Verdict {
	t.Helper()
	s := p.NewState(Host{})
	first := p.Decide(s, testNow, bearerRequest(token))
	firstly := verdictText(first)
	second := p.Decide(s, testNow, bearerRequest(token))
	if secondly := verdictText(second); firstly != secondly {
		t.Errorf("first %s, then %s", firstly, secondly)
	}
	return second
}

// verdictText is all that a verdict does.
func verdictText(v verdict.Verdict) string {
	switch v := v.(type) {
	case *verdict.Allow:
		return fmt.Sprint(v.Reason, v.Remove, v.Set, v.Identity)
	case *verdict.Deny:
		return fmt.Sprint(v.Reason, v.Status, v.Headers, v.Identity)
	}
	return decided(v)
}

// TestPredicates: what a rule asks of a claim holds for that claim in that type
// and at that place, and for nothing that looks like it.
func TestPredicates(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", config.MaxRegexInput)
	for _, c := range []struct {
		predicate, claims string
		met               bool
	}{
		{`{"claim":"tier","equal":"gold"}`, `"tier":"gold"`, true},
		{`{"claim":"tier","equal":"gold"}`, `"tier":"g\u006fld"`, true},
		{`{"claim":"tier","equal":"gold"}`, `"t\u0069er":"gold"`, true},
		{`{"claim":"tier","equal":"gold"}`, `"tier":"Gold"`, false},
		{`{"claim":"tier","equal":"gold"}`, `"tier":"gold "`, false},
		{`{"claim":"tier","equal":"gold"}`, `"Tier":"gold"`, false},
		{`{"claim":"tier","equal":"gold"}`, `"tier":["gold"]`, false},
		{`{"claim":"tier","equal":"gold"}`, `"tier":{"gold":true}`, false},
		{`{"claim":"tier","equal":"gold"}`, `"x":"gold"`, false},
		{`{"claim":"n","equal":1}`, `"n":1`, true},
		{`{"claim":"n","equal":1}`, `"n":1.0`, false},
		{`{"claim":"n","equal":1}`, `"n":1e0`, false},
		{`{"claim":"n","equal":1}`, `"n":"1"`, false},
		{`{"claim":"n","equal":1}`, `"n":true`, false},
		{`{"claim":"n","equal":1.50}`, `"n":1.50`, true},
		{`{"claim":"n","equal":-0}`, `"n":-0`, true},
		{`{"claim":"n","equal":0}`, `"n":-0`, false},
		{`{"claim":"n","equal":1e400}`, `"n":1e400`, true},
		{`{"claim":"n","equal":9007199254740993}`, `"n":9007199254740993`, true},
		{`{"claim":"n","equal":9007199254740993}`, `"n":9007199254740992`, false},
		{`{"claim":"n","equal":"1"}`, `"n":1`, false},
		{`{"claim":"b","equal":true}`, `"b":true`, true},
		{`{"claim":"b","equal":true}`, `"b":false`, false},
		{`{"claim":"b","equal":true}`, `"b":"true"`, false},
		{`{"claim":"b","equal":true}`, `"b":1`, false},
		{`{"claim":"b","equal":false}`, `"b":false`, true},
		{`{"claim":"b","equal":false}`, `"b":null`, false},
		{`{"claim":"b","equal":false}`, `"x":1`, false},
		{`{"claim":"tier","one_of":["gold",7,true]}`, `"tier":"gold"`, true},
		{`{"claim":"tier","one_of":["gold",7,true]}`, `"tier":7`, true},
		{`{"claim":"tier","one_of":["gold",7,true]}`, `"tier":true`, true},
		{`{"claim":"tier","one_of":["gold",7,true]}`, `"tier":"7"`, false},
		{`{"claim":"tier","one_of":["gold",7,true]}`, `"tier":["gold"]`, false},
		{`{"claim":"groups","contains":"admin"}`, `"groups":["a","admin"]`, true},
		{`{"claim":"groups","contains":"admin"}`, `"groups":["a","\u0061dmin"]`, true},
		{`{"claim":"groups","contains":"admin"}`, `"groups":["a",["admin"]]`, false},
		{`{"claim":"groups","contains":"admin"}`, `"groups":[{"admin":"admin"}]`, false},
		{`{"claim":"groups","contains":"admin"}`, `"groups":"admin"`, false},
		{`{"claim":"groups","contains":"admin"}`, `"groups":"a admin"`, false},
		{`{"claim":"groups","contains":"admin"}`, `"groups":["administrators","Admin"," admin"]`, false},
		{`{"claim":"groups","contains":"admin"}`, `"groups":{"0":"admin"}`, false},
		{`{"claim":"groups","contains":"admin"}`, `"groups":[]`, false},
		{`{"claim":"groups","contains":7}`, `"groups":["x",7]`, true},
		{`{"claim":"groups","contains":7}`, `"groups":["7",7.0,70]`, false},
		{`{"claim":"groups","contains":false}`, `"groups":[null,0,""]`, false},
		{`{"claim":"mail","matches":"[a-z]+@example\\.com"}`, `"mail":"a@example.com"`, true},
		{`{"claim":"mail","matches":"[a-z]+@example\\.com"}`, `"mail":"a@example.com.evil.example"`, false},
		{`{"claim":"mail","matches":"[a-z]+@example\\.com"}`, `"mail":"a@example.com\n"`, false},
		{`{"claim":"mail","matches":"[a-z]+@example\\.com"}`, `"mail":"x\na@example.com"`, false},
		{`{"claim":"mail","matches":"a|b"}`, `"mail":"ab"`, false},
		{`{"claim":"mail","matches":".*"}`, `"mail":["a"]`, false},
		{`{"claim":"mail","matches":".*"}`, `"mail":7`, false},
		{`{"claim":"mail","matches":".*"}`, `"x":"a"`, false},
		{`{"claim":"mail","matches":"a*"}`, `"mail":"` + long + `"`, true},
		{`{"claim":"mail","matches":"a*"}`, `"mail":"` + long + `a"`, false},
		{`{"claim":"x","exists":true}`, `"x":0`, true},
		{`{"claim":"x","exists":true}`, `"x":""`, true},
		{`{"claim":"x","exists":true}`, `"x":false`, true},
		{`{"claim":"x","exists":true}`, `"x":{}`, true},
		{`{"claim":"x","exists":true}`, `"x":[]`, true},
		{`{"claim":"x","exists":true}`, `"x":null`, false},
		{`{"claim":"x","exists":true}`, `"y":{"x":1}`, false},
		{`{"claim":["realm_access","roles"],"contains":"admin"}`, `"realm_access":{"roles":["admin"]}`, true},
		{`{"claim":["realm_access","roles"],"contains":"admin"}`, `"realm_access":{"x":{"roles":["admin"]},"r\u006fles":["admin"]}`, true},
		{`{"claim":["realm_access","roles"],"contains":"admin"}`, `"realm_access":{"x":{"roles":["admin"]}}`, false},
		{`{"claim":["realm_access","roles"],"contains":"admin"}`, `"realm_access":[{"roles":["admin"]}]`, false},
		{`{"claim":["realm_access","roles"],"contains":"admin"}`, `"realm_access":"roles","roles":["admin"]`, false},
		{`{"claim":["realm_access","roles"],"contains":"admin"}`, `"realm_access.roles":["admin"]`, false},
		{`{"claim":"realm_access.roles","contains":"admin"}`, `"realm_access":{"roles":["admin"]}`, false},
		{`{"claim":"realm_access.roles","contains":"admin"}`, `"realm_access.roles":["admin"]`, true},
		{`{"claim":["a","b","c"],"equal":1}`, ` "a" : { "b" : { "x" : [ { } , 2 ] , "c" : 1 } } `, true},
		{`{"claim":["a","b","c"],"equal":1}`, `"a":{"b":null}`, false},
		{`{"claim":["a","b"],"exists":true}`, `"a":{"b":null}`, false},
		{`{"claim":["tier"],"equal":"gold"}`, `"tier":"gold"`, true},
		{`{"claim":"sub","equal":"alice"}`, `"x":1`, true},
		{`{"claim":"aud","equal":"api"}`, `"x":1`, true},
		{`{"claim":"scope","matches":"(.* )?read( .*)?"}`, `"x":1`, true},
	} {
		p := mustParse(t, identityConfig(t, map[string]any{"rules": raw(`[{"claims":[` + c.predicate + `]}]`)}, nil))
		want := map[bool]string{true: "token_valid", false: "insufficient_claims"}[c.met]
		if got := decided(twice(t, p, issuerOnce().signRaw(`{"iss":"https://issuer.example","sub":"alice","aud":"api","exp":1893560000,"scope":"read write",`+c.claims+`}`))); got != want {
			t.Errorf("%.80s of %.80s: %s, want %s", c.predicate, c.claims, got, want)
		}
	}
}

// TestRequirements: scopes, any_scopes and claims of a rule must all hold, and
// the challenge names every scope that would help, without a word of claims.
func TestRequirements(t *testing.T) {
	t.Parallel()
	const challenge = `Bearer realm="bearerauth", error="insufficient_scope", error_description="The access token lacks a scope that the request needs"`
	for _, c := range []struct{ rule, scope, want, challenge string }{
		{`"scopes":["a","b"]`, "b a", "token_valid", ""},
		{`"scopes":["a","b"]`, "a c", "insufficient_scope", `, scope="a b"`},
		{`"any_scopes":["a","b"]`, "c b", "token_valid", ""},
		{`"any_scopes":["a","b"]`, "c ab A", "insufficient_scope", `, scope="a b"`},
		{`"any_scopes":["a","b"]`, "", "insufficient_scope", `, scope="a b"`},
		{`"scopes":["a"],"any_scopes":["b","a","c"]`, "a", "token_valid", ""},
		{`"scopes":["a"],"any_scopes":["b","c"]`, "a", "insufficient_scope", `, scope="a b c"`},
		{`"scopes":["a"],"any_scopes":["b","c"]`, "b c", "insufficient_scope", `, scope="a b c"`},
		{`"scopes":["a"],"any_scopes":["b"],"claims":[{"claim":"tier","equal":"gold"}]`, "a b", "token_valid", ""},
		{`"scopes":["a"],"any_scopes":["b"],"claims":[{"claim":"tier","equal":"lead"}]`, "a b", "insufficient_claims", `, scope="a b"`},
		{`"scopes":["a"],"claims":[{"claim":"tier","equal":"lead"}]`, "b", "insufficient_scope", `, scope="a"`},
		{`"claims":[{"claim":"tier","equal":"lead"}]`, "a b", "insufficient_claims", ""},
		{`"claims":[{"claim":"tier","equal":"gold"},{"claim":"n","equal":1}]`, "", "insufficient_claims", ""},
		{`"access":"optional","claims":[{"claim":"tier","equal":"lead"}]`, "", "insufficient_claims", ""},
	} {
		p := mustParse(t, identityConfig(t, map[string]any{"rules": raw(`[{` + c.rule + `}]`)}, nil))
		v := twice(t, p, issuerOnce().sign(nil, map[string]any{"scope": c.scope, "tier": "gold"}))
		if got := decided(v); got != c.want {
			t.Errorf("%s of %q: %s, want %s", c.rule, c.scope, got, c.want)
			continue
		}
		if d, ok := v.(*verdict.Deny); ok && (d.Status != 403 || header(d.Headers, "www-authenticate") != challenge+c.challenge || string(d.Body) != `{"detail":"Insufficient scope"}`) {
			t.Errorf("%s of %q: %d %v %s", c.rule, c.scope, d.Status, d.Headers, d.Body)
		}
	}
}

// TestManyFacts: more than fit into one word, shared between rules, none taken
// for another.
func TestManyFacts(t *testing.T) {
	t.Parallel()
	var rules []any
	for i := range 150 {
		rules = append(rules, map[string]any{
			"match":  map[string]any{"path": fmt.Sprint("/", i)},
			"scopes": []string{fmt.Sprint("s", i%140)},
			"claims": raw(fmt.Sprintf(`[{"claim":"g","contains":%d},{"claim":"g","contains":"all"},{"claim":"x","one_of":[%d,"y"]}]`, i%130, i)),
		})
	}
	p := mustParse(t, identityConfig(t, map[string]any{"rules": rules}, nil))
	for i := range 150 {
		token := issuerOnce().sign(nil, map[string]any{"scope": fmt.Sprint("s", i%140), "g": []any{"all", i % 130}, "x": i})
		s := p.NewState(Host{})
		for k := range 150 {
			r := bearerRequest(token)
			r.Path = fmt.Sprint("/", k)
			want := "token_valid"
			switch {
			case i%140 != k%140:
				want = "insufficient_scope"
			case i != k:
				want = "insufficient_claims"
			}
			if got := decided(p.Decide(s, testNow, r)); got != want {
				t.Fatalf("token %d at /%d: %s, want %s", i, k, got, want)
			}
		}
	}
}

// TestEveryBindingRuleIsMet: where a path has several readings, each reading's
// rule wants its own scopes and claims.
func TestEveryBindingRuleIsMet(t *testing.T) {
	t.Parallel()
	p := mustParse(t, identityConfig(t, map[string]any{"rules": raw(`[
		{"match":{"path_prefix":"/admin"},"claims":[{"claim":"admin","equal":true}]},
		{"match":{"path_prefix":"/pub"},"any_scopes":["read"]}]`)}, nil))
	for _, c := range []struct{ path, scope, admin, want string }{
		{"/pub/x", "read", "false", "token_valid"},
		{"/admin/x", "", "true", "token_valid"},
		{"/pub/..%2fadmin", "read", "false", "insufficient_claims"},
		{"/pub/..%2fadmin", "", "true", "insufficient_scope"},
		{"/pub/..%2fadmin", "read", "true", "token_valid"},
	} {
		r := bearerRequest(issuerOnce().sign(nil, map[string]any{"scope": c.scope, "admin": raw(c.admin)}))
		r.Path = c.path
		if got := decided(p.Decide(p.NewState(Host{}), testNow, r)); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// TestClaimsBesideOtherRules: a rule on trial says what its claims would have
// refused, and where several tokens are needed the first one's claims count.
func TestClaimsBesideOtherRules(t *testing.T) {
	t.Parallel()
	const claims = `"claims":[{"claim":"tier","equal":"gold"}],"any_scopes":["read"]`
	shadow := mustParse(t, identityConfig(t, map[string]any{"provider_header": "x-provider", "rules": raw(`[{"name":"trial","shadow":true,` + claims + `}]`)}, nil))
	for tier, want := range map[string]string{"gold": "token_valid", "lead": "shadow insufficient_claims idp"} {
		v := twice(t, shadow, issuerOnce().sign(nil, map[string]any{"tier": tier}))
		got := decided(v)
		if a, ok := v.(*verdict.Allow); ok && a.Shadowed != nil {
			got += " " + a.Shadowed.Reason.String() + " " + setHeader(v, "x-provider")
		}
		if got != want {
			t.Errorf("shadow, %s: %s, want %s", tier, got, want)
		}
	}
	for _, c := range []struct{ first, second, want string }{
		{"gold", "lead", "token_valid gold"}, {"lead", "gold", "insufficient_claims "},
	} {
		p := mustParse(t, identityConfig(t, map[string]any{
			"claim_headers": raw(`[{"claim":"tier","header":"x-tier"}]`),
			"rules":         raw(`[{"all_of":["idp","s"],` + claims + `}]`),
			"providers": map[string]any{"s": raw(`{"type":"static","token_locations":[{"header":"x-device"}],
				"tokens":[{"sha256":"` + digestOf("fake-token") + `","scopes":["read"],"attributes":{"tier":"` + c.second + `"}}]}`)},
		}, nil))
		r := request.NewRequest([][2]string{
			{":method", "GET"},
			{":path", "/"},
			{"x-device", "fake-token"},
			{"authorization", "Bearer " + issuerOnce().sign(nil, map[string]any{"tier": c.first})},
		})
		v := p.Decide(p.NewState(Host{}), testNow, &r)
		if got := decided(v) + " " + setHeader(v, "x-tier"); got != c.want {
			t.Errorf("%s and %s: %s, want %s", c.first, c.second, got, c.want)
		}
	}
}

// TestStaticTokensMeetRules: attributes, sub and scope are to static tokens what
// claims are, always as strings and never nested.
func TestStaticTokensMeetRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rule, want string }{
		{`"claims":[{"claim":"tier","equal":"gold"}]`, "token_valid"},
		{`"claims":[{"claim":"tier","one_of":["lead","gold"]}]`, "token_valid"},
		{`"claims":[{"claim":"tier","matches":"g.*"}]`, "token_valid"},
		{`"claims":[{"claim":"tier","exists":true}]`, "token_valid"},
		{`"claims":[{"claim":"tier","contains":"gold"}]`, "insufficient_claims"},
		{`"claims":[{"claim":["tier","gold"],"exists":true}]`, "insufficient_claims"},
		{`"claims":[{"claim":"level","equal":7}]`, "insufficient_claims"},
		{`"claims":[{"claim":"level","equal":"7"}]`, "token_valid"},
		{`"claims":[{"claim":"sub","equal":"alice"},{"claim":"scope","equal":"read write"}]`, "token_valid"},
		{`"claims":[{"claim":"client_id","exists":true}]`, "insufficient_claims"},
		{`"claims":[{"claim":"x","exists":true}]`, "insufficient_claims"},
		{`"any_scopes":["write"]`, "token_valid"},
		{`"any_scopes":["admin"]`, "insufficient_scope"},
	} {
		p := mustParse(t, fmt.Sprintf(`{"providers":{"s":{"type":"static","tokens":[{"sha256":%q,"subject":"alice","client_id":"app",
			"scopes":["read","write"],"attributes":{"tier":"gold","level":"7"}}]}},"rules":[{%s}]}`, digestOf("fake-token"), c.rule))
		if got := decided(twice(t, p, "fake-token")); got != c.want {
			t.Errorf("%s: %s, want %s", c.rule, got, c.want)
		}
	}
}

// TestScopeClaims: only the form that was agreed gives scopes, and only whole
// scope tokens are any.
func TestScopeClaims(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ config, claims, want string }{
		{``, `"scope":"read  write"`, "read write"},
		{``, `"scope":["read","write"]`, ""},
		{``, `"scp":"read"`, ""},
		{``, `"scope":"read\twrite a\"b c\\d \u00e9 \u0000 ok"`, "ok"},
		{``, `"scope":7`, ""},
		{`[{"claim":"scp","form":"array"}]`, `"scope":"read","scp":["a","b"]`, "a b"},
		{`[{"claim":"scp","form":"array"}]`, `"scp":"a b"`, ""},
		{`[{"claim":"scp","form":"array"}]`, `"scp":["a b","c\t","","d",7,null,["e"],{"f":1}]`, "d"},
		{`[{"claim":"scp","form":"string_or_array"}]`, `"scp":"a b"`, "a b"},
		{`[{"claim":"scp","form":"string_or_array"}]`, `"scp":["a b","b"]`, "b"},
		{`[{"claim":"scope"},{"claim":["x","roles"],"form":"array"}]`, `"scope":"read","x":{"roles":["admin"]}`, "read admin"},
		{`[{"claim":"scope"},{"claim":["x","roles"],"form":"array"}]`, `"scope":{"x":1},"x":{"roles":"admin"}`, ""},
	} {
		provider := map[string]any{}
		if c.config != "" {
			provider["scope_claims"] = raw(c.config)
		}
		var rules []any
		all := []string{"read", "write", "a", "b", "c", "d", "e", "f", "7", "ok", "admin", "x", "roles", "null"}
		for _, scope := range all {
			rules = append(rules, map[string]any{"match": map[string]any{"path": "/" + scope}, "any_scopes": []string{scope}})
		}
		p := mustParse(t, identityConfig(t, map[string]any{"filter_state": []string{"scope"}, "rules": rules}, provider))
		token := issuerOnce().signRaw(`{"iss":"https://issuer.example","aud":"api","exp":1893560000,` + c.claims + `}`)
		if got := state(twice(t, p, token), "scope"); got != c.want {
			t.Errorf("%s of %s: %q, want %q", c.config, c.claims, got, c.want)
		}
		for _, scope := range all {
			r := bearerRequest(token)
			r.Path = "/" + scope
			has := decided(p.Decide(p.NewState(Host{}), testNow, r)) == "token_valid"
			if want := strings.Contains(" "+c.want+" ", " "+scope+" "); has != want {
				t.Errorf("%s of %s: scope %s %t, want %t", c.config, c.claims, scope, has, want)
			}
		}
	}
}

// TestRequiredClaimPath: required_claims reads within objects, too.
func TestRequiredClaimPath(t *testing.T) {
	t.Parallel()
	p := mustParse(t, jwtConfig(t, map[string]any{"required_claims": raw(`[{"claim":["a","b"],"values":["x"]}]`)}))
	for claims, want := range map[string]string{
		`{"b":["x"]}`: "token_valid", `{"b":"x"}`: "token_valid", `{"b":"y"}`: "wrong_claim", `"x"`: "wrong_claim", `{}`: "wrong_claim",
		`{"b":"y","b":"x"}`: "malformed_token", `{"b":"y","\u0062":"x"}`: "malformed_token",
	} {
		token := issuerOnce().signRaw(`{"iss":"https://issuer.example","aud":"api","exp":1893560000,"a":` + claims + `}`)
		if got := decided(twice(t, p, token)); got != want {
			t.Errorf("%s: %s, want %s", claims, got, want)
		}
	}
}

func state(v verdict.Verdict, name string) string {
	var id *verdict.Identity
	switch v := v.(type) {
	case *verdict.Allow:
		id = v.Identity
	case *verdict.Deny:
		id = v.Identity
	}
	if id == nil {
		return ""
	}
	return header(id.State, "bearerauth."+name)
}
