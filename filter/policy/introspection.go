package policy

import (
	"regexp"
	"strings"
	"time"

	"bearerauth/filter/jose"
)

// introspector is a provider whose tokens only the authorization server can read
// (RFC 7662). It never changes; what the server said is in a lookups.
type introspector struct {
	index    int // in Policy.introspectors
	provider int // in Policy.providers
	name     string
	path     string // in the configuration
	endpoint endpoint
	timeout  time.Duration
	client   clientAuthentication
	hint     string          // token_type_hint
	signed   *signedResponse // nil: answers are plain JSON
	shape    tokenShape
	issuers  []string
	jwts     bool // is asked about JWTs of its issuers, too
	// onlyAfter: is asked only about JWTs that another provider has verified.
	onlyAfter bool

	positive, negative time.Duration // how long an answer holds
	stale              time.Duration // how much longer a good one does while the server is out
	calls              int           // at most under way at once, in one worker
	cacheBytes         int

	tokenPolicy
}

func (i *introspector) errand(key tokenKey) *Errand {
	// The call's own end comes first: it tells more.
	return &Errand{Kind: ErrandToken, index: i.index, token: key, timeout: i.timeout + time.Second}
}

// tokenShape is what a token must look like to be sent to the server. Garbage
// that is told from tokens costs the server nothing.
type tokenShape struct {
	prefix      string
	least, most int
	expression  *regexp.Regexp
}

// mayFit is what costs nothing; an expression is left to the first sight of a token.
func (t *tokenShape) mayFit(token string) bool {
	return strings.HasPrefix(token, t.prefix) && len(token) >= t.least && len(token) <= t.most
}

func (t *tokenShape) fits(token string) bool {
	return t.expression == nil || t.expression.MatchString(token)
}

// introspectors are the providers of opaque tokens.
type introspectors []*introspector

// of is who can tell what a token at this place is, nil where that is nobody. No
// two providers share a place and a shape.
func (is introspectors) of(token string, location int, at []places) *introspector {
	jwt := isJWTShaped(token)
	for _, i := range is {
		if at[i.provider].has(location) && i.shape.mayFit(token) && !i.onlyAfter && (!jwt || i.jwts) {
			return i
		}
	}
	return nil
}

// introspectionState is what a worker knows of opaque tokens.
type introspectionState struct {
	lookups []*lookups
	table   *claimTable
	tells   *propagation
	keys    *keyStates // of signed answers
	sign    jose.HostSigner
	hash    sipKey
	serial  uint64

	parser jose.Parser
	reader jose.Reader
	claims claims
}

func newIntrospectionState(is introspectors, table *claimTable, tells *propagation, keys *keyStates, sign jose.HostSigner, hash sipKey) *introspectionState {
	s := &introspectionState{table: table, tells: tells, keys: keys, sign: sign, hash: hash}
	for _, i := range is {
		s.lookups = append(s.lookups, newLookups(i))
	}
	return s
}

// sends reports whether a token may be shown to the server: a JWT only if it
// names an issuer that is known.
func (i *introspector) sends(s *introspectionState, token string) bool {
	return i.shape.fits(token) && (!isJWTShaped(token) || contains(i.issuers, s.issuerOf(token)))
}

// isJWTShaped: three parts, the first two not empty. Five parts are encrypted,
// and so opaque to us.
func isJWTShaped(token string) bool {
	first := strings.IndexByte(token, '.')
	if first <= 0 {
		return false
	}
	second := strings.IndexByte(token[first+1:], '.')
	return second > 0 && strings.IndexByte(token[first+second+2:], '.') < 0
}

// issuerOf reads the issuer that a token names. Nobody has verified it: it only
// chooses whom to ask.
func (s *introspectionState) issuerOf(token string) string {
	m, err := s.parser.Parse(token)
	if err != nil {
		return ""
	}
	for _, member := range m.Claims {
		if borrow(member.Name) == "iss" {
			text, _ := member.Value.Text()
			return borrow(text)
		}
	}
	return ""
}

// introspect asks what a token is, or remembers. ours is false for a token that
// no server is asked about.
func (s *introspectionState) introspect(i *introspector, key tokenKey, token string, m moment) (v verification, ours bool) {
	l := s.lookups[i.index]
	if v, ok := l.remembered(key, m); ok {
		return v, true
	}
	if !i.sends(s, token) {
		return verification{}, false
	}
	return l.seek(s, key, token, m, false), true
}

// introspectVerified asks about a JWT that has verified: it may have been revoked
// since. It is nobody's garbage, and goes first.
func (s *introspectionState) introspectVerified(i *introspector, key tokenKey, token string, m moment) verification {
	l := s.lookups[i.index]
	// Under a name of its own: an answer that adds to a JWT must not be found as
	// one that stands for it, once the JWT itself is no longer good.
	key.hi = ^key.hi
	if v, ok := l.remembered(key, m); ok {
		return v
	}
	return l.seek(s, key, token, m, true)
}

// due appends the questions that may be asked now.
func (s *introspectionState) due(calls []Call, now time.Time) []Call {
	for _, l := range s.lookups {
		calls = l.due(calls, s, now)
	}
	return calls
}

// learn takes the server's answer to a question.
func (s *introspectionState) learn(now time.Time, errand Errand, answer Answer) Learned {
	return s.lookups[errand.index].learn(s, now, errand, answer)
}

func (s *introspectionState) sweep(at float64) {
	for _, l := range s.lookups {
		l.sweep(at)
	}
}

func (s *introspectionState) pending() bool {
	for _, l := range s.lookups {
		if l.pending {
			return true
		}
	}
	return false
}
