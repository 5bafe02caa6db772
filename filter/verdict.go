package filter

import "bearerauth/filter/policy"

// settle returns one of the three: an Allow that says so itself, a Reply that
// does, or a refusal. Whatever else there is, nil among it, is a mistake of ours
// and denies.
func settle(v policy.Verdict) (*policy.Allow, *policy.Reply, *policy.Deny) {
	switch v := v.(type) {
	case *policy.Allow:
		if v != nil && v.Reason.Allows() {
			return v, nil, nil
		}
	case *policy.Deny:
		if v != nil && !v.Reason.Allows() && !v.Reason.Answers() && v.Status >= 400 {
			return nil, nil, v
		}
	case *policy.Reply:
		if v != nil && v.Reason.Answers() && v.Status >= 200 {
			return nil, v, nil
		}
	}
	return nil, nil, policy.Internal
}
