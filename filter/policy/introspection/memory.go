package introspection

import (
	"time"

	"bearerauth/filter/policy/cache"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/verdict"
)

// serverState is what a worker remembers of the answers of an introspection server,
// and the questions that it has for it.
type serverState struct {
	server    *Server
	good      *cache.Generations[*goodAnswer]
	bad       *cache.Generations[denial] // separate memory: invalid tokens cannot displace good ones
	questions map[cache.Name]*question   // waiting or in flight

	queues   [2]queue // of unknown tokens, and of known tokens
	inFlight int      // calls of both queues
	pending  bool     // questions were queued since due

	newest newestAnswer
	client clientState
}

// newestAnswer is the result of the newest question. Requests that waited for the
// answer are judged in the moment in which it arrives, so it holds in that moment
// even if the ttl is 0.
type newestAnswer struct {
	arrived time.Time
	name    cache.Name
	failed  bool
	outcome identity.Outcome
}

// goodAnswer is what a server said of an active token. Rules judge the identity again
// for every request. Its times are in seconds since the epoch.
type goodAnswer struct {
	identity   identity.Identity
	window     claims.Window
	exp        float64 // the server's exp, without leeway
	arrived    float64
	freshUntil float64 // the server is asked again from then on
	retryAfter float64 // after a failure, the server is not asked again before
}

func (a *goodAnswer) outcome(at float64) identity.Outcome {
	return identity.Outcome{ID: &a.identity, Reason: a.window.Judge(at)}
}

// denial is what a server said of a token that it does not accept.
type denial struct {
	reason              verdict.Reason
	arrived, freshUntil float64
}

const (
	badAnswerBytes = 256 << 10

	// knownTokenSeconds is how long after its answer has expired a token still counts
	// as known: it was good a moment ago.
	knownTokenSeconds = 600

	// retrySeconds is how long a stale answer serves after a failure before the server
	// is asked again.
	retrySeconds = 5
)

func newServerState(server *Server) *serverState {
	return &serverState{
		server: server, questions: map[cache.Name]*question{},
		good: cache.NewGenerations(server.cacheBytes, func(a *goodAnswer) int { return a.identity.Size() + 48 }),
		bad:  cache.NewGenerations(badAnswerBytes, func(denial) int { return 24 }),
	}
}

// remembered returns an answer that is fresh, or that arrived after the request began
// to wait. A request with two tokens waits twice. Answers that came since it began to
// wait still count, or the second wait would expire the first answer.
func (st *serverState) remembered(key cache.Name, m fetch.Moment) (v identity.Outcome, ok bool) {
	at := fetch.Seconds(m.Now)
	if a, ok := st.good.Get(key); ok && (between(a.arrived, at, a.freshUntil) || cameSince(a.arrived, at, m.Since)) {
		return a.outcome(at), true
	}
	if a, ok := st.bad.Get(key); ok && (between(a.arrived, at, a.freshUntil) || cameSince(a.arrived, at, m.Since)) {
		return identity.Outcome{Reason: a.reason}, true
	}
	if st.newest.name == key && !st.newest.failed && (st.newest.arrived.Equal(m.Now) || cameSince(fetch.Seconds(st.newest.arrived), at, m.Since)) {
		return st.newest.outcome, true
	}
	return identity.Outcome{}, false
}

// between reports whether at is in the interval. An answer from the future arrived
// before the clock was set back: its age is unknown, so it does not count.
func between(begin, at, end float64) bool { return at >= begin && at < end }

func cameSince(then, now float64, since time.Time) bool {
	return !since.IsZero() && fetch.Seconds(since) <= then && then <= now
}

// question decides over a token without a fresh answer. It queues a question if the
// request may wait or may ask ahead, and else uses a stale answer if the configuration
// permits that. verified says that the token is a JWT whose signature is good.
func (st *serverState) question(s *State, key cache.Name, token string, m fetch.Moment, verified bool) identity.Outcome {
	at := fetch.Seconds(m.Now)
	unavailable := identity.Outcome{Reason: verdict.ReasonIntrospectionUnavailable}
	have, good := st.good.Get(key)
	known := verified || good && between(have.arrived, at, have.freshUntil+knownTokenSeconds)
	justFailed := m.Failed.IsToken(st.server.index, key) || st.newest.failed && st.newest.name == key && st.newest.arrived.Equal(m.Now) ||
		good && between(have.retryAfter-retrySeconds, at, have.retryAfter)
	switch {
	case m.Patience == fetch.CacheOnly:
		return unavailable
	case justFailed, m.Patience == fetch.StaleOK, m.Patience == fetch.WaitIfKnown && !known:
	case st.lacksKeys(s):
		// Without keys no signed answer can be verified: the request waits for the keys.
		source := st.server.signed.Source
		if _, wait := s.keys.Ask(source, "", m.Now, true); wait {
			if m.Patience != fetch.AskAhead {
				unavailable.Wait = source.Errand()
			}
			return unavailable
		}
	case !st.enqueue(key, token, known, at):
	case m.Patience == fetch.AskAhead:
		return unavailable
	default:
		unavailable.Wait = st.server.errand(key)
		return unavailable
	}
	if good && between(have.arrived, at, have.freshUntil+st.server.staleIfError.Seconds()) {
		// No stale answer outlives its exp (RFC 7662 section 4). The leeway covers the
		// clock difference of a fresh answer only.
		if v := have.outcome(at); v.Reason != verdict.ReasonTokenValid || at < have.exp {
			return v
		}
	}
	return unavailable
}

func (st *serverState) lacksKeys(s *State) bool {
	return st.server.signed != nil && s.keys.KeySet(&st.server.signed.Ring) == nil
}

// learn takes the server's answer to a question.
func (st *serverState) learn(s *State, now time.Time, errand fetch.Errand, answer fetch.Answer) fetch.Learned {
	learned := fetch.Learned{For: errand, Settled: true}
	q := st.questions[errand.Token]
	if q == nil || !q.inFlight {
		// The shell repeats an answer if it failed after learn: count it once.
		return learned
	}
	at := fetch.Seconds(now)
	if at < q.deadline && refusesClient(s, answer) && st.client.mayRetry(q.assertion, now) {
		if next, err := st.call(s, q, now); err == nil {
			return fetch.Learned{For: learned.For, Next: &next}
		}
	}
	st.client.learn(q.assertion, answer.OK && fetch.HeaderValue(answer.Headers, ":status") == "200", refusesClient(s, answer), now)
	st.remove(q)
	st.inFlight--
	st.queues[queueOf(q.known)].inFlight--
	// Mark the answer as failed before parsing it. If parsing panics, the previous
	// answer, about another token, must not be found here.
	st.newest = newestAnswer{arrived: now, name: q.name, failed: true}
	a, reason, failure := st.readAnswer(s, q, answer, now)
	st.newest.failed = failure.why != ""
	if st.newest.failed {
		if have, ok := st.good.Get(q.name); ok && st.server.staleIfError > 0 {
			have.retryAfter = at + retrySeconds
		}
		learned.Failure, learned.Misconfigured = failure.why, failure.mistake
		return learned
	}
	if reason == verdict.ReasonTokenValid && at >= a.window.Expires {
		// The server calls an expired token active. Remember it as refused, or every
		// request with it would ask the server.
		reason = verdict.ReasonExpired
	}
	if reason != verdict.ReasonTokenValid {
		st.newest.outcome = identity.Outcome{Reason: reason}
		st.good.Drop(q.name)
		st.bad.Put(q.name, denial{reason, at, at + st.server.negativeTTL.Seconds()})
		return learned
	}
	a.arrived = at
	a.freshUntil = min(at+st.server.positiveTTL.Seconds(), a.exp)
	st.newest.outcome = a.outcome(at)
	st.bad.Drop(q.name)
	st.good.Drop(q.name) // Put keeps the old answer if the new one is too large
	st.good.Put(q.name, a)
	return learned
}

// sweep removes answers that are too old to serve, and questions past their deadline.
func (st *serverState) sweep(at float64) {
	kept := max(knownTokenSeconds, st.server.staleIfError.Seconds())
	st.good.Sweep(func(a *goodAnswer) bool { return at >= a.window.Expires || at >= a.freshUntil+kept })
	st.bad.Sweep(func(a denial) bool { return at >= a.freshUntil })
	for i := range st.queues {
		st.dropExpired(&st.queues[i], at)
	}
}
