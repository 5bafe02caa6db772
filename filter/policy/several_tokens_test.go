package policy

import (
	"fmt"
	"strings"
	"testing"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// severalTokens is a configuration of static providers, of which a and b share
// Authorization, and each other has a header of its own. The token of NAME is
// fake-NAME and its subject NAME.
func severalTokens(t testing.TB, rules string) *Policy {
	var providers []string
	for _, name := range []string{"a", "b", "c", "d"} {
		location := ""
		if name > "b" {
			location = `"token_locations":[{"header":"x-` + name + `"}],`
		}
		providers = append(providers, fmt.Sprintf(`%q:{"type":"static",%s"tokens":[{"sha256":%q,"subject":%q}]}`, name, location, digestOf("fake-"+name), name))
	}
	return mustParse(t, `{"subject_header":"x-sub","providers":{`+strings.Join(providers, ",")+`},"rules":[`+rules+`]}`)
}

// severalRequest has the tokens of these names, "authorization=a x-c=c".
func severalRequest(path, tokens string) *request.Request {
	pairs := [][2]string{{":method", "GET"}, {":path", path}, {":authority", "api.example"}}
	for _, token := range strings.Fields(tokens) {
		header, name, _ := strings.Cut(token, "=")
		value := "fake-" + name
		if header == "authorization" {
			value = "Bearer " + value
		}
		pairs = append(pairs, [2]string{header, value})
	}
	r := request.NewRequest(pairs)
	return &r
}

// TestAllOfWantsEachProvider: a token that is good where another provider's is
// wanted is no token of that provider.
func TestAllOfWantsEachProvider(t *testing.T) {
	t.Parallel()
	p := severalTokens(t, `{"all_of":["a","c"]}`)
	for tokens, want := range map[string]string{
		"authorization=a x-c=c":       "token_valid",
		"authorization=b x-c=c":       "other_provider",
		"authorization=a x-c=d":       "wrong_location",
		"authorization=a x-c=a":       "wrong_location",
		"authorization=c x-c=c":       "wrong_location",
		"authorization=a":             "missing",
		"x-c=c":                       "missing",
		"authorization=b":             "other_provider",
		"authorization=x x-c=c":       "unknown_token",
		"authorization=a x-c=x":       "unknown_token",
		"authorization=a x-c=c x-d=d": "token_valid",
	} {
		v := p.Decide(p.NewState(Host{}), testNow, severalRequest("/", tokens))
		if got := decided(v); got != want {
			t.Errorf("%s: %s, want %s", tokens, got, want)
		}
		if d, ok := v.(*verdict.Deny); ok && want == "other_provider" && d.Status != 403 {
			t.Errorf("%s: %d", tokens, d.Status)
		}
	}
}

// TestTwoReadingsTwoIdentities: where the readings of one path meet two rules, and
// each has verified another sender, the request is refused: the upstream could be given only one.
func TestTwoReadingsTwoIdentities(t *testing.T) {
	t.Parallel()
	const path = "/left/%2e%2e/right/x"
	for _, c := range []struct{ left, right, path, tokens, want string }{
		{`"all_of":["a","c"]`, `"all_of":["d","b"]`, path, "authorization=b x-c=c x-d=d", "other_provider"},
		{`"all_of":["a","c"]`, `"all_of":["d","c"]`, path, "authorization=a x-c=c x-d=d", "several_credentials"},
		{`"all_of":["a","c"]`, `"all_of":["c","a"]`, path, "authorization=a x-c=c", "several_credentials"},
		{`"all_of":["a","c"]`, `"all_of":["a","d"]`, path, "authorization=a x-c=c x-d=d", "token_valid"},
		{`"all_of":["a","c"]`, `"all_of":["d","c"]`, "/left/x", "authorization=a x-c=c", "token_valid"},
		{`"all_of":["a","c"]`, `"all_of":["d","c"]`, "/right/x", "x-c=c x-d=d", "token_valid"},
	} {
		p := severalTokens(t, `{"match":{"path_prefix":"/left"},`+c.left+`},{"match":{"path_prefix":"/right"},`+c.right+`}`)
		v := p.Decide(p.NewState(Host{}), testNow, severalRequest(c.path, c.tokens))
		if got := decided(v); got != c.want {
			t.Errorf("%s and %s, %s: %s, want %s", c.left, c.right, c.tokens, got, c.want)
		}
	}
}

// TestShadowForgetsWhatItVerified: in shadow, a request that lacks one of two tokens is
// forwarded as an unverified request. The other token is treated like any unverified
// token: kept where those are kept, and removed where they are not.
func TestShadowForgetsWhatItVerified(t *testing.T) {
	t.Parallel()
	for forward, want := range map[string]string{"true": "authorization", "false": ""} {
		p := severalTokens(t, `{"all_of":["a","c"],"shadow":true,"forward_authorization":true,"insecure_forward_unverified_token":`+forward+`}`)
		r := severalRequest("/", "authorization=a")
		a, ok := p.Decide(p.NewState(Host{}), testNow, r).(*verdict.Allow)
		if !ok || a.Reason != verdict.ReasonShadow || a.Shadowed.Reason != verdict.ReasonMissing || a.Identity != nil {
			t.Fatalf("%+v", a)
		}
		got := ""
		for _, h := range applyTo(r.Headers, a) {
			if h[0] == "authorization" || h[0] == "x-sub" {
				got += h[0]
			}
		}
		if got != want {
			t.Errorf("forward %s: the upstream gets %q, want %q", forward, got, want)
		}
	}
}

// TestShadowDenyBeside: a deny rule on trial that only some readings of a path meet
// forbids nothing either. It asks for a token there, as any rule does.
func TestShadowDenyBeside(t *testing.T) {
	t.Parallel()
	p := severalTokens(t, `{"match":{"path_prefix":"/left"},"access":"deny","shadow":true},{"match":{"path_prefix":"/right"},"access":"anonymous"}`)
	for path, want := range map[string][2]string{
		"/left/%2e%2e/right/x": {"token_valid", "missing"}, "/left/x": {"shadow", "shadow"}, "/right/x": {"anonymous", "anonymous"},
	} {
		for i, tokens := range []string{"authorization=a", ""} {
			if got := decided(p.Decide(p.NewState(Host{}), testNow, severalRequest(path, tokens))); got != want[i] {
				t.Errorf("%s, %q: %s, want %s", path, tokens, got, want[i])
			}
		}
	}
}

// TestOpeningBesideRequirement: where one reading of a path meets an opening that
// asks for something and another a requirement, the request must be enough for both.
func TestOpeningBesideRequirement(t *testing.T) {
	t.Parallel()
	for access, want := range map[string]string{"insecure_presence_only": "several_credentials", "optional": "several_credentials", "anonymous": "token_valid"} {
		p := severalTokens(t, `{"match":{"path_prefix":"/right"},"providers":["c"]},{"match":{"path_prefix":"/"},"access":"`+access+`"}`)
		for tokens, want := range map[string]string{"x-c=c": "token_valid", "x-c=c authorization=x": want, "x-c=x": "unknown_token"} {
			if got := decided(p.Decide(p.NewState(Host{}), testNow, severalRequest("/left/%2e%2e/right/x", tokens))); got != want {
				t.Errorf("%s, %s: %s, want %s", access, tokens, got, want)
			}
		}
	}
}

// TestForwardedByAllRules: a verified token is forwarded if every binding rule says so, in
// any order.
func TestForwardedByAllRules(t *testing.T) {
	t.Parallel()
	for rules, want := range map[[2]bool]bool{{true, true}: true, {true, false}: false, {false, true}: false, {false, false}: false} {
		p := severalTokens(t, fmt.Sprintf(`{"match":{"path_prefix":"/left"},"forward_authorization":%t},{"match":{"path_prefix":"/right"},"forward_authorization":%t}`, rules[0], rules[1]))
		r := severalRequest("/left/%2e%2e/right/x", "authorization=a")
		a, ok := p.Decide(p.NewState(Host{}), testNow, r).(*verdict.Allow)
		if !ok {
			t.Fatal("refused")
		}
		if got := header(applyTo(r.Headers, a), "authorization") != ""; got != want {
			t.Errorf("%v: forwarded %t", rules, got)
		}
	}
}

// TestOneTokenInItsHeader: of several verified tokens the upstream gets the one
// whose identity it gets.
func TestOneTokenInItsHeader(t *testing.T) {
	t.Parallel()
	for all, want := range map[string]string{`"a","c"`: "fake-a", `"c","a"`: "fake-c", `"d","c","a"`: "fake-d"} {
		p := severalTokens(t, `{"all_of":[`+all+`]}`)
		p.propagation.TokenHeader = "x-bare"
		r := severalRequest("/", "authorization=a x-c=c x-d=d")
		got := ""
		if a, ok := p.Decide(p.NewState(Host{}), testNow, r).(*verdict.Allow); ok {
			for _, h := range a.Set {
				if h[0] == "x-bare" {
					got += h[1]
				}
			}
			if a.Identity.Subject != want[5:] {
				t.Errorf("%s: %q", all, a.Identity.Subject)
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", all, got, want)
		}
	}
}

// TestUncheckedAmongSeveral: one token that may have been revoked is enough to say so.
func TestUncheckedAmongSeveral(t *testing.T) {
	t.Parallel()
	config := fmt.Sprintf(`{"providers":{
		"j":{"type":"jwt","issuer":"https://issuer.example","audiences":["api"],"jwks":%s,"token_locations":[%%s]},
		"s":{"type":"static","token_locations":[%%s],"tokens":[{"sha256":%q}]}},
		"rules":[{"all_of":["j","s"]}],
		"revocations":{"uri":"https://issuer.example/revoked","cluster":"issuer","insecure_pass_when_stale":true}}`, jwkSet(issuerOnce().jwk("RS256", "k1")), digestOf("fake-s"))
	for _, at := range [][2]string{{"x-a", "x-b"}, {"x-b", "x-a"}} {
		p := mustParse(t, fmt.Sprintf(config, `{"header":"`+at[0]+`"}`, `{"header":"`+at[1]+`"}`))
		r := request.NewRequest([][2]string{{":method", "GET"}, {":path", "/"}, {at[0], issuerOnce().sign(nil, nil)}, {at[1], "fake-s"}})
		if a, ok := p.Decide(p.NewState(Host{}), testNow, &r).(*verdict.Allow); !ok || !a.Unchecked {
			t.Errorf("%v: %+v", at, a)
		}
	}
}
