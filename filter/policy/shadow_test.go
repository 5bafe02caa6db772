package policy

import (
	"fmt"
	"testing"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// TestShadowForwards: in shadow, a good token without the scope is forwarded as if the
// rule required no scope, and an unverified token is not.
func TestShadowForwards(t *testing.T) {
	t.Parallel()
	config := func(more string) *Policy {
		return mustParse(t, `{"subject_header": "x-sub", "token_header": "x-bare", "providers": {"a": {"type": "static",
			"token_locations": [{"header": "authorization"}, {"insecure_query_parameter": "access_token"}],
			"tokens": [{"sha256": "`+digestOf("fake-token")+`", "subject": "alice"}]}}, "rules": [{`+more+`}]}`)
	}
	requests := [][][2]string{
		{{":method", "GET"}, {":path", "/x?a=1"}, {"authorization", "Bearer fake-token"}, {"x-sub", "root"}},
		{{":method", "GET"}, {":path", "/x?access_token=fake-token&a=1"}},
	}
	for _, forward := range []string{"true", "false"} {
		plain := config(`"forward_authorization": ` + forward)
		trial := config(`"scopes": ["never"], "shadow": true, "forward_authorization": ` + forward)
		for _, pairs := range requests {
			r := request.NewRequest(pairs)
			want := plain.Decide(plain.NewState(Host{}), testNow, &r).(*verdict.Allow)
			got := trial.Decide(trial.NewState(Host{}), testNow, &r).(*verdict.Allow)
			if got.Reason != verdict.ReasonShadow || got.Shadowed.Reason != verdict.ReasonInsufficientScope || got.Identity.Subject != "alice" {
				t.Fatalf("%+v", got)
			}
			if a, b := fmt.Sprint(applyTo(pairs, got)), fmt.Sprint(applyTo(pairs, want)); a != b {
				t.Errorf("forward %s: on trial the upstream gets %s, otherwise %s", forward, a, b)
			}
			if a, b := fmt.Sprint(got.State), fmt.Sprint(append(want.State, [2]string{"bearerauth.shadow", "insufficient_scope"})); a != b {
				t.Errorf("forward %s: filter state %s, want %s", forward, a, b)
			}
		}
		for _, token := range []string{"forged", ""} {
			pairs := [][2]string{{":method", "GET"}, {":path", "/x"}, {"authorization", "Bearer " + token}, {"x_bare", "forged"}}
			r := request.NewRequest(pairs)
			a := trial.Decide(trial.NewState(Host{}), testNow, &r).(*verdict.Allow)
			if got := applyTo(pairs, a); a.Identity != nil || len(got) != 2 {
				t.Errorf("unverified, %q goes on", got)
			}
		}
	}
}
