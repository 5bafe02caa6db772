package policy

import (
	"strings"
	"time"

	"bearerauth/filter/jose"
)

// keySource is where a provider's keys come from over the network. It never
// changes; what is known of its keys is in a sourceState.
type keySource struct {
	index     int
	provider  string
	issuer    string   // for discovery, which must name exactly this issuer
	discovery endpoint // with it, keys holds no address until discovery gave one
	keys      endpoint
	clusters  map[string]string // for keys at other hosts than discovery: host to cluster
	timeout   time.Duration
	refresh   time.Duration // without Cache-Control
	least     time.Duration // bounds of what Cache-Control may say
	most      time.Duration
	maxStale  time.Duration // how long the last good set serves while the issuer is down
}

// endpoint is an address behind an Envoy cluster.
type endpoint struct{ cluster, scheme, authority, path string }

func (e endpoint) set() bool { return e.cluster != "" }

func (k *keySource) errand() *Errand { return &Errand{index: k.index, timeout: k.timeout} }

// Call is an outbound request that the State wants made.
type Call struct {
	Cluster, Method, Scheme, Authority, Path string

	Headers [][2]string // more of them
	Body    []byte
	Timeout time.Duration

	source    *keySource
	discovery bool
	lookup    *lookup // what a server is asked of a token; nil: keys
	assertion *assertion
	// revocations: the list of them is asked for; conditional: unless it is as it was.
	revocations, conditional bool
	started                  time.Time
}

// Provider is the name of the provider that the call is for, "" where it is for all.
func (c *Call) Provider() string {
	if c.lookup != nil {
		return c.lookup.of.name
	}
	if c.revocations {
		return ""
	}
	return c.source.provider
}

// AsksToken says that the call is for a token, not for keys.
func (c *Call) AsksToken() bool { return c.lookup != nil }

// AsksRevocations says that the call is for the list of revoked tokens.
func (c *Call) AsksRevocations() bool { return c.revocations }

// Answer is what came of a Call. Without OK there was no response; TooLong
// means a body that nobody has read.
type Answer struct {
	OK, TooLong bool
	Headers     [][2]string
	Body        []byte
}

// MaxAnswerBytes is the size from which on an answer is no answer.
const MaxAnswerBytes = 1 << 20

const (
	firstBackoff = time.Second
	lastBackoff  = time.Minute
	coldBackoff  = 5 * time.Second // the last, while there are no keys at all

	// A stranger can name any kid. Fetches for kids that are not in the set come
	// from a bucket that refills slowly, so that the issuer never sees more.
	refetchBurst    = 4
	refetchInterval = 10 * time.Second

	// A kid that a fetch did not bring is not asked for again for so long.
	missingKidTime = 10 * time.Second
	maxAskedKids   = 256
	maxKidBytes    = 256
)

// sourceState is what is known of one source's keys.
type sourceState struct {
	source   *keySource
	keys     *jose.KeySet // nil: none that may be used
	learned  time.Time    // when the newest answer that confirmed the keys was asked for
	next     time.Time    // when to fetch again
	backoff  time.Duration
	inFlight bool
	wanted   bool // somebody waits for a fetch that has not begun
	failed   bool // the newest fetch failed

	spent      int // of the bucket
	spentSince time.Time
	kids       map[string]askedKid // kids that were asked for and are not in the set
}

// askedKid is pending until a fetch that began after it was asked for has come
// back without it.
type askedKid struct{ asked, missing time.Time }

// Due returns the calls to make now, and takes them for begun.
func (s *State) Due(now time.Time) []Call {
	s.pending = false
	var calls []Call
	for _, st := range s.sources {
		st.expire(now)
		if st.inFlight || !st.wanted && now.Before(st.next) {
			continue
		}
		st.inFlight, st.wanted = true, false
		first := st.source.keys
		if st.source.discovery.set() {
			first = st.source.discovery
		}
		calls = append(calls, st.call(first, st.source.discovery.set(), now))
	}
	for _, l := range s.lookups {
		calls = append(calls, l.due(s, now)...)
	}
	return s.revoked.due(calls, now)
}

func (st *sourceState) call(e endpoint, discovery bool, now time.Time) Call {
	return Call{
		Cluster: e.cluster, Method: "GET", Headers: [][2]string{{"accept", "application/json"}}, Scheme: e.scheme, Authority: e.authority, Path: e.path,
		Timeout: st.source.timeout, source: st.source, discovery: discovery, started: now,
	}
}

// expire gives up a set that nobody has confirmed for too long: a key that the
// issuer has revoked meanwhile would be trusted for ever.
func (st *sourceState) expire(now time.Time) {
	if now.Before(st.learned) {
		// The clock was set back: a withdrawn key must not serve for longer by as much.
		st.learned, st.next = now, now
	}
	if st.keys != nil && now.Sub(st.learned) >= st.source.maxStale {
		st.keys = nil
	}
}

// Learned is what came of an answer.
type Learned struct {
	For     Errand       // as in Wait
	Next    *Call        // a call that must follow
	Settled bool         // whoever waits for this source can be judged again
	Failure string       // why what is known is as it was
	Log     bool         // the failure is worth a line in the log
	Mistake bool         // it is one of the configuration's: an error, not a warning
	Keys    *jose.KeySet // the new set
	// Revocations is when the list that is in force was asked for, zero where the
	// call was not for it or failed.
	Revocations time.Time
}

// Learn takes the answer to a call: success, failure and garbage alike.
func (s *State) Learn(now time.Time, call Call, answer Answer) Learned {
	if call.lookup != nil {
		return s.lookups[call.lookup.of.index].learn(s, now, call, answer)
	}
	if call.revocations {
		return s.revoked.learn(s, now, call, answer)
	}
	st := s.sources[call.source.index]
	if call.discovery {
		keys, err := call.source.discovered(answer)
		if err != "" {
			return st.fail(s, now, "discovery: "+err)
		}
		follow := st.call(keys, false, call.started)
		return Learned{For: *st.source.errand(), Next: &follow}
	}
	set, err := readKeyAnswer(answer)
	if err != "" {
		return st.fail(s, now, "keys: "+err)
	}
	st.inFlight, st.failed, st.backoff = false, false, 0
	st.learned = call.started
	set.Keep(st.keys)
	st.keys = set
	for kid, k := range st.kids {
		// Whoever finds its key now does not ask again. A kid that is there for
		// another algorithm is missing all the same.
		switch {
		case !k.missing.IsZero():
		case call.started.Before(k.asked):
			// Whoever still waits for it asks again. Those that have left must not
			// fill this memory until the next fetch.
			delete(st.kids, kid)
		default:
			k.missing = now
			st.kids[kid] = k
		}
	}
	// Well before the set is given up: Entra says a day, and that is max_stale's
	// default, too.
	delay := min(freshness(answer.Headers, st.source), st.source.maxStale/4*3)
	// Ahead of time, and not all workers at once.
	st.next = now.Add(delay - s.jitter(delay/4))
	return Learned{For: *st.source.errand(), Settled: true, Keys: set}
}

func (st *sourceState) fail(s *State, now time.Time, why string) Learned {
	st.inFlight, st.failed = false, true
	most := lastBackoff
	if st.keys == nil {
		most = coldBackoff
	}
	st.backoff = min(max(2*st.backoff, firstBackoff), most)
	st.next = now.Add(st.backoff - s.jitter(st.backoff/2))
	return Learned{For: *st.source.errand(), Settled: true, Failure: why, Log: true}
}

// readKeyAnswer returns what was wrong, or a set with at least one usable key:
// whatever else an issuer sends must not replace good keys.
func readKeyAnswer(a Answer) (*jose.KeySet, string) {
	if why := badAnswer(a); why != "" {
		return nil, why
	}
	set, err := jose.ParseSet(a.Body, jose.RefuseSecrets)
	if err != nil {
		return nil, err.Error()
	}
	return set, ""
}

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

// ask decides over a kid that is not in the set, or with no set over any: to
// wait for a fetch that is permitted now, or to refuse. ReasonUnknownKey says
// that the issuer has no such key, ReasonKeysUnavailable that nobody can know.
func (st *sourceState) ask(kid string, now time.Time, mayWait bool) (reason Reason, wait bool) {
	if st.keys == nil {
		if !mayWait || st.failed && !st.inFlight && now.Before(st.next) {
			return ReasonKeysUnavailable, false
		}
		st.wanted = !st.inFlight
		return ReasonKeysUnavailable, true
	}
	k, asked := st.kids[kid]
	if asked && !k.missing.IsZero() {
		if now.Sub(k.missing) < missingKidTime {
			return ReasonUnknownKey, false
		}
		delete(st.kids, kid)
		asked = false
	}
	if st.failed && !st.inFlight && now.Before(st.next) || !mayWait {
		return ReasonKeysUnavailable, false
	}
	if !asked && !st.remember(kid, now) {
		return ReasonUnknownKey, false
	}
	if !st.inFlight && !st.wanted {
		if !st.spend(now) {
			delete(st.kids, kid)
			return ReasonUnknownKey, false
		}
		st.wanted = true
	}
	return ReasonKeysUnavailable, true
}

func (st *sourceState) remember(kid string, now time.Time) bool {
	if len(st.kids) >= maxAskedKids {
		for old, k := range st.kids {
			if !k.missing.IsZero() && now.Sub(k.missing) >= missingKidTime {
				delete(st.kids, old)
			}
		}
	}
	if len(st.kids) >= maxAskedKids || len(kid) > maxKidBytes {
		return false
	}
	st.kids[strings.Clone(kid)] = askedKid{asked: now}
	return true
}

// spend takes one fetch out of the bucket.
func (st *sourceState) spend(now time.Time) bool {
	if refilled := int(now.Sub(st.spentSince) / refetchInterval); refilled > 0 || st.spent == 0 {
		st.spent = max(0, st.spent-refilled)
		st.spentSince = now
	}
	if st.spent == refetchBurst {
		return false
	}
	st.spent++
	return true
}
