// Package jwks decides by whose keys tokens verify (RFC 7517): keys of the
// configuration, or keys that are fetched ahead of time and given up when the issuer
// does not confirm them any more. It makes no call, and never looks for a key of one
// provider in another's set (RFC 8725 section 3.8).
package jwks

import (
	"slices"
	"strings"
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/verdict"
)

// Source is where a provider's keys come from over the network. It never
// changes; what is known of its keys is in a sourceState.
type Source struct {
	index     int
	provider  string
	ring      Ring            // whose tokens the keys are for
	issuer    string          // for discovery, which must name exactly this issuer
	discovery config.Endpoint // with it, keys holds no address until discovery gave one
	keys      config.Endpoint
	clusters  map[string]string // for keys at other hosts than discovery: host to cluster
	timeout   time.Duration
	Refresh   time.Duration // without Cache-Control
	Least     time.Duration // bounds of what Cache-Control may say
	Most      time.Duration
	MaxStale  time.Duration // how long the last good set serves while the issuer is down
}

func (k *Source) Errand() *fetch.Errand {
	return &fetch.Errand{Kind: fetch.ErrandKeys, Index: k.index, Timeout: k.timeout}
}

const (
	// A stranger can name any kid. Fetches for kids that are not in the set come
	// from a bucket that refills slowly, so that the issuer never sees more.
	RefetchBurst    = 4
	refetchInterval = 10 * time.Second

	// A kid that a fetch did not bring is not asked for again for so long.
	missingKidTime = 10 * time.Second
	MaxAskedKids   = 256
	maxKidBytes    = 256
)

// Sources are all of a configuration.
type Sources []*Source

// SourceState is what is known of one source's keys.
type SourceState struct {
	Source   *Source
	Keys     *jose.KeySet // nil: none that may be used
	Learned  time.Time    // when the newest answer that confirmed the keys was asked for
	Next     time.Time    // when to fetch again
	backoff  time.Duration
	inFlight bool
	wanted   bool // somebody waits for a fetch that has not begun
	failed   bool // the newest fetch failed

	discovering bool      // what is in flight asks where the keys are
	started     time.Time // when it began
	jitter      *fetch.Jitter

	spent      int // of the bucket
	spentSince time.Time
	Kids       map[string]askedKid // kids that were asked for and are not in the set
}

// askedKid is pending until a fetch that began after it was asked for has come
// back without it.
type askedKid struct{ asked, missing time.Time }

// Due appends the fetches that are to begin now, and takes them for begun.
func (ks *States) Due(calls []fetch.Call, now time.Time) []fetch.Call {
	for _, st := range ks.Sources {
		st.expire(now)
		if st.inFlight || !st.wanted && now.Before(st.Next) {
			continue
		}
		st.inFlight, st.wanted, st.started = true, false, now
		first := st.Source.keys
		if st.discovering = st.Source.discovery.Set(); st.discovering {
			first = st.Source.discovery
		}
		calls = append(calls, st.call(first))
	}
	return calls
}

func (st *SourceState) call(e config.Endpoint) fetch.Call {
	return fetch.Call{
		Cluster: e.Cluster, Method: "GET", Headers: [][2]string{{"accept", "application/json"}}, Scheme: e.Scheme, Authority: e.Authority, Path: e.Path,
		Timeout: st.Source.timeout, For: *st.Source.Errand(), Provider: st.Source.provider,
	}
}

// expire gives up a set that nobody has confirmed for too long: a key that the
// issuer has revoked meanwhile would be trusted for ever.
func (st *SourceState) expire(now time.Time) {
	if now.Before(st.Learned) {
		// The clock was set back: a withdrawn key must not serve for longer by as much.
		st.Learned, st.Next = now, now
	}
	if st.Keys != nil && now.Sub(st.Learned) >= st.Source.MaxStale {
		st.Keys = nil
	}
}

// learn takes the answer to a fetch of this source.
func (st *SourceState) learn(now time.Time, answer fetch.Answer) fetch.Learned {
	if st.discovering {
		keys, err := st.Source.discovered(answer)
		if err != "" {
			return st.fail(now, "discovery: "+err)
		}
		st.discovering = false
		follow := st.call(keys)
		return fetch.Learned{For: *st.Source.Errand(), Next: &follow}
	}
	set, err := readKeyAnswer(answer)
	if err != "" {
		return st.fail(now, "keys: "+err)
	}
	st.inFlight, st.failed, st.backoff = false, false, 0
	st.Learned = st.started
	set.Keep(st.Keys)
	if st.Keys == nil || !slices.Equal(set.Keys, st.Keys.Keys) {
		// Otherwise the refusals by the present set hold: a forged token that has waited
		// for this answer is not checked against the same keys again.
		st.Keys = set
	}
	for kid, k := range st.Kids {
		// Whoever finds its key now does not ask again. A kid that is there for
		// another algorithm is missing all the same.
		switch {
		case !k.missing.IsZero():
		case st.started.Before(k.asked):
			// Whoever still waits for it asks again. Those that have left must not
			// fill this memory until the next fetch.
			delete(st.Kids, kid)
		default:
			k.missing = now
			st.Kids[kid] = k
		}
	}
	// Well before the set is given up: Entra says a day, and that is max_stale's
	// default, too.
	delay := min(Freshness(answer.Headers, st.Source), st.Source.MaxStale/4*3)
	// Ahead of time, and not all workers at once.
	st.Next = now.Add(delay - st.jitter.Below(delay/4))
	return fetch.Learned{For: *st.Source.Errand(), Settled: true, Warnings: st.Source.oddities(set)}
}

// oddities are what an issuer should know of its key set.
func (k *Source) oddities(set *jose.KeySet) (list []string) {
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

func (st *SourceState) fail(now time.Time, why string) fetch.Learned {
	st.inFlight, st.failed = false, true
	most := fetch.LastBackoff
	if st.Keys == nil {
		most = fetch.ColdBackoff
	}
	st.backoff = min(max(2*st.backoff, fetch.FirstBackoff), most)
	st.Next = now.Add(st.backoff - st.jitter.Below(st.backoff/2))
	return fetch.Learned{For: *st.Source.Errand(), Settled: true, Failure: why, Log: true}
}

// readKeyAnswer returns what was wrong, or a set with at least one usable key:
// whatever else an issuer sends must not replace good keys.
func readKeyAnswer(a fetch.Answer) (*jose.KeySet, string) {
	if why := fetch.BadAnswer(a); why != "" {
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
func (st *SourceState) ask(kid string, now time.Time, mayWait bool) (reason verdict.Reason, wait bool) {
	if st.Keys == nil {
		if !mayWait || st.failed && !st.inFlight && now.Before(st.Next) {
			return verdict.ReasonKeysUnavailable, false
		}
		st.wanted = !st.inFlight
		return verdict.ReasonKeysUnavailable, true
	}
	k, asked := st.Kids[kid]
	if asked && !k.missing.IsZero() {
		if now.Sub(k.missing) < missingKidTime {
			return verdict.ReasonUnknownKey, false
		}
		delete(st.Kids, kid)
		asked = false
	}
	if st.failed && !st.inFlight && now.Before(st.Next) || !mayWait {
		return verdict.ReasonKeysUnavailable, false
	}
	if !asked && !st.remember(kid, now) {
		return verdict.ReasonUnknownKey, false
	}
	if !st.inFlight && !st.wanted {
		if !st.spend(now) {
			delete(st.Kids, kid)
			return verdict.ReasonUnknownKey, false
		}
		st.wanted = true
	}
	return verdict.ReasonKeysUnavailable, true
}

func (st *SourceState) remember(kid string, now time.Time) bool {
	if len(st.Kids) >= MaxAskedKids {
		for old, k := range st.Kids {
			if !k.missing.IsZero() && now.Sub(k.missing) >= missingKidTime {
				delete(st.Kids, old)
			}
		}
	}
	if len(st.Kids) >= MaxAskedKids || len(kid) > maxKidBytes {
		return false
	}
	st.Kids[strings.Clone(kid)] = askedKid{asked: now}
	return true
}

// spend takes one fetch out of the bucket.
func (st *SourceState) spend(now time.Time) bool {
	if refilled := int(now.Sub(st.spentSince) / refetchInterval); refilled > 0 || st.spent == 0 {
		st.spent = max(0, st.spent-refilled)
		st.spentSince = now
	}
	if st.spent == RefetchBurst {
		return false
	}
	st.spent++
	return true
}
