package policy

import (
	"time"

	"bearerauth/filter/jose"
)

// signedResponse is what a server's answers must be where it signs them (RFC 9701).
type signedResponse struct {
	issuer   string  // their iss, octet by octet
	audience string  // who we are to the server: one of their aud
	maxAge   float64 // seconds that they may be older than the question
	keyring
}

// signedType is the typ of signed answers, by which no other JWT of the server is
// taken for one (RFC 9701 section 5).
const signedType = "token-introspection+jwt"

// media is the type of the answers that are asked for. No other is taken, or a
// server, or whoever stands before it, could answer without a signature.
func (i *introspector) media() string {
	if i.signed != nil {
		return "application/" + signedType
	}
	return "application/json"
}

// open verifies a signed answer and returns the document in it that describes the
// token (RFC 9701 section 5), or what was wanted. The document is the parser's.
func (i *introspector) open(s *introspectionState, started time.Time, body []byte, now time.Time) (document []byte, want string) {
	r := i.signed
	m, err := s.parser.Parse(borrow(body))
	switch {
	case err != nil:
		return nil, "want a signed JWT: " + err.Error()
	case mediaType(m.Type) != signedType:
		return nil, "want a JWT with the typ " + signedType
	case !r.algorithms.Has(m.Algorithm):
		return nil, "want a JWT with an alg of " + r.algorithms.String()
	}
	s.keys.begin()
	found := s.keys.signer(m, s.keys.of(&r.keyring))
	if found.key == nil {
		if found.mayBeNewer && r.source != nil {
			// This answer is refused. The fetched keys serve the next one.
			s.keys.ask(r.source, m.KeyID, now, true)
			return nil, "want a signature by a key of the server's that has been fetched"
		}
		return nil, "want a signature that one of the server's keys verifies"
	}
	c := &s.claims
	c.reset(s.table)
	var inside jose.Value
	for _, member := range m.Claims {
		c.take(s.table, member.Name, member.Value)
		if borrow(member.Name) == "token_introspection" {
			inside = member.Value
		}
	}
	// The server's clock shows whole seconds.
	asked := float64(started.Unix())
	switch {
	case c.malformed:
		return nil, "want claims of the types that RFC 7519 section 4.1 has"
	case !c.hasIssuer || c.issuer != r.issuer:
		return nil, "want the iss " + quote(r.issuer)
	case !contains(c.audience, r.audience):
		return nil, "want the aud " + quote(r.audience)
	case !c.iat.set || c.iat.seconds < asked-r.maxAge-i.leeway:
		// Else an answer from before a token was revoked would let it pass for ever.
		return nil, "want an iat that is not before the question: leeway and max_age say how much it may be"
	case i.window(c).judge(seconds(now)) != ReasonTokenValid:
		return nil, "want an answer that is valid now, by its iat, nbf and exp"
	case inside.Kind() != '{':
		return nil, "want token_introspection to be an object"
	}
	// What stands beside it is said of the answer, never of the token.
	return inside, ""
}
