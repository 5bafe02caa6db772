package policy

import (
	"fmt"
	"strings"
	"testing"
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
func severalRequest(path, tokens string) *Request {
	pairs := [][2]string{{":method", "GET"}, {":path", path}, {":authority", "api.example"}}
	for _, token := range strings.Fields(tokens) {
		header, name, _ := strings.Cut(token, "=")
		value := "fake-" + name
		if header == "authorization" {
			value = "Bearer " + value
		}
		pairs = append(pairs, [2]string{header, value})
	}
	r := NewRequest(pairs)
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
		if d, ok := v.(*Deny); ok && want == "other_provider" && d.Status != 403 {
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

// TestShadowForgetsWhatItVerified: on trial, a request that lacks one of two tokens
// goes on as an unverified one. The other token is treated like any that nothing
// has looked at: kept where unverified ones are, and removed where they are not.
func TestShadowForgetsWhatItVerified(t *testing.T) {
	t.Parallel()
	for forward, want := range map[string]string{"true": "authorization", "false": ""} {
		p := severalTokens(t, `{"all_of":["a","c"],"shadow":true,"forward_authorization":true,"insecure_forward_unverified_token":`+forward+`}`)
		r := severalRequest("/", "authorization=a")
		a, ok := p.Decide(p.NewState(Host{}), testNow, r).(*Allow)
		if !ok || a.Reason != ReasonShadow || a.Shadowed.Reason != ReasonMissing || a.Identity != nil {
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
