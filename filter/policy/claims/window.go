package claims

import (
	"bearerauth/filter/policy/verdict"
)

// Window is when a token is valid, leeway included: from notBefore until just before
// Expires, in seconds since the epoch.
type Window struct{ notBefore, Expires float64 }

// Judge returns ReasonTokenValid, ReasonExpired or ReasonNotYetValid for a time in seconds
// since the epoch.
func (w Window) Judge(now float64) verdict.Reason {
	switch {
	case now >= w.Expires:
		return verdict.ReasonExpired
	case now < w.notBefore:
		return verdict.ReasonNotYetValid
	}
	return verdict.ReasonTokenValid
}
