package policy

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
)

// staticToken is one configured token: its digest, never the token.
type staticToken struct {
	digest    [sha256.Size]byte
	identity  *verifiedIdentity
	notBefore time.Time // zero: no bound
	expires   time.Time // zero: no bound
	next      int32     // the next token with the same first eight octets, -1: none
}

// staticTokens finds a token among any number of them in the same time.
//
// The look-up goes by the first eight octets of the token's SHA-256 through a
// map that hashes with a random seed, and compares the whole digest in constant
// time after it. What its timing can tell is whether eight octets of a digest
// are in the table, and to choose those a client would have to invert SHA-256.
type staticTokens struct {
	byPrefix map[uint64]int32
	tokens   []staticToken
	paths    []string // where each stands in the configuration
	claims   []staticClaims
}

// digester computes digests without a new hash, and so an allocation, for each.
type digester struct {
	hash   hash.Hash
	digest [sha256.Size]byte
}

// of is the SHA-256 of text, good until the next call.
func (d *digester) of(text string) *[sha256.Size]byte {
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
func (s *staticTokens) add(t staticToken, path string) (duplicate string) {
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
	s.byPrefix[key] = int32(len(s.tokens))
	s.tokens = append(s.tokens, t)
	s.paths = append(s.paths, path)
	return ""
}

// find returns the index of the token with this digest, or -1.
func (s *staticTokens) find(digest *[sha256.Size]byte) int {
	i, ok := s.byPrefix[digestPrefix(digest)]
	if !ok {
		return -1
	}
	for ; i >= 0; i = s.tokens[i].next {
		if subtle.ConstantTimeCompare(s.tokens[i].digest[:], digest[:]) == 1 {
			return int(i)
		}
	}
	return -1
}

// verify returns the entry of the token with this digest, or nil and why it is
// refused.
func (s *staticTokens) verify(digest *[sha256.Size]byte, now time.Time) (*staticToken, Reason) {
	i := s.find(digest)
	if i < 0 {
		return nil, ReasonUnknownToken
	}
	t := &s.tokens[i]
	if !t.notBefore.IsZero() && now.Before(t.notBefore) {
		return nil, ReasonNotYetValid
	}
	if !t.expires.IsZero() && !now.Before(t.expires) {
		return nil, ReasonExpired
	}
	return t, ReasonTokenValid
}

// read reads a provider of type "static" into the table.
func (s *staticTokens) read(o *object, provider int, name string) {
	items := o.array("tokens")
	if !o.has("tokens") {
		o.problems.add(o.at("tokens"), "want an array of tokens")
	}
	for _, item := range items {
		t := asObject(item, o.problems)
		if t == nil {
			continue
		}
		t.secretive = true
		token := staticToken{}
		digest := t.checked("sha256", "", wantDigest)
		if !t.has("sha256") {
			t.wrong("sha256", "want the SHA-256 of the token as 64 lower-case hex digits")
		}
		token.identity = s.readClaims(t, provider, name)
		token.notBefore = t.time("not_before")
		token.expires = t.time("expires")
		if !token.notBefore.IsZero() && !token.expires.IsZero() && !token.notBefore.Before(token.expires) {
			t.wrong("expires", "want a time after not_before")
		}
		t.done()
		if digest == "" {
			continue
		}
		decodeDigest(&token.digest, digest)
		if other := s.add(token, t.at("sha256")); other != "" {
			t.wrong("sha256", "duplicate token: the same digest is at "+other)
		}
	}
	o.done()
}

// staticClaims is what a static token says, kept until it is known what rules ask.
type staticClaims struct {
	identity                 *verifiedIdentity
	provider                 int
	name                     string
	subject, scope, clientID string
	attributes               map[string]string
}

func (s *staticTokens) readClaims(t *object, provider int, name string) *verifiedIdentity {
	c := staticClaims{
		identity:   &verifiedIdentity{},
		provider:   provider,
		name:       name,
		subject:    t.checked("subject", "", wantHeaderText),
		scope:      strings.Join(t.strings("scopes", wantScope), " "),
		clientID:   t.checked("client_id", "", wantHeaderText),
		attributes: readAttributes(t),
	}
	s.claims = append(s.claims, c)
	return c.identity
}

// identify makes the identities of all static tokens. Their attributes are
// what a JWT's claims are, strings at the top of a payload.
func (s *staticTokens) identify(tells *propagation, table *claimTable) {
	scope := []scopeClaim{{claim: table.index("scope")}}
	tops := make([]jose.Value, len(table.names))
	values := make([]jose.Value, len(table.refs))
	for i := range s.claims {
		c := &s.claims[i]
		for i, name := range table.names {
			tops[i] = c.value(name)
		}
		for i := range table.refs {
			values[i] = table.refs[i].in(tops)
		}
		tells.identify(c.identity, &testimony{
			provider: c.provider, name: c.name, subject: c.subject, clientID: c.clientID, values: values, scopes: scope,
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
	return appendJSON(nil, text)
}

func readAttributes(t *object) map[string]string {
	n := t.get("attributes")
	if n == nil {
		return nil
	}
	o := asObject(n, t.problems)
	if o == nil {
		return nil
	}
	attributes := make(map[string]string, len(o.members))
	for _, m := range o.members {
		if want := wantAttributeName(m.name); want != "" {
			o.problems.add(m.value.path, want)
			continue
		}
		attributes[m.name] = checkedString(m.value, o.problems, "", wantHeaderText)
	}
	if len(o.members) == 0 {
		o.problems.add(o.path, "want at least one attribute, got an empty object")
	}
	return attributes
}

func wantDigest(s string) string {
	if n := utf8.RuneCountInString(s); n != 2*sha256.Size {
		return "want 64 lower-case hex digits, got " + strconv.Itoa(n) + " characters"
	}
	for _, c := range s {
		if c >= utf8.RuneSelf || hexDigit(byte(c)) < 0 || c >= 'A' && c <= 'F' {
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
		dst[i] = byte(hexDigit(s[2*i])<<4 | hexDigit(s[2*i+1]))
	}
}
