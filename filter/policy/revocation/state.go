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

// State is what is known of revocations.
type State struct {
	of       *Revocations
	key      cache.Key
	List     denyList  // the entries of the configuration and of the newest good list
	etag     string    // of that list
	started  time.Time // when the fetch that is in flight began
	asked    string    // the ETag that it shows
	jitter   *fetch.Jitter
	learned  time.Time // when the newest answer that confirmed it was asked for; zero: none has come
	next     time.Time // when to fetch again
	backoff  time.Duration
	inFlight bool
	wanted   bool      // somebody waits for a fetch that has not begun
	failed   bool      // the newest fetch failed
	logged   time.Time // when a failure was logged last

	reader  jose.Reader // of single entries
	scratch []byte
}

// MaxRevocations bounds the memory of a list whose entries are short.
const MaxRevocations = 32768

func NewState(of *Revocations, key cache.Key, j *fetch.Jitter) *State {
	if of == nil {
		return nil
	}
	st := &State{of: of, key: key, jitter: j}
	st.List = st.inline()
	return st
}

// inline is a list of the entries in the configuration, with room for as many
// more as there are now.
func (st *State) inline() denyList {
	list := make(denyList, max(len(st.List), len(st.of.entries)))
	for i := range st.of.entries {
		e := &st.of.entries[i]
		list.add(st.name(e.by, e.issuer, e.name), e.before)
	}
	return list
}

func (st *State) source() bool { return st.of.Source.Set() }

func (st *State) current(now time.Time) bool {
	// Once the clock has been set back, nobody knows how old the list is.
	age := now.Sub(st.learned)
	return !st.learned.IsZero() && age < st.of.maxStale && age > -st.longest()
}

// longest is how far ahead a fetch is planned at most.
func (st *State) longest() time.Duration { return max(st.of.refresh, fetch.MinBackoff) }

// unknown decides over a good token that nobody can say is not revoked.
func (st *State) unknown(v identity.Outcome, now time.Time, mayWait bool) identity.Outcome {
	// Whoever may pass unchecked waits for the first list only, not for each
	// attempt of an outage.
	patient := mayWait && !(st.of.passStale && (st.failed || !st.learned.IsZero()))
	if patient && (st.inFlight || !st.failed || !now.Before(st.next)) {
		st.wanted = !st.inFlight
		return identity.Outcome{Reason: verdict.ReasonRevocationsUnavailable, Wait: st.of.errand()}
	}
	if st.of.passStale {
		v.Unchecked = true
		return v
	}
	return identity.Outcome{Reason: verdict.ReasonRevocationsUnavailable}
}

// Due appends the fetch of the list, if it is time for it.
func (st *State) Due(calls []fetch.Call, now time.Time) []fetch.Call {
	if st == nil || !st.source() || st.inFlight || !st.wanted && now.Before(st.next) && st.next.Sub(now) <= st.longest() {
		return calls
	}
	st.inFlight, st.wanted, st.started, st.asked = true, false, now, st.etag
	headers := [][2]string{{"accept", "application/json"}}
	if st.etag != "" {
		headers = append(headers, [2]string{"if-none-match", st.etag})
	}
	e := st.of.Source
	return append(calls, fetch.Call{
		Cluster: e.Cluster, Method: "GET", Scheme: e.Scheme, Authority: e.Authority, Path: e.Path,
		Headers: headers, Timeout: st.of.timeout, For: *st.of.errand(),
	})
}

// Learn takes the answer to a fetch. Only a whole and valid list replaces one.
func (st *State) Learn(now time.Time, a fetch.Answer) fetch.Learned {
	learned := fetch.Learned{For: *st.of.errand(), Settled: true}
	st.inFlight = false
	if learned.Failure = st.take(a); learned.Failure != "" {
		// A short refresh fails often: one line a minute is enough.
		if learned.Log = !st.failed || now.Sub(st.logged) >= time.Minute; learned.Log {
			st.logged = now
		}
		st.failed = true
		most := fetch.MaxBackoffWithoutKeys
		if st.current(now) {
			most = fetch.MaxBackoff
		}
		// A server that is down need not be asked less often than one that is up.
		st.backoff = min(max(2*st.backoff, fetch.MinBackoff), most, st.longest())
		st.next = now.Add(st.backoff - st.jitter.Below(st.backoff/2))
		return learned
	}
	st.failed, st.backoff = false, 0
	// A cache on the way may have had it for a while.
	st.learned = st.started.Add(-age(a.Headers))
	learned.Revocations = st.learned
	// Well before it is too old, and not all workers at once.
	delay := min(st.of.refresh, st.of.maxStale/4*3)
	st.next = now.Add(delay - st.jitter.Below(delay/4))
	return learned
}

// take returns what was wrong with an answer.
func (st *State) take(a fetch.Answer) string {
	if a.OK && st.asked != "" && fetch.HeaderValue(a.Headers, ":status") == "304" {
		return ""
	}
	if why := fetch.BadAnswer(a); why != "" {
		return why
	}
	list, why := st.Read(a.Body)
	if why != "" {
		return why
	}
	st.List, st.etag = list, EntityTag(a.Headers)
	return ""
}

// Read reads {"revoked": […]}, strictly: a name that is misspelt would be a
// token that passes.
func (st *State) Read(document []byte) (denyList, string) {
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
		if i == MaxRevocations {
			why = "want at most " + strconv.Itoa(MaxRevocations) + " entries"
			return false
		}
		e, member, wrong := readRevocation(&st.reader, item)
		if wrong != "" {
			at := "revoked[" + strconv.Itoa(i) + "]"
			if config.IsMemberName(member) { // it ends up in the log
				at = config.JoinPath(at, member)
			}
			why = at + ": " + wrong
			return false
		}
		list.add(st.name(e.by, e.issuer, e.name), e.before)
		i++
		return true
	})
	if why != "" {
		return nil, why
	}
	return list, ""
}

// EntityTag is the ETag of an answer (RFC 9110 section 8.8.3), in memory of its
// own; "" where there is none that could be sent back.
func EntityTag(headers [][2]string) string {
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

// age is how long an answer lay in caches (RFC 9111 section 5.1).
func age(headers [][2]string) time.Duration {
	seconds, err := strconv.ParseUint(fetch.HeaderValue(headers, "age"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
