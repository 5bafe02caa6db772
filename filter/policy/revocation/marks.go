// Package revocation ends JWTs before they expire: by jti, by subject and time, and by
// key, from the configuration and from a list that is fetched. Without a list a token
// is refused or passes unchecked, as the configuration says.
package revocation

import (
	"encoding/binary"
	"math"
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/syntax"
	"bearerauth/filter/policy/verdict"
)

// Revocations is what the configuration says of tokens that end before they
// expire. It never changes; what was fetched is in a revocationState.
type Revocations struct {
	entries       []entry         // inline
	Source        config.Endpoint // of the list that is fetched; not set: there is none
	timeout       time.Duration
	refresh       time.Duration
	maxStale      time.Duration // how long the last list serves while no new one can be had
	passWhenStale bool
	requireJTI    bool
	jtiClaim      int // in Policy.claimRefs
}

func (r *Revocations) errand() *fetch.Errand {
	return &fetch.Errand{Kind: fetch.ErrandRevocations, Timeout: r.timeout}
}

// revocation is one entry of a list.
type entry struct {
	kind         handleKind
	issuer, name string
	before       float64 // tokens issued earlier are revoked, in seconds since the epoch
}

// revokedBy is what an entry goes by. It is part of the hashed name, so that a
// subject never ends a token by its jti.
type handleKind byte

const (
	byJTI handleKind = iota
	bySubject
	byKey            // of one issuer
	byKeyOfAnyIssuer // whoever the issuer is: who has a key writes any iss
)

// Handles are the names by which a token can be revoked, hashed as those of the
// list are.
type Handles struct {
	hashes   [6]uint64
	count    int
	issuedAt float64 // iat; without one before every time
	hasJTI   bool    // iss and jti
}

// HandlesSize is what they take in memory, beside the Identity.
const HandlesSize = 80

func (h *Handles) add(name uint64) {
	h.hashes[h.count] = name
	h.count++
}

// HandlesOf is nil where nothing is ever revoked. ok is false for a jti that is no
// text (RFC 7519 section 4.1.7): what an entry says of it would be a guess.
func (st *State) HandlesOf(c *claims.Claims, t *claims.Table, m *jose.Message, signer *jose.Key) (*Handles, bool) {
	if st == nil {
		return nil, true
	}
	h := &Handles{issuedAt: math.Inf(-1)}
	if c.Iat.Set {
		h.issuedAt = c.Iat.Seconds
	}
	if jti := c.Top(t, st.config.jtiClaim); jti != nil {
		raw, ok := jti.Text()
		if !ok {
			return nil, false
		}
		if text := syntax.Borrow(raw); c.HasIssuer && text != "" {
			h.add(st.hash(byJTI, c.Issuer, text))
			h.hasJTI = true
		}
	}
	if c.HasIssuer && c.HasSubject {
		h.add(st.hash(bySubject, c.Issuer, c.Subject))
	}
	// The key that verified counts, not only the one that the header names: who
	// has stolen a key leaves its name out.
	if signer.HasID {
		h.addKey(st, c, signer.ID)
	}
	if m.HasKeyID && !(signer.HasID && signer.ID == m.KeyID) {
		h.addKey(st, c, m.KeyID)
	}
	return h, true
}

func (h *Handles) addKey(st *State, c *claims.Claims, kid string) {
	h.add(st.hash(byKeyOfAnyIssuer, "", kid))
	if c.HasIssuer {
		h.add(st.hash(byKey, c.Issuer, kid))
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
func (l denyList) revokes(h *Handles) bool {
	for _, name := range h.hashes[:h.count] {
		if before, ok := l[name]; ok && h.issuedAt < before {
			return true
		}
	}
	return false
}

// name hashes what an entry goes by under the VM's key: who can put names on the
// list must not choose where they lie in the map. Half of the output will do: two
// names in one would refuse a token, never pass one.
func (st *State) hash(by handleKind, issuer, name string) uint64 {
	b := append(st.scratch[:0], byte(by))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(issuer)))
	b = append(b, issuer...)
	b = append(b, name...)
	st.scratch = b
	return st.key.Sum(syntax.Borrow(b)).Lo
}

// UnlessRevoked is what becomes of a good JWT: to be asked for every request,
// since lists come and grow old while a token is remembered.
func (st *State) UnlessRevoked(v identity.Outcome, h *Handles, now time.Time, mayWait bool) identity.Outcome {
	switch {
	case h == nil:
		return identity.Outcome{}
	case st.config.requireJTI && !h.hasJTI:
		return identity.Outcome{Reason: verdict.ReasonWrongClaim}
	case st.List.revokes(h):
		// Also by a list that is too old: nobody takes a revocation back.
		return identity.Outcome{Reason: verdict.ReasonRevoked}
	case st.fetches() && !st.current(now):
		return st.withoutList(v, now, mayWait)
	}
	return v
}
