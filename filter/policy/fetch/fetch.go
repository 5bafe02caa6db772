// Package fetch has the words of outbound calls: Call, Answer, Learned, and the Errand
// that requests wait for. It makes no call and knows no asker. The moment in which a
// request is judged, and how far the request may go for an answer, is one value:
// Moment.
package fetch

import (
	"time"

	"bearerauth/filter/policy/cache"
	"bearerauth/filter/policy/config"
)

// Errand names what requests can wait for, and what calls are made for. Two of
// them are the same if they are equal.
type Errand struct {
	Kind    ErrandKind
	Index   int        // of the source or the introspector
	Token   cache.Name // of the token in question
	Timeout time.Duration
}

// IsToken reports whether the errand is what a server says of this token.
func (e *Errand) IsToken(index int, key cache.Name) bool {
	return e != nil && e.Kind == ErrandToken && e.Index == index && e.Token == key
}

// ErrandKind is what is asked for.
type ErrandKind uint8

const (
	noErrand          ErrandKind = iota
	ErrandKeys                   // of a source
	ErrandToken                  // what a server says of a token
	ErrandRevocations            // the list of revoked tokens
)

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

// Patience is how far a request goes for an answer that is not here yet.
type Patience uint8

const (
	CacheOnly   Patience = iota // takes what is known
	StaleOK                     // may not wait, or no longer: also what is stale
	AskAhead                    // for those who come later
	WaitIfKnown                 // waits with a token that was good a moment ago
	MayWait
)

// Moment is when a request is judged, and how far it goes for an answer.
type Moment struct {
	Now   time.Time
	Since time.Time // when it was judged first, if it has waited since then
	How   Patience

	Failed *Errand // what it has just waited for in vain; nil or noErrand: nothing
}

// Jitter spreads what workers that began together would do together for ever.
type Jitter uint64

// Below is a duration below d.
func (j *Jitter) Below(d time.Duration) time.Duration {
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
	FirstBackoff = time.Second
	LastBackoff  = time.Minute
	ColdBackoff  = 5 * time.Second // the last, while there are no keys at all
)

func BadAnswer(a Answer) string { return BadAnswerOf(a, MaxAnswerBytes, "want at most 1 MiB") }

func BadAnswerOf(a Answer, most int, tooLong string) string {
	if !a.OK {
		return "no answer"
	}
	if status := HeaderValue(a.Headers, ":status"); status != "200" {
		return "want status 200, got " + config.Quote(status)
	}
	if a.TooLong || len(a.Body) > most {
		return tooLong
	}
	return ""
}

func HeaderValue(pairs [][2]string, name string) string {
	for i := range pairs {
		if pairs[i][0] == name {
			return pairs[i][1]
		}
	}
	return ""
}

func Seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }
