package introspection

import (
	"strings"
	"time"

	"bearerauth/filter/policy/cache"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/verdict"
)

// Question is a question about one token, whoever wants it answered.
type Question struct {
	server   *Server
	key      cache.Name
	Token    string
	Known    bool    // it was good the last time, or has verified: no garbage
	deadline float64 // nobody waits any longer

	underWay  bool
	Started   time.Time  // when the call for it began
	assertion *assertion // that the call shows
}

// Questions is what is known of an introspector's tokens, and what is asked.
type ServerState struct {
	Server    *Server
	Good      *cache.Generations[*goodAnswer]
	Bad       *cache.Generations[denial] // room of its own: garbage cannot push good tokens out
	Questions map[cache.Name]*Question   // waiting or under way

	Queues   [2]queue // strangers, and tokens that are known
	UnderWay int      // of both

	// What came of the newest question. It holds for the moment in which it came,
	// whatever the ttl: for those who waited for it.
	now       time.Time
	nowKey    cache.Name
	nowFailed bool
	nowIs     identity.Outcome

	pending bool // questions have come since due

	client        clientState
	mistakeLogged time.Time // when a mistake of ours was logged last
	outageLogged  time.Time // when an outage was
}

// queue are the questions of one class.
type queue struct {
	Waiting   []*Question
	Questions int // waiting and under way
	Bytes     int // of their tokens
	UnderWay  int
}

// goodAnswer is what a server said of an active token. The rules are judged anew
// for every request.
type goodAnswer struct {
	identity     identity.Identity
	window       claims.Window
	statedExpiry float64 // as the server says it, without leeway
	received     float64 // when it came
	freshUntil   float64 // asked again from then on
	retryAfter   float64 // not asked again before, after a failure
}

func (a *goodAnswer) outcome(at float64) identity.Outcome {
	return identity.Outcome{ID: &a.identity, Reason: a.window.Judge(at)}
}

type denial struct {
	reason               verdict.Reason
	received, freshUntil float64
}

const (
	// What strangers send takes at most three quarters of the calls, so that
	// tokens which were good a moment ago get through a flood of garbage.
	reservedShare = 4

	// Bounds of what one class has in memory.
	MaxQuestions     = 1000
	MaxQuestionBytes = 1 << 20
	badAnswerBytes   = 256 << 10

	// So long after its answer has run out a token counts as good a moment ago.
	knownTokenSeconds = 600
	// So long what is stale serves before the server is asked again.
	RetrySeconds = 5
)

func newServerState(i *Server) *ServerState {
	return &ServerState{
		Server: i, Questions: map[cache.Name]*Question{},
		Good: cache.NewGenerations(i.cacheBytes, func(a *goodAnswer) int { return a.identity.Size() + 48 }),
		Bad:  cache.NewGenerations(badAnswerBytes, func(denial) int { return 24 }),
	}
}

// remembered is what the server has said not long ago, or since a request began
// to wait: one with two tokens would else ask about each of them again when it has
// the answer about the other.
func (l *ServerState) remembered(key cache.Name, m fetch.Moment) (v identity.Outcome, ok bool) {
	at := fetch.Seconds(m.Now)
	if a, ok := l.Good.Get(key); ok && (between(a.received, at, a.freshUntil) || cameSince(a.received, at, m.Since)) {
		return a.outcome(at), true
	}
	if a, ok := l.Bad.Get(key); ok && (between(a.received, at, a.freshUntil) || cameSince(a.received, at, m.Since)) {
		return identity.Outcome{Reason: a.reason}, true
	}
	if l.nowKey == key && !l.nowFailed && (l.now.Equal(m.Now) || cameSince(fetch.Seconds(l.now), at, m.Since)) {
		return l.nowIs, true
	}
	return identity.Outcome{}, false
}

// between: an answer from the future is one from before the clock was set back, and
// nobody knows how old it is.
func between(begin, at, end float64) bool { return at >= begin && at < end }

func cameSince(then, now float64, since time.Time) bool {
	return !since.IsZero() && fetch.Seconds(since) <= then && then <= now
}

// seek asks about a token that is not remembered, as far as the request has
// patience. verified: the token is known to be no garbage.
func (l *ServerState) question(s *State, key cache.Name, token string, m fetch.Moment, verified bool) identity.Outcome {
	at := fetch.Seconds(m.Now)
	unavailable := identity.Outcome{Reason: verdict.ReasonIntrospectionUnavailable}
	have, good := l.Good.Get(key)
	known := verified || good && between(have.received, at, have.freshUntil+knownTokenSeconds)
	cannot := m.Failed.IsToken(l.Server.index, key) || l.nowFailed && l.nowKey == key && l.now.Equal(m.Now) || good && between(have.retryAfter-RetrySeconds, at, have.retryAfter)
	switch {
	case m.How == fetch.CacheOnly:
		return unavailable
	case cannot, m.How == fetch.StaleOK, m.How == fetch.WaitIfKnown && !known:
	case l.lacksKeys(s):
		// No answer could be verified: what a JWT waits for, this token does, too.
		source := l.Server.signed.Source
		if _, wait := s.keys.Ask(source, "", m.Now, true); wait {
			if m.How != fetch.AskAhead {
				unavailable.Wait = source.Errand()
			}
			return unavailable
		}
	case !l.enqueue(key, token, known, at):
	case m.How == fetch.AskAhead:
		return unavailable
	default:
		unavailable.Wait = l.Server.errand(key)
		return unavailable
	}
	if good && between(have.received, at, have.freshUntil+l.Server.staleIfError.Seconds()) {
		// No answer is kept beyond the exp that it has (RFC 7662 section 4): the
		// leeway is for what the server says, not for what it said.
		if v := have.outcome(at); v.Reason != verdict.ReasonTokenValid || at < have.statedExpiry {
			return v
		}
	}
	return unavailable
}

func (l *ServerState) lacksKeys(s *State) bool {
	return l.Server.signed != nil && s.keys.KeySet(&l.Server.signed.Ring) == nil
}

// ask takes a question in, unless too many of its class are there.
func (l *ServerState) enqueue(key cache.Name, token string, known bool, at float64) bool {
	until := at + l.Server.timeout.Seconds()
	if q, ok := l.Questions[key]; ok {
		// For the newest of those who wait for it.
		q.deadline = until
		return true
	}
	class := &l.Queues[QueueOf(known)]
	if class.Questions >= MaxQuestions || class.Bytes+len(token) > MaxQuestionBytes {
		l.dropExpired(class, at)
		if class.Questions >= MaxQuestions || class.Bytes+len(token) > MaxQuestionBytes {
			return false
		}
	}
	q := &Question{server: l.Server, key: key, Token: strings.Clone(token), Known: known, deadline: until}
	l.Questions[key] = q
	class.Questions++
	class.Bytes += len(token)
	class.Waiting = append(class.Waiting, q)
	l.pending = true
	return true
}

func QueueOf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// forget drops questions that nobody waits for any longer. They stand nearly in
// the order of their ends.
func (l *ServerState) dropExpired(class *queue, at float64) {
	for len(class.Waiting) > 0 && at >= class.Waiting[0].deadline {
		l.remove(class.next())
	}
}

func (c *queue) next() *Question {
	q := c.Waiting[0]
	c.Waiting[0] = nil
	c.Waiting = c.Waiting[1:]
	return q
}

func (l *ServerState) remove(q *Question) {
	class := &l.Queues[QueueOf(q.Known)]
	delete(l.Questions, q.key)
	class.Questions--
	class.Bytes -= len(q.Token)
}

// due takes the questions that may be asked now, those about known tokens first.
func (l *ServerState) due(calls []fetch.Call, s *State, now time.Time) []fetch.Call {
	l.pending = false
	at := fetch.Seconds(now)
	for class := len(l.Queues) - 1; class >= 0; class-- {
		c := &l.Queues[class]
		most := l.Server.MaxCalls
		if class == 0 {
			most = max(1, most*(reservedShare-1)/reservedShare)
		}
		for l.dropExpired(c, at); len(c.Waiting) > 0 && l.UnderWay < l.Server.MaxCalls && c.UnderWay < most; l.dropExpired(c, at) {
			q := c.next()
			call, err := l.call(s, q, now)
			if err != nil {
				// Who waits is told so when its time is over.
				l.remove(q)
				continue
			}
			l.UnderWay++
			c.UnderWay++
			calls = append(calls, call)
		}
	}
	return calls
}

// call is the question as RFC 7662 section 2.1 has it: the token is in the body,
// never in the URL.
func (l *ServerState) call(s *State, q *Question, now time.Time) (fetch.Call, error) {
	body := appendForm(nil, "token", q.Token)
	if l.Server.tokenTypeHint != "" {
		body = appendForm(body, "token_type_hint", l.Server.tokenTypeHint)
	}
	e := l.Server.endpoint
	call := fetch.Call{
		Cluster: e.Cluster, Method: "POST", Scheme: e.Scheme, Authority: e.Authority, Path: e.Path,
		Headers: [][2]string{{"content-type", "application/x-www-form-urlencoded"}, {"accept", l.Server.mediaType()}},
		Body:    body, Timeout: l.Server.timeout, For: *l.Server.errand(q.key), Provider: l.Server.Name,
	}
	if err := l.Server.client.authenticate(&call, q, &l.client, s, now); err != nil {
		return call, err
	}
	q.underWay, q.Started = true, now
	return call, nil
}

// learn takes the server's answer.
func (l *ServerState) learn(s *State, now time.Time, errand fetch.Errand, answer fetch.Answer) fetch.Learned {
	learned := fetch.Learned{For: errand, Settled: true}
	q := l.Questions[errand.Token]
	if q == nil || !q.underWay {
		// Learned once already; a shell that failed on the way tells it again.
		return learned
	}
	at := fetch.Seconds(now)
	if at < q.deadline && refusesClient(s, answer) && l.client.mayRetry(q.assertion, now) {
		if next, err := l.call(s, q, now); err == nil {
			return fetch.Learned{For: learned.For, Next: &next}
		}
	}
	l.client.learn(q.assertion, answer.OK && fetch.HeaderValue(answer.Headers, ":status") == "200", refusesClient(s, answer), now)
	l.remove(q)
	l.UnderWay--
	l.Queues[QueueOf(q.Known)].UnderWay--
	// Failed until it is read: should that panic, nobody must find under this token
	// what the answer before it said of another.
	l.now, l.nowKey, l.nowFailed, l.nowIs = now, q.key, true, identity.Outcome{}
	a, reason, failure := l.readAnswer(s, q, answer, now)
	l.nowFailed = failure.why != ""
	if l.nowFailed {
		if have, ok := l.Good.Get(q.key); ok && l.Server.staleIfError > 0 {
			have.retryAfter = at + RetrySeconds
		}
		learned.Failure, learned.Mistake = failure.why, failure.mistake
		last := &l.outageLogged
		if failure.mistake {
			last = &l.mistakeLogged
		}
		// It fails at every request: one line a minute is enough.
		if learned.Log = now.Sub(*last) >= time.Minute; learned.Log {
			*last = now
		}
		return learned
	}
	if reason == verdict.ReasonTokenValid && at >= a.window.Expires {
		// Whoever calls it active: it would be asked about at every request.
		reason = verdict.ReasonExpired
	}
	if reason != verdict.ReasonTokenValid {
		l.nowIs = identity.Outcome{Reason: reason}
		l.Good.Drop(q.key)
		l.Bad.Put(q.key, denial{reason, at, at + l.Server.negativeTTL.Seconds()})
		return learned
	}
	a.received = at
	a.freshUntil = min(at+l.Server.positiveTTL.Seconds(), a.statedExpiry)
	l.nowIs = a.outcome(at)
	l.Bad.Drop(q.key)
	l.Good.Drop(q.key) // put leaves it where the new one is too large
	l.Good.Put(q.key, a)
	return learned
}

// sweep frees what is over.
func (l *ServerState) sweep(at float64) {
	kept := max(knownTokenSeconds, l.Server.staleIfError.Seconds())
	l.Good.Sweep(func(a *goodAnswer) bool { return at >= a.window.Expires || at >= a.freshUntil+kept })
	l.Bad.Sweep(func(a denial) bool { return at >= a.freshUntil })
	for i := range l.Queues {
		l.dropExpired(&l.Queues[i], at)
	}
}
