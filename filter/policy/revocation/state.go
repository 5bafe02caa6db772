package revocation

import (
	"strconv"
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/cache"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/verdict"
)

// State is what a worker knows of revocations. It serves one request at a time. A nil
// State revokes no token.
type State struct {
	config    *Revocations
	key       cache.Key // of the hashes
	list      denyList  // the entries of the configuration and of the newest good list
	etag      string    // of that list
	started   time.Time // when the fetch in flight began
	sentETag  string    // the If-None-Match of the fetch in flight
	jitter    *fetch.Jitter
	confirmed time.Time // when the newest fetch that confirmed the list began; zero: none did
	next      time.Time // when to fetch again
	backoff   time.Duration
	inFlight  bool
	requested bool // a request waits for a fetch that has not begun
	failed    bool // the newest fetch failed

	reader  jose.Reader // of single entries
	scratch []byte
}

// maxRevocations is the greatest number of entries in a list. It bounds the memory of a
// list of short entries, which the size of a response does not.
const maxRevocations = 32768

// NewState returns a State with the entries of the configuration, and without the list
// to fetch. It is nil if r is nil. key is the VM's secret key.
func NewState(r *Revocations, key cache.Key, j *fetch.Jitter) *State {
	if r == nil {
		return nil
	}
	st := &State{config: r, key: key, jitter: j}
	st.list = st.inline()
	return st
}

// inline returns a list of the entries in the configuration. Its capacity is that of the
// list in force, which a new list is like.
func (st *State) inline() denyList {
	list := make(denyList, max(len(st.list), len(st.config.entries)))
	for i := range st.config.entries {
		e := &st.config.entries[i]
		list.add(st.hash(e.kind, e.issuer, e.name), e.before)
	}
	return list
}

// fetches reports whether a list is fetched.
func (st *State) fetches() bool { return st.config.Source.Set() }

// current reports whether the list in force is younger than max_stale.
func (st *State) current(now time.Time) bool {
	// After the clock was set back, the age of the list is unknown.
	age := now.Sub(st.confirmed)
	return !st.confirmed.IsZero() && age < st.config.maxStale && age > -st.longestDelay()
}

// longestDelay bounds how far ahead a fetch is planned.
func (st *State) longestDelay() time.Duration { return max(st.config.refresh, fetch.MinBackoff) }

// withoutList decides over a good token while no current list is in force.
func (st *State) withoutList(v identity.Outcome, now time.Time, mayWait bool) identity.Outcome {
	// With insecure_pass_when_stale a request waits for the first list only, not for
	// each attempt during an outage.
	patient := mayWait && !(st.config.passWhenStale && (st.failed || !st.confirmed.IsZero()))
	if patient && (st.inFlight || !st.failed || !now.Before(st.next)) {
		st.requested = !st.inFlight
		return identity.Outcome{Reason: verdict.ReasonRevocationsUnavailable, Wait: st.config.errand()}
	}
	if st.config.passWhenStale {
		v.Unchecked = true
		return v
	}
	return identity.Outcome{Reason: verdict.ReasonRevocationsUnavailable}
}

// Due appends the fetch of the list if it must begin now. The caller must make it, and
// pass the answer to Learn.
func (st *State) Due(calls []fetch.Call, now time.Time) []fetch.Call {
	if st == nil || !st.fetches() || st.inFlight || !st.requested && now.Before(st.next) && st.next.Sub(now) <= st.longestDelay() {
		return calls
	}
	st.inFlight, st.requested, st.started, st.sentETag = true, false, now, st.etag
	headers := [][2]string{{"accept", "application/json"}}
	if st.etag != "" {
		headers = append(headers, [2]string{"if-none-match", st.etag})
	}
	e := st.config.Source
	return append(calls, fetch.Call{
		Cluster: e.Cluster, Method: "GET", Scheme: e.Scheme, Authority: e.Authority, Path: e.Path,
		Headers: headers, Timeout: st.config.timeout, For: *st.config.errand(),
	})
}

// Learn takes the answer to the call of Due, success or not. Only a list without any
// error replaces the list in force.
func (st *State) Learn(now time.Time, a fetch.Answer) fetch.Learned {
	learned := fetch.Learned{For: *st.config.errand(), Settled: true}
	st.inFlight = false
	if learned.Failure = st.take(a); learned.Failure != "" {
		learned.Kept = st.current(now)
		st.failed = true
		most := fetch.MaxBackoffWithoutKeys
		if st.current(now) {
			most = fetch.MaxBackoff
		}
		// The delay after a failure never exceeds the delay after a success.
		st.backoff = min(max(2*st.backoff, fetch.MinBackoff), most, st.longestDelay())
		st.next = now.Add(st.backoff - st.jitter.Below(st.backoff/2))
		return learned
	}
	st.failed, st.backoff = false, 0
	// The list may have been in an HTTP cache.
	st.confirmed = st.started.Add(-age(a.Headers))
	learned.Revocations = st.confirmed
	// Fetch well before the list is too old, and spread the workers.
	delay := min(st.config.refresh, st.config.maxStale/4*3)
	st.next = now.Add(delay - st.jitter.Below(delay/4))
	return learned
}

// take puts the list of an answer in force, or returns the problem.
func (st *State) take(a fetch.Answer) string {
	if a.OK && st.sentETag != "" && fetch.HeaderValue(a.Headers, ":status") == "304" {
		return ""
	}
	if why := fetch.BadAnswer(a); why != "" {
		return why
	}
	list, why := st.read(a.Body)
	if why != "" {
		return why
	}
	st.list, st.etag = list, entityTag(a.Headers)
	return ""
}

// read reads a list, {"revoked": […]}. Every unknown member is an error: with a misspelt
// name, a revoked token would pass.
func (st *State) read(document []byte) (denyList, string) {
	var r jose.Reader
	members, err := r.Object(document)
	if err != nil {
		return nil, err.Error()
	}
	if len(members) != 1 || string(members[0].Name) != "revoked" || members[0].Value.Kind() != '[' {
		return nil, `want an object with the array "revoked" and nothing else`
	}
	list, why, i := st.inline(), "", 0
	members[0].Value.Items(func(item jose.Value) bool {
		if i == maxRevocations {
			why = "want at most " + strconv.Itoa(maxRevocations) + " entries"
			return false
		}
		e, member, wrong := readEntry(&st.reader, item)
		if wrong != "" {
			at := "revoked[" + strconv.Itoa(i) + "]"
			if config.IsMemberName(member) { // the log shows it
				at = config.JoinPath(at, member)
			}
			why = at + ": " + wrong
			return false
		}
		list.add(st.hash(e.kind, e.issuer, e.name), e.before)
		i++
		return true
	})
	if why != "" {
		return nil, why
	}
	return list, ""
}

// entityTag returns a copy of the ETag of an answer (RFC 9110 section 8.8.3), "" if there
// is none or it is invalid.
func entityTag(headers [][2]string) string {
	tag := fetch.HeaderValue(headers, "etag")
	opaque := tag
	if len(tag) > 2 && tag[:2] == "W/" {
		opaque = tag[2:]
	}
	if len(tag) > 512 || len(opaque) < 2 || opaque[0] != '"' || opaque[len(opaque)-1] != '"' {
		return ""
	}
	for i := 1; i < len(opaque)-1; i++ {
		if c := opaque[i]; c <= ' ' || c > '~' || c == '"' {
			return ""
		}
	}
	return string([]byte(tag))
}

// age returns how long an answer was in HTTP caches (RFC 9111 section 5.1).
func age(headers [][2]string) time.Duration {
	seconds, err := strconv.ParseUint(fetch.HeaderValue(headers, "age"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
