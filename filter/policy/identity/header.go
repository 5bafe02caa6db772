package identity

import (
	"encoding/base64"
	"unicode/utf16"
	"unicode/utf8"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/syntax"
)

// claimHeader propagates a claim of a verified token.
type claimHeader struct {
	claim       int // index in the claims.Table
	target      target
	format      claimFormat
	base64url   bool
	maxBytes    int
	deny        bool   // no request passes without the claim
	defaultText string // propagated if the claim is missing; "": nothing
}

// claimFormat is how a claim is written. In each format no two values are written alike,
// so that no value can pass for another.
type claimFormat int

const (
	formatText  claimFormat = iota // a scalar
	formatComma                    // a scalar, or an array of scalars joined by the separator
	formatSpace
	formatJSON // any value
)

var claimFormatNames = []string{"text", "comma", "space", "json"}

// maxClaimBytes is the greatest length of a token.
const maxClaimBytes = syntax.MaxTokenBytes

func (p *Propagation) readClaimHeaders(o *config.Object, t *claims.Table) {
	for _, item := range o.Array("claim_headers") {
		c := config.AsObject(item, o.Problems)
		if c == nil {
			continue
		}
		h := claimHeader{claim: t.Read(c)}
		h.target.header = p.Owned.read(c, "header")
		if name := c.Checked("filter_state", "", config.WantName); name != "" {
			h.target.state = "bearerauth.claim." + name
			p.askForState(c, "filter_state")
			for i := range p.claimHeaders {
				if p.claimHeaders[i].target.state == h.target.state {
					c.Wrong("filter_state", "want another filter state: "+name+" is already set by another member")
				}
			}
		}
		if !c.Has("header") && !c.Has("filter_state") {
			c.Wrong("header", "want header or filter_state, or both")
		}
		h.format = claimFormat(c.Choice("format", claimFormatNames...))
		h.base64url = c.Boolean("base64url", false)
		h.maxBytes = c.Integer("max_bytes", claims.MaxHeaderText, 1, maxClaimBytes)
		h.deny = c.Choice("missing", "omit", "deny") == 1
		h.defaultText = c.Checked("default", "", config.WantHeaderText)
		if h.deny && c.Has("default") {
			c.Wrong("default", "allowed only with missing omit")
		}
		c.Done()
		p.claimHeaders = append(p.claimHeaders, h)
	}
}

// text returns the claim as it is propagated. It is "" if the claim is missing: absent,
// empty, too long, or of a type that the format cannot write.
func (h *claimHeader) text(value jose.Value) string {
	var b []byte
	ok := false
	switch h.format {
	case formatText:
		b, ok = h.appendScalar(nil, value, 0)
	case formatComma:
		b, ok = h.appendItems(nil, value, ',')
	case formatSpace:
		b, ok = h.appendItems(nil, value, ' ')
	case formatJSON:
		b, ok = appendCompact(nil, value, !h.base64url), value != nil
	}
	if ok && h.base64url {
		b = base64.RawURLEncoding.AppendEncode(nil, b)
	}
	if !ok || len(b) > h.maxBytes {
		return ""
	}
	return string(b)
}

// appendItems writes an array. An array with an empty item counts as missing, because
// the readers of a list ignore an empty item (RFC 9110 section 5.6.1).
func (h *claimHeader) appendItems(dst []byte, value jose.Value, separator byte) (_ []byte, ok bool) {
	if value.Kind() != '[' {
		return h.appendScalar(dst, value, separator)
	}
	ok = true
	first := true
	value.Items(func(item jose.Value) bool {
		if !first {
			dst = append(dst, separator)
		}
		first = false
		before := len(dst)
		dst, ok = h.appendScalar(dst, item, separator)
		ok = ok && len(dst) > before
		return ok
	})
	return dst, ok
}

// appendScalar writes a string, or a number or boolean as it is written: 9007199254740993
// is not rounded.
func (h *claimHeader) appendScalar(dst []byte, value jose.Value, separator byte) (_ []byte, ok bool) {
	s := scalarOf(value)
	if s.kind == 0 {
		return dst, false
	}
	if !h.base64url {
		return claims.AppendHeaderText(dst, s.text, separator), true
	}
	for i := 0; i < len(s.text); i++ {
		// A separator inside an item would split it, in base64url too.
		if c := s.text[i]; separator != 0 && (c == separator || c == '%') {
			dst = claims.AppendPercent(dst, c)
		} else {
			dst = append(dst, c)
		}
	}
	return dst, true
}

// appendCompact writes JSON without white space, and with ascii in ASCII only. Numbers,
// escapes and the order of members do not change.
func appendCompact(dst []byte, value jose.Value, ascii bool) []byte {
	inString := false
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case !inString:
			if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
				dst = append(dst, c)
			}
			inString = c == '"'
		case c == '\\': // valid JSON has a character after it
			i++
			dst = append(dst, c, value[i])
		case ascii && c >= 0x7f:
			char, n := utf8.DecodeRune(value[i:])
			i += n - 1
			if char >= 0x10000 {
				high, low := utf16.EncodeRune(char)
				dst = appendEscape(dst, high)
				char = low
			}
			dst = appendEscape(dst, char)
		default:
			dst = append(dst, c)
			inString = c != '"'
		}
	}
	return dst
}

func appendEscape(dst []byte, char rune) []byte {
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', digits[char>>12&15], digits[char>>8&15], digits[char>>4&15], digits[char&15])
}
