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
	ring      keyring  // whose tokens the keys are for
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

func (k *keySource) errand() *Errand {
	return &Errand{Kind: ErrandKeys, index: k.index, timeout: k.timeout}
}

const (
	// A stranger can name any kid. Fetches for kids that are not in the set come
	// from a bucket that refills slowly, so that the issuer never sees more.
	refetchBurst    = 4
	refetchInterval = 10 * time.Second

	// A kid that a fetch did not bring is not asked for again for so long.
	missingKidTime = 10 * time.Second
	maxAskedKids   = 256
	maxKidBytes    = 256
)

// keySources are all of a configuration.
type keySources []*keySource

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

	discovering bool      // what is in flight asks where the keys are
	started     time.Time // when it began
	jitter      *jitter

	spent      int // of the bucket
	spentSince time.Time
	kids       map[string]askedKid // kids that were asked for and are not in the set
}

// askedKid is pending until a fetch that began after it was asked for has come
// back without it.
type askedKid struct{ asked, missing time.Time }

// due appends the fetches that are to begin now, and takes them for begun.
func (ks *keyStates) due(calls []Call, now time.Time) []Call {
	for _, st := range ks.sources {
		st.expire(now)
		if st.inFlight || !st.wanted && now.Before(st.next) {
			continue
		}
		st.inFlight, st.wanted, st.started = true, false, now
		first := st.source.keys
		if st.discovering = st.source.discovery.set(); st.discovering {
			first = st.source.discovery
		}
		calls = append(calls, st.call(first))
	}
	return calls
}

func (st *sourceState) call(e endpoint) Call {
	return Call{
		Cluster: e.cluster, Method: "GET", Headers: [][2]string{{"accept", "application/json"}}, Scheme: e.scheme, Authority: e.authority, Path: e.path,
		Timeout: st.source.timeout, For: *st.source.errand(), Provider: st.source.provider,
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

// learn takes the answer to a fetch of this source.
func (st *sourceState) learn(now time.Time, answer Answer) Learned {
	if st.discovering {
		keys, err := st.source.discovered(answer)
		if err != "" {
			return st.fail(now, "discovery: "+err)
		}
		st.discovering = false
		follow := st.call(keys)
		return Learned{For: *st.source.errand(), Next: &follow}
	}
	set, err := readKeyAnswer(answer)
	if err != "" {
		return st.fail(now, "keys: "+err)
	}
	st.inFlight, st.failed, st.backoff = false, false, 0
	st.learned = st.started
	set.Keep(st.keys)
	st.keys = set
	for kid, k := range st.kids {
		// Whoever finds its key now does not ask again. A kid that is there for
		// another algorithm is missing all the same.
		switch {
		case !k.missing.IsZero():
		case st.started.Before(k.asked):
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
	st.next = now.Add(delay - st.jitter.below(delay/4))
	return Learned{For: *st.source.errand(), Settled: true, Warnings: st.source.oddities(set)}
}

// oddities are what an issuer should know of its key set.
func (k *keySource) oddities(set *jose.KeySet) (list []string) {
	for _, skipped := range set.Skipped {
		list = append(list, notUsed(skipped))
	}
	if set.Private > 0 {
		list = append(list, "private keys are published there")
	}
	if why := k.ring.tooDear(set); why != "" {
		list = append(list, why+": the first of them are tried, and tokens by the others are refused (too_many_keys)")
	}
	return list
}

func (st *sourceState) fail(now time.Time, why string) Learned {
	st.inFlight, st.failed = false, true
	most := lastBackoff
	if st.keys == nil {
		most = coldBackoff
	}
	st.backoff = min(max(2*st.backoff, firstBackoff), most)
	st.next = now.Add(st.backoff - st.jitter.below(st.backoff/2))
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
