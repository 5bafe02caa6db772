// Package verdict is what becomes of a request: Allow, Deny, Reply or Wait, and the
// closed list of reasons. Status, challenge (RFC 6750 section 3), log word and metric
// all follow from the reason. The zero value of each type denies.
package verdict

import (
	"time"

	"bearerauth/filter/policy/fetch"
)

// Verdict is what Decide returns: *Allow, *Deny, *Reply or *Wait. A nil Verdict denies.
type Verdict interface{ verdict() }

// Allow lets a request through, after these changes. It belongs to the State
// and holds only until the next Decide.
type Allow struct {
	Reason   Reason
	Remove   []string // header names, as they stand in the request
	Set      [][2]string
	State    [][2]string // properties to set, besides those of the Identity
	Identity *Identity   // nil where nobody was verified

	// Unchecked: some token may have been revoked, and nobody knows.
	Unchecked bool

	Shadowed *Deny  // with ReasonShadow: what the rule would have answered
	Rule     string // whose shadow it is
}

// Deny answers a request in the upstream's place. It is shared between
// requests: nobody may change it.
type Deny struct {
	Reason     Reason
	Status     uint32
	GRPCStatus int32 // -1: not a gRPC request
	Headers    [][2]string
	Body       []byte
	Identity   *Identity // who it was, where a valid token was not enough
}

// Reply answers a request in the upstream's place without refusing it. Like
// Deny it is shared between requests. The zero Reply denies.
type Reply struct {
	Reason  Reason
	Status  uint32
	Headers [][2]string
	Body    []byte
}

// Wait says that an answer under way may decide: ask again when it has settled,
// at the latest at Until, and then with neither Request.MayWait nor KnownMayWait.
type Wait struct {
	For   fetch.Errand // as in Learned
	Until time.Time
	Since time.Time // now: to be told in Request.Since when it is judged again
}

func (*Wait) verdict()  {}
func (*Allow) verdict() {}
func (*Deny) verdict()  {}
func (*Reply) verdict() {}

// Identity is who a verified token stands for, as others are told.
type Identity struct {
	Provider string
	Subject  string      // as headerText has it, "" where nobody asks
	State    [][2]string // properties to set, which become filter state
}

// Internal is the refusal for a failure of the filter itself: it is there
// before any configuration is, and never depends on one.
var Internal = &Deny{
	Reason: ReasonInternal, Status: 500, GRPCStatus: 13,
	Headers: [][2]string{{"cache-control", "no-store"}},
}
