package jose

import "strings"

// MaxToken is the longest token that is parsed: it bounds the work that a client can
// cause (requirement 27).
const MaxToken = 16 << 10

// Message is a token that is well-formed. Nothing in it is true until a key
// has verified Signature over Signed (requirement 53, CVE-2024-51744).
//
// Strings in it are its own or the token's; slices are the parser's, good until
// the next Parse.
type Message struct {
	Algorithm Algorithm // never zero
	KeyID     string    // opaque: to be compared with those of keys, nothing else
	HasKeyID  bool
	Type      string // the header's typ
	HasType   bool
	Payload   []byte   // one strict JSON object
	Claims    []Member // the members of Payload
	Signature []byte   // not empty; of any length
	Signed    string   // header and payload as received, which is what was signed
}

// Parser reads tokens. It reuses its buffers.
type Parser struct {
	reader  Reader
	buffer  []byte // payload and signature
	scratch []byte // header
	message Message

	// An issuer writes the same header over and over. The last few headers are kept
	// with their bytes, so that most tokens need no second JSON parse and their
	// strings no allocation.
	headers [8]header
	oldest  int
}

// maxKeptHeader bounds the memory that clients can fill in a parser.
const maxKeptHeader = 512

type header struct {
	encoded   string
	algorithm Algorithm
	keyID     string
	hasKeyID  bool
	typ       string
	hasType   bool
}

// Parse reads a compact JWS whose payload is a JSON object. Headers that could
// change what is signed or verified are refused; those that offer keys (jwk,
// jku, x5u, x5c) are ignored as unknown ones are (requirement 44).
func (p *Parser) Parse(token string) (*Message, error) {
	p.message = Message{}
	if len(token) > MaxToken {
		return nil, errTooLong
	}
	first := strings.IndexByte(token, '.')
	if first < 0 {
		return nil, ErrParts
	}
	second := strings.IndexByte(token[first+1:], '.')
	if second < 0 {
		return nil, ErrParts
	}
	second += first + 1
	// A third point, as in an encrypted token, ends it here: nothing is
	// decrypted, inflated or derived (CVE-2023-49290, CVE-2024-28180).
	if strings.IndexByte(token[second+1:], '.') >= 0 {
		return nil, ErrParts
	}
	if first == 0 || second == first+1 || second+1 == len(token) {
		return nil, errEmptyPart
	}

	h, err := p.header(token[:first])
	if err != nil {
		return nil, err
	}
	buffer, ok := appendDecoded(p.buffer[:0], token[first+1:second])
	if !ok {
		return nil, errBase64
	}
	length := len(buffer)
	buffer, ok = appendDecoded(buffer, token[second+1:])
	if !ok {
		return nil, errBase64
	}
	p.buffer = buffer
	payload := buffer[:length:length]
	claims, err := p.reader.Object(payload)
	if err != nil {
		return nil, err
	}
	p.message = Message{
		Algorithm: h.algorithm,
		KeyID:     h.keyID, HasKeyID: h.hasKeyID,
		Type: h.typ, HasType: h.hasType,
		Payload: payload, Claims: claims,
		Signature: buffer[length:len(buffer):len(buffer)],
		Signed:    token[:second],
	}
	return &p.message, nil
}

func (p *Parser) header(encoded string) (*header, error) {
	for i := range p.headers {
		if h := &p.headers[i]; h.encoded == encoded {
			return h, nil
		}
	}
	h, err := p.readHeader(encoded)
	if err != nil || len(encoded) > maxKeptHeader {
		return &h, err
	}
	kept := &p.headers[p.oldest]
	p.oldest = (p.oldest + 1) % len(p.headers)
	h.encoded = strings.Clone(encoded) // the token is the caller's
	*kept = h
	return kept, nil
}

func (p *Parser) readHeader(encoded string) (h header, err error) {
	decoded, ok := appendDecoded(p.scratch[:0], encoded)
	if !ok {
		return h, errBase64
	}
	p.scratch = decoded
	members, err := p.reader.Object(decoded)
	if err != nil {
		return h, err
	}
	hasAlgorithm := false
	for _, m := range members {
		switch string(m.Name) {
		case "alg":
			name, ok := m.Value.Text()
			if !ok {
				return h, errHeaderType
			}
			if h.algorithm, ok = ParseAlgorithm(string(name)); !ok {
				return h, ErrAlgorithm
			}
			hasAlgorithm = true
		case "kid":
			text, ok := m.Value.Text()
			if !ok {
				return h, errHeaderType
			}
			h.keyID, h.hasKeyID = string(text), true
		case "typ":
			text, ok := m.Value.Text()
			if !ok {
				return h, errHeaderType
			}
			h.typ, h.hasType = string(text), true
		case "cty":
			text, ok := m.Value.Text()
			if !ok {
				return h, errHeaderType
			}
			if isNested(string(text)) {
				return h, ErrNested
			}
		case "crit", "b64":
			// No extension is understood, so any list of them must be refused, an
			// empty or malformed one too (RFC 7515 section 4.1.11). b64 changes
			// what is signed (RFC 7797), also for readers that need no crit.
			return h, ErrCritical
		}
	}
	if !hasAlgorithm {
		return h, errNoAlgorithm
	}
	return h, nil
}

// isNested recognises the content type of a token inside the token. Only the outer
// signature would be checked (RFC 7519 section 7.2 step 8, RFC 8725 section 3.3).
func isNested(contentType string) bool {
	t := strings.ToLower(contentType)
	return strings.TrimPrefix(t, "application/") == "jwt"
}
