// Package revocation refuses JWTs that were revoked before they expire: by jti, by
// subject and time of issue, and by key. The entries are in the configuration, or in a
// list that is fetched. While the list is missing or too old, tokens are refused, or pass
// unchecked with insecure_pass_when_stale. The package makes no call itself.
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

// Revocations is the configuration's member of that name. It never changes. State has
// the fetched list. A nil Revocations revokes no token.
type Revocations struct {
	entries       []entry         // of the configuration
	Source        config.Endpoint // of the list; not set: no list is fetched
	timeout       time.Duration
	refresh       time.Duration
	maxStale      time.Duration // how long the last list serves while fetches fail
	passWhenStale bool
	requireJTI    bool
	jtiClaim      int // index in the claims.Table
}

func (r *Revocations) errand() *fetch.Errand {
	return &fetch.Errand{Kind: fetch.ErrandRevocations, Timeout: r.timeout}
}

// entry revokes the tokens with this handle.
type entry struct {
	kind         handleKind
	issuer, name string
	before       float64 // only tokens issued before are revoked, in seconds since the epoch; +Inf: all
}

// handleKind is the claim or header parameter of a handle. It is part of the hash, so
// that an entry with a sub never matches a jti.
type handleKind byte

const (
	byJTI handleKind = iota
	bySubject
	byKey            // of a single issuer
	byKeyOfAnyIssuer // of any issuer: the thief of a key can write any iss
)

// Handles are what a token can be revoked by: its jti, its subject and its keys, hashed
// as the entries are.
type Handles struct {
	hashes   [6]uint64
	count    int
	issuedAt float64 // iat; -Inf without one, so that an entry with a time matches
	hasJTI   bool    // the token has iss and jti
}

// HandlesSize is the size of Handles in memory, in bytes.
const HandlesSize = 80

func (h *Handles) add(name uint64) {
	h.hashes[h.count] = name
	h.count++
}

// HandlesOf returns the handles of a token that signer has signed, nil for a nil State.
// ok is false if jti is not a string (RFC 7519 section 4.1.7): no entry could match it.
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
	// The kid of the key that verified counts, too: the thief of a key could leave the
	// kid out of the header.
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

// denyList maps a hashed handle to a time in seconds since the epoch: tokens issued
// before it are revoked.
type denyList map[uint64]float64

func (l denyList) add(name uint64, before float64) {
	if have, ok := l[name]; !ok || before > have {
		l[name] = before
	}
}

// revokes reports whether an entry matches. It makes a map access for each handle of the
// token, so its cost does not grow with the list.
func (l denyList) revokes(h *Handles) bool {
	for _, name := range h.hashes[:h.count] {
		if before, ok := l[name]; ok && h.issuedAt < before {
			return true
		}
	}
	return false
}

// hash hashes a handle under the VM's key: the author of a jti or sub must not choose
// its place in the map. Half of the output suffices, because a collision would refuse a
// token and never pass it.
func (st *State) hash(by handleKind, issuer, name string) uint64 {
	b := append(st.scratch[:0], byte(by))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(issuer)))
	b = append(b, issuer...)
	b = append(b, name...)
	st.scratch = b
	return st.key.Sum(syntax.Borrow(b)).Lo
}

// UnlessRevoked returns v, the outcome of a good JWT, or a refusal if the token is
// revoked. Call it for every request: lists change and expire while a token is
// remembered.
func (st *State) UnlessRevoked(v identity.Outcome, h *Handles, now time.Time, mayWait bool) identity.Outcome {
	switch {
	case h == nil:
		return identity.Outcome{}
	case st.config.requireJTI && !h.hasJTI:
		return identity.Outcome{Reason: verdict.ReasonWrongClaim}
	case st.list.revokes(h):
		// A list that is too old counts, too: a revocation is final.
		return identity.Outcome{Reason: verdict.ReasonRevoked}
	case st.fetches() && !st.current(now):
		return st.withoutList(v, now, mayWait)
	}
	return v
}
