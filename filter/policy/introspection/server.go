// Package introspection asks authorization servers about tokens (RFC 7662), with
// signed responses (RFC 9701), and authenticates to them, with a private key too (RFC
// 7523). All requests with the same token share one question. The number of questions
// is bounded, and a flood of unknown tokens cannot use up the share of known ones. The
// package makes no call itself: the caller gets the calls from Due, and passes the
// answers to Learn.
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
	"bearerauth/filter/policy/trace"
	"bearerauth/filter/policy/verdict"
)

// Server is a provider of type "introspection": an authorization server that is asked
// about tokens. It never changes. serverState has the answers.
type Server struct {
	index    int // in Servers
	provider int // in the sorted list of all providers
	Name     string
	Path     string // in the configuration
	endpoint config.Endpoint
	timeout  time.Duration
	client   clientAuthentication

	tokenTypeHint   string
	signed          *signedAnswer // nil: answers are plain JSON
	shape           tokenShape
	Issuers         []string // accepted iss values of answers; none: any, or no iss
	TakesJWTs       bool     // JWTs of the Issuers are sent to the server, too
	unclear         bool     // which tokens it judges: the configuration has problems
	OnlyAfterVerify bool     // the server is asked only about JWTs that another provider has verified

	positiveTTL, negativeTTL time.Duration // how long an answer is fresh
	staleIfError             time.Duration // how much longer a good answer serves while the server fails
	maxCalls                 int           // in flight at once, per worker
	cacheBytes               int

	claims.Validator
}

func (server *Server) errand(key cache.Name) *fetch.Errand {
	// The call must time out before the request that waits for it: the error of the
	// call has the reason.
	return &fetch.Errand{Kind: fetch.ErrandToken, Index: server.index, Token: key, Timeout: server.timeout + time.Second}
}

// tokenShape is what a token must look like to be sent to the server: other texts
// cost the server no request.
type tokenShape struct {
	prefix               string
	minLength, maxLength int            // in bytes
	expression           *regexp.Regexp // nil: any token
}

// mayFit checks what is cheap. The expression runs only for tokens without an answer.
func (t *tokenShape) mayFit(token string) bool {
	return strings.HasPrefix(token, t.prefix) && len(token) >= t.minLength && len(token) <= t.maxLength
}

func (t *tokenShape) fits(token string) bool {
	return t.expression == nil || t.expression.MatchString(token)
}

// Servers are all providers of type "introspection".
type Servers []*Server

// For returns the server that judges a token from this location, or nil. places are
// the locations of each provider. At most one server fits, because no two providers
// share a location and a shape.
func (servers Servers) For(token string, location int, places []credential.Places) *Server {
	jwt := isJWTShaped(token)
	for _, server := range servers {
		if places[server.provider].Has(location) && server.shape.mayFit(token) && !server.OnlyAfterVerify && (!jwt || server.TakesJWTs) {
			return server
		}
	}
	return nil
}

// State is what a worker remembers of introspected tokens, and the memory in which it
// reads the next answer. It serves one request or answer at a time.
type State struct {
	servers     []*serverState // in the order of Servers
	table       *claims.Table
	propagation *identity.Propagation
	keys        *jwks.State     // of signed answers
	sign        jose.HostSigner // nil: Go's crypto signs client assertions
	hash        cache.Key
	serial      uint64 // of the newest jti

	parser jose.Parser
	reader jose.Reader
	claims claims.Claims
}

// NewState returns a State without any answer. hash is the VM's secret key, from which
// unpredictable jti values are derived.
func NewState(servers Servers, table *claims.Table, propagation *identity.Propagation, keys *jwks.State, sign jose.HostSigner, hash cache.Key) *State {
	s := &State{table: table, propagation: propagation, keys: keys, sign: sign, hash: hash}
	for _, server := range servers {
		s.servers = append(s.servers, newServerState(server))
	}
	return s
}

// maySend reports whether a token may be sent to the server. A JWT is sent only if it
// names an issuer of this server: the server must not get the tokens of others.
func (server *Server) maySend(s *State, token string) bool {
	return server.shape.fits(token) && (!isJWTShaped(token) || syntax.Contains(server.Issuers, s.issuerOf(token)))
}

// isJWTShaped reports whether a token has three parts, of which the first two are not
// empty. A token of five parts is encrypted, and so opaque to this filter.
func isJWTShaped(token string) bool {
	first := strings.IndexByte(token, '.')
	if first <= 0 {
		return false
	}
	second := strings.IndexByte(token[first+1:], '.')
	return second > 0 && strings.IndexByte(token[first+second+2:], '.') < 0
}

// issuerOf reads the iss of a token that has not been verified: it only chooses the
// server to ask.
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

// Provides reports whether the server is the provider with this index.
func (server *Server) Provides(provider int) bool { return server.provider == provider }

// Cluster returns the Envoy cluster of the server.
func (server *Server) Cluster() string { return server.endpoint.Cluster }

// Explain reports whether a token of this location is judged by an introspection server,
// and says by which.
func (s *State) Explain(steps *trace.Steps, servers Servers, token string, location int, places []credential.Places, reason verdict.Reason) bool {
	server := servers.For(token, location, places)
	if server == nil || !server.maySend(s, token) {
		return false
	}
	steps.Add(trace.Provider, server.Name, "takes the token and asks its server")
	if reason != verdict.ReasonTokenValid {
		steps.Wrong("", reason.String())
	}
	return true
}

// Introspect judges a token by the server's answer, which it remembers or asks for. key
// is the token's name in the caches. asked is false for a token that may not be sent to
// this server. An outcome with Wait may change when that errand is done; it is set only
// if m permits the request to wait.
func (s *State) Introspect(server *Server, key cache.Name, token string, m fetch.Moment) (v identity.Outcome, asked bool) {
	st := s.servers[server.index]
	if v, ok := st.remembered(key, m); ok {
		return v, true
	}
	if !server.maySend(s, token) {
		return identity.Outcome{}, false
	}
	return st.question(s, key, token, m, false), true
}

// IntrospectVerified is Introspect for a JWT whose signature is good, but which may
// have been revoked since. Its question comes before those about unknown tokens.
func (s *State) IntrospectVerified(server *Server, key cache.Name, token string, m fetch.Moment) identity.Outcome {
	st := s.servers[server.index]
	// The answer has a name of its own. Introspect must not find it: it would let the
	// JWT pass after its signature no longer verifies.
	key.Hi = ^key.Hi
	if v, ok := st.remembered(key, m); ok {
		return v
	}
	return st.question(s, key, token, m, true)
}

// Due appends the calls for questions that may be asked now. The caller must make
// them, and pass each answer to Learn.
func (s *State) Due(calls []fetch.Call, now time.Time) []fetch.Call {
	for _, st := range s.servers {
		calls = st.due(calls, s, now)
	}
	return calls
}

// Learn takes the answer to a call, success or not. An answer without a question in
// flight has no effect.
func (s *State) Learn(now time.Time, errand fetch.Errand, answer fetch.Answer) fetch.Learned {
	return s.servers[errand.Index].learn(s, now, errand, answer)
}

// Sweep removes answers that are too old to serve, and questions for which no request
// waits any longer. at is the time in seconds since the epoch.
func (s *State) Sweep(at float64) {
	for _, st := range s.servers {
		st.sweep(at)
	}
}

// Pending reports whether questions were queued since the last Due.
func (s *State) Pending() bool {
	for _, st := range s.servers {
		if st.pending {
			return true
		}
	}
	return false
}
