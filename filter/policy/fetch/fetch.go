// Package fetch has the types of outbound calls: Call, Answer, Learned, and the
// Errand that requests wait for. It makes no call and does not know which package
// needs one. A Moment is the time at which a request is decided and how long the
// request may wait for an answer.
package fetch

import (
	"time"

	"bearerauth/filter/policy/cache"
	"bearerauth/filter/policy/config"
)

// Errand identifies the answer that requests wait for and that calls are made for.
// Two errands are the same if they are equal.
type Errand struct {
	Kind    ErrandKind
	Index   int        // of the source or the introspector
	Token   cache.Name // of the token in question
	Timeout time.Duration
}

// IsToken reports whether the errand is the introspection of the token key by the
// server at index. A nil errand is none.
func (e *Errand) IsToken(index int, key cache.Name) bool {
	return e != nil && e.Kind == ErrandToken && e.Index == index && e.Token == key
}

// ErrandKind is the kind of answer.
type ErrandKind uint8

const (
	noErrand          ErrandKind = iota
	ErrandKeys                   // of a source
	ErrandToken                  // what a server says of a token
	ErrandRevocations            // the list of revoked tokens
)

// Call is an outbound HTTP request that the policy needs. The shell makes it and
// gives its Answer to State.Learn.
type Call struct {
	Cluster, Method, Scheme, Authority, Path string

	Headers [][2]string // more of them
	Body    []byte
	Timeout time.Duration

	For      Errand // who waits for its answer
	Provider string // its name, "" where the call is for all
}

// Answer is the result of a Call. Without OK there was no response. TooLong means
// that the body was longer than MaxAnswerBytes and was not read.
type Answer struct {
	OK, TooLong bool
	Headers     [][2]string
	Body        []byte
}

// MaxAnswerBytes is the longest body of an answer that is read.
const MaxAnswerBytes = 1 << 20

// Learned is the effect of an Answer.
type Learned struct {
	For     Errand // as in Wait
	Next    *Call  // a call that must follow
	Settled bool   // whoever waits for this source can be judged again
	Failure string // why what is known is as it was
	Log     bool   // the failure is worth a line in the log
	Misconfigured bool   // it is one of the configuration's: an error, not a warning
	// Warnings are what is odd about an answer that was taken.
	Warnings []string
	// Revocations is when the list that is in force was asked for, zero where the
	// call was not for it or failed.
	Revocations time.Time
}

// Patience is how far a request goes for an answer that has not arrived. The values
// ascend: each includes those above it.
type Patience uint8

const (
	CacheOnly   Patience = iota // takes what is known
	StaleOK                     // may not wait, or no longer: also what is stale
	AskAhead                    // for those who come later
	WaitIfKnown                 // waits with a token that was good a moment ago
	Wait
)

// Moment is the time at which a request is decided, and how long it may wait for an
// answer.
type Moment struct {
	Now   time.Time
	Since time.Time // when it was judged first, if it has waited since then
	Patience   Patience

	Failed *Errand // what it has just waited for in vain; nil or noErrand: nothing
}

// Jitter is a pseudo-random sequence. It spreads the calls of workers that started at
// the same time, which would otherwise stay in step for ever.
type Jitter uint64

// Below returns a duration from 0 to below d, and 0 where d is not positive.
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
	MinBackoff = time.Second
	MaxBackoff  = time.Minute
	MaxBackoffWithoutKeys  = 5 * time.Second // the last, while there are no keys at all
)

// BadAnswer returns what is wrong with an answer of at most MaxAnswerBytes, or "".
func BadAnswer(a Answer) string { return BadAnswerWithin(a, MaxAnswerBytes, "want at most 1 MiB") }

// BadAnswerWithin returns what is wrong with an answer, or "": no response, a status
// other than 200, or a body of more than most bytes, for which it returns tooLong.
func BadAnswerWithin(a Answer, most int, tooLong string) string {
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

// HeaderValue returns the first value of a header, or "". name must be in lower case.
func HeaderValue(pairs [][2]string, name string) string {
	for i := range pairs {
		if pairs[i][0] == name {
			return pairs[i][1]
		}
	}
	return ""
}

// Seconds returns t as a NumericDate (RFC 7519 section 2).
func Seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }
