package policy

// Verdict is what Decide returns: *Allow or *Deny. A nil Verdict denies.
type Verdict interface{ verdict() }

// Allow lets a request through, after these changes. It belongs to the State
// and holds only until the next Decide.
type Allow struct {
	Reason   Reason
	Remove   []string // header names, as they stand in the request
	Set      [][2]string
	Identity *Identity // nil where nobody was verified
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

func (*Allow) verdict() {}
func (*Deny) verdict()  {}

// Identity is who a verified token stands for.
type Identity struct {
	Provider   string
	Subject    string
	Scopes     []string
	Attributes map[string]string
}

// claim returns the value that goes into a header for a claim's name.
func (id *Identity) claim(name string) string {
	switch name {
	case "sub":
		return id.Subject
	case "scope":
		return joinScopes(id.Scopes)
	}
	return id.Attributes[name]
}

func (id *Identity) hasScopes(needed []string) bool {
next:
	for _, n := range needed {
		for _, s := range id.Scopes {
			if s == n {
				continue next
			}
		}
		return false
	}
	return true
}

// Internal is the refusal for a failure of the filter itself: it is there
// before any configuration is, and never depends on one.
var Internal = &Deny{
	Reason: ReasonInternal, Status: 500, GRPCStatus: 13,
	Headers: [][2]string{{"cache-control", "no-store"}},
}
