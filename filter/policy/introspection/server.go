// Package introspection asks authorization servers about tokens (RFC 7662), with
// signed answers (RFC 9701) and all kinds of client authentication (RFC 7523 among
// them). One question serves all requests with the same token, within bounds that a
// flood of unknown tokens cannot use up for known ones. It makes no call itself.
package introspection

import (
	"regexp"
	"strings"
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/cache"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/credential"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/jwks"
	"bearerauth/filter/policy/syntax"
)

// Server is a provider whose tokens only the authorization server can read
// (RFC 7662). It never changes; what the server said is in a lookups.
type Server struct {
	index         int // in Policy.introspectors
	provider      int // in Policy.providers
	Name          string
	Path          string // in the configuration
	endpoint      config.Endpoint
	timeout       time.Duration
	client        clientAuthentication
	tokenTypeHint string        // token_type_hint
	signed        *signedAnswer // nil: answers are plain JSON
	shape         tokenShape
	Issuers       []string
	TakesJWTs     bool // is asked about JWTs of its issuers, too
	// onlyAfter: is asked only about JWTs that another provider has verified.
	OnlyAfterVerify bool

	positiveTTL, negativeTTL time.Duration // how long an answer holds
	staleIfError             time.Duration // how much longer a good one does while the server is out
	MaxCalls                 int           // at most under way at once, in one worker
	cacheBytes               int

	claims.Validator
}

func (i *Server) errand(key cache.Name) *fetch.Errand {
	// The call's own end comes first: it tells more.
	return &fetch.Errand{Kind: fetch.ErrandToken, Index: i.index, Token: key, Timeout: i.timeout + time.Second}
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

// Servers are the providers of opaque tokens.
type Servers []*Server

// For is who can tell what a token at this place is, nil where that is nobody. No
// two providers share a place and a shape.
func (is Servers) For(token string, location int, at []credential.Places) *Server {
	jwt := isJWTShaped(token)
	for _, i := range is {
		if at[i.provider].Has(location) && i.shape.mayFit(token) && !i.OnlyAfterVerify && (!jwt || i.TakesJWTs) {
			return i
		}
	}
	return nil
}

// State is what a worker knows of opaque tokens.
type State struct {
	Servers     []*ServerState
	table       *claims.Table
	propagation *identity.Propagation
	keys        *jwks.State // of signed answers
	sign        jose.HostSigner
	hash        cache.Key
	serial      uint64

	parser jose.Parser
	reader jose.Reader
	claims claims.Claims
}

func NewState(servers Servers, table *claims.Table, propagation *identity.Propagation, keys *jwks.State, sign jose.HostSigner, hash cache.Key) *State {
	s := &State{table: table, propagation: propagation, keys: keys, sign: sign, hash: hash}
	for _, i := range servers {
		s.Servers = append(s.Servers, newServerState(i))
	}
	return s
}

// sends reports whether a token may be shown to the server: a JWT only if it
// names an issuer that is known.
func (i *Server) maySend(s *State, token string) bool {
	return i.shape.fits(token) && (!isJWTShaped(token) || syntax.Contains(i.Issuers, s.issuerOf(token)))
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
		if syntax.Borrow(member.Name) == "iss" {
			text, _ := member.Value.Text()
			return syntax.Borrow(text)
		}
	}
	return ""
}

// Introspect asks what a token is, or remembers. ours is false for a token that
// no server is asked about.
func (s *State) Introspect(i *Server, key cache.Name, token string, m fetch.Moment) (v identity.Outcome, ours bool) {
	l := s.Servers[i.index]
	if v, ok := l.remembered(key, m); ok {
		return v, true
	}
	if !i.maySend(s, token) {
		return identity.Outcome{}, false
	}
	return l.question(s, key, token, m, false), true
}

// IntrospectVerified asks about a JWT that has verified: it may have been revoked
// since. It is nobody's garbage, and goes first.
func (s *State) IntrospectVerified(i *Server, key cache.Name, token string, m fetch.Moment) identity.Outcome {
	l := s.Servers[i.index]
	// Under a name of its own: an answer that adds to a JWT must not be found as
	// one that stands for it, once the JWT itself is no longer good.
	key.Hi = ^key.Hi
	if v, ok := l.remembered(key, m); ok {
		return v
	}
	return l.question(s, key, token, m, true)
}

// Due appends the questions that may be asked now.
func (s *State) Due(calls []fetch.Call, now time.Time) []fetch.Call {
	for _, l := range s.Servers {
		calls = l.due(calls, s, now)
	}
	return calls
}

// Learn takes the server's answer to a question.
func (s *State) Learn(now time.Time, errand fetch.Errand, answer fetch.Answer) fetch.Learned {
	return s.Servers[errand.Index].learn(s, now, errand, answer)
}

func (s *State) Sweep(at float64) {
	for _, l := range s.Servers {
		l.sweep(at)
	}
}

func (s *State) Pending() bool {
	for _, l := range s.Servers {
		if l.pending {
			return true
		}
	}
	return false
}
