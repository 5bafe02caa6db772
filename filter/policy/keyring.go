package policy

import (
	"time"

	"bearerauth/filter/jose"
)

// keyring is by whose keys, and in which algorithms, somebody's JWTs verify.
type keyring struct {
	algorithms jose.Algorithms
	keys       *jose.KeySet // inline; nil: from source
	source     *keySource   // keys from the network
}

// keyStates are what a worker knows of all keys from the network.
type keyStates struct {
	sources []*sourceState
	tries   []*jose.Key
	verify  jose.HostVerifier
	knows   jose.Algorithms // in which the host passed the self-test
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

// signer finds the key that has signed a message, whose algorithm is allowed.
// noSuchKey: the key that it names, or could mean, may be newer than the set.
// tried is false where no key of the set could be the one.
func (ks *keyStates) signer(m *jose.Message, keys *jose.KeySet) (signer *jose.Key, noSuchKey, tried bool) {
	ks.tries = keys.Candidates(m.KeyID, m.HasKeyID, m.Algorithm, ks.tries[:0])
	// Keys without a name may be anybody's, and a message without one may be of a
	// key that is newer than the set: no key of this message was there all the same.
	noSuchKey = len(ks.tries) == 0 || !m.HasKeyID || !ks.tries[0].HasID
	for _, k := range ks.tries {
		if k.Verify(m.Algorithm, m.Signed, m.Signature, ks.hostFor(m.Algorithm)) {
			return k, noSuchKey, true
		}
	}
	return nil, noSuchKey, len(ks.tries) > 0
}

// hostFor is the host's verifier for the algorithms that it passed the
// self-test in.
func (ks *keyStates) hostFor(a jose.Algorithm) jose.HostVerifier {
	if ks.knows.Has(a) {
		return ks.verify
	}
	return nil
}
