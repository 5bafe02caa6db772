package policy

import (
	"regexp"
	"strings"
	"time"
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
	return &Errand{kind: errandToken, index: i.index, token: key, timeout: i.timeout + time.Second}
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

// introspectorOf is who can tell what a token at this place is, nil where that
// is nobody. No two providers share a place and a shape.
func (p *Policy) introspectorOf(c *found) *introspector {
	jwt := isJWTShaped(c.token)
	for _, i := range p.introspectors {
		if p.places[i.provider].has(c.location) && i.shape.mayFit(c.token) && !i.onlyAfter && (!jwt || i.jwts) {
			return i
		}
	}
	return nil
}

// sends reports whether a token may be shown to the server: a JWT only if it
// names an issuer that is known.
func (i *introspector) sends(s *State, token string) bool {
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
func (s *State) issuerOf(token string) string {
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
func (p *Policy) introspect(s *State, c *found, now time.Time, how patience) (v verification, ours bool) {
	i := p.introspectorOf(c)
	if i == nil {
		return verification{}, false
	}
	l, key := s.lookups[i.index], s.name(c)
	if v, ok := l.remembered(key, now, s.since); ok {
		return v, true
	}
	if !i.sends(s, c.token) {
		return verification{}, false
	}
	return l.seek(s, key, c.token, now, how, false), true
}

// introspectVerified asks about a JWT that has verified: it may have been revoked
// since. It is nobody's garbage, and goes first.
func (p *Policy) introspectVerified(s *State, i *introspector, c *found, now time.Time, how patience) verification {
	l, key := s.lookups[i.index], s.name(c)
	// Under a name of its own: an answer that adds to a JWT must not be found as
	// one that stands for it, once the JWT itself is no longer good.
	key.hi = ^key.hi
	if v, ok := l.remembered(key, now, s.since); ok {
		return v
	}
	return l.seek(s, key, c.token, now, how, true)
}
