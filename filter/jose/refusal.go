package jose

// refusal is a constant error: a refusal of an unverified token allocates nothing, and
// shows nothing of the token.
type refusal string

func (r refusal) Error() string { return string(r) }

// Refusals of Parse that callers distinguish; the others mean a malformed token.
const (
	ErrParts     refusal = "want three parts: header, payload, signature"
	ErrAlgorithm refusal = "want a known signature algorithm"
	ErrCritical  refusal = "no critical header parameter is understood"
	ErrNested    refusal = "want claims, not a token inside the token"
)

const (
	errTooLong     refusal = "want at most 16384 bytes"
	errEmptyPart   refusal = "want no empty part"
	errBase64      refusal = "want base64url without padding"
	errHeaderType  refusal = "want alg, kid, typ and cty to be strings"
	errNoAlgorithm refusal = "want an alg in the header"

	errSyntax    refusal = "want valid JSON"
	errUTF8      refusal = "want valid UTF-8"
	errNotObject refusal = "want a JSON object"
	errTrailing  refusal = "want nothing after the JSON object"
	errDuplicate refusal = "want each name once in an object"
	errDepth     refusal = "nested too deep"
)
