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

// signedAnswer is what a signed introspection response must contain (RFC 9701).
type signedAnswer struct {
	issuer   string  // the iss, byte for byte
	audience string  // this filter's name at the server, which must be in aud
	maxAge   float64 // seconds that iat may be before the question
	jwks.Ring
}

// mediaType is the only media type that an answer may have. If plain JSON were accepted
// beside signed answers, an attacker on the network could remove the signature.
func (server *Server) mediaType() string {
	if server.signed != nil {
		return "application/" + jwt.SignedType
	}
	return "application/json"
}

// openSigned verifies a signed answer and returns the document that describes the token
// (RFC 9701 section 5), or the problem. The document borrows from the parser.
func (server *Server) openSigned(s *State, started time.Time, body []byte, now time.Time) (document []byte, want string) {
	r := server.signed
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
			// This answer is refused; the refetch serves the next.
			s.keys.Ask(r.Source, m.KeyID, now, true)
			return nil, "want a signature by one of the server's fetched keys"
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
	// iat usually has whole seconds, so the question's time is cut to them, too.
	asked := float64(started.Unix())
	switch {
	case c.Malformed:
		return nil, "want claims of the types in RFC 7519 section 4.1"
	case !c.HasIssuer || c.Issuer != r.issuer:
		return nil, "want the iss " + config.Quote(r.issuer)
	case !syntax.Contains(c.Audience, r.audience):
		return nil, "want the aud " + config.Quote(r.audience)
	case !c.Iat.Set || c.Iat.Seconds < asked-r.maxAge-server.Leeway:
		// An attacker could replay an answer from before the token was revoked.
		return nil, "want an iat that is not before the request, except for leeway and max_age"
	case server.Window(c).Judge(fetch.Seconds(now)) != verdict.ReasonTokenValid:
		return nil, "want an answer that is valid now, by its iat, nbf and exp"
	case inside.Kind() != '{':
		return nil, "want token_introspection to be an object"
	}
	// The other claims describe the answer, not the token.
	return inside, ""
}
