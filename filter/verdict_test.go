package filter

import (
	"testing"

	"bearerauth/filter/policy/verdict"
)

func TestSettle(t *testing.T) {
	t.Parallel()
	good := &verdict.Allow{Reason: verdict.ReasonTokenValid}
	if allow, reply, refusal := settle(good); allow != good || reply != nil || refusal != nil {
		t.Errorf("%v %v %v for an Allow", allow, reply, refusal)
	}
	refused := &verdict.Deny{Reason: verdict.ReasonMissing, Status: 401}
	if allow, reply, refusal := settle(refused); allow != nil || reply != nil || refusal != refused {
		t.Errorf("%v %v %v for a Deny", allow, reply, refusal)
	}
	answered := &verdict.Reply{Reason: verdict.ReasonMetadata, Status: 200}
	if allow, reply, refusal := settle(answered); allow != nil || reply != answered || refusal != nil {
		t.Errorf("%v %v %v for a Reply", allow, reply, refusal)
	}
	for name, v := range map[string]verdict.Verdict{
		"nil":                     nil,
		"nil Allow":               (*verdict.Allow)(nil),
		"nil Deny":                (*verdict.Deny)(nil),
		"zero Allow":              &verdict.Allow{},
		"zero Deny":               &verdict.Deny{},
		"Allow with a refusal":    &verdict.Allow{Reason: verdict.ReasonExpired},
		"Allow of unknown reason": &verdict.Allow{Reason: verdict.Reason(verdict.NumReasons)},
		"Deny that allows":        &verdict.Deny{Reason: verdict.ReasonTokenValid, Status: 401},
		"nil Reply":               (*verdict.Reply)(nil),
		"zero Reply":              &verdict.Reply{},
		"Reply without a status":  &verdict.Reply{Reason: verdict.ReasonMetadata},
		"Reply that allows":       &verdict.Reply{Reason: verdict.ReasonAnonymous, Status: 200},
		"Reply that refuses":      &verdict.Reply{Reason: verdict.ReasonMissing, Status: 401},
		"Allow that answers":      &verdict.Allow{Reason: verdict.ReasonMetadata},
		"Deny that answers":       &verdict.Deny{Reason: verdict.ReasonMetadata, Status: 405},
		"Deny with 200":           &verdict.Deny{Reason: verdict.ReasonMissing, Status: 200},
	} {
		if allow, reply, refusal := settle(v); allow != nil || reply != nil || refusal != verdict.Internal {
			t.Errorf("%s: %v %v %v, want the internal refusal", name, allow, reply, refusal)
		}
	}
	if verdict.Internal.Status != 500 || verdict.Internal.Reason.Allows() {
		t.Errorf("the internal refusal is %+v", verdict.Internal)
	}
}
