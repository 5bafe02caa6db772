package policy

import (
	"encoding/binary"
	"math"
	"time"

	"bearerauth/filter/jose"
)

// revocations is what the configuration says of tokens that end before they
// expire. It never changes; what was fetched is in a revocationState.
type revocations struct {
	entries    []revocation // inline
	source     endpoint     // of the list that is fetched; not set: there is none
	timeout    time.Duration
	refresh    time.Duration
	maxStale   time.Duration // how long the last list serves while no new one can be had
	passStale  bool
	requireJTI bool
	jti        int // in Policy.claimRefs
}

func (r *revocations) errand() *Errand { return &Errand{Kind: ErrandRevocations, timeout: r.timeout} }

// revocation is one entry of a list.
type revocation struct {
	by           revokedBy
	issuer, name string
	before       float64 // tokens issued earlier are revoked, in seconds since the epoch
}

// revokedBy is what an entry goes by. It is part of the hashed name, so that a
// subject never ends a token by its jti.
type revokedBy byte

const (
	byJTI revokedBy = iota
	bySubject
	byKey      // of one issuer
	byKeyOfAll // whoever the issuer is: who has a key writes any iss
)

// marks are the names by which a token can be revoked, hashed as those of the
// list are.
type marks struct {
	names    [6]uint64
	count    int
	issued   float64 // iat; without one before every time
	hasNames bool    // iss and jti
}

// marksSize is what they take in memory, beside the Identity.
const marksSize = 80

func (m *marks) add(name uint64) {
	m.names[m.count] = name
	m.count++
}

// marksOf is nil where nothing is ever revoked. ok is false for a jti that is no
// text (RFC 7519 section 4.1.7): what an entry says of it would be a guess.
func (st *revocationState) marksOf(c *claims, t *claimTable, m *jose.Message, signer *jose.Key) (*marks, bool) {
	if st == nil {
		return nil, true
	}
	of := &marks{issued: math.Inf(-1)}
	if c.iat.set {
		of.issued = c.iat.seconds
	}
	if jti := c.top(t, st.of.jti); jti != nil {
		raw, ok := jti.Text()
		if !ok {
			return nil, false
		}
		if text := borrow(raw); c.hasIssuer && text != "" {
			of.add(st.name(byJTI, c.issuer, text))
			of.hasNames = true
		}
	}
	if c.hasIssuer && c.hasSubject {
		of.add(st.name(bySubject, c.issuer, c.subject))
	}
	// The key that verified counts, not only the one that the header names: who
	// has stolen a key leaves its name out.
	if signer.HasID {
		of.addKey(st, c, signer.ID)
	}
	if m.HasKeyID && !(signer.HasID && signer.ID == m.KeyID) {
		of.addKey(st, c, m.KeyID)
	}
	return of, true
}

func (m *marks) addKey(st *revocationState, c *claims, kid string) {
	m.add(st.name(byKeyOfAll, "", kid))
	if c.hasIssuer {
		m.add(st.name(byKey, c.issuer, kid))
	}
}

// denyList has the time by which an entry goes under its hashed name: tokens
// issued before it are revoked.
type denyList map[uint64]float64

func (l denyList) add(name uint64, before float64) {
	if have, ok := l[name]; !ok || before > have {
		l[name] = before
	}
}

// revokes takes one access to the map for each thing that a token can be
// revoked by, whatever the list's size.
func (l denyList) revokes(m *marks) bool {
	for _, name := range m.names[:m.count] {
		if before, ok := l[name]; ok && m.issued < before {
			return true
		}
	}
	return false
}

// name hashes what an entry goes by under the VM's key: who can put names on the
// list must not choose where they lie in the map. Half of the output will do: two
// names in one would refuse a token, never pass one.
func (st *revocationState) name(by revokedBy, issuer, name string) uint64 {
	b := append(st.scratch[:0], byte(by))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(issuer)))
	b = append(b, issuer...)
	b = append(b, name...)
	st.scratch = b
	return st.key.sum(borrow(b)).lo
}

// unlessRevoked is what becomes of a good JWT: to be asked for every request,
// since lists come and grow old while a token is remembered.
func (st *revocationState) unlessRevoked(v verification, m *marks, now time.Time, mayWait bool) verification {
	switch {
	case m == nil:
		return verification{}
	case st.of.requireJTI && !m.hasNames:
		return verification{reason: ReasonWrongClaim}
	case st.list.revokes(m):
		// Also by a list that is too old: nobody takes a revocation back.
		return verification{reason: ReasonRevoked}
	case st.source() && !st.current(now):
		return st.unknown(v, now, mayWait)
	}
	return v
}
