package verdict

// Reason says why a request was let through or refused. It is a closed list: the
// status, the challenge, the log's word, the access log's details and the metric's
// label all follow from the table Effects.
type Reason uint8

// The reasons. The zero Reason is a failure of the filter itself, so that a request
// without a decision is denied.
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

// The kinds of refusal, each with a text that the configuration can replace. They are
// the indices of DetailNames and DefaultDetails.
const (
	detailInternal = iota
	detailMissingToken
	detailInvalidRequest
	detailInvalidToken
	detailInsufficientScope
	detailForbidden
	detailUnavailable

	NumDetails
)

// DetailNames are the names of the texts in the configuration, "" for one that cannot
// be replaced. DefaultDetails are the texts by default.
var (
	DetailNames = [NumDetails]string{
		"", "missing_token", "invalid_request", "invalid_token", "insufficient_scope", "forbidden",
		"unavailable",
	}
	DefaultDetails = [NumDetails]string{
		"Internal error", "Not authenticated", "Malformed credentials",
		"Invalid authentication credentials", "Insufficient scope", "Forbidden",
		"Token verification is unavailable",
	}
)

// Effect is what follows from a Reason. The zero Effect denies.
type Effect struct {
	word        string
	Allows      bool
	Answers     bool // the request gets a Reply, it neither passes nor is refused
	Status      uint32
	GRPCStatus  int32  // google.rpc.Code, for gRPC requests
	Detail      int    // the text in the body, an index of DefaultDetails
	Challenges  bool   // the response has WWW-Authenticate
	Code        string // RFC 6750 section 3.1; "" where no credentials were sent
	Description string // RFC 6750 error_description
}

// Effects holds the effect of each reason.
var Effects = [NumReasons]Effect{
	ReasonInternal: {word: "internal", Status: 500, GRPCStatus: 13, Detail: detailInternal},
	ReasonMissing:  {word: "missing", Status: 401, GRPCStatus: 16, Detail: detailMissingToken, Challenges: true},
	ReasonMalformed: {
		word: "malformed", Status: 400, GRPCStatus: 16, Detail: detailInvalidRequest, Challenges: true,
		Code: "invalid_request", Description: "The credentials are malformed",
	},
	ReasonSeveralCredentials: {
		word: "several_credentials", Status: 400, GRPCStatus: 16, Detail: detailInvalidRequest, Challenges: true,
		Code: "invalid_request", Description: "The request has more than one set of credentials",
	},
	ReasonNonCanonicalPath: {
		word: "non_canonical_path", Status: 400, GRPCStatus: 16, Detail: detailInvalidRequest, Challenges: true,
		Code: "invalid_request", Description: "The path is not in canonical form",
	},
	ReasonConnection: {
		word: "connection_header", Status: 400, GRPCStatus: 16, Detail: detailInvalidRequest, Challenges: true,
		Code: "invalid_request", Description: "The Connection header names a header that is set here",
	},
	ReasonUnknownToken: invalid("unknown_token"),
	// The token is valid. A 401 would make the client discard it and fetch another like it.
	ReasonOtherProvider: insufficient("other_provider"),
	ReasonNotYetValid:   invalid("not_yet_valid"),
	ReasonExpired: {
		word: "expired", Status: 401, GRPCStatus: 16, Detail: detailInvalidToken, Challenges: true,
		Code: "invalid_token", Description: "The access token expired",
	},
	ReasonInsufficientScope:  insufficient("insufficient_scope"),
	ReasonInsufficientClaims: insufficient("insufficient_claims"),
	// No token would help. A challenge would make the client request one again and again.
	ReasonForbidden:         {word: "forbidden", Status: 403, GRPCStatus: 7, Detail: detailForbidden},
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
	// The token may be valid. A 401 would make the client discard it.
	ReasonKeysUnavailable:          {word: "keys_unavailable", Status: 503, GRPCStatus: 14, Detail: detailUnavailable},
	ReasonIntrospectionUnavailable: {word: "introspection_unavailable", Status: 503, GRPCStatus: 14, Detail: detailUnavailable},
	ReasonInactive:                 invalid("inactive"),
	ReasonRevoked:                  invalid("revoked"),
	ReasonRevocationsUnavailable:   {word: "revocations_unavailable", Status: 503, GRPCStatus: 14, Detail: detailUnavailable},
	ReasonWrongLocation:            invalid("wrong_location"),
	ReasonTokenValid:               {word: "token_valid", Allows: true},
	ReasonAnonymous:                {word: "anonymous", Allows: true},
	ReasonOptionalMissing:          {word: "optional_missing", Allows: true},
	ReasonPresenceOnly:             {word: "presence_only", Allows: true},
	ReasonShadow:                   {word: "shadow", Allows: true},
	ReasonPreflight:                {word: "cors_preflight", Allows: true},
	ReasonMetadata:                 {word: "metadata", Answers: true},
}

// invalid is the effect that all refusals of a token share, so that a client cannot
// distinguish a bad signature from an unknown key or issuer.
func invalid(word string) Effect {
	return Effect{
		word: word, Status: 401, GRPCStatus: 16, Detail: detailInvalidToken, Challenges: true,
		Code: "invalid_token", Description: "The access token is invalid",
	}
}

// insufficient is the effect of a valid token that does not satisfy the rule. The
// description does not say which claims would; the challenge names scopes, since a
// client can request those.
func insufficient(word string) Effect {
	return Effect{
		word: word, Status: 403, GRPCStatus: 7, Detail: detailInsufficientScope, Challenges: true,
		Code: "insufficient_scope", Description: "The access token lacks a scope that the request needs",
	}
}

// String returns the reason's word in logs, metrics and response code details.
func (r Reason) String() string {
	if int(r) >= NumReasons {
		return "internal"
	}
	return Effects[r].word
}

// Allows reports whether requests pass for this reason.
func (r Reason) Allows() bool { return int(r) < NumReasons && Effects[r].Allows }

// Answers reports whether requests get a Reply for this reason.
func (r Reason) Answers() bool { return int(r) < NumReasons && Effects[r].Answers }

// Decision returns the metric's label: allow, answer or deny.
func (r Reason) Decision() string {
	switch {
	case r.Allows():
		return "allow"
	case r.Answers():
		return "answer"
	}
	return "deny"
}
