package filter

import "bearerauth/filter/policy/verdict"

// settle returns exactly one of the three: an Allow whose reason allows, a Reply
// whose reason answers, or a refusal. Everything else, nil included, is a defect of
// the filter and denies.
func settle(v verdict.Verdict) (*verdict.Allow, *verdict.Reply, *verdict.Deny) {
	switch v := v.(type) {
	case *verdict.Allow:
		if v != nil && v.Reason.Allows() {
			return v, nil, nil
		}
	case *verdict.Deny:
		if v != nil && !v.Reason.Allows() && !v.Reason.Answers() && v.Status >= 400 {
			return nil, nil, v
		}
	case *verdict.Reply:
		if v != nil && v.Reason.Answers() && v.Status >= 200 {
			return nil, v, nil
		}
	}
	return nil, nil, verdict.Internal
}
