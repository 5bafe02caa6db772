// Package verdict is the result of deciding over a request: Allow, Deny, Reply or
// Wait, and the closed list of reasons. Status, challenge (RFC 6750 section 3), log
// word and metric all follow from the reason. The zero value of each type denies.
package verdict

import (
	"time"

	"bearerauth/filter/policy/fetch"
)

// Verdict is what Decide returns: *Allow, *Deny, *Reply or *Wait. A nil Verdict denies.
type Verdict interface{ verdict() }

// Allow lets a request through after these changes. It belongs to the State and is
// valid only until the next Decide.
type Allow struct {
	Reason   Reason
	Remove   []string    // header names, as they are spelled in the request
	Set      [][2]string // headers to set, after the removals
	State    [][2]string // properties to set, besides those of the Identity
	Identity *Identity   // nil where no token was verified

	// Unchecked means that some token may have been revoked: there is no current
	// revocation list.
	Unchecked bool

	Shadowed *Deny  // with ReasonShadow: what the rule would have answered
	Rule     string // with ReasonShadow: the label of that rule
}

// Deny refuses a request with a local reply. It is shared between requests and must
// not be changed.
type Deny struct {
	Reason     Reason
	Status     uint32
	GRPCStatus int32 // -1: not a gRPC request
	Headers    [][2]string
	Body       []byte
	Identity   *Identity // of a valid token that did not satisfy the rule; else nil
}

// Reply answers a request with a local reply that is not a refusal. Like Deny it is
// shared between requests. The zero Reply denies.
type Reply struct {
	Reason  Reason
	Status  uint32
	Headers [][2]string
	Body    []byte
}

// Wait means that an outstanding answer may decide over the request. Decide it again
// when the errand has settled, or at Until at the latest, and then with neither
// Request.MayWait nor KnownMayWait.
type Wait struct {
	For   fetch.Errand // as in fetch.Learned
	Until time.Time
	Since time.Time // the time of the decision, for Request.Since in the next one
}

func (*Wait) verdict()  {}
func (*Allow) verdict() {}
func (*Deny) verdict()  {}
func (*Reply) verdict() {}

// Identity is the subject of a verified token, in the form in which it is propagated.
type Identity struct {
	Provider string
	Subject  string      // escaped for a header, "" where it is not propagated
	State    [][2]string // properties to set, which become filter state
}

// Internal is the refusal for a failure of the filter itself. It exists before any
// configuration and depends on none.
var Internal = &Deny{
	Reason: ReasonInternal, Status: 500, GRPCStatus: 13,
	Headers: [][2]string{{"cache-control", "no-store"}},
}
