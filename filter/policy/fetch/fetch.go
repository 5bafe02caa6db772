// Package fetch has the types of outbound calls: Call, Answer, Learned, and the
// Errand that requests wait for. It makes no call and does not know which package
// needs one. A Moment is the time at which a request is decided and how long the
// request may wait for an answer.
package fetch

import (
	"strings"
	"time"

	"bearerauth/filter/policy/cache"
	"bearerauth/filter/policy/config"
)

// Errand identifies the answer that requests wait for and that calls are made for.
// Two errands are the same if they are equal.
type Errand struct {
	Kind    ErrandKind
	Index   int           // of the key source or the introspection server in its table
	Token   cache.Name    // the token to introspect; zero for other kinds
	Timeout time.Duration // of the call
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
	ErrandKeys                   // a JWK Set, or the metadata that names it
	ErrandToken                  // the introspection of a token (RFC 7662)
	ErrandRevocations            // the list of revoked tokens
)

// Call is an outbound HTTP request that the policy needs. The shell makes it and
// gives its Answer to State.Learn.
type Call struct {
	Cluster, Method, Scheme, Authority, Path string

	Headers [][2]string // besides the pseudo-headers
	Body    []byte
	Timeout time.Duration

	For      Errand // what the answer settles
	Provider string // the provider's name, "" where the call is for all providers
}

// Answer is the result of a Call. Without OK there was no response. TooLong means
// that the body was longer than MaxAnswerBytes and was not read.
type Answer struct {
	OK, TooLong bool
	Failure     string // why there was no response, "" if that is unknown
	Headers     [][2]string
	Body        []byte
}

// MaxAnswerBytes is the longest body of an answer that is read.
const MaxAnswerBytes = 1 << 20

// Learned is the effect of an Answer.
type Learned struct {
	For           Errand // the errand of the call, as in verdict.Wait
	Next          *Call  // a call that must follow, nil if none
	Settled       bool   // the requests that wait for the errand can be decided again
	Failure       string // why the answer was not used, "" if it was
	Kept          bool   // what was fetched before stays in force
	Keys          string // the keys of a set that is new, for the log
	Misconfigured bool   // the failure is due to the configuration: log an error, not a warning
	// Warnings are problems of an answer that was used nevertheless.
	Warnings []string
	// Revocations is the time at which the revocation list in force was requested. It
	// is zero where the call was for something else or failed.
	Revocations time.Time
}

// Patience is how far a request goes for an answer that has not arrived. The values
// ascend: each includes those above it.
type Patience uint8

const (
	CacheOnly   Patience = iota // use what is known, make no call
	StaleOK                     // the request may not wait (any longer): use stale answers, too
	AskAhead                    // make a call for later requests, do not wait
	WaitIfKnown                 // wait only with a token that was valid recently
	Wait                        // wait
)

// Moment is the time at which a request is decided, and how long it may wait for an
// answer.
type Moment struct {
	Now      time.Time
	Since    time.Time // when a request that has waited was first decided; else zero
	Patience Patience

	Failed *Errand // the errand that just failed for the request; nil or zero if none
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

// The pause after a failed call doubles from MinBackoff to MaxBackoff. While a provider
// has no keys at all it grows to MaxBackoffWithoutKeys only.
const (
	MinBackoff            = time.Second
	MaxBackoff            = time.Minute
	MaxBackoffWithoutKeys = 5 * time.Second
)

// BadAnswer returns what is wrong with an answer of at most MaxAnswerBytes, or "".
func BadAnswer(a Answer) string { return BadAnswerWithin(a, MaxAnswerBytes, "want at most 1 MiB") }

// BadAnswerWithin returns what is wrong with an answer, or "": no response, a status
// other than 200, or a body of more than most bytes, for which it returns tooLong.
func BadAnswerWithin(a Answer, most int, tooLong string) string {
	if !a.OK && a.Failure != "" {
		return a.Failure
	}
	if !a.OK {
		return "no answer"
	}
	if status := HeaderValue(a.Headers, ":status"); status != "200" {
		return "want status 200, got " + config.Quote(status) + origin(a, status)
	}
	if a.TooLong || len(a.Body) > most {
		return tooLong
	}
	return ""
}

// origin says whether a refusal is Envoy's, which could not reach the server, and why.
// Such an answer has one of these texts, and no header that servers and proxies add.
func origin(a Answer, status string) string {
	if status != "502" && status != "503" && status != "504" {
		return ""
	}
	body := string(a.Body)
	for _, text := range []string{"no healthy upstream", "upstream connect error", "upstream request timeout"} {
		if strings.HasPrefix(body, text) && HeaderValue(a.Headers, "server") == "" && HeaderValue(a.Headers, "date") == "" {
			if _, reason, found := strings.Cut(body, "reset reason: "); found {
				text += ", " + config.Quote(reason)
			}
			return " by Envoy itself, which does not reach the server: " + text
		}
	}
	return " by Envoy or the server"
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
