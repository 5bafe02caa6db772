package identity

import (
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/verdict"
)

// Outcome is the result of verifying a token. The zero value is no success: its reason is
// an internal error.
type Outcome struct {
	ID        *Identity // of a token with ReasonTokenValid
	Reason    verdict.Reason
	Unchecked bool          // no current revocation list exists, and the configuration lets the token pass
	Wait      *fetch.Errand // nil, or the errand that can change the result
}
