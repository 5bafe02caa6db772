// Package static verifies tokens that the configuration lists by their SHA-256 digests.
// It compares digests only, so that the time of a comparison reveals nothing about a
// token.
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
	"bearerauth/filter/policy/trace"
	"bearerauth/filter/policy/verdict"
)

// token is a configured token. It has the digest only, never the token.
type token struct {
	digest    [sha256.Size]byte
	identity  *identity.Identity
	notBefore time.Time // zero: no bound
	expires   time.Time // zero: no bound
	next      int32     // index of the next token with the same prefix; -1: none
}

// Tokens are the tokens of all providers of type "static". The zero value has none.
//
// The time to find a token does not depend on their number. A map leads from the first
// eight bytes of a digest to the tokens with this prefix, and the full digest is compared
// in constant time after that. The time can reveal whether a prefix is in the map. To use
// that, a client would have to invert SHA-256.
type Tokens struct {
	Timed    bool             // some token has not_before or expires
	byPrefix map[uint64]int32 // index in list
	list     []token
	paths    []string      // of each token in the configuration
	sources  []tokenSource // of each token, until Identify
}

// Digester computes digests with a single hash, so that a digest needs no allocation. The
// zero value is ready for use.
type Digester struct {
	hash   hash.Hash
	digest [sha256.Size]byte
}

// Sum returns the SHA-256 of a text. The result is valid until the next call.
func (d *Digester) Sum(text string) *[sha256.Size]byte {
	if d.hash == nil {
		d.hash = sha256.New()
	}
	d.hash.Reset()
	// The hash neither keeps nor changes its input, so no copy is needed.
	d.hash.Write(unsafe.Slice(unsafe.StringData(text), len(text)))
	d.hash.Sum(d.digest[:0])
	return &d.digest
}

func digestPrefix(d *[sha256.Size]byte) uint64 { return binary.LittleEndian.Uint64(d[:8]) }

// add adds a token, unless another token has the same digest: then it returns the path
// of that one.
func (ts *Tokens) add(t token, path string) (duplicate string) {
	if ts.byPrefix == nil {
		ts.byPrefix = map[uint64]int32{}
	}
	if i := ts.index(&t.digest); i >= 0 {
		return ts.paths[i]
	}
	key := digestPrefix(&t.digest)
	t.next = -1
	if first, ok := ts.byPrefix[key]; ok {
		t.next = first
	}
	ts.byPrefix[key] = int32(len(ts.list))
	ts.list = append(ts.list, t)
	ts.paths = append(ts.paths, path)
	return ""
}

// index returns the index of the token with this digest, or -1.
func (ts *Tokens) index(digest *[sha256.Size]byte) int {
	i, ok := ts.byPrefix[digestPrefix(digest)]
	if !ok {
		return -1
	}
	for ; i >= 0; i = ts.list[i].next {
		if subtle.ConstantTimeCompare(ts.list[i].digest[:], digest[:]) == 1 {
			return int(i)
		}
	}
	return -1
}

// Empty reports whether no static token is configured.
func (ts *Tokens) Empty() bool { return len(ts.list) == 0 }

// Verify returns the identity of the token with this digest and ReasonTokenValid, or nil
// and ReasonUnknownToken, ReasonNotYetValid or ReasonExpired.
func (ts *Tokens) Verify(digest *[sha256.Size]byte, now time.Time) (*identity.Identity, verdict.Reason) {
	i := ts.index(digest)
	if i < 0 {
		return nil, verdict.ReasonUnknownToken
	}
	t := &ts.list[i]
	if !t.notBefore.IsZero() && now.Before(t.notBefore) {
		return nil, verdict.ReasonNotYetValid
	}
	if !t.expires.IsZero() && !now.Before(t.expires) {
		return nil, verdict.ReasonExpired
	}
	return t.identity, verdict.ReasonTokenValid
}

// Count returns the number of tokens of a provider, -1 if it has none.
func (ts *Tokens) Count(provider int) int {
	n := -1
	for i := range ts.list {
		if ts.list[i].identity.Index == provider {
			n = max(n, 0) + 1
		}
	}
	return n
}

// Explain reports whether the digest is that of a configured token, and says of which
// provider.
func (ts *Tokens) Explain(steps *trace.Steps, digest *[sha256.Size]byte, now time.Time, more bool) bool {
	i := ts.index(digest)
	if i < 0 {
		return false
	}
	t := &ts.list[i]
	steps.Add(trace.Provider, t.identity.Provider, "has this token")
	if !more {
		return true
	}
	switch _, reason := ts.Verify(digest, now); reason {
	case verdict.ReasonNotYetValid:
		steps.Wrong("not_before", "valid only in "+t.notBefore.Sub(now).String())
	case verdict.ReasonExpired:
		steps.Wrong("expires", "expired "+now.Sub(t.expires).String()+" ago")
	}
	return true
}

// Read reads a provider of type "static" and adds its tokens. provider is its place among
// the providers of all types. Problems go to o.
func (ts *Tokens) Read(o *config.Object, provider int, name string) {
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
		token := token{}
		digest := t.Checked("sha256", "", wantDigest)
		if !t.Has("sha256") {
			t.Wrong("sha256", "want the SHA-256 of the token as 64 lower-case hex digits")
		}
		token.identity = ts.readClaims(t, provider, name)
		token.notBefore = t.Time("not_before")
		token.expires = t.Time("expires")
		if !token.notBefore.IsZero() && !token.expires.IsZero() && !token.notBefore.Before(token.expires) {
			t.Wrong("expires", "want a time after not_before")
		}
		ts.Timed = ts.Timed || !token.notBefore.IsZero() || !token.expires.IsZero()
		t.Done()
		if digest == "" {
			continue
		}
		decodeDigest(&token.digest, digest)
		if other := ts.add(token, t.At("sha256")); other != "" {
			t.Wrong("sha256", "duplicate token: the same digest is at "+other)
		}
	}
	o.Done()
}

// tokenSource has the configured claims of a token. It is kept until the rules are read:
// then it is known which of them the identity needs.
type tokenSource struct {
	identity                 *identity.Identity
	provider                 int
	name                     string
	subject, scope, clientID string
	attributes               map[string]string
}

func (ts *Tokens) readClaims(t *config.Object, provider int, name string) *identity.Identity {
	c := tokenSource{
		identity:   &identity.Identity{},
		provider:   provider,
		name:       name,
		subject:    t.Checked("subject", "", config.WantHeaderText),
		scope:      strings.Join(t.Strings("scopes", config.WantScope), " "),
		clientID:   t.Checked("client_id", "", config.WantHeaderText),
		attributes: readAttributes(t),
	}
	ts.sources = append(ts.sources, c)
	return c.identity
}

// Identify fills the identities of all tokens. Call it once, after the rules were read.
// The attributes of a token count as top-level claims of a JWT, with strings as values.
func (ts *Tokens) Identify(propagation *identity.Propagation, table *claims.Table) {
	scope := []claims.ScopeClaim{{Claim: table.Index("scope")}}
	for i := range ts.sources {
		c := &ts.sources[i]
		propagation.Identify(c.identity, &identity.Source{
			Provider: c.provider, ProviderName: c.name, Subject: c.subject, ClientID: c.clientID, Values: table.Values(c.value), Scopes: scope,
		})
	}
	ts.sources = nil
}

func (c *tokenSource) value(name string) jose.Value {
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
		return "this is the SHA-256 of the empty string: want that of a token (was the token variable empty?)"
	}
	return ""
}

// emptyDigest is the output of `printf %s "$UNSET" | sha256sum`.
const emptyDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func decodeDigest(dst *[sha256.Size]byte, s string) {
	for i := range dst {
		dst[i] = byte(syntax.HexDigit(s[2*i])<<4 | syntax.HexDigit(s[2*i+1]))
	}
}
