package policy

import "bearerauth/filter/jose"

// keyring is by whose keys, and in which algorithms, somebody's JWTs verify.
type keyring struct {
	algorithms jose.Algorithms
	keys       *jose.KeySet // inline; nil: from source
	source     *keySource   // keys from the network
}

// keys is the present key set of a keyring, nil where there is none. Keys belong
// to one provider: they are never looked for in another's (RFC 8725 section 3.8).
func (s *State) keys(k *keyring) *jose.KeySet {
	if k.source == nil {
		return k.keys
	}
	return s.sources[k.source.index].keys
}

// signerOf finds the key that has signed a message, whose algorithm is allowed.
// noSuchKey: the key that it names, or could mean, may be newer than the set.
func (s *State) signerOf(m *jose.Message, keys *jose.KeySet) (signer *jose.Key, noSuchKey bool) {
	s.tries = keys.Candidates(m.KeyID, m.HasKeyID, m.Algorithm, s.tries[:0])
	// Keys without a name may be anybody's, and a message without one may be of a
	// key that is newer than the set: no key of this message was there all the same.
	noSuchKey = len(s.tries) == 0 || !m.HasKeyID || !s.tries[0].HasID
	for _, k := range s.tries {
		if k.Verify(m.Algorithm, m.Signed, m.Signature, s.hostFor(m.Algorithm)) {
			return k, noSuchKey
		}
	}
	return nil, noSuchKey
}

// hostFor is the host's verifier for the algorithms that it passed the
// self-test in.
func (s *State) hostFor(a jose.Algorithm) jose.HostVerifier {
	if s.host.Knows.Has(a) {
		return s.host.Verify
	}
	return nil
}
