package policy

import (
	"strings"
	"time"
)

// lookup is a question about one token, whoever wants it answered.
type lookup struct {
	of    *introspector
	key   tokenKey
	token string
	known bool    // it was good the last time, or has verified: no garbage
	until float64 // nobody waits any longer

	underWay  bool
	started   time.Time  // when the call for it began
	assertion *assertion // that the call shows
}

// lookups is what is known of an introspector's tokens, and what is asked.
type lookups struct {
	of    *introspector
	good  *generations[*goodAnswer]
	bad   *generations[denial] // room of its own: garbage cannot push good tokens out
	asked map[tokenKey]*lookup // waiting or under way

	queues   [2]lookupQueue // strangers, and tokens that are known
	underWay int            // of both

	// What came of the newest question. It holds for the moment in which it came,
	// whatever the ttl: for those who waited for it.
	now       time.Time
	nowKey    tokenKey
	nowFailed bool
	nowIs     verification

	pending bool // questions have come since due

	client clientState
	blamed time.Time // when a mistake of ours was logged last
	failed time.Time // when an outage was
}

// lookupQueue are the questions of one class.
type lookupQueue struct {
	waiting  []*lookup
	asked    int // waiting and under way
	bytes    int // of their tokens
	underWay int
}

// goodAnswer is what a server said of an active token. The rules are judged anew
// for every request.
type goodAnswer struct {
	identity verifiedIdentity
	window   window
	exp      float64 // as the server says it, without leeway
	at       float64 // when it came
	until    float64 // asked again from then on
	retry    float64 // not asked again before, after a failure
}

func (a *goodAnswer) verification(at float64) verification {
	return verification{id: &a.identity, reason: a.window.judge(at)}
}

type denial struct {
	reason    Reason
	at, until float64
}

const (
	// What strangers send takes at most three quarters of the calls, so that
	// tokens which were good a moment ago get through a flood of garbage.
	strangersShare = 4

	// Bounds of what one class has in memory.
	maxLookups     = 1000
	maxLookupBytes = 1 << 20
	badAnswerBytes = 256 << 10

	// So long after its answer has run out a token counts as good a moment ago.
	knownSeconds = 600
	// So long what is stale serves before the server is asked again.
	staleRetrySeconds = 5
)

func newLookups(i *introspector) *lookups {
	return &lookups{
		of: i, asked: map[tokenKey]*lookup{},
		good: newGenerations(i.cacheBytes, func(a *goodAnswer) int { return a.identity.size() + 48 }),
		bad:  newGenerations(badAnswerBytes, func(denial) int { return 24 }),
	}
}

// remembered is what the server has said not long ago, or since a request began
// to wait: one with two tokens would else ask about each of them again when it has
// the answer about the other.
func (l *lookups) remembered(key tokenKey, m moment) (v verification, ok bool) {
	at := seconds(m.now)
	if a, ok := l.good.get(key); ok && (between(a.at, at, a.until) || came(a.at, at, m.since)) {
		return a.verification(at), true
	}
	if a, ok := l.bad.get(key); ok && (between(a.at, at, a.until) || came(a.at, at, m.since)) {
		return verification{reason: a.reason}, true
	}
	if l.nowKey == key && !l.nowFailed && (l.now.Equal(m.now) || came(seconds(l.now), at, m.since)) {
		return l.nowIs, true
	}
	return verification{}, false
}

// between: an answer from the future is one from before the clock was set back, and
// nobody knows how old it is.
func between(begin, at, end float64) bool { return at >= begin && at < end }

func came(then, now float64, since time.Time) bool {
	return !since.IsZero() && seconds(since) <= then && then <= now
}

// seek asks about a token that is not remembered, as far as the request has
// patience. verified: the token is known to be no garbage.
func (l *lookups) seek(s *introspectionState, key tokenKey, token string, m moment, verified bool) verification {
	at := seconds(m.now)
	unavailable := verification{reason: ReasonIntrospectionUnavailable}
	have, good := l.good.get(key)
	known := verified || good && between(have.at, at, have.until+knownSeconds)
	cannot := m.failed.isToken(l.of.index, key) || l.nowFailed && l.nowKey == key && l.now.Equal(m.now) || good && between(have.retry-staleRetrySeconds, at, have.retry)
	switch {
	case m.how == impatient:
		return unavailable
	case cannot, m.how == waited, m.how == waitsIfKnown && !known:
	case l.lacksKeys(s):
		// No answer could be verified: what a JWT waits for, this token does, too.
		source := l.of.signed.source
		if _, wait := s.keys.ask(source, "", m.now, true); wait {
			if m.how != asks {
				unavailable.wait = source.errand()
			}
			return unavailable
		}
	case !l.ask(key, token, known, at):
	case m.how == asks:
		return unavailable
	default:
		unavailable.wait = l.of.errand(key)
		return unavailable
	}
	if good && between(have.at, at, have.until+l.of.stale.Seconds()) {
		// No answer is kept beyond the exp that it has (RFC 7662 section 4): the
		// leeway is for what the server says, not for what it said.
		if v := have.verification(at); v.reason != ReasonTokenValid || at < have.exp {
			return v
		}
	}
	return unavailable
}

func (l *lookups) lacksKeys(s *introspectionState) bool {
	return l.of.signed != nil && s.keys.of(&l.of.signed.keyring) == nil
}

// ask takes a question in, unless too many of its class are there.
func (l *lookups) ask(key tokenKey, token string, known bool, at float64) bool {
	until := at + l.of.timeout.Seconds()
	if q, ok := l.asked[key]; ok {
		// For the newest of those who wait for it.
		q.until = until
		return true
	}
	class := &l.queues[indexOf(known)]
	if class.asked >= maxLookups || class.bytes+len(token) > maxLookupBytes {
		l.forget(class, at)
		if class.asked >= maxLookups || class.bytes+len(token) > maxLookupBytes {
			return false
		}
	}
	q := &lookup{of: l.of, key: key, token: strings.Clone(token), known: known, until: until}
	l.asked[key] = q
	class.asked++
	class.bytes += len(token)
	class.waiting = append(class.waiting, q)
	l.pending = true
	return true
}

func indexOf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// forget drops questions that nobody waits for any longer. They stand nearly in
// the order of their ends.
func (l *lookups) forget(class *lookupQueue, at float64) {
	for len(class.waiting) > 0 && at >= class.waiting[0].until {
		l.end(class.next())
	}
}

func (c *lookupQueue) next() *lookup {
	q := c.waiting[0]
	c.waiting[0] = nil
	c.waiting = c.waiting[1:]
	return q
}

func (l *lookups) end(q *lookup) {
	class := &l.queues[indexOf(q.known)]
	delete(l.asked, q.key)
	class.asked--
	class.bytes -= len(q.token)
}

// due takes the questions that may be asked now, those about known tokens first.
func (l *lookups) due(calls []Call, s *introspectionState, now time.Time) []Call {
	l.pending = false
	at := seconds(now)
	for class := len(l.queues) - 1; class >= 0; class-- {
		c := &l.queues[class]
		most := l.of.calls
		if class == 0 {
			most = max(1, most*(strangersShare-1)/strangersShare)
		}
		for l.forget(c, at); len(c.waiting) > 0 && l.underWay < l.of.calls && c.underWay < most; l.forget(c, at) {
			q := c.next()
			call, err := l.call(s, q, now)
			if err != nil {
				// Who waits is told so when its time is over.
				l.end(q)
				continue
			}
			l.underWay++
			c.underWay++
			calls = append(calls, call)
		}
	}
	return calls
}

// call is the question as RFC 7662 section 2.1 has it: the token is in the body,
// never in the URL.
func (l *lookups) call(s *introspectionState, q *lookup, now time.Time) (Call, error) {
	body := appendForm(nil, "token", q.token)
	if l.of.hint != "" {
		body = appendForm(body, "token_type_hint", l.of.hint)
	}
	e := l.of.endpoint
	call := Call{
		Cluster: e.cluster, Method: "POST", Scheme: e.scheme, Authority: e.authority, Path: e.path,
		Headers: [][2]string{{"content-type", "application/x-www-form-urlencoded"}, {"accept", l.of.media()}},
		Body:    body, Timeout: l.of.timeout, For: *l.of.errand(q.key), Provider: l.of.name,
	}
	if err := l.of.client.show(&call, q, &l.client, s, now); err != nil {
		return call, err
	}
	q.underWay, q.started = true, now
	return call, nil
}

// learn takes the server's answer.
func (l *lookups) learn(s *introspectionState, now time.Time, errand Errand, answer Answer) Learned {
	learned := Learned{For: errand, Settled: true}
	q := l.asked[errand.token]
	if q == nil || !q.underWay {
		// Learned once already; a shell that failed on the way tells it again.
		return learned
	}
	at := seconds(now)
	if at < q.until && refusesClient(s, answer) && l.client.mayShowAnother(q.assertion, now) {
		if next, err := l.call(s, q, now); err == nil {
			return Learned{For: learned.For, Next: &next}
		}
	}
	l.client.learn(q.assertion, answer.OK && headerValue(answer.Headers, ":status") == "200", refusesClient(s, answer), now)
	l.end(q)
	l.underWay--
	l.queues[indexOf(q.known)].underWay--
	// Failed until it is read: should that panic, nobody must find under this token
	// what the answer before it said of another.
	l.now, l.nowKey, l.nowFailed, l.nowIs = now, q.key, true, verification{}
	a, reason, failure := l.read(s, q, answer, now)
	l.nowFailed = failure.why != ""
	if l.nowFailed {
		if have, ok := l.good.get(q.key); ok && l.of.stale > 0 {
			have.retry = at + staleRetrySeconds
		}
		learned.Failure, learned.Mistake = failure.why, failure.ours
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
	if reason == ReasonTokenValid && at >= a.window.expires {
		// Whoever calls it active: it would be asked about at every request.
		reason = ReasonExpired
	}
	if reason != ReasonTokenValid {
		l.nowIs = verification{reason: reason}
		l.good.drop(q.key)
		l.bad.put(q.key, denial{reason, at, at + l.of.negative.Seconds()})
		return learned
	}
	a.at = at
	a.until = min(at+l.of.positive.Seconds(), a.exp)
	l.nowIs = a.verification(at)
	l.bad.drop(q.key)
	l.good.drop(q.key) // put leaves it where the new one is too large
	l.good.put(q.key, a)
	return learned
}

// sweep frees what is over.
func (l *lookups) sweep(at float64) {
	kept := max(knownSeconds, l.of.stale.Seconds())
	l.good.sweep(func(a *goodAnswer) bool { return at >= a.window.expires || at >= a.until+kept })
	l.bad.sweep(func(a denial) bool { return at >= a.until })
	for i := range l.queues {
		l.forget(&l.queues[i], at)
	}
}
