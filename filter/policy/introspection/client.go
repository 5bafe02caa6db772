package introspection

import (
	"encoding/base64"
	"strconv"
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/syntax"
)

// clientAuthentication is how the filter authenticates to the authorization server (RFC
// 7662 section 2.1, RFC 6749 section 2.3, RFC 7523).
type clientAuthentication struct {
	kind     clientAuthenticationKind
	id       string
	secret   string       // with clientBearer, the bearer token
	key      *jose.Signer // with clientPrivateKeyJWT
	keyID    string       // kid of assertions, "" for none
	audience string       // aud of assertions
}

type clientAuthenticationKind int

const (
	clientSecretBasic clientAuthenticationKind = iota
	clientSecretPost
	clientBearer
	clientPrivateKeyJWT
)

var clientAuthenticationNames = []string{"client_secret_basic", "client_secret_post", "bearer", "private_key_jwt"}

const (
	// assertionUse is how long calls share an assertion: signing costs more than the
	// rest of a call. A server may accept each jti once (RFC 7523 section 3). When it
	// refuses a reused assertion, make one per call from then on.
	assertionUse = time.Minute

	// assertionLife is how long an assertion is valid: longer than it is used, because
	// the server's clock may differ.
	assertionLife = 3 * time.Minute

	// assertionRetry is how long no call is repeated after the server refused an
	// assertion made for a single call, too.
	assertionRetry = time.Minute
)

// SignedBy reports whether the host signs correctly with at least one of the private
// keys. Each signature of the host is verified nevertheless.
func (servers Servers) SignedBy(host jose.HostSigner) bool {
	for _, server := range servers {
		if server.client.key != nil && server.client.key.SignedBy(host) {
			return true
		}
	}
	return false
}

// assertion is a client assertion, which calls of a worker share.
type assertion struct {
	text    string
	made    time.Time
	uses    int
	oneCall bool // made for a single call
}

// clientState is what a worker has learned about assertions from a server.
type clientState struct {
	shared    *assertion
	singleUse bool      // the server accepts each assertion once
	renew     bool      // the next call gets an assertion of its own
	refused   time.Time // when an assertion made for a single call was refused last
}

// authenticate adds the client's credentials to a call.
func (c *clientAuthentication) authenticate(call *fetch.Call, q *question, state *clientState, s *State, now time.Time) error {
	switch c.kind {
	case clientSecretBasic:
		// RFC 6749 section 2.3.1: each part is form-encoded first.
		pair := append(appendFormValue(nil, c.id), ':')
		pair = appendFormValue(pair, c.secret)
		call.Headers = append(call.Headers, [2]string{"authorization", "Basic " + base64.StdEncoding.EncodeToString(pair)})
	case clientSecretPost:
		call.Body = appendForm(call.Body, "client_id", c.id)
		call.Body = appendForm(call.Body, "client_secret", c.secret)
	case clientBearer:
		call.Headers = append(call.Headers, [2]string{"authorization", "Bearer " + c.secret})
	case clientPrivateKeyJWT:
		a, err := c.assertion(state, s, now)
		if err != nil {
			return err
		}
		a.uses++
		q.assertion = a
		call.Body = appendForm(call.Body, "client_id", c.id)
		call.Body = appendForm(call.Body, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		call.Body = appendForm(call.Body, "client_assertion", a.text)
	}
	return nil
}

// assertion returns the shared assertion, or a new one if the call needs its own.
func (c *clientAuthentication) assertion(state *clientState, s *State, now time.Time) (*assertion, error) {
	oneCall := state.singleUse || state.renew
	state.renew = false
	if a := state.shared; !oneCall && a != nil && now.Sub(a.made) < assertionUse && !now.Before(a.made) {
		return a, nil
	}
	text, err := c.assert(s, now)
	if err != nil {
		return nil, err
	}
	a := &assertion{text: text, made: now, oneCall: oneCall}
	if !oneCall {
		state.shared = a
	}
	return a, nil
}

// mayRetry reports whether a refused call may be repeated with an assertion of its own:
// its assertion was used before, so the server may have refused the reuse.
func (c *clientState) mayRetry(a *assertion, now time.Time) bool {
	if a == nil || a.uses < 2 || now.Sub(c.refused) < assertionRetry {
		return false
	}
	c.renew = true
	return true
}

// learn takes the result of a repeated call. If the server accepts it, the server had
// refused the reuse of the assertion.
func (c *clientState) learn(a *assertion, accepted, refused bool, now time.Time) {
	switch {
	case a == nil || !a.oneCall:
	case refused:
		c.refused = now
	case accepted:
		c.singleUse = true
	}
}

// assert signs a client assertion (RFC 7523 section 3).
func (c *clientAuthentication) assert(s *State, now time.Time) (string, error) {
	header := append(config.AppendJSON([]byte(`{"typ":"JWT","alg":`), c.key.Algorithm.String()), '}')
	if c.keyID != "" {
		header = append(header[:len(header)-1], `,"kid":`...)
		header = append(config.AppendJSON(header, c.keyID), '}')
	}
	payload := config.AppendJSON([]byte(`{"iss":`), c.id)
	payload = config.AppendJSON(append(payload, `,"sub":`...), c.id)
	payload = config.AppendJSON(append(payload, `,"aud":`...), c.audience)
	payload = config.AppendJSON(append(payload, `,"jti":`...), s.jti(now))
	payload = strconv.AppendInt(append(payload, `,"iat":`...), now.Unix(), 10)
	payload = strconv.AppendInt(append(payload, `,"exp":`...), now.Add(assertionLife).Unix(), 10)
	return c.key.Sign(header, append(payload, '}'), s.sign)
}

// jti returns a value that is unique, and unpredictable without the VM's key.
func (s *State) jti(now time.Time) string {
	s.serial++
	k := s.hash.Sum("jti " + strconv.FormatInt(now.UnixNano(), 36) + " " + strconv.FormatUint(s.serial, 36))
	return strconv.FormatUint(k.Lo, 36) + strconv.FormatUint(k.Hi, 36)
}

// appendForm appends a parameter in the format application/x-www-form-urlencoded.
func appendForm(dst []byte, name, value string) []byte {
	if len(dst) > 0 {
		dst = append(dst, '&')
	}
	dst = append(dst, name...)
	dst = append(dst, '=')
	return appendFormValue(dst, value)
}

func appendFormValue(dst []byte, value string) []byte {
	for i := 0; i < len(value); i++ {
		if c := value[i]; syntax.IsUnreserved(c) && c != '~' {
			dst = append(dst, c)
		} else {
			dst = claims.AppendPercent(dst, c)
		}
	}
	return dst
}
