package introspection

import (
	"strings"
	"time"

	"bearerauth/filter/policy/cache"
	"bearerauth/filter/policy/fetch"
)

// question is a question about a token. All requests with the same token share it.
type question struct {
	name     cache.Name // of the token
	token    string
	known    bool    // the token was good a moment ago, or is a verified JWT
	deadline float64 // in seconds since the epoch; after it no request waits any longer

	inFlight  bool
	started   time.Time  // when the call began
	assertion *assertion // that the call carries
}

// queue has the questions about known tokens, or those about unknown ones.
type queue struct {
	waiting   []*question
	questions int // waiting or in flight
	bytes     int // of their tokens
	inFlight  int
}

const (
	// unknownShare is the part of max_calls, in quarters, that unknown tokens may use:
	// during a flood of invalid tokens, known ones must still reach the server.
	unknownShare = 3

	// maxQuestions and maxQuestionBytes bound the memory of a queue.
	maxQuestions     = 1000
	maxQuestionBytes = 1 << 20
)

// enqueue adds a question about a token, and reports whether its queue had space.
func (st *serverState) enqueue(key cache.Name, token string, known bool, at float64) bool {
	deadline := at + st.server.timeout.Seconds()
	if q, ok := st.questions[key]; ok {
		// The newest request that waits for the answer sets the deadline.
		q.deadline = deadline
		return true
	}
	queue := &st.queues[queueOf(known)]
	if queue.questions >= maxQuestions || queue.bytes+len(token) > maxQuestionBytes {
		st.dropExpired(queue, at)
		if queue.questions >= maxQuestions || queue.bytes+len(token) > maxQuestionBytes {
			return false
		}
	}
	q := &question{name: key, token: strings.Clone(token), known: known, deadline: deadline}
	st.questions[key] = q
	queue.questions++
	queue.bytes += len(token)
	queue.waiting = append(queue.waiting, q)
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
func (st *serverState) dropExpired(queue *queue, at float64) {
	for len(queue.waiting) > 0 && at >= queue.waiting[0].deadline {
		st.remove(queue.next())
	}
}

// next takes the oldest question out of the queue.
func (queue *queue) next() *question {
	q := queue.waiting[0]
	queue.waiting[0] = nil
	queue.waiting = queue.waiting[1:]
	return q
}

// remove ends a question: it was answered, or its deadline has passed.
func (st *serverState) remove(q *question) {
	queue := &st.queues[queueOf(q.known)]
	delete(st.questions, q.name)
	queue.questions--
	queue.bytes -= len(q.token)
}

// due appends the calls for questions that may be asked now. Known tokens come first.
func (st *serverState) due(calls []fetch.Call, s *State, now time.Time) []fetch.Call {
	st.pending = false
	at := fetch.Seconds(now)
	for i := len(st.queues) - 1; i >= 0; i-- {
		queue := &st.queues[i]
		most := st.server.maxCalls
		if i == queueOf(false) {
			most = max(1, most*unknownShare/4)
		}
		for st.dropExpired(queue, at); len(queue.waiting) > 0 && st.inFlight < st.server.maxCalls && queue.inFlight < most; st.dropExpired(queue, at) {
			q := queue.next()
			call, err := st.call(s, q, now)
			if err != nil {
				// The requests that wait are refused at the deadline.
				st.remove(q)
				continue
			}
			st.inFlight++
			queue.inFlight++
			calls = append(calls, call)
		}
	}
	return calls
}

// call builds the introspection request (RFC 7662 section 2.1). The token is in the
// body, never in the URL, which servers log.
func (st *serverState) call(s *State, q *question, now time.Time) (fetch.Call, error) {
	body := appendForm(nil, "token", q.token)
	if st.server.tokenTypeHint != "" {
		body = appendForm(body, "token_type_hint", st.server.tokenTypeHint)
	}
	e := st.server.endpoint
	call := fetch.Call{
		Cluster: e.Cluster, Method: "POST", Scheme: e.Scheme, Authority: e.Authority, Path: e.Path,
		Headers: [][2]string{{"content-type", "application/x-www-form-urlencoded"}, {"accept", st.server.mediaType()}},
		Body:    body, Timeout: st.server.timeout, For: *st.server.errand(q.name), Provider: st.server.Name,
	}
	if err := st.server.client.authenticate(&call, q, &st.client, s, now); err != nil {
		return call, err
	}
	q.inFlight, q.started = true, now
	return call, nil
}
