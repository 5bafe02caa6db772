package filter

import (
	"testing"

	"bearerauth/filter/policy"
)

func TestSettle(t *testing.T) {
	t.Parallel()
	good := &policy.Allow{Reason: policy.ReasonTokenValid}
	if allow, refusal := settle(good); allow != good || refusal != nil {
		t.Errorf("%v %v for an Allow", allow, refusal)
	}
	refused := &policy.Deny{Reason: policy.ReasonMissing, Status: 401}
	if allow, refusal := settle(refused); allow != nil || refusal != refused {
		t.Errorf("%v %v for a Deny", allow, refusal)
	}
	for name, v := range map[string]policy.Verdict{
		"nil":                     nil,
		"nil Allow":               (*policy.Allow)(nil),
		"nil Deny":                (*policy.Deny)(nil),
		"zero Allow":              &policy.Allow{},
		"zero Deny":               &policy.Deny{},
		"Allow with a refusal":    &policy.Allow{Reason: policy.ReasonExpired},
		"Allow of unknown reason": &policy.Allow{Reason: policy.Reason(policy.NumReasons)},
		"Deny that allows":        &policy.Deny{Reason: policy.ReasonTokenValid, Status: 401},
		"Deny with 200":           &policy.Deny{Reason: policy.ReasonMissing, Status: 200},
	} {
		if allow, refusal := settle(v); allow != nil || refusal != policy.Internal {
			t.Errorf("%s: %v %v, want the internal refusal", name, allow, refusal)
		}
	}
	if policy.Internal.Status != 500 || policy.Internal.Reason.Allows() {
		t.Errorf("the internal refusal is %+v", policy.Internal)
	}
}
