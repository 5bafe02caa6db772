package policy

import "time"

// Errand names what requests can wait for, and what calls are made for. Two of
// them are the same if they are equal.
type Errand struct {
	Kind    ErrandKind
	index   int      // of the source or the introspector
	token   tokenKey // of the token in question
	timeout time.Duration
}

// isToken reports whether the errand is what a server says of this token.
func (e *Errand) isToken(index int, key tokenKey) bool {
	return e != nil && e.Kind == ErrandToken && e.index == index && e.token == key
}

// ErrandKind is what is asked for.
type ErrandKind uint8

const (
	noErrand          ErrandKind = iota
	ErrandKeys                   // of a source
	ErrandToken                  // what a server says of a token
	ErrandRevocations            // the list of revoked tokens
)

// endpoint is an address behind an Envoy cluster.
type endpoint struct{ cluster, scheme, authority, path string }

func (e endpoint) set() bool { return e.cluster != "" }

// Call is an outbound request that the State wants made.
type Call struct {
	Cluster, Method, Scheme, Authority, Path string

	Headers [][2]string // more of them
	Body    []byte
	Timeout time.Duration

	For      Errand // who waits for its answer
	Provider string // its name, "" where the call is for all
}

// Answer is what came of a Call. Without OK there was no response; TooLong
// means a body that nobody has read.
type Answer struct {
	OK, TooLong bool
	Headers     [][2]string
	Body        []byte
}

// MaxAnswerBytes is the size from which on an answer is no answer.
const MaxAnswerBytes = 1 << 20

// Learned is what came of an answer.
type Learned struct {
	For     Errand // as in Wait
	Next    *Call  // a call that must follow
	Settled bool   // whoever waits for this source can be judged again
	Failure string // why what is known is as it was
	Log     bool   // the failure is worth a line in the log
	Mistake bool   // it is one of the configuration's: an error, not a warning
	// Warnings are what is odd about an answer that was taken.
	Warnings []string
	// Revocations is when the list that is in force was asked for, zero where the
	// call was not for it or failed.
	Revocations time.Time
}

// patience is how far a request goes for an answer that is not here yet.
type patience uint8

const (
	impatient    patience = iota // takes what is known
	waited                       // may not wait, or no longer: also what is stale
	asks                         // for those who come later
	waitsIfKnown                 // waits with a token that was good a moment ago
	waits
)

// moment is when a request is judged, and how far it goes for an answer.
type moment struct {
	now   time.Time
	since time.Time // when it was judged first, if it has waited since then
	how   patience

	failed *Errand // what it has just waited for in vain; nil or noErrand: nothing
}

// jitter spreads what workers that began together would do together for ever.
type jitter uint64

// below is a duration below d.
func (j *jitter) below(d time.Duration) time.Duration {
	// xorshift64: spreading needs no secret.
	*j ^= *j << 13
	*j ^= *j >> 7
	*j ^= *j << 17
	if d <= 0 {
		return 0
	}
	return time.Duration(uint64(*j) % uint64(d))
}

const (
	firstBackoff = time.Second
	lastBackoff  = time.Minute
	coldBackoff  = 5 * time.Second // the last, while there are no keys at all
)

func badAnswer(a Answer) string { return badAnswerOf(a, MaxAnswerBytes, "want at most 1 MiB") }

func badAnswerOf(a Answer, most int, tooLong string) string {
	if !a.OK {
		return "no answer"
	}
	if status := headerValue(a.Headers, ":status"); status != "200" {
		return "want status 200, got " + quote(status)
	}
	if a.TooLong || len(a.Body) > most {
		return tooLong
	}
	return ""
}

func headerValue(pairs [][2]string, name string) string {
	for i := range pairs {
		if pairs[i][0] == name {
			return pairs[i][1]
		}
	}
	return ""
}
