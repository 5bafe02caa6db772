package policy

import (
	"strings"
	"testing"

	"bearerauth/filter/policy/verdict"
)

// TestAlternativeOfAnotherProvider: a token that one provider issues never satisfies what
// an alternative asks of the tokens of another, whatever the token claims.
func TestAlternativeOfAnotherProvider(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rule, tokens, want string }{
		{`"any_of":[{"providers":["a"]},{"providers":["b"],"scopes":["admin"]}]`, "authorization=a", "token_valid"},
		{`"any_of":[{"providers":["a"]},{"providers":["b"],"scopes":["admin"]}]`, "authorization=b", "insufficient_scope"},
		{`"any_of":[{"providers":["b"]}]`, "authorization=a", "other_provider"},
		{`"any_of":[{"providers":["b"]}]`, "authorization=b", "token_valid"},
		{`"any_of":[{"providers":["b"]}]`, "", "missing"},
		{`"any_of":[{"providers":["b"]}]`, "authorization=x", "unknown_token"},
		// The token of b counts only at the locations of b, also for its alternative.
		{`"any_of":[{"providers":["b"]},{"providers":["c"]}]`, "x-c=b", "wrong_location"},
		{`"any_of":[{"providers":["b"]},{"providers":["c"]}]`, "x-c=c", "token_valid"},
		// Alternatives do not make two tokens into one.
		{`"any_of":[{"providers":["b"]},{"providers":["c"]}]`, "authorization=b x-c=c", "several_credentials"},
		{`"any_of":[{"providers":["b"]},{"providers":["c"]}]`, "authorization=x x-c=c", "several_credentials"},
		{`"providers":["a","c"],"any_of":[{"providers":["a"]}]`, "authorization=a", "token_valid"},
		{`"providers":["a","c"],"any_of":[{"providers":["a"]}]`, "x-c=c", "other_provider"},
		{`"providers":["a","c"],"any_of":[{"providers":["a"]}]`, "authorization=b", "other_provider"},
		{`"all_of":["a","c"],"any_of":[{"scopes":["admin"]}]`, "authorization=a x-c=c", "insufficient_scope"},
		{`"all_of":["a","c"],"any_of":[{"scopes":["admin"]}]`, "authorization=a", "missing"},
		// A client can request a scope, so that is the reason, in either order.
		{`"any_of":[{"claims":[{"claim":"x","exists":true}]},{"scopes":["admin"]}]`, "authorization=a", "insufficient_scope"},
		{`"any_of":[{"scopes":["admin"]},{"claims":[{"claim":"x","exists":true}]}]`, "authorization=a", "insufficient_scope"},
		{`"any_of":[{"providers":["b"],"scopes":["admin"]},{"claims":[{"claim":"x","exists":true}]}]`, "authorization=a", "insufficient_claims"},
	} {
		p := severalTokens(t, `{`+c.rule+`}`)
		if got := decided(p.Decide(p.NewState(Host{}), testNow, severalRequest("/", c.tokens))); got != c.want {
			t.Errorf("%s, %s: %s, want %s", c.rule, c.tokens, got, c.want)
		}
	}
}

// TestAlternativesOfTwoReadings: if a path has two readings, the token must satisfy an
// alternative of each rule: an alternative of one rule is no alternative of the other.
func TestAlternativesOfTwoReadings(t *testing.T) {
	t.Parallel()
	p := severalTokens(t, `{"match":{"path_prefix":"/left"},"any_of":[{"providers":["a"]},{"scopes":["x"]}]},
		{"match":{"path_prefix":"/right"},"any_of":[{"providers":["b"]},{"scopes":["y"]}]}`)
	for path, want := range map[string]string{"/left/x": "token_valid", "/right/x": "insufficient_scope", "/left/%2e%2e/right/x": "insufficient_scope", "/left/..%2fright/x": "insufficient_scope"} {
		v := p.Decide(p.NewState(Host{}), testNow, severalRequest(path, "authorization=a"))
		if got := decided(v); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// TestAlternativesAreFoundBeyondAWord: the answers about a token are bits in words of 64.
func TestAlternativesAreFoundBeyondAWord(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range 200 {
		many = append(many, `{"match":{"path":"/`+strings.Repeat("x", i+1)+`"},"scopes":["s`+strings.Repeat("x", i)+`"]}`)
	}
	p := mustParse(t, `{"providers":{"a":{"type":"static","tokens":[{"sha256":"`+digestOf("fake-token")+`","scopes":["last"]},{"sha256":"`+digestOf("fake-other")+`","scopes":["s"]}]}},
		"rules":[`+strings.Join(many, ",")+`,{"any_of":[{"scopes":["never"]},{"scopes":["last"]}]}]}`)
	for token, want := range map[string]string{"fake-token": "token_valid", "fake-other": "insufficient_scope"} {
		if got := decided(p.Decide(p.NewState(Host{}), testNow, bearerRequest(token))); got != want {
			t.Errorf("%s: %s, want %s", token, got, want)
		}
	}
}

// TestAlternativesAllocateNothing: neither for a token that satisfies the last of sixteen
// nor for one that satisfies none.
func TestAlternativesAllocateNothing(t *testing.T) {
	alternatives := strings.Repeat(`{"scopes":["x"],"claims":[{"claim":"tier","equal":"gold"}]},`, 15) + `{"any_scopes":["last"]}`
	p := mustParse(t, `{"providers":{"a":{"type":"static","tokens":[{"sha256":"`+digestOf("fake-token")+`","scopes":["last"]}]}},"rules":[{"any_of":[`+alternatives+`]}]}`)
	s, r := p.NewState(Host{}), bearerRequest("fake-token")
	if _, ok := p.Decide(s, testNow, r).(*verdict.Allow); !ok {
		t.Fatal("refused")
	}
	if n := testing.AllocsPerRun(100, func() { p.Decide(s, testNow, r) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
