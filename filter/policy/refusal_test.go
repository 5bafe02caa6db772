package policy

import (
	"reflect"
	"testing"

	"bearerauth/filter/policy/reply"
	"bearerauth/filter/policy/verdict"
)

// TestRefusalsLookAlike: a client cannot distinguish a bad signature from an unknown
// key, issuer or audience, in any format of the answer.
func TestRefusalsLookAlike(t *testing.T) {
	t.Parallel()
	for _, format := range reply.BodyFormatNames {
		p := mustParse(t, `{"body_format": "`+format+`", "refusal_headers": [{"name": "x-help", "value": "see /docs"}],
			"protected_resources": {"a": {"resource": "https://api.example"}},
			"providers": {"a": {"type": "static", "tokens": [{"sha256": "`+digestOf("fake-token")+`"}]}},
			"rules": [{"match": {"path": "/a"}, "scopes": ["read"], "details": {"invalid_token": "No"}}]}`)
		for _, r := range []*rule{p.fallback, p.rules[0]} {
			for f := range r.refusals {
				f := reply.BodyFormat(f)
				alike := 0
				want := *r.refusals.Get(verdict.ReasonBadSignature, f)
				for reason := range verdict.Reason(verdict.NumReasons) {
					// Only the expiry of a token is shown: its holder can get another.
					if verdict.Effects[reason].Code != "invalid_token" || reason == verdict.ReasonExpired {
						continue
					}
					got := *r.refusals.Get(reason, f)
					got.Reason = want.Reason
					if !reflect.DeepEqual(got, want) {
						t.Errorf("%s %d: %s is told apart: %+v, %+v", format, f, reason, got, want)
					}
					alike++
				}
				if alike < 10 {
					t.Errorf("%d reasons only", alike)
				}
			}
		}
	}
}
