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

// Ring is the keyring of a provider: its keys, and the algorithms that they may be used
// with.
type Ring struct {
	Algorithms jose.Algorithms
	KeyIDs     []string     // accepted kids; nil: any, or none
	keys       *jose.KeySet // of the configuration; nil: the keys are fetched
	Source     *Source      // of fetched keys; nil: the keys are in the configuration
}

// TakesKey reports whether the kid of a message is accepted, or its absence.
func (r *Ring) TakesKey(m *jose.Message) bool {
	return len(r.KeyIDs) == 0 || m.HasKeyID && syntax.Contains(r.KeyIDs, m.KeyID)
}

// Describe says where the keys come from. It shows no path: it may have a secret.
func (r *Ring) Describe() string {
	if r.Source == nil {
		return strconv.Itoa(len(r.keys.Keys)) + " keys of the configuration"
	}
	from, e := "keys of ", r.Source.keys
	if r.Source.discovery.Set() {
		from, e = "discovery at ", r.Source.discovery
	}
	return from + e.Scheme + "://" + e.Authority + " by cluster " + config.Quote(e.Cluster)
}

// tooExpensive describes the kid and algorithm with which a forged token would cost more
// than jose.MaxCost, because many keys must be tried. It is "" if there is no such token.
func (r *Ring) tooExpensive(keys *jose.KeySet) string {
	for _, a := range r.Algorithms.List() {
		if len(r.KeyIDs) == 0 {
			if cost, n := keys.WorstCost("", false, a); cost > jose.MaxCost {
				return "a forged token without a kid would be checked with " + strconv.Itoa(n) + " keys for " + a.String() + overBudget(cost)
			}
			continue
		}
		for _, id := range r.KeyIDs {
			if cost, n := keys.WorstCost(id, true, a); cost > jose.MaxCost {
				return "a forged token with the kid " + config.Quote(id) + " would be checked with " + strconv.Itoa(n) + " keys for " + a.String() + overBudget(cost)
			}
		}
	}
	return ""
}

func overBudget(cost int) string {
	return ", which costs " + strconv.Itoa(cost) + " us, more than " + strconv.Itoa(jose.MaxCost)
}

// State is what a worker knows of all fetched keys, and the budget for signatures of
// the request in hand. It serves one request at a time.
type State struct {
	states         []*sourceState // in the order of Sources
	candidates     []*jose.Key    // memory for Signer
	host           jose.HostVerifier
	hostAlgorithms jose.Algorithms // those in which the host passed the self-test
	spent          int             // cost of the failed verifications of this request, in the unit of jose.Key.Cost
}

// NewState returns a State without any key set. host verifies signatures faster than
// Go's crypto does, for hostAlgorithms; it may be nil.
func NewState(sources Sources, jitter *fetch.Jitter, host jose.HostVerifier, hostAlgorithms jose.Algorithms) *State {
	s := &State{host: host, hostAlgorithms: hostAlgorithms}
	for _, source := range sources {
		s.states = append(s.states, &sourceState{source: source, jitter: jitter, kids: map[string]askedKid{}})
	}
	return s
}

// Learn takes the answer to a call of Due or of Learned.Next, success or not.
func (s *State) Learn(now time.Time, errand fetch.Errand, answer fetch.Answer) fetch.Learned {
	return s.states[errand.Index].learn(now, answer)
}

// Ask decides over a token whose kid the set of a source lacks. If wait is true, a
// fetch may bring the key, and the request can wait for source.Errand. Else reason says
// why the token is refused.
func (s *State) Ask(source *Source, kid string, now time.Time, mayWait bool) (reason verdict.Reason, wait bool) {
	return s.states[source.index].ask(kid, now, mayWait)
}

// KeySet returns the key set in force of a keyring, nil if none was fetched. Keys
// belong to a single provider: no other provider's tokens are verified with them (RFC
// 8725 section 3.8).
func (s *State) KeySet(ring *Ring) *jose.KeySet {
	if ring.Source == nil {
		return ring.keys
	}
	return s.states[ring.Source.index].keys
}

// Begin gives a new request the full budget of jose.MaxCost.
func (s *State) Begin() { s.spent = 0 }

// Signer is the result of a search for the key that has signed a message.
type Signer struct {
	Key           *jose.Key // nil: not found
	KeyMayBeNewer bool      // the key may be newer than the set
	Tried         bool      // some key of the set matched the kid and algorithm
	TooExpensive  bool      // the budget did not suffice to try all of those
	Shared        bool      // other tokens of this request had used a part of the budget
}

// Signer finds the key that has signed a message. The caller has checked that the
// algorithm is allowed.
//
// The failed verifications of a request cost at most jose.MaxCost together: an attacker
// could send tokens that match many keys. A good token does not count, because it is
// remembered. The configuration is refused, or for fetched sets a warning is logged, if
// a good token could exceed the budget.
func (s *State) Signer(m *jose.Message, keys *jose.KeySet) (found Signer) {
	s.candidates = keys.Candidates(m.KeyID, m.HasKeyID, m.Algorithm, s.candidates[:0])
	// A miss is conclusive only when the token and the key both carry a kid. Without
	// one, the signing key may be newer than this set: refetch before calling it forged.
	found.Shared = s.spent > 0
	found.KeyMayBeNewer = len(s.candidates) == 0 || !m.HasKeyID || !s.candidates[0].HasID
	for _, k := range s.candidates {
		found.Tried = true
		cost := k.Cost(m.Algorithm, m.Signature)
		if s.spent+cost > jose.MaxCost {
			found.TooExpensive = true
			return found
		}
		s.spent += cost
		if k.Verify(m.Algorithm, m.Signed, m.Signature, s.hostFor(m.Algorithm)) {
			s.spent = 0
			found.Key = k
			return found
		}
	}
	return found
}

// hostFor returns the host's verifier if the host passed the self-test in this
// algorithm, else nil.
func (s *State) hostFor(a jose.Algorithm) jose.HostVerifier {
	if s.hostAlgorithms.Has(a) {
		return s.host
	}
	return nil
}
