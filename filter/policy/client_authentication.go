package policy

import (
	"encoding/base64"
	"strconv"
	"time"

	"bearerauth/filter/jose"
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
// and valid for longer, since the server's clock may differ.
const (
	assertionUse  = time.Minute
	assertionLife = 3 * time.Minute
)

// assertion is the newest one of a worker.
type assertion struct {
	text string
	made time.Time
}

// add appends to a question what shows who asks it. why is set where there is
// nothing to show.
func (c *clientAuthentication) add(headers [][2]string, body []byte, a *assertion, s *State, now time.Time) (_ [][2]string, _ []byte, why string) {
	switch c.kind {
	case clientSecretBasic:
		// RFC 6749 section 2.3.1: each part is form-encoded first.
		pair := append(appendFormValue(nil, c.id), ':')
		pair = appendFormValue(pair, c.secret)
		return append(headers, [2]string{"authorization", "Basic " + base64.StdEncoding.EncodeToString(pair)}), body, ""
	case clientSecretPost:
		body = appendForm(body, "client_id", c.id)
		return headers, appendForm(body, "client_secret", c.secret), ""
	case clientBearer:
		return append(headers, [2]string{"authorization", "Bearer " + c.secret}), body, ""
	case clientPrivateKeyJWT:
		if a.text == "" || now.Sub(a.made) >= assertionUse || now.Before(a.made) {
			text, err := c.assert(s, now)
			if err != nil {
				return nil, nil, err.Error()
			}
			*a = assertion{text, now}
		}
		body = appendForm(body, "client_id", c.id)
		body = appendForm(body, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		return headers, appendForm(body, "client_assertion", a.text), ""
	}
	return nil, nil, "no client authentication"
}

// assert makes a client assertion (RFC 7523 section 3).
func (c *clientAuthentication) assert(s *State, now time.Time) (string, error) {
	header := append(appendJSON([]byte(`{"typ":"JWT","alg":`), c.key.Algorithm.String()), '}')
	if c.keyID != "" {
		header = append(header[:len(header)-1], `,"kid":`...)
		header = append(appendJSON(header, c.keyID), '}')
	}
	payload := appendJSON([]byte(`{"iss":`), c.id)
	payload = appendJSON(append(payload, `,"sub":`...), c.id)
	payload = appendJSON(append(payload, `,"aud":`...), c.audience)
	payload = appendJSON(append(payload, `,"jti":`...), s.unique(now))
	payload = strconv.AppendInt(append(payload, `,"iat":`...), now.Unix(), 10)
	payload = strconv.AppendInt(append(payload, `,"exp":`...), now.Add(assertionLife).Unix(), 10)
	return c.key.Sign(header, append(payload, '}'), s.host.Sign)
}

// unique is a text that nobody else makes and nobody foresees.
func (s *State) unique(now time.Time) string {
	s.serial++
	k := s.cache.key.sum("jti " + strconv.FormatInt(now.UnixNano(), 36) + " " + strconv.FormatUint(s.serial, 36))
	return strconv.FormatUint(k.lo, 36) + strconv.FormatUint(k.hi, 36)
}
