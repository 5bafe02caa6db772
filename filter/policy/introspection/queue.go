package introspection

import (
	"strings"
	"time"

	"bearerauth/filter/policy/cache"
	"bearerauth/filter/policy/fetch"
)

// Question is a question about a token. All requests with the same token share it.
type Question struct {
	name     cache.Name // of the token
	Token    string
	Known    bool    // the token was good a moment ago, or is a verified JWT
	deadline float64 // in seconds since the epoch; after it no request waits any longer

	inFlight  bool
	Started   time.Time  // when the call began
	assertion *assertion // that the call carries
}

// queue has the questions about known tokens, or those about unknown ones.
type queue struct {
	Waiting   []*Question
	Questions int // waiting or in flight
	Bytes     int // of their tokens
	InFlight  int
}

const (
	// unknownShare is the part of max_calls, in quarters, that unknown tokens may use:
	// during a flood of invalid tokens, known ones must still reach the server.
	unknownShare = 3

	// MaxQuestions and MaxQuestionBytes bound the memory of a queue.
	MaxQuestions     = 1000
	MaxQuestionBytes = 1 << 20
)

// enqueue adds a question about a token, and reports whether its queue had space.
func (st *ServerState) enqueue(key cache.Name, token string, known bool, at float64) bool {
	deadline := at + st.Server.timeout.Seconds()
	if q, ok := st.Questions[key]; ok {
		// The newest request that waits for the answer sets the deadline.
		q.deadline = deadline
		return true
	}
	queue := &st.Queues[queueOf(known)]
	if queue.Questions >= MaxQuestions || queue.Bytes+len(token) > MaxQuestionBytes {
		st.dropExpired(queue, at)
		if queue.Questions >= MaxQuestions || queue.Bytes+len(token) > MaxQuestionBytes {
			return false
		}
	}
	q := &Question{name: key, Token: strings.Clone(token), Known: known, deadline: deadline}
	st.Questions[key] = q
	queue.Questions++
	queue.Bytes += len(token)
	queue.Waiting = append(queue.Waiting, q)
	st.pending = true
	return true
}

// queueOf returns the index of a queue: 0 for unknown tokens, 1 for known ones.
func queueOf(known bool) int {
	if known {
		return 1
	}
	return 0
}

// dropExpired drops questions past their deadline: no request waits for the answer.
// The questions are nearly in the order of their deadlines.
func (st *ServerState) dropExpired(queue *queue, at float64) {
	for len(queue.Waiting) > 0 && at >= queue.Waiting[0].deadline {
		st.remove(queue.next())
	}
}

// next takes the oldest question out of the queue.
func (queue *queue) next() *Question {
	q := queue.Waiting[0]
	queue.Waiting[0] = nil
	queue.Waiting = queue.Waiting[1:]
	return q
}

// remove ends a question: it was answered, or its deadline has passed.
func (st *ServerState) remove(q *Question) {
	queue := &st.Queues[queueOf(q.Known)]
	delete(st.Questions, q.name)
	queue.Questions--
	queue.Bytes -= len(q.Token)
}

// due appends the calls for questions that may be asked now. Known tokens come first.
func (st *ServerState) due(calls []fetch.Call, s *State, now time.Time) []fetch.Call {
	st.pending = false
	at := fetch.Seconds(now)
	for i := len(st.Queues) - 1; i >= 0; i-- {
		queue := &st.Queues[i]
		most := st.Server.MaxCalls
		if i == queueOf(false) {
			most = max(1, most*unknownShare/4)
		}
		for st.dropExpired(queue, at); len(queue.Waiting) > 0 && st.InFlight < st.Server.MaxCalls && queue.InFlight < most; st.dropExpired(queue, at) {
			q := queue.next()
			call, err := st.call(s, q, now)
			if err != nil {
				// The requests that wait are refused at the deadline.
				st.remove(q)
				continue
			}
			st.InFlight++
			queue.InFlight++
			calls = append(calls, call)
		}
	}
	return calls
}

// call builds the introspection request (RFC 7662 section 2.1). The token is in the
// body, never in the URL, which servers log.
func (st *ServerState) call(s *State, q *Question, now time.Time) (fetch.Call, error) {
	body := appendForm(nil, "token", q.Token)
	if st.Server.tokenTypeHint != "" {
		body = appendForm(body, "token_type_hint", st.Server.tokenTypeHint)
	}
	e := st.Server.endpoint
	call := fetch.Call{
		Cluster: e.Cluster, Method: "POST", Scheme: e.Scheme, Authority: e.Authority, Path: e.Path,
		Headers: [][2]string{{"content-type", "application/x-www-form-urlencoded"}, {"accept", st.Server.mediaType()}},
		Body:    body, Timeout: st.Server.timeout, For: *st.Server.errand(q.name), Provider: st.Server.Name,
	}
	if err := st.Server.client.authenticate(&call, q, &st.client, s, now); err != nil {
		return call, err
	}
	q.inFlight, q.Started = true, now
	return call, nil
}
