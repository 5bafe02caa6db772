package policy

import (
	"strings"
	"testing"

	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
	"bearerauth/filter/policy/verdict"
)

// TestClaimHeaders: what a claim becomes in each format. "" is no header.
func TestClaimHeaders(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", claims.MaxHeaderText)
	for _, c := range []struct{ how, claim, want string }{
		{``, `"gold"`, "gold"},
		{``, `"a, b;c=\"d\"\\"`, `a, b;c="d"\`},
		{``, `"é\r\nx-admin: 1%"`, "%C3%A9%0D%0Ax-admin: 1%25"},
		{``, `"\u0000\t\u007f"`, "%00%09%7F"},
		{``, `" \ud83d\ude00 "`, "%20%F0%9F%98%80%20"},
		{``, `" "`, "%20"},
		{``, `""`, ""},
		{``, `9007199254740993`, "9007199254740993"},
		{``, `123456789012345678901234567890.10`, "123456789012345678901234567890.10"},
		{``, `-0`, "-0"},
		{``, `1e400`, "1e400"},
		{``, `false`, "false"},
		{``, `null`, ""},
		{``, `["a"]`, ""},
		{``, `{"a":1}`, ""},
		{``, `"` + long + `"`, long},
		{``, `"` + long + `x"`, ""},
		{``, `"` + long[1:] + `%"`, ""},
		{`"max_bytes":1`, `7`, "7"},
		{`"max_bytes":1`, `77`, ""},
		{`"max_bytes":3`, `"%"`, "%25"},
		{`"max_bytes":2`, `"%"`, ""},
		{`"format":"comma"`, `["a","b",7,true,1e400]`, "a,b,7,true,1e400"},
		{`"format":"comma"`, `["a,admin","b%2Cc"," d ","e f"]`, "a%2Cadmin,b%252Cc,%20d%20,e f"},
		{`"format":"comma"`, `[","]`, "%2C"},
		{`"format":"comma"`, `"a,b"`, "a%2Cb"},
		{`"format":"comma"`, `7`, "7"},
		{`"format":"comma"`, `[]`, ""},
		{`"format":"comma"`, `[""]`, ""},
		{`"format":"comma"`, `["","a"]`, ""},
		{`"format":"comma"`, `["a",""]`, ""},
		{`"format":"comma"`, `["a",["b"]]`, ""},
		{`"format":"comma"`, `["a",{"b":1}]`, ""},
		{`"format":"comma"`, `["a",null]`, ""},
		{`"format":"comma"`, `[null,"a"]`, ""},
		{`"format":"comma"`, `{"a":1}`, ""},
		{`"format":"comma","max_bytes":3`, `["a","b"]`, "a,b"},
		{`"format":"comma","max_bytes":3`, `["a","b","c"]`, ""},
		{`"format":"space"`, `["read","write all","é"]`, "read write%20all %C3%A9"},
		{`"format":"space"`, `"read write"`, "read%20write"},
		{`"format":"space"`, `["a,b"]`, "a,b"},
		{`"format":"space"`, `["a\nb"," "]`, "a%0Ab %20"},
		{`"format":"json"`, ` { "a" : [ 1.50 , "x y" , null , { } ] , "b\n" : true } `, `{"a":[1.50,"x y",null,{}],"b\n":true}`},
		{`"format":"json"`, `"é😀\u007f` + "\u007f" + `\"\\"`, `"\u00e9\ud83d\ude00\u007f\u007f\"\\"`},
		{`"format":"json"`, `[9007199254740993,-0,1e400]`, `[9007199254740993,-0,1e400]`},
		{`"format":"json"`, `"\\"`, `"\\"`},
		{`"format":"json"`, `" a \" b "`, `" a \" b "`},
		{`"format":"json"`, `""`, `""`},
		{`"format":"json"`, `[]`, `[]`},
		{`"format":"json"`, `null`, ""},
		{`"format":"json","max_bytes":8`, `"é"`, `"\u00e9"`},
		{`"format":"json","max_bytes":7`, `"é"`, ""},
		{`"base64url":true`, `"é\r\n%"`, b64([]byte("é\r\n%"))},
		{`"base64url":true`, `"???>"`, "Pz8_Pg"},
		{`"base64url":true`, `7`, "Nw"},
		{`"base64url":true`, `""`, ""},
		{`"base64url":true`, `["a"]`, ""},
		{`"base64url":true,"max_bytes":2`, `7`, "Nw"},
		{`"base64url":true,"max_bytes":2`, `77`, ""},
		{`"base64url":true,"format":"json"`, `{ "é" : "\u00e9" }`, b64([]byte(`{"é":"\u00e9"}`))},
		{`"base64url":true,"format":"comma"`, `["a,admin","é%",""]`, ""},
		{`"base64url":true,"format":"comma"`, `["a,admin","é%"]`, b64([]byte("a%2Cadmin,é%25"))},
		{`"default":"none"`, `"gold"`, "gold"},
		{`"default":"none"`, `null`, "none"},
		{`"default":"none"`, `""`, "none"},
		{`"default":"none"`, `["a"]`, "none"},
		{`"default":"none","base64url":true,"max_bytes":2`, `"long"`, "none"},
	} {
		how := c.how
		if how != "" {
			how = "," + how
		}
		p := mustParse(t, identityConfig(t, map[string]any{"claim_headers": raw(
			`[{"claim":["c","d"],"header":"x-claim","filter_state":"claim"` + how + `},{"claim":"c","header":"x-other","format":"json"}]`)}, nil))
		token := issuerOnce().signRaw(`{"iss":"https://issuer.example","aud":"api","exp":1893560000,"c":{"x":0,"d":` + c.claim + `}}`)
		v := twice(t, p, token)
		if got := setHeader(v, "x-claim"); got != c.want {
			t.Errorf("{%s} of %.60s: %.90q, want %.90q", c.how, c.claim, got, c.want)
		}
		if got := state(v, "claim.claim"); got != c.want {
			t.Errorf("{%s} of %.60s: state %.90q, want %.90q", c.how, c.claim, got, c.want)
		}
		if a, ok := v.(*verdict.Allow); !ok {
			t.Errorf("{%s} of %.60s: %s", c.how, c.claim, decided(v))
		} else {
			for _, h := range append(a.Set, a.Identity.State...) {
				if h[1] == "" || !syntax.IsPrintableASCII(h[1]) {
					t.Errorf("{%s} of %.60s: %q is no header's value", c.how, c.claim, h)
				}
			}
		}
	}
}

// TestMissingDenies: on every request, from memory or not, by both ways to an
// Allow, and for static tokens, too.
func TestMissingDenies(t *testing.T) {
	t.Parallel()
	for _, told := range []string{`"header":"x-tier"`, `"filter_state":"tier"`} {
		config := identityConfig(t, map[string]any{
			"claim_headers": raw(`[{"claim":"tier",` + told + `,"missing":"deny"},{"claim":"none","filter_state":"none"}]`),
			"providers":     map[string]any{"s": raw(`{"type":"static","tokens":[{"sha256":"` + digestOf("fake-token") + `"},{"sha256":"` + digestOf("fake-gold") + `","attributes":{"tier":"gold"}}]}`)},
		}, nil)
		p := mustParse(t, config)
		if p.OnlyCredential() != strings.Contains(told, "state") {
			t.Errorf("%s: OnlyCredential %t", told, p.OnlyCredential())
		}
		issuer := issuerOnce()
		for token, want := range map[string]string{
			issuer.sign(nil, map[string]any{"tier": "gold"}):                          "token_valid",
			issuer.sign(nil, nil):                                                     "insufficient_claims",
			issuer.sign(nil, map[string]any{"tier": ""}):                              "insufficient_claims",
			issuer.sign(nil, map[string]any{"tier": raw("null")}):                     "insufficient_claims",
			issuer.sign(nil, map[string]any{"tier": []string{"gold"}}):                "insufficient_claims",
			issuer.sign(nil, map[string]any{"tier": strings.Repeat("x", 5000)}):       "insufficient_claims",
			issuer.sign(nil, map[string]any{"exp": testNow.Unix() - 60, "tier": "x"}): "expired",
			issuer.sign(nil, map[string]any{"aud": "other", "tier": raw("null")}):     "wrong_audience",
			"fake-token": "insufficient_claims",
			"fake-gold":  "token_valid",
		} {
			s := p.NewState(Host{})
			for time := range 3 {
				if time > 0 && p.OnlyCredential() {
					if got := p.Quick(s, testNow, "Bearer "+token, "/"); (got != nil) != (want == "token_valid") {
						t.Errorf("%s: quick %v, want %s", told, got, want)
					}
				}
				v := p.Decide(s, testNow, bearerRequest(token))
				if got := decided(v); got != want {
					t.Errorf("%s, time %d: %s, want %s\n%.300s", told, time, got, want, token)
				}
				if d, ok := v.(*verdict.Deny); ok && want == "insufficient_claims" && (d.Status != 403 || d.Identity == nil) {
					t.Errorf("%s: %d, %v", told, d.Status, d.Identity)
				}
			}
		}
	}
}

// TestToldIdentity: provider, client and payload, of JWTs and static tokens.
func TestToldIdentity(t *testing.T) {
	t.Parallel()
	top := map[string]any{
		"subject_header": "x-sub", "provider_header": "x-provider", "client_id_header": "x-client", "payload_header": "x-payload",
		"filter_state": []string{"payload", "provider", "client_id", "scope"},
		"providers": map[string]any{"s": raw(`{"type":"static","tokens":[
			{"sha256":"` + digestOf("fake-token") + `","subject":"bob","client_id":"app 7%","scopes":["a","b"]},{"sha256":"` + digestOf("fake-bare") + `"}]}`)},
	}
	issuer := issuerOnce()
	for _, padding := range []bool{false, true} {
		top["payload_padding"] = padding
		p := mustParse(t, identityConfig(t, top, nil))
		for _, c := range []struct{ token, provider, subject, client, scope string }{
			{issuer.sign(nil, map[string]any{"client_id": "c", "azp": "z"}), "idp", "alice", "c", "read write"},
			{issuer.sign(nil, map[string]any{"azp": "z\u00e9"}), "idp", "alice", "z%C3%A9", "read write"},
			{issuer.sign(nil, map[string]any{"client_id": raw("null"), "azp": "z"}), "idp", "alice", "z", "read write"},
			{issuer.sign(nil, map[string]any{"client_id": 7, "azp": "z"}), "idp", "alice", "", "read write"},
			{issuer.sign(nil, map[string]any{"client_id": "", "azp": "z", "scope": nil, "sub": nil}), "idp", "", "", ""},
			{issuer.sign(nil, map[string]any{"azp": []string{"z"}, "x": "yy"}), "idp", "alice", "", "read write"},
			{issuer.sign(nil, map[string]any{"x": "y"}), "idp", "alice", "", "read write"},
			{"fake-token", "s", "bob", "app 7%25", "a b"},
			{"fake-bare", "s", "", "", ""},
		} {
			payload := ""
			if parts := strings.Split(c.token, "."); len(parts) == 3 {
				payload = parts[1]
				for padding && len(payload)%4 != 0 {
					payload += "="
				}
			}
			v := twice(t, p, c.token)
			want := map[string]string{"provider": c.provider, "sub": c.subject, "client": c.client, "payload": payload}
			for name, want := range want {
				if got := setHeader(v, "x-"+name); got != want {
					t.Errorf("x-%s %.60q, want %.60q", name, got, want)
				}
			}
			for name, want := range map[string]string{"provider": c.provider, "sub": c.subject, "client_id": c.client, "payload": payload, "scope": c.scope} {
				if got := state(v, name); got != want {
					t.Errorf("state %s %.60q, want %.60q", name, got, want)
				}
			}
			for _, s := range v.(*verdict.Allow).Identity.State {
				if s[1] == "" {
					t.Errorf("%s is set to nothing", s[0])
				}
			}
		}
	}
}

// TestClientsCannotForgeIdentity: values of a client under the filter's header names are removed, on
// every kind of path and with every kind of token, also if the claim for the header is
// missing.
func TestClientsCannotForgeIdentity(t *testing.T) {
	t.Parallel()
	p := mustParse(t, identityConfig(t, map[string]any{
		"subject_header": "x-sub", "token_header": "x-token", "provider_header": "x-provider", "client_id_header": "x-client-id", "payload_header": "x-payload",
		"claim_headers": raw(`[{"claim":"tier","header":"x-tier"},{"claim":"groups","header":"x-groups","format":"comma"},{"claim":"acr","filter_state":"acr"}]`),
		"providers":     map[string]any{"s": raw(`{"type":"static","tokens":[{"sha256":"` + digestOf("fake-token") + `"}]}`)},
		"rules": raw(`[{"match":{"path":"/open"},"access":"anonymous"},{"match":{"path":"/maybe"},"access":"optional"},
			{"match":{"path":"/presence"},"access":"insecure_presence_only"}]`),
	}, nil))
	s := p.NewState(Host{})
	bare := issuerOnce().sign(nil, map[string]any{"sub": nil})
	names := []string{"x-sub", "x-token", "x-provider", "x-client-id", "x-payload", "x-tier", "x-groups"}
	if len(p.propagation.Owned) != len(names) {
		t.Errorf("own %v", p.propagation.Owned)
	}
	for _, path := range []string{"/", "/open", "/maybe", "/presence"} {
		for _, token := range []string{bare, bare, "fake-token", "", "fake-unknown"} {
			pairs := [][2]string{{":method", "GET"}, {":path", path}}
			if token != "" {
				pairs = append(pairs, [2]string{"authorization", "Bearer " + token})
			}
			for _, name := range names {
				for _, spelling := range []string{
					name, strings.ReplaceAll(name, "-", "_"), strings.Replace(name, "-", "_", 1), strings.ToUpper(name),
					strings.ReplaceAll(name, "-", "."), strings.ReplaceAll(name, "-", "!"), strings.Replace(name, "-", "~", 1),
				} {
					pairs = append(pairs, [2]string{spelling, "forged"}, [2]string{spelling, ""})
				}
			}
			if got := p.AppendForged(nil, pairs); len(got) < 6*len(names) {
				t.Errorf("%d of the forged names are found: %v", len(got), got)
			}
			r := request.NewRequest(pairs)
			a, ok := p.Decide(s, testNow, &r).(*verdict.Allow)
			if !ok {
				continue
			}
			for _, h := range applyTo(pairs, a) {
				if h[1] == "forged" || h[1] == "" {
					t.Errorf("%s with %.10s: %v is there", path, token, h)
				}
			}
		}
	}
	r := request.NewRequest([][2]string{{":method", "GET"}, {":path", "/"}, {"authorization", "Bearer " + bare}, {"connection", "close, X_Provider"}})
	if got := decided(p.Decide(s, testNow, &r)); got != "connection_header" {
		t.Errorf("a connection that drops the identity: %s", got)
	}
}

// TestCachedTokenAllocatesNothing: all that a token says was made when it was verified.
func TestCachedTokenAllocatesNothing(t *testing.T) {
	p := mustParse(t, identityConfig(t, map[string]any{
		"subject_header": "x-sub", "provider_header": "x-provider", "payload_header": "x-payload", "filter_state": []string{"scope"},
		"claim_headers": raw(`[{"claim":"groups","header":"x-groups","format":"comma"},{"claim":"none","header":"x-none","default":"-"}]`),
		"rules":         raw(`[{"scopes":["read"],"any_scopes":["write","x"],"claims":[{"claim":"groups","contains":"a"},{"claim":"sub","matches":"[a-z]+"}]}]`),
	}, nil))
	s := p.NewState(Host{})
	r := bearerRequest(issuerOnce().sign(nil, map[string]any{"groups": []string{"a", "b"}}))
	if got := decided(p.Decide(s, testNow, r)); got != "token_valid" {
		t.Fatal(got)
	}
	if n := testing.AllocsPerRun(100, func() { p.Decide(s, testNow, r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
