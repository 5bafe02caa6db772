package jwks

import (
	"strconv"
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/syntax"
	"bearerauth/filter/policy/verdict"
)

// Ring is by whose keys, and in which algorithms, somebody's JWTs verify.
type Ring struct {
	Algorithms jose.Algorithms
	KeyIDs     []string     // the only kids of its tokens; nil: any, or none
	keys       *jose.KeySet // inline; nil: from source
	Source     *Source      // keys from the network
}

// TakesKey reports whether tokens may name this key, or none.
func (r *Ring) TakesKey(m *jose.Message) bool {
	return len(r.KeyIDs) == 0 || m.HasKeyID && syntax.Contains(r.KeyIDs, m.KeyID)
}

// tooDear says for which algorithm a forged token costs more than jose.MaxCost
// with these keys, "" for none.
func (r *Ring) tooExpensive(keys *jose.KeySet) string {
	for _, a := range r.Algorithms.List() {
		if len(r.KeyIDs) == 0 {
			if cost, n := keys.WorstCost("", false, a); cost > jose.MaxCost {
				return "a token without a kid may be signed by any of " + strconv.Itoa(n) + " keys for " + a.String() + overBudget(cost)
			}
			continue
		}
		for _, id := range r.KeyIDs {
			if cost, n := keys.WorstCost(id, true, a); cost > jose.MaxCost {
				return "a token with the kid " + config.Quote(id) + " may be signed by any of " + strconv.Itoa(n) + " keys for " + a.String() + overBudget(cost)
			}
		}
	}
	return ""
}

func overBudget(cost int) string {
	return ", and to find out that it is forged costs " + strconv.Itoa(cost) + " us, more than " + strconv.Itoa(jose.MaxCost)
}

// States are what a worker knows of all keys from the network.
type State struct {
	Sources        []*SourceState
	candidates     []*jose.Key
	host           jose.HostVerifier
	hostAlgorithms jose.Algorithms // in which the host passed the self-test
	Spent          int             // on signatures of this request that no key has made, as jose.Key.Cost has it
}

func NewState(sources Sources, j *fetch.Jitter, host jose.HostVerifier, hostAlgorithms jose.Algorithms) *State {
	ks := &State{host: host, hostAlgorithms: hostAlgorithms}
	for _, source := range sources {
		ks.Sources = append(ks.Sources, &SourceState{Source: source, jitter: j, Kids: map[string]askedKid{}})
	}
	return ks
}

// Learn takes the answer to a fetch.
func (ks *State) Learn(now time.Time, errand fetch.Errand, answer fetch.Answer) fetch.Learned {
	return ks.Sources[errand.Index].learn(now, answer)
}

// Ask is asked about a kid that is not in the set of a source.
func (ks *State) Ask(source *Source, kid string, now time.Time, mayWait bool) (reason verdict.Reason, wait bool) {
	return ks.Sources[source.index].ask(kid, now, mayWait)
}

// Of is the present key set of a keyring, nil where there is none. Keys belong
// to one provider: they are never looked for in another's (RFC 8725 section 3.8).
func (ks *State) KeySet(k *Ring) *jose.KeySet {
	if k.Source == nil {
		return k.keys
	}
	return ks.Sources[k.Source.index].Keys
}

// Begin gives a new request the whole of jose.MaxCost.
func (ks *State) Begin() { ks.Spent = 0 }

// Signer is what became of the search for the key that has signed a message.
type Signer struct {
	Key *jose.Key // nil: not found
	// KeyMayBeNewer: the key may be one that the set does not have yet.
	KeyMayBeNewer bool
	Tried         bool // some key of the set could be the one
	TooExpensive  bool // not all of those were tried: together they cost too much
	Shared        bool // other tokens of this request had a part of the cost
}

// Signer finds the key that has signed a message, whose algorithm is allowed.
//
// What the refused tokens of one request cost together is bounded. A good token
// does not count: it is remembered. The configuration and the warnings about
// fetched sets have seen to it that no good token comes to this bound.
func (ks *State) Signer(m *jose.Message, keys *jose.KeySet) (found Signer) {
	ks.candidates = keys.Candidates(m.KeyID, m.HasKeyID, m.Algorithm, ks.candidates[:0])
	// A miss is conclusive only if the token and the key both have a kid. Without
	// one, the key that has signed may be newer than this set.
	found.Shared = ks.Spent > 0
	found.KeyMayBeNewer = len(ks.candidates) == 0 || !m.HasKeyID || !ks.candidates[0].HasID
	for _, k := range ks.candidates {
		found.Tried = true
		cost := k.Cost(m.Algorithm, m.Signature)
		if ks.Spent+cost > jose.MaxCost {
			found.TooExpensive = true
			return found
		}
		ks.Spent += cost
		if k.Verify(m.Algorithm, m.Signed, m.Signature, ks.hostFor(m.Algorithm)) {
			ks.Spent = 0
			found.Key = k
			return found
		}
	}
	return found
}

// hostFor is the host's verifier for the algorithms that it passed the
// self-test in.
func (ks *State) hostFor(a jose.Algorithm) jose.HostVerifier {
	if ks.hostAlgorithms.Has(a) {
		return ks.host
	}
	return nil
}
