package filter

import (
	"testing"

	"bearerauth/filter/policy"
)

func TestSettle(t *testing.T) {
	t.Parallel()
	good := &policy.Allow{Reason: policy.ReasonTokenValid}
	if allow, reply, refusal := settle(good); allow != good || reply != nil || refusal != nil {
		t.Errorf("%v %v %v for an Allow", allow, reply, refusal)
	}
	refused := &policy.Deny{Reason: policy.ReasonMissing, Status: 401}
	if allow, reply, refusal := settle(refused); allow != nil || reply != nil || refusal != refused {
		t.Errorf("%v %v %v for a Deny", allow, reply, refusal)
	}
	answered := &policy.Reply{Reason: policy.ReasonMetadata, Status: 200}
	if allow, reply, refusal := settle(answered); allow != nil || reply != answered || refusal != nil {
		t.Errorf("%v %v %v for a Reply", allow, reply, refusal)
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
		"nil Reply":               (*policy.Reply)(nil),
		"zero Reply":              &policy.Reply{},
		"Reply without a status":  &policy.Reply{Reason: policy.ReasonMetadata},
		"Reply that allows":       &policy.Reply{Reason: policy.ReasonAnonymous, Status: 200},
		"Reply that refuses":      &policy.Reply{Reason: policy.ReasonMissing, Status: 401},
		"Allow that answers":      &policy.Allow{Reason: policy.ReasonMetadata},
		"Deny that answers":       &policy.Deny{Reason: policy.ReasonMetadata, Status: 405},
		"Deny with 200":           &policy.Deny{Reason: policy.ReasonMissing, Status: 200},
	} {
		if allow, reply, refusal := settle(v); allow != nil || reply != nil || refusal != policy.Internal {
			t.Errorf("%s: %v %v %v, want the internal refusal", name, allow, reply, refusal)
		}
	}
	if policy.Internal.Status != 500 || policy.Internal.Reason.Allows() {
		t.Errorf("the internal refusal is %+v", policy.Internal)
	}
}
