// Package jwks has the keys that verify JWTs (RFC 7517): keys of the configuration, or
// key sets that are fetched ahead of time and expire when the issuer does not confirm
// them any more. It never uses the keys of one provider for another (RFC 8725 section
// 3.8). The package makes no call itself: the caller gets the calls from Due, and passes
// the answers to Learn.
package jwks

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/trace"
	"bearerauth/filter/policy/verdict"
)

// Source is where the keys of a provider are fetched. It never changes. sourceState has
// the keys.
type Source struct {
	index      int    // in Sources
	provider   string // its name
	ring       Ring   // of the provider
	issuer     string // with discovery: the issuer that the document must have
	discovery  config.Endpoint
	keys       config.Endpoint   // not set with discovery
	clusters   map[string]string // Envoy clusters by host, for a jwks_uri at another host than discovery
	timeout    time.Duration
	refresh    time.Duration // without Cache-Control
	minRefresh time.Duration // bounds of Cache-Control
	maxRefresh time.Duration
	maxStale   time.Duration // how long the last good key set serves while the issuer fails
}

// Errand returns the errand that requests wait for: a fetch of this source.
func (source *Source) Errand() *fetch.Errand {
	return &fetch.Errand{Kind: fetch.ErrandKeys, Index: source.index, Timeout: source.timeout}
}

// Provider returns the name of the provider that the keys are for.
func (source *Source) Provider() string { return source.provider }

const (
	// refetchBurst is the size of the token bucket for fetches of unknown kids. Any
	// client can invent a kid: the bucket protects the issuer from a flood of them. It
	// regains a fetch each refetchInterval.
	refetchBurst    = 4
	refetchInterval = 10 * time.Second

	// missingKidDuration is how long a kid that a fetch did not bring is refused
	// without another fetch.
	missingKidDuration = 10 * time.Second

	// maxAskedKids bounds the unknown kids that a worker remembers of a source.
	maxAskedKids = 256
	maxKidBytes  = 256
)

// Sources are all sources of a configuration.
type Sources []*Source

// sourceState is what a worker knows of the keys of a source.
type sourceState struct {
	source    *Source
	keys      *jose.KeySet // nil: no set was fetched, or it has expired
	learned   time.Time    // when the newest fetch that confirmed the keys began
	next      time.Time    // when to fetch again
	backoff   time.Duration
	inFlight  bool
	requested bool // a request waits for a fetch that has not begun
	failed    bool // the newest fetch failed

	discovering bool      // the call in flight is for the discovery document
	started     time.Time // when the fetch in flight began
	jitter      *fetch.Jitter

	fetchesTaken int // from the bucket
	takenSince   time.Time
	kids         map[string]askedKid // kids that the set lacks and for which a fetch was requested
}

// askedKid is a kid that the set lacks: when a token first named it, and when a fetch
// that began later did not bring it. Until then missing is zero.
type askedKid struct{ asked, missing time.Time }

// Due appends the fetches that must begin now. The caller must make them, and pass
// each answer to Learn.
func (s *State) Due(calls []fetch.Call, now time.Time) []fetch.Call {
	for _, st := range s.states {
		st.expire(now)
		if st.inFlight || !st.requested && now.Before(st.next) {
			continue
		}
		st.inFlight, st.requested, st.started = true, false, now
		first := st.source.keys
		if st.discovering = st.source.discovery.Set(); st.discovering {
			first = st.source.discovery
		}
		calls = append(calls, st.call(first))
	}
	return calls
}

func (st *sourceState) call(e config.Endpoint) fetch.Call {
	return fetch.Call{
		Cluster: e.Cluster, Method: "GET", Headers: [][2]string{{"accept", "application/json"}}, Scheme: e.Scheme, Authority: e.Authority, Path: e.Path,
		Timeout: st.source.timeout, For: *st.source.Errand(), Provider: st.source.provider,
	}
}

// expire drops a key set that was not confirmed for max_stale: the issuer may have
// withdrawn a key meanwhile.
func (st *sourceState) expire(now time.Time) {
	if now.Before(st.learned) {
		// The clock was set back. Without this line a withdrawn key would serve longer by
		// the same time.
		st.learned, st.next = now, now
	}
	if st.keys != nil && now.Sub(st.learned) >= st.source.maxStale {
		st.keys = nil
	}
}

// learn takes the answer to the call in flight. With discovery, the first answer leads to
// a second call.
func (st *sourceState) learn(now time.Time, answer fetch.Answer) fetch.Learned {
	if st.discovering {
		keys, err := st.source.readDiscovery(answer)
		if err != "" {
			return st.fail(now, "discovery: "+err)
		}
		st.discovering = false
		follow := st.call(keys)
		return fetch.Learned{For: *st.source.Errand(), Next: &follow}
	}
	set, err := readKeySet(answer)
	if err != "" {
		return st.fail(now, err)
	}
	st.inFlight, st.failed, st.backoff = false, false, 0
	st.learned = st.started
	set.Keep(st.keys)
	news := ""
	if st.keys == nil || !slices.Equal(set.Keys, st.keys.Keys) {
		// Otherwise the refusals by the present set hold: a forged token that has waited
		// for this answer is not checked against the same keys again.
		st.keys = set
		news = describe(set)
	}
	for kid, k := range st.kids {
		// A kid may be in the set for another algorithm. It counts as missing: a token
		// whose key is in the set never comes here again.
		switch {
		case !k.missing.IsZero():
		case st.started.Before(k.asked):
			// A token named the kid during the fetch. A request that still waits for it
			// asks again; the kids of the others must not fill this memory.
			delete(st.kids, kid)
		default:
			k.missing = now
			st.kids[kid] = k
		}
	}
	// Fetch well before the set expires: Entra's max-age is a day, which is also the
	// default of max_stale.
	delay := min(freshness(answer.Headers, st.source), st.source.maxStale/4*3)
	// Fetch ahead of time, and spread the workers.
	st.next = now.Add(delay - st.jitter.Below(delay/4))
	return fetch.Learned{For: *st.source.Errand(), Settled: true, Keys: news, Warnings: st.source.warnings(set)}
}

// describe returns the number of keys and their kids, which are texts of a server.
func describe(set *jose.KeySet) string {
	return strconv.Itoa(len(set.Keys)) + " in force, kid " + trace.Quoted(set.IDs())
}

// warnings are problems of a key set that the issuer should solve.
func (source *Source) warnings(set *jose.KeySet) (list []string) {
	for _, skipped := range set.Skipped {
		list = append(list, notUsed(skipped))
	}
	if set.Private > 0 {
		list = append(list, "private keys are published there")
	}
	if why := source.ring.tooExpensive(set); why != "" {
		list = append(list, why+": only the first keys are tried, and tokens of the others are refused (too_many_keys)")
	}
	return list
}

// fail plans the next attempt. The keys serve on until they expire.
func (st *sourceState) fail(now time.Time, why string) fetch.Learned {
	st.inFlight, st.failed = false, true
	most := fetch.MaxBackoff
	if st.keys == nil {
		most = fetch.MaxBackoffWithoutKeys
	}
	st.backoff = min(max(2*st.backoff, fetch.MinBackoff), most)
	st.next = now.Add(st.backoff - st.jitter.Below(st.backoff/2))
	return fetch.Learned{For: *st.source.Errand(), Settled: true, Failure: why, Kept: st.keys != nil}
}

// readKeySet returns a set with at least one usable key, or the problem: no other answer
// may replace good keys.
func readKeySet(a fetch.Answer) (*jose.KeySet, string) {
	if why := fetch.BadAnswer(a); why != "" {
		return nil, why
	}
	set, err := jose.ParseSet(a.Body, jose.RefuseSecrets)
	if err != nil {
		return nil, err.Error()
	}
	return set, ""
}

// ask decides over a kid that the set lacks, or over any kid if there is no set: to
// wait for a fetch that is permitted now, or to refuse. ReasonUnknownKey means that the
// issuer has no such key, ReasonKeysUnavailable that the issuer cannot be asked.
func (st *sourceState) ask(kid string, now time.Time, mayWait bool) (reason verdict.Reason, wait bool) {
	if st.keys == nil {
		if !mayWait || st.failed && !st.inFlight && now.Before(st.next) {
			return verdict.ReasonKeysUnavailable, false
		}
		st.requested = !st.inFlight
		return verdict.ReasonKeysUnavailable, true
	}
	k, asked := st.kids[kid]
	if asked && !k.missing.IsZero() {
		if now.Sub(k.missing) < missingKidDuration {
			return verdict.ReasonUnknownKey, false
		}
		delete(st.kids, kid)
		asked = false
	}
	if st.failed && !st.inFlight && now.Before(st.next) || !mayWait {
		return verdict.ReasonKeysUnavailable, false
	}
	if !asked && !st.rememberKid(kid, now) {
		return verdict.ReasonUnknownKey, false
	}
	if !st.inFlight && !st.requested {
		if !st.takeFetch(now) {
			delete(st.kids, kid)
			return verdict.ReasonUnknownKey, false
		}
		st.requested = true
	}
	return verdict.ReasonKeysUnavailable, true
}

// rememberKid reports whether the memory of kids had space.
func (st *sourceState) rememberKid(kid string, now time.Time) bool {
	if len(st.kids) >= maxAskedKids {
		for old, k := range st.kids {
			if !k.missing.IsZero() && now.Sub(k.missing) >= missingKidDuration {
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

// takeFetch takes a fetch from the bucket, and reports whether it had any.
func (st *sourceState) takeFetch(now time.Time) bool {
	if refilled := int(now.Sub(st.takenSince) / refetchInterval); refilled > 0 || st.fetchesTaken == 0 {
		st.fetchesTaken = max(0, st.fetchesTaken-refilled)
		st.takenSince = now
	}
	if st.fetchesTaken == refetchBurst {
		return false
	}
	st.fetchesTaken++
	return true
}
