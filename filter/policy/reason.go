package policy

// Reason says why a request was let through or refused. It is a closed list:
// the status, the challenge, the log's word, the access log's details and the
// metric's label all come from the one table below.
type Reason uint8

// The zero Reason is a failure of the filter itself, so that what was never
// decided denies.
const (
	ReasonInternal Reason = iota
	ReasonMissing
	ReasonMalformed
	ReasonSeveralCredentials
	ReasonNonCanonicalPath
	ReasonConnection
	ReasonUnknownToken
	ReasonOtherProvider
	ReasonNotYetValid
	ReasonExpired
	ReasonInsufficientScope
	ReasonInsufficientClaims
	ReasonForbidden
	ReasonMalformedToken
	ReasonAlgorithm
	ReasonUnknownKey
	ReasonTooManyKeys
	ReasonBadSignature
	ReasonWrongIssuer
	ReasonWrongAudience
	ReasonWrongType
	ReasonWrongSubject
	ReasonWrongClaim
	ReasonNoExpiry
	ReasonLifetime
	ReasonSenderConstrained
	ReasonKeysUnavailable
	ReasonIntrospectionUnavailable
	ReasonInactive
	ReasonRevoked
	ReasonRevocationsUnavailable
	ReasonWrongLocation
	ReasonTokenValid
	ReasonAnonymous
	ReasonOptionalMissing
	ReasonPresenceOnly
	ReasonShadow
	ReasonPreflight
	ReasonMetadata

	NumReasons int = iota
)

// The kinds of refusal, each with a text that a configuration can replace.
const (
	detailInternal = iota
	detailMissingToken
	detailInvalidRequest
	detailInvalidToken
	detailInsufficientScope
	detailForbidden
	detailUnavailable

	numDetails
)

var (
	detailNames = [numDetails]string{
		"", "missing_token", "invalid_request", "invalid_token", "insufficient_scope", "forbidden",
		"unavailable",
	}
	defaultDetails = [numDetails]string{
		"Internal error", "Not authenticated", "Malformed credentials",
		"Invalid authentication credentials", "Insufficient scope", "Forbidden",
		"Token verification is unavailable",
	}
)

// outcome is what follows from a Reason. The zero outcome is a 500.
type outcome struct {
	word        string
	allows      bool
	answers     bool // neither passes nor refuses: a Reply
	status      uint32
	grpcStatus  int32  // google.rpc.Code, for gRPC requests
	detail      int    // which text the body has
	challenges  bool   // with WWW-Authenticate
	code        string // RFC 6750 section 3.1; "" where no credentials were sent
	description string // RFC 6750 error_description
}

var outcomes = [NumReasons]outcome{
	ReasonInternal: {word: "internal", status: 500, grpcStatus: 13, detail: detailInternal},
	ReasonMissing:  {word: "missing", status: 401, grpcStatus: 16, detail: detailMissingToken, challenges: true},
	ReasonMalformed: {
		word: "malformed", status: 400, grpcStatus: 16, detail: detailInvalidRequest, challenges: true,
		code: "invalid_request", description: "The credentials are malformed",
	},
	ReasonSeveralCredentials: {
		word: "several_credentials", status: 400, grpcStatus: 16, detail: detailInvalidRequest, challenges: true,
		code: "invalid_request", description: "The request has more than one set of credentials",
	},
	ReasonNonCanonicalPath: {
		word: "non_canonical_path", status: 400, grpcStatus: 16, detail: detailInvalidRequest, challenges: true,
		code: "invalid_request", description: "The path is not in canonical form",
	},
	ReasonConnection: {
		word: "connection_header", status: 400, grpcStatus: 16, detail: detailInvalidRequest, challenges: true,
		code: "invalid_request", description: "The Connection header names a header that is set here",
	},
	ReasonUnknownToken: invalid("unknown_token"),
	// The token is good, and a 401 would make the client throw it away and fetch the next like it.
	ReasonOtherProvider: insufficient("other_provider"),
	ReasonNotYetValid:   invalid("not_yet_valid"),
	ReasonExpired: {
		word: "expired", status: 401, grpcStatus: 16, detail: detailInvalidToken, challenges: true,
		code: "invalid_token", description: "The access token expired",
	},
	ReasonInsufficientScope:  insufficient("insufficient_scope"),
	ReasonInsufficientClaims: insufficient("insufficient_claims"),
	// No token would help: a challenge would send the client in circles.
	ReasonForbidden:         {word: "forbidden", status: 403, grpcStatus: 7, detail: detailForbidden},
	ReasonMalformedToken:    invalid("malformed_token"),
	ReasonAlgorithm:         invalid("algorithm"),
	ReasonUnknownKey:        invalid("unknown_key"),
	ReasonTooManyKeys:       invalid("too_many_keys"),
	ReasonBadSignature:      invalid("bad_signature"),
	ReasonWrongIssuer:       invalid("wrong_issuer"),
	ReasonWrongAudience:     invalid("wrong_audience"),
	ReasonWrongType:         invalid("wrong_type"),
	ReasonWrongSubject:      invalid("wrong_subject"),
	ReasonWrongClaim:        invalid("wrong_claim"),
	ReasonNoExpiry:          invalid("no_expiry"),
	ReasonLifetime:          invalid("lifetime"),
	ReasonSenderConstrained: invalid("sender_constrained"),
	// Nothing is known about the token: a 401 would make clients throw it away.
	ReasonKeysUnavailable:          {word: "keys_unavailable", status: 503, grpcStatus: 14, detail: detailUnavailable},
	ReasonIntrospectionUnavailable: {word: "introspection_unavailable", status: 503, grpcStatus: 14, detail: detailUnavailable},
	ReasonInactive:                 invalid("inactive"),
	ReasonRevoked:                  invalid("revoked"),
	ReasonRevocationsUnavailable:   {word: "revocations_unavailable", status: 503, grpcStatus: 14, detail: detailUnavailable},
	ReasonWrongLocation:            invalid("wrong_location"),
	ReasonTokenValid:               {word: "token_valid", allows: true},
	ReasonAnonymous:                {word: "anonymous", allows: true},
	ReasonOptionalMissing:          {word: "optional_missing", allows: true},
	ReasonPresenceOnly:             {word: "presence_only", allows: true},
	ReasonShadow:                   {word: "shadow", allows: true},
	ReasonPreflight:                {word: "cors_preflight", allows: true},
	ReasonMetadata:                 {word: "metadata", answers: true},
}

// invalid is the outcome that all refusals of a token share, so that a client
// cannot tell a bad signature from a key or an issuer that nobody knows.
func invalid(word string) outcome {
	return outcome{
		word: word, status: 401, grpcStatus: 16, detail: detailInvalidToken, challenges: true,
		code: "invalid_token", description: "The access token is invalid",
	}
}

// insufficient is the outcome of a valid token that is not enough. A client
// need not learn which claims open what: a scope it can ask for.
func insufficient(word string) outcome {
	return outcome{
		word: word, status: 403, grpcStatus: 7, detail: detailInsufficientScope, challenges: true,
		code: "insufficient_scope", description: "The access token lacks a scope that the request needs",
	}
}

// String is the reason's word in logs, metrics and response code details.
func (r Reason) String() string {
	if int(r) >= NumReasons {
		return "internal"
	}
	return outcomes[r].word
}

// Allows reports whether requests pass for this reason.
func (r Reason) Allows() bool { return int(r) < NumReasons && outcomes[r].allows }

// Answers reports whether requests get a Reply for this reason.
func (r Reason) Answers() bool { return int(r) < NumReasons && outcomes[r].answers }

// Decision is what becomes of a request for this reason, as metrics have it.
func (r Reason) Decision() string {
	switch {
	case r.Allows():
		return "allow"
	case r.Answers():
		return "answer"
	}
	return "deny"
}
