package policy

import (
	"strconv"
	"time"

	"bearerauth/filter/jose"
)

// revocationState is what is known of revocations.
type revocationState struct {
	of       *revocations
	key      sipKey
	list     denyList  // the entries of the configuration and of the newest good list
	etag     string    // of that list
	started  time.Time // when the fetch that is in flight began
	asked    string    // the ETag that it shows
	jitter   *jitter
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

// maxRevocations bounds the memory of a list whose entries are short.
const maxRevocations = 32768

func newRevocationState(of *revocations, key sipKey, j *jitter) *revocationState {
	if of == nil {
		return nil
	}
	st := &revocationState{of: of, key: key, jitter: j}
	st.list = st.inline()
	return st
}

// inline is a list of the entries in the configuration, with room for as many
// more as there are now.
func (st *revocationState) inline() denyList {
	list := make(denyList, max(len(st.list), len(st.of.entries)))
	for i := range st.of.entries {
		e := &st.of.entries[i]
		list.add(st.name(e.by, e.issuer, e.name), e.before)
	}
	return list
}

func (st *revocationState) source() bool { return st.of.source.set() }

func (st *revocationState) current(now time.Time) bool {
	// Once the clock has been set back, nobody knows how old the list is.
	age := now.Sub(st.learned)
	return !st.learned.IsZero() && age < st.of.maxStale && age > -st.longest()
}

// longest is how far ahead a fetch is planned at most.
func (st *revocationState) longest() time.Duration { return max(st.of.refresh, firstBackoff) }

// unknown decides over a good token that nobody can say is not revoked.
func (st *revocationState) unknown(v verification, now time.Time, mayWait bool) verification {
	// Whoever may pass unchecked waits for the first list only, not for each
	// attempt of an outage.
	patient := mayWait && !(st.of.passStale && (st.failed || !st.learned.IsZero()))
	if patient && (st.inFlight || !st.failed || !now.Before(st.next)) {
		st.wanted = !st.inFlight
		return verification{reason: ReasonRevocationsUnavailable, wait: st.of.errand()}
	}
	if st.of.passStale {
		v.unchecked = true
		return v
	}
	return verification{reason: ReasonRevocationsUnavailable}
}

// due appends the fetch of the list, if it is time for it.
func (st *revocationState) due(calls []Call, now time.Time) []Call {
	if st == nil || !st.source() || st.inFlight || !st.wanted && now.Before(st.next) && st.next.Sub(now) <= st.longest() {
		return calls
	}
	st.inFlight, st.wanted, st.started, st.asked = true, false, now, st.etag
	headers := [][2]string{{"accept", "application/json"}}
	if st.etag != "" {
		headers = append(headers, [2]string{"if-none-match", st.etag})
	}
	e := st.of.source
	return append(calls, Call{
		Cluster: e.cluster, Method: "GET", Scheme: e.scheme, Authority: e.authority, Path: e.path,
		Headers: headers, Timeout: st.of.timeout, For: *st.of.errand(),
	})
}

// learn takes the answer to a fetch. Only a whole and valid list replaces one.
func (st *revocationState) learn(now time.Time, a Answer) Learned {
	learned := Learned{For: *st.of.errand(), Settled: true}
	st.inFlight = false
	if learned.Failure = st.take(a); learned.Failure != "" {
		// A short refresh fails often: one line a minute is enough.
		if learned.Log = !st.failed || now.Sub(st.logged) >= time.Minute; learned.Log {
			st.logged = now
		}
		st.failed = true
		most := coldBackoff
		if st.current(now) {
			most = lastBackoff
		}
		// A server that is down need not be asked less often than one that is up.
		st.backoff = min(max(2*st.backoff, firstBackoff), most, st.longest())
		st.next = now.Add(st.backoff - st.jitter.below(st.backoff/2))
		return learned
	}
	st.failed, st.backoff = false, 0
	// A cache on the way may have had it for a while.
	st.learned = st.started.Add(-age(a.Headers))
	learned.Revocations = st.learned
	// Well before it is too old, and not all workers at once.
	delay := min(st.of.refresh, st.of.maxStale/4*3)
	st.next = now.Add(delay - st.jitter.below(delay/4))
	return learned
}

// take returns what was wrong with an answer.
func (st *revocationState) take(a Answer) string {
	if a.OK && st.asked != "" && headerValue(a.Headers, ":status") == "304" {
		return ""
	}
	if why := badAnswer(a); why != "" {
		return why
	}
	list, why := st.read(a.Body)
	if why != "" {
		return why
	}
	st.list, st.etag = list, entityTag(a.Headers)
	return ""
}

// read reads {"revoked": […]}, strictly: a name that is misspelt would be a
// token that passes.
func (st *revocationState) read(document []byte) (denyList, string) {
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
		e, member, wrong := readRevocation(&st.reader, item)
		if wrong != "" {
			at := "revoked[" + strconv.Itoa(i) + "]"
			if isMemberName(member) { // it ends up in the log
				at = joinPath(at, member)
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

// entityTag is the ETag of an answer (RFC 9110 section 8.8.3), in memory of its
// own; "" where there is none that could be sent back.
func entityTag(headers [][2]string) string {
	tag := headerValue(headers, "etag")
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
	seconds, err := strconv.ParseUint(headerValue(headers, "age"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
