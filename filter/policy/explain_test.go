package policy

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/trace"
	"bearerauth/filter/policy/verdict"
)

// sameVerdict compares the verdicts of two states.
func sameVerdict(a, b verdict.Verdict) bool {
	left, ok := a.(*verdict.Allow)
	right, also := b.(*verdict.Allow)
	if ok && also {
		return reflect.DeepEqual(copyOfAllow(left), copyOfAllow(right))
	}
	return reflect.DeepEqual(a, b)
}

// tokenTexts are the tokens of the plays.
var tokenTexts = func() (list []string) {
	for _, token := range modelTokens() {
		list = append(list, token.text)
	}
	return append(list, "QZX-strange")
}()

// explained asks for the findings of a verdict, and checks what holds for all of them:
// they leave the verdict as it is, show no token, and cannot forge a line of a log.
func explained(t *testing.T, s *State, now time.Time, r *request.Request, v verdict.Verdict, tokens ...string) trace.Steps {
	t.Helper()
	before := v
	if a, ok := v.(*verdict.Allow); ok {
		copied := copyOfAllow(a)
		before = &copied
	}
	short := s.policy.Findings(s, now, r, v)
	steps := s.policy.Explain(s, now, r, v)
	after := v
	if a, ok := v.(*verdict.Allow); ok {
		copied := copyOfAllow(a)
		after = &copied
	}
	if !reflect.DeepEqual(before, after) {
		t.Fatalf("the findings change the verdict from %+v to %+v", before, after)
	}
	text := short.Line()
	if len(text) > 1100 {
		t.Fatalf("a line of %d bytes: %s", len(text), text)
	}
	failed := false
	for _, step := range steps {
		text += step.String()
		failed = failed || step.Failed
	}
	for i := 0; i < len(text); i++ {
		if text[i] < ' ' || text[i] == 0x7f {
			t.Fatalf("a control character: %q", text)
		}
	}
	for _, token := range tokens {
		for _, part := range strings.Split(token, ".") {
			if len(part) > 5 && strings.Contains(text, part) {
				t.Fatalf("%s is shown: %s", part, text)
			}
		}
	}
	if d, ok := v.(*verdict.Deny); ok && !failed {
		switch d.Reason {
		case verdict.ReasonMissing, verdict.ReasonForbidden, verdict.ReasonNonCanonicalPath, verdict.ReasonConnection, verdict.ReasonInternal:
		default:
			t.Fatalf("refused for %s, and no finding says why: %v", d.Reason, steps)
		}
	}
	return steps
}
