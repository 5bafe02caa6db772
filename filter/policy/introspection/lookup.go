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
	of    *Server
	key   cache.Name
	Token string
	Known bool    // it was good the last time, or has verified: no garbage
	until float64 // nobody waits any longer

	underWay  bool
	Started   time.Time  // when the call for it began
	assertion *assertion // that the call shows
}

// Questions is what is known of an introspector's tokens, and what is asked.
type Questions struct {
	Of    *Server
	Good  *cache.Generations[*goodAnswer]
	Bad   *cache.Generations[denial] // room of its own: garbage cannot push good tokens out
	Asked map[cache.Name]*Question   // waiting or under way

	Queues   [2]queue // strangers, and tokens that are known
	UnderWay int      // of both

	// What came of the newest question. It holds for the moment in which it came,
	// whatever the ttl: for those who waited for it.
	now       time.Time
	nowKey    cache.Name
	nowFailed bool
	nowIs     identity.Outcome

	pending bool // questions have come since due

	client clientState
	blamed time.Time // when a mistake of ours was logged last
	failed time.Time // when an outage was
}

// queue are the questions of one class.
type queue struct {
	Waiting  []*Question
	Asked    int // waiting and under way
	Bytes    int // of their tokens
	UnderWay int
}

// goodAnswer is what a server said of an active token. The rules are judged anew
// for every request.
type goodAnswer struct {
	identity identity.Identity
	window   claims.Window
	exp      float64 // as the server says it, without leeway
	at       float64 // when it came
	until    float64 // asked again from then on
	retry    float64 // not asked again before, after a failure
}

func (a *goodAnswer) verification(at float64) identity.Outcome {
	return identity.Outcome{ID: &a.identity, Reason: a.window.Judge(at)}
}

type denial struct {
	reason    verdict.Reason
	at, until float64
}

const (
	// What strangers send takes at most three quarters of the calls, so that
	// tokens which were good a moment ago get through a flood of garbage.
	strangersShare = 4

	// Bounds of what one class has in memory.
	MaxLookups     = 1000
	MaxLookupBytes = 1 << 20
	badAnswerBytes = 256 << 10

	// So long after its answer has run out a token counts as good a moment ago.
	knownSeconds = 600
	// So long what is stale serves before the server is asked again.
	StaleRetrySeconds = 5
)

func newQuestions(i *Server) *Questions {
	return &Questions{
		Of: i, Asked: map[cache.Name]*Question{},
		Good: cache.NewGenerations(i.cacheBytes, func(a *goodAnswer) int { return a.identity.Size() + 48 }),
		Bad:  cache.NewGenerations(badAnswerBytes, func(denial) int { return 24 }),
	}
}

// remembered is what the server has said not long ago, or since a request began
// to wait: one with two tokens would else ask about each of them again when it has
// the answer about the other.
func (l *Questions) remembered(key cache.Name, m fetch.Moment) (v identity.Outcome, ok bool) {
	at := fetch.Seconds(m.Now)
	if a, ok := l.Good.Get(key); ok && (between(a.at, at, a.until) || came(a.at, at, m.Since)) {
		return a.verification(at), true
	}
	if a, ok := l.Bad.Get(key); ok && (between(a.at, at, a.until) || came(a.at, at, m.Since)) {
		return identity.Outcome{Reason: a.reason}, true
	}
	if l.nowKey == key && !l.nowFailed && (l.now.Equal(m.Now) || came(fetch.Seconds(l.now), at, m.Since)) {
		return l.nowIs, true
	}
	return identity.Outcome{}, false
}

// between: an answer from the future is one from before the clock was set back, and
// nobody knows how old it is.
func between(begin, at, end float64) bool { return at >= begin && at < end }

func came(then, now float64, since time.Time) bool {
	return !since.IsZero() && fetch.Seconds(since) <= then && then <= now
}

// seek asks about a token that is not remembered, as far as the request has
// patience. verified: the token is known to be no garbage.
func (l *Questions) seek(s *State, key cache.Name, token string, m fetch.Moment, verified bool) identity.Outcome {
	at := fetch.Seconds(m.Now)
	unavailable := identity.Outcome{Reason: verdict.ReasonIntrospectionUnavailable}
	have, good := l.Good.Get(key)
	known := verified || good && between(have.at, at, have.until+knownSeconds)
	cannot := m.Failed.IsToken(l.Of.index, key) || l.nowFailed && l.nowKey == key && l.now.Equal(m.Now) || good && between(have.retry-StaleRetrySeconds, at, have.retry)
	switch {
	case m.Patience == fetch.CacheOnly:
		return unavailable
	case cannot, m.Patience == fetch.StaleOK, m.Patience == fetch.WaitIfKnown && !known:
	case l.lacksKeys(s):
		// No answer could be verified: what a JWT waits for, this token does, too.
		source := l.Of.signed.Source
		if _, wait := s.keys.Ask(source, "", m.Now, true); wait {
			if m.Patience != fetch.AskAhead {
				unavailable.Wait = source.Errand()
			}
			return unavailable
		}
	case !l.ask(key, token, known, at):
	case m.Patience == fetch.AskAhead:
		return unavailable
	default:
		unavailable.Wait = l.Of.errand(key)
		return unavailable
	}
	if good && between(have.at, at, have.until+l.Of.stale.Seconds()) {
		// No answer is kept beyond the exp that it has (RFC 7662 section 4): the
		// leeway is for what the server says, not for what it said.
		if v := have.verification(at); v.Reason != verdict.ReasonTokenValid || at < have.exp {
			return v
		}
	}
	return unavailable
}

func (l *Questions) lacksKeys(s *State) bool {
	return l.Of.signed != nil && s.keys.Of(&l.Of.signed.Ring) == nil
}

// ask takes a question in, unless too many of its class are there.
func (l *Questions) ask(key cache.Name, token string, known bool, at float64) bool {
	until := at + l.Of.timeout.Seconds()
	if q, ok := l.Asked[key]; ok {
		// For the newest of those who wait for it.
		q.until = until
		return true
	}
	class := &l.Queues[IndexOf(known)]
	if class.Asked >= MaxLookups || class.Bytes+len(token) > MaxLookupBytes {
		l.forget(class, at)
		if class.Asked >= MaxLookups || class.Bytes+len(token) > MaxLookupBytes {
			return false
		}
	}
	q := &Question{of: l.Of, key: key, Token: strings.Clone(token), Known: known, until: until}
	l.Asked[key] = q
	class.Asked++
	class.Bytes += len(token)
	class.Waiting = append(class.Waiting, q)
	l.pending = true
	return true
}

func IndexOf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// forget drops questions that nobody waits for any longer. They stand nearly in
// the order of their ends.
func (l *Questions) forget(class *queue, at float64) {
	for len(class.Waiting) > 0 && at >= class.Waiting[0].until {
		l.end(class.next())
	}
}

func (c *queue) next() *Question {
	q := c.Waiting[0]
	c.Waiting[0] = nil
	c.Waiting = c.Waiting[1:]
	return q
}

func (l *Questions) end(q *Question) {
	class := &l.Queues[IndexOf(q.Known)]
	delete(l.Asked, q.key)
	class.Asked--
	class.Bytes -= len(q.Token)
}

// due takes the questions that may be asked now, those about known tokens first.
func (l *Questions) due(calls []fetch.Call, s *State, now time.Time) []fetch.Call {
	l.pending = false
	at := fetch.Seconds(now)
	for class := len(l.Queues) - 1; class >= 0; class-- {
		c := &l.Queues[class]
		most := l.Of.Calls
		if class == 0 {
			most = max(1, most*(strangersShare-1)/strangersShare)
		}
		for l.forget(c, at); len(c.Waiting) > 0 && l.UnderWay < l.Of.Calls && c.UnderWay < most; l.forget(c, at) {
			q := c.next()
			call, err := l.call(s, q, now)
			if err != nil {
				// Who waits is told so when its time is over.
				l.end(q)
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
func (l *Questions) call(s *State, q *Question, now time.Time) (fetch.Call, error) {
	body := appendForm(nil, "token", q.Token)
	if l.Of.hint != "" {
		body = appendForm(body, "token_type_hint", l.Of.hint)
	}
	e := l.Of.endpoint
	call := fetch.Call{
		Cluster: e.Cluster, Method: "POST", Scheme: e.Scheme, Authority: e.Authority, Path: e.Path,
		Headers: [][2]string{{"content-type", "application/x-www-form-urlencoded"}, {"accept", l.Of.media()}},
		Body:    body, Timeout: l.Of.timeout, For: *l.Of.errand(q.key), Provider: l.Of.Name,
	}
	if err := l.Of.client.show(&call, q, &l.client, s, now); err != nil {
		return call, err
	}
	q.underWay, q.Started = true, now
	return call, nil
}

// learn takes the server's answer.
func (l *Questions) learn(s *State, now time.Time, errand fetch.Errand, answer fetch.Answer) fetch.Learned {
	learned := fetch.Learned{For: errand, Settled: true}
	q := l.Asked[errand.Token]
	if q == nil || !q.underWay {
		// Learned once already; a shell that failed on the way tells it again.
		return learned
	}
	at := fetch.Seconds(now)
	if at < q.until && refusesClient(s, answer) && l.client.mayShowAnother(q.assertion, now) {
		if next, err := l.call(s, q, now); err == nil {
			return fetch.Learned{For: learned.For, Next: &next}
		}
	}
	l.client.learn(q.assertion, answer.OK && fetch.HeaderValue(answer.Headers, ":status") == "200", refusesClient(s, answer), now)
	l.end(q)
	l.UnderWay--
	l.Queues[IndexOf(q.Known)].UnderWay--
	// Failed until it is read: should that panic, nobody must find under this token
	// what the answer before it said of another.
	l.now, l.nowKey, l.nowFailed, l.nowIs = now, q.key, true, identity.Outcome{}
	a, reason, failure := l.read(s, q, answer, now)
	l.nowFailed = failure.why != ""
	if l.nowFailed {
		if have, ok := l.Good.Get(q.key); ok && l.Of.stale > 0 {
			have.retry = at + StaleRetrySeconds
		}
		learned.Failure, learned.Misconfigured = failure.why, failure.ours
		last := &l.failed
		if failure.ours {
			last = &l.blamed
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
		l.Bad.Put(q.key, denial{reason, at, at + l.Of.negative.Seconds()})
		return learned
	}
	a.at = at
	a.until = min(at+l.Of.positive.Seconds(), a.exp)
	l.nowIs = a.verification(at)
	l.Bad.Drop(q.key)
	l.Good.Drop(q.key) // put leaves it where the new one is too large
	l.Good.Put(q.key, a)
	return learned
}

// sweep frees what is over.
func (l *Questions) sweep(at float64) {
	kept := max(knownSeconds, l.Of.stale.Seconds())
	l.Good.Sweep(func(a *goodAnswer) bool { return at >= a.window.Expires || at >= a.until+kept })
	l.Bad.Sweep(func(a denial) bool { return at >= a.until })
	for i := range l.Queues {
		l.forget(&l.Queues[i], at)
	}
}
