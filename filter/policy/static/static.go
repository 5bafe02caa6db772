// Package static verifies tokens that the configuration lists by their SHA-256
// digests. It compares digests only, so that a timing tells nothing about a token.
package static

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/syntax"
	"bearerauth/filter/policy/verdict"
)

// Token is one configured token: its digest, never the token.
type Token struct {
	digest    [sha256.Size]byte
	Identity  *identity.Identity
	notBefore time.Time // zero: no bound
	expires   time.Time // zero: no bound
	next      int32     // the next token with the same first eight octets, -1: none
}

// Tokens finds a token among any number of them in the same time.
//
// The look-up goes by the first eight octets of the token's SHA-256 through a
// map that hashes with a random seed, and compares the whole digest in constant
// time after it. What its timing can tell is whether eight octets of a digest
// are in the table, and to choose those a client would have to invert SHA-256.
type Tokens struct {
	byPrefix map[uint64]int32
	Tokens   []Token
	paths    []string // where each stands in the configuration
	claims   []staticClaims
}

// Digester computes digests without a new hash, and so an allocation, for each.
type Digester struct {
	hash   hash.Hash
	digest [sha256.Size]byte
}

// Of is the SHA-256 of text, good until the next call.
func (d *Digester) Of(text string) *[sha256.Size]byte {
	if d.hash == nil {
		d.hash = sha256.New()
	}
	d.hash.Reset()
	// The hash does not keep or change its input, so the copy is saved.
	d.hash.Write(unsafe.Slice(unsafe.StringData(text), len(text)))
	d.hash.Sum(d.digest[:0])
	return &d.digest
}

func digestPrefix(d *[sha256.Size]byte) uint64 { return binary.LittleEndian.Uint64(d[:8]) }

// add returns the path of the token that has the same digest already, or "".
func (s *Tokens) add(t Token, path string) (duplicate string) {
	if s.byPrefix == nil {
		s.byPrefix = map[uint64]int32{}
	}
	if i := s.find(&t.digest); i >= 0 {
		return s.paths[i]
	}
	key := digestPrefix(&t.digest)
	t.next = -1
	if first, ok := s.byPrefix[key]; ok {
		t.next = first
	}
	s.byPrefix[key] = int32(len(s.Tokens))
	s.Tokens = append(s.Tokens, t)
	s.paths = append(s.paths, path)
	return ""
}

// find returns the index of the token with this digest, or -1.
func (s *Tokens) find(digest *[sha256.Size]byte) int {
	i, ok := s.byPrefix[digestPrefix(digest)]
	if !ok {
		return -1
	}
	for ; i >= 0; i = s.Tokens[i].next {
		if subtle.ConstantTimeCompare(s.Tokens[i].digest[:], digest[:]) == 1 {
			return int(i)
		}
	}
	return -1
}

// Verify returns the entry of the token with this digest, or nil and why it is
// refused.
func (s *Tokens) Verify(digest *[sha256.Size]byte, now time.Time) (*Token, verdict.Reason) {
	i := s.find(digest)
	if i < 0 {
		return nil, verdict.ReasonUnknownToken
	}
	t := &s.Tokens[i]
	if !t.notBefore.IsZero() && now.Before(t.notBefore) {
		return nil, verdict.ReasonNotYetValid
	}
	if !t.expires.IsZero() && !now.Before(t.expires) {
		return nil, verdict.ReasonExpired
	}
	return t, verdict.ReasonTokenValid
}

// Read reads a provider of type "static" into the table.
func (s *Tokens) Read(o *config.Object, provider int, name string) {
	items := o.Array("tokens")
	if !o.Has("tokens") {
		o.Problems.Add(o.At("tokens"), "want an array of tokens")
	}
	for _, item := range items {
		t := config.AsObject(item, o.Problems)
		if t == nil {
			continue
		}
		t.MayHoldSecret = true
		token := Token{}
		digest := t.Checked("sha256", "", wantDigest)
		if !t.Has("sha256") {
			t.Wrong("sha256", "want the SHA-256 of the token as 64 lower-case hex digits")
		}
		token.Identity = s.readClaims(t, provider, name)
		token.notBefore = t.Time("not_before")
		token.expires = t.Time("expires")
		if !token.notBefore.IsZero() && !token.expires.IsZero() && !token.notBefore.Before(token.expires) {
			t.Wrong("expires", "want a time after not_before")
		}
		t.Done()
		if digest == "" {
			continue
		}
		decodeDigest(&token.digest, digest)
		if other := s.add(token, t.At("sha256")); other != "" {
			t.Wrong("sha256", "duplicate token: the same digest is at "+other)
		}
	}
	o.Done()
}

// staticClaims is what a static token says, kept until it is known what rules ask.
type staticClaims struct {
	identity                 *identity.Identity
	provider                 int
	name                     string
	subject, scope, clientID string
	attributes               map[string]string
}

func (s *Tokens) readClaims(t *config.Object, provider int, name string) *identity.Identity {
	c := staticClaims{
		identity:   &identity.Identity{},
		provider:   provider,
		name:       name,
		subject:    t.Checked("subject", "", config.WantHeaderText),
		scope:      strings.Join(t.Strings("scopes", config.WantScope), " "),
		clientID:   t.Checked("client_id", "", config.WantHeaderText),
		attributes: readAttributes(t),
	}
	s.claims = append(s.claims, c)
	return c.identity
}

// Identify makes the identities of all static tokens. Their attributes are
// what a JWT's claims are, strings at the top of a payload.
func (s *Tokens) Identify(tells *identity.Propagation, table *claims.Table) {
	scope := []claims.ScopeClaim{{Claim: table.Index("scope")}}
	tops := make([]jose.Value, len(table.Names))
	values := make([]jose.Value, len(table.Refs))
	for i := range s.claims {
		c := &s.claims[i]
		for i, name := range table.Names {
			tops[i] = c.value(name)
		}
		for i := range table.Refs {
			values[i] = table.Refs[i].In(tops)
		}
		tells.Identify(c.identity, &identity.Source{
			Provider: c.provider, Name: c.name, Subject: c.subject, ClientID: c.clientID, Values: values, Scopes: scope,
		})
	}
	s.claims = nil
}

func (c *staticClaims) value(name string) jose.Value {
	text := c.attributes[name]
	switch name {
	case "sub":
		text = c.subject
	case "scope":
		text = c.scope
	}
	if text == "" {
		return nil
	}
	return config.AppendJSON(nil, text)
}

func readAttributes(t *config.Object) map[string]string {
	n := t.Get("attributes")
	if n == nil {
		return nil
	}
	o := config.AsObject(n, t.Problems)
	if o == nil {
		return nil
	}
	attributes := make(map[string]string, len(o.Members))
	for _, m := range o.Members {
		if want := config.WantAttributeName(m.Name); want != "" {
			o.Problems.Add(m.Value.Path, want)
			continue
		}
		attributes[m.Name] = config.CheckedString(m.Value, o.Problems, "", config.WantHeaderText)
	}
	if len(o.Members) == 0 {
		o.Problems.Add(o.Path, "want at least one attribute, got an empty object")
	}
	return attributes
}

func wantDigest(s string) string {
	if n := utf8.RuneCountInString(s); n != 2*sha256.Size {
		return "want 64 lower-case hex digits, got " + strconv.Itoa(n) + " characters"
	}
	for _, c := range s {
		if c >= utf8.RuneSelf || syntax.HexDigit(byte(c)) < 0 || c >= 'A' && c <= 'F' {
			return "want 64 lower-case hex digits and no other characters"
		}
	}
	if s == emptyDigest {
		return "this is the SHA-256 of nothing: want that of a token (was the token variable empty?)"
	}
	return ""
}

// emptyDigest is what `printf %s "$UNSET" | sha256sum` gives.
const emptyDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func decodeDigest(dst *[sha256.Size]byte, s string) {
	for i := range dst {
		dst[i] = byte(syntax.HexDigit(s[2*i])<<4 | syntax.HexDigit(s[2*i+1]))
	}
}
