package introspection

import (
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/jwks"
	"bearerauth/filter/policy/jwt"
	"bearerauth/filter/policy/syntax"
	"bearerauth/filter/policy/verdict"
)

// signedResponse is what a server's answers must be where it signs them (RFC 9701).
type signedAnswer struct {
	issuer   string  // their iss, octet by octet
	audience string  // who we are to the server: one of their aud
	maxAge   float64 // seconds that they may be older than the question
	jwks.Ring
}

// media is the type of the answers that are asked for. No other is taken, or a
// server, or whoever stands before it, could answer without a signature.
func (i *Server) mediaType() string {
	if i.signed != nil {
		return "application/" + jwt.SignedType
	}
	return "application/json"
}

// open verifies a signed answer and returns the document in it that describes the
// token (RFC 9701 section 5), or what was wanted. The document is the parser's.
func (i *Server) openSigned(s *State, started time.Time, body []byte, now time.Time) (document []byte, want string) {
	r := i.signed
	m, err := s.parser.Parse(syntax.Borrow(body))
	switch {
	case err != nil:
		return nil, "want a signed JWT: " + err.Error()
	case jwt.MediaType(m.Type) != jwt.SignedType:
		return nil, "want a JWT with the typ " + jwt.SignedType
	case !r.Algorithms.Has(m.Algorithm):
		return nil, "want a JWT with an alg of " + r.Algorithms.String()
	}
	s.keys.Begin()
	found := s.keys.Signer(m, s.keys.KeySet(&r.Ring))
	if found.Key == nil {
		if found.KeyMayBeNewer && r.Source != nil {
			// This answer is refused. The fetched keys serve the next one.
			s.keys.Ask(r.Source, m.KeyID, now, true)
			return nil, "want a signature by a key of the server's that has been fetched"
		}
		return nil, "want a signature that one of the server's keys verifies"
	}
	c := &s.claims
	c.Reset(s.table)
	var inside jose.Value
	for _, member := range m.Claims {
		c.Take(s.table, member.Name, member.Value)
		if syntax.Borrow(member.Name) == "token_introspection" {
			inside = member.Value
		}
	}
	// The server's clock shows whole seconds.
	asked := float64(started.Unix())
	switch {
	case c.Malformed:
		return nil, "want claims of the types that RFC 7519 section 4.1 has"
	case !c.HasIssuer || c.Issuer != r.issuer:
		return nil, "want the iss " + config.Quote(r.issuer)
	case !syntax.Contains(c.Audience, r.audience):
		return nil, "want the aud " + config.Quote(r.audience)
	case !c.Iat.Set || c.Iat.Seconds < asked-r.maxAge-i.Leeway:
		// Else an answer from before a token was revoked would let it pass for ever.
		return nil, "want an iat that is not before the question: leeway and max_age say how much it may be"
	case i.Window(c).Judge(fetch.Seconds(now)) != verdict.ReasonTokenValid:
		return nil, "want an answer that is valid now, by its iat, nbf and exp"
	case inside.Kind() != '{':
		return nil, "want token_introspection to be an object"
	}
	// What stands beside it is said of the answer, never of the token.
	return inside, ""
}
