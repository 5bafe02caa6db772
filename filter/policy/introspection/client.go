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

// clientAuthentication is how the filter shows the authorization server who asks
// (RFC 7662 section 2.1, RFC 6749 section 2.3, RFC 7523).
type clientAuthentication struct {
	kind     clientAuthenticationKind
	id       string
	secret   string // or the bearer token
	key      *jose.Signer
	keyID    string
	audience string // of assertions
}

type clientAuthenticationKind int

const (
	clientSecretBasic clientAuthenticationKind = iota
	clientSecretPost
	clientBearer
	clientPrivateKeyJWT
)

var clientAuthenticationNames = []string{"client_secret_basic", "client_secret_post", "bearer", "private_key_jwt"}

// An assertion is used for a minute, since signing costs more than all the rest,
// and valid for longer, since the server's clock may differ. A server may take
// each but once (RFC 7523 section 3, jti): it is found to when it refuses one that
// it has seen, and gets one a call from then on.
const (
	assertionUse  = time.Minute
	assertionLife = 3 * time.Minute
	// So long no second assertion is tried after one was refused, too.
	assertionRetry = time.Minute
)

// SignedBy reports whether a host signs right with one of the policy's keys at
// least; what it signs is looked at each time all the same.
func (is Servers) SignedBy(host jose.HostSigner) bool {
	for _, i := range is {
		if i.client.key != nil && i.client.key.SignedBy(host) {
			return true
		}
	}
	return false
}

// assertion is what some calls of a worker show.
type assertion struct {
	text    string
	made    time.Time
	uses    int
	oneCall bool // made for one call
}

// clientState is what a worker knows of its standing with a server.
type clientState struct {
	shared    *assertion
	singleUse bool // the server takes an assertion but once
	renew     bool // the next one is made for its call
	refused   time.Time
}

// show adds to a question what shows who asks it.
func (c *clientAuthentication) authenticate(call *fetch.Call, q *Question, state *clientState, s *State, now time.Time) error {
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

func (c *clientAuthentication) assertion(state *clientState, s *State, now time.Time) (*assertion, error) {
	own := state.singleUse || state.renew
	state.renew = false
	if a := state.shared; !own && a != nil && now.Sub(a.made) < assertionUse && !now.Before(a.made) {
		return a, nil
	}
	text, err := c.assert(s, now)
	if err != nil {
		return nil, err
	}
	a := &assertion{text: text, made: now, oneCall: own}
	if !own {
		state.shared = a
	}
	return a, nil
}

// mayShowAnother decides over a refused call: it is made once more, with an
// assertion of its own, if the one that it showed was shown before.
func (c *clientState) mayRetry(a *assertion, now time.Time) bool {
	if a == nil || a.uses < 2 || now.Sub(c.refused) < assertionRetry {
		return false
	}
	c.renew = true
	return true
}

// learn finds out whether it was the second use that the server refused.
func (c *clientState) learn(a *assertion, accepted, refused bool, now time.Time) {
	switch {
	case a == nil || !a.oneCall:
	case refused:
		c.refused = now
	case accepted:
		c.singleUse = true
	}
}

// assert makes a client assertion (RFC 7523 section 3).
func (c *clientAuthentication) assert(s *State, now time.Time) (string, error) {
	header := append(config.AppendJSON([]byte(`{"typ":"JWT","alg":`), c.key.Algorithm.String()), '}')
	if c.keyID != "" {
		header = append(header[:len(header)-1], `,"kid":`...)
		header = append(config.AppendJSON(header, c.keyID), '}')
	}
	payload := config.AppendJSON([]byte(`{"iss":`), c.id)
	payload = config.AppendJSON(append(payload, `,"sub":`...), c.id)
	payload = config.AppendJSON(append(payload, `,"aud":`...), c.audience)
	payload = config.AppendJSON(append(payload, `,"jti":`...), s.JTI(now))
	payload = strconv.AppendInt(append(payload, `,"iat":`...), now.Unix(), 10)
	payload = strconv.AppendInt(append(payload, `,"exp":`...), now.Add(assertionLife).Unix(), 10)
	return c.key.Sign(header, append(payload, '}'), s.sign)
}

// Unique is a text that nobody else makes and nobody foresees.
func (s *State) JTI(now time.Time) string {
	s.serial++
	k := s.hash.Sum("jti " + strconv.FormatInt(now.UnixNano(), 36) + " " + strconv.FormatUint(s.serial, 36))
	return strconv.FormatUint(k.Lo, 36) + strconv.FormatUint(k.Hi, 36)
}

// appendForm appends one pair of application/x-www-form-urlencoded.
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
