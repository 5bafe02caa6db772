package policy

import (
	"strconv"
	"time"

	"bearerauth/filter/jose"
)

// keyring is by whose keys, and in which algorithms, somebody's JWTs verify.
type keyring struct {
	algorithms jose.Algorithms
	keyIDs     []string     // the only kids of its tokens; nil: any, or none
	keys       *jose.KeySet // inline; nil: from source
	source     *keySource   // keys from the network
}

// takesKey reports whether tokens may name this key, or none.
func (r *keyring) takesKey(m *jose.Message) bool {
	return len(r.keyIDs) == 0 || m.HasKeyID && contains(r.keyIDs, m.KeyID)
}

// tooDear says for which algorithm a forged token costs more than jose.MaxCost
// with these keys, "" for none.
func (r *keyring) tooDear(keys *jose.KeySet) string {
	for _, a := range r.algorithms.List() {
		if len(r.keyIDs) == 0 {
			if cost, n := keys.WorstCost("", false, a); cost > jose.MaxCost {
				return "a token without a kid may be signed by any of " + strconv.Itoa(n) + " keys for " + a.String() + overBudget(cost)
			}
			continue
		}
		for _, id := range r.keyIDs {
			if cost, n := keys.WorstCost(id, true, a); cost > jose.MaxCost {
				return "a token with the kid " + quote(id) + " may be signed by any of " + strconv.Itoa(n) + " keys for " + a.String() + overBudget(cost)
			}
		}
	}
	return ""
}

func overBudget(cost int) string {
	return ", and to find out that it is forged costs " + strconv.Itoa(cost) + " us, more than " + strconv.Itoa(jose.MaxCost)
}

// keyStates are what a worker knows of all keys from the network.
type keyStates struct {
	sources []*sourceState
	tries   []*jose.Key
	verify  jose.HostVerifier
	knows   jose.Algorithms // in which the host passed the self-test
	spent   int             // on signatures of this request that no key has made, as jose.Key.Cost has it
}

func newKeyStates(sources keySources, j *jitter, verify jose.HostVerifier, knows jose.Algorithms) *keyStates {
	ks := &keyStates{verify: verify, knows: knows}
	for _, source := range sources {
		ks.sources = append(ks.sources, &sourceState{source: source, jitter: j, kids: map[string]askedKid{}})
	}
	return ks
}

// learn takes the answer to a fetch.
func (ks *keyStates) learn(now time.Time, errand Errand, answer Answer) Learned {
	return ks.sources[errand.index].learn(now, answer)
}

// ask is asked about a kid that is not in the set of a source.
func (ks *keyStates) ask(source *keySource, kid string, now time.Time, mayWait bool) (reason Reason, wait bool) {
	return ks.sources[source.index].ask(kid, now, mayWait)
}

// of is the present key set of a keyring, nil where there is none. Keys belong
// to one provider: they are never looked for in another's (RFC 8725 section 3.8).
func (ks *keyStates) of(k *keyring) *jose.KeySet {
	if k.source == nil {
		return k.keys
	}
	return ks.sources[k.source.index].keys
}

// begin gives a new request the whole of jose.MaxCost.
func (ks *keyStates) begin() { ks.spent = 0 }

// signer is what became of the search for the key that has signed a message.
type signer struct {
	key *jose.Key // nil: not found
	// mayBeNewer: the key may be one that the set does not have yet.
	mayBeNewer bool
	tried      bool // some key of the set could be the one
	tooMany    bool // not all of those were tried: together they cost too much
	shared     bool // other tokens of this request had a part of the cost
}

// signer finds the key that has signed a message, whose algorithm is allowed.
//
// What the refused tokens of one request cost together is bounded. A good token
// does not count: it is remembered. The configuration and the warnings about
// fetched sets have seen to it that no good token comes to this bound.
func (ks *keyStates) signer(m *jose.Message, keys *jose.KeySet) (found signer) {
	ks.tries = keys.Candidates(m.KeyID, m.HasKeyID, m.Algorithm, ks.tries[:0])
	// A miss is conclusive only if the token and the key both have a kid. Without
	// one, the key that has signed may be newer than this set.
	found.shared = ks.spent > 0
	found.mayBeNewer = len(ks.tries) == 0 || !m.HasKeyID || !ks.tries[0].HasID
	for _, k := range ks.tries {
		found.tried = true
		cost := k.Cost(m.Algorithm, m.Signature)
		if ks.spent+cost > jose.MaxCost {
			found.tooMany = true
			return found
		}
		ks.spent += cost
		if k.Verify(m.Algorithm, m.Signed, m.Signature, ks.hostFor(m.Algorithm)) {
			ks.spent = 0
			found.key = k
			return found
		}
	}
	return found
}

// hostFor is the host's verifier for the algorithms that it passed the
// self-test in.
func (ks *keyStates) hostFor(a jose.Algorithm) jose.HostVerifier {
	if ks.knows.Has(a) {
		return ks.verify
	}
	return nil
}
