package identity

import (
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/verdict"
)

// Outcome is what came of a token. The zero value is no success.
type Outcome struct {
	ID     *Identity
	Reason verdict.Reason
	// unchecked: nobody knows whether it was revoked, and it may pass all the same.
	Unchecked bool
	Wait      *fetch.Errand // set where its outcome could change this
}
