package filter

import "bearerauth/filter/policy"

// settle returns one of the two: an Allow that says so itself, or a refusal.
// Whatever else there is, nil among it, is a mistake of ours and denies.
func settle(v policy.Verdict) (*policy.Allow, *policy.Deny) {
	switch v := v.(type) {
	case *policy.Allow:
		if v != nil && v.Reason.Allows() {
			return v, nil
		}
	case *policy.Deny:
		if v != nil && !v.Reason.Allows() && v.Status >= 400 {
			return nil, v
		}
	}
	return nil, policy.Internal
}
