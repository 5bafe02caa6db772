// Package claims reads and validates the claims of a token (RFC 7519 section 4): those of
// a JWT and those of an introspection response by the same rules. Table lists the claims
// that a configuration refers to. The package verifies no signature.
package claims

import (
	"strconv"
	"strings"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/syntax"
)

// Claims are the claims of a token that the configuration refers to. They borrow from
// the payload.
type Claims struct {
	Issuer, Subject       string
	HasIssuer, HasSubject bool
	Audience              []string
	Exp, nbf, Iat         NumericDate
	senderConstrained     bool         // the token has cnf (RFC 7800): it is bound to a key of its sender
	tops                  []jose.Value // by index in Table.names; nil where absent
	Values                []jose.Value // by index of Table.Index, after Resolve; nil where absent
	Malformed             bool         // a claim has a type that RFC 7519 does not permit
}

// NumericDate is a time in seconds since the epoch, perhaps with a fraction (RFC 7519
// section 2).
type NumericDate struct {
	Set     bool // false: the claim is absent or malformed
	Seconds float64
}

// LatestDate is the end of the year 9999, in seconds since the epoch. A later date is a
// mistake, often in milliseconds, and would make a token valid for ever.
const LatestDate = 253402300799

// Reset removes all claims, and keeps the memory for the next token.
func (c *Claims) Reset(t *Table) {
	audience, values, tops := c.Audience[:0], c.Values[:0], c.tops[:0]
	for range t.names {
		tops = append(tops, nil)
	}
	*c = Claims{Audience: audience, tops: tops, Values: values}
}

// Resolve fills Values. Call it after the signature is verified: an attacker must not
// choose how many nested objects are read.
func (c *Claims) Resolve(t *Table) {
	for i := range t.refs {
		c.Values = append(c.Values, t.refs[i].in(c.tops))
	}
}

// Top returns the top-level claim of the reference with this index, before Resolve.
func (c *Claims) Top(t *Table, ref int) jose.Value { return c.tops[t.refs[ref].top] }

// Take reads a member of the payload. A registered claim of a wrong type makes the
// token Malformed, even if the configuration does not refer to the claim.
func (c *Claims) Take(t *Table, rawName []byte, value jose.Value) {
	name := syntax.Borrow(rawName)
	switch name {
	case "iss":
		c.Issuer, c.HasIssuer = c.text(value)
	case "sub":
		c.Subject, c.HasSubject = c.text(value)
	case "aud":
		c.takeAudience(value)
	case "exp":
		c.Exp = c.date(value)
	case "nbf":
		c.nbf = c.date(value)
	case "iat":
		c.Iat = c.date(value)
	case "cnf":
		c.senderConstrained = true
	}
	for i, wanted := range t.names {
		if name == wanted {
			c.tops[i] = value
		}
	}
}

func (c *Claims) text(value jose.Value) (string, bool) {
	text, ok := value.Text()
	c.Malformed = c.Malformed || !ok
	return syntax.Borrow(text), ok
}

func (c *Claims) date(value jose.Value) NumericDate {
	date := ReadNumericDate(value)
	c.Malformed = c.Malformed || !date.Set
	return date
}

// ReadNumericDate reads a number of seconds from 0 to LatestDate. Set is false if value
// is anything else.
func ReadNumericDate(value jose.Value) NumericDate {
	if whole, ok := wholeSeconds(value); ok {
		return NumericDate{true, whole}
	}
	if value.Kind() == '0' && len(value) <= 32 {
		seconds, err := strconv.ParseFloat(syntax.Borrow(value), 64)
		if err == nil && seconds >= 0 && seconds <= LatestDate {
			return NumericDate{true, seconds}
		}
	}
	return NumericDate{}
}

// wholeSeconds reads a date of at most eleven digits, as nearly all dates are.
func wholeSeconds(value jose.Value) (float64, bool) {
	if len(value) == 0 || len(value) > 11 {
		return 0, false
	}
	n := int64(0)
	for _, c := range value {
		if !syntax.IsDigit(c) {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return float64(n), true
}

// takeAudience reads a string or an array of strings. An empty array is no audience: it
// must not match an expected audience (CVE-2020-26160).
func (c *Claims) takeAudience(value jose.Value) {
	if value.Kind() != '[' {
		if s, ok := c.text(value); ok {
			c.Audience = append(c.Audience, s)
		}
		return
	}
	value.Items(func(item jose.Value) bool {
		if s, ok := c.text(item); ok {
			c.Audience = append(c.Audience, s)
		}
		return !c.Malformed
	})
}

// MaxHeaderText bounds the text of a claim in a header, in bytes.
const MaxHeaderText = 4096

// HeaderText encodes a string for a header, a log or filter state: printable ASCII stays,
// other bytes and % become %XX. A text longer than MaxHeaderText becomes "". No two other
// strings become the same, so no subject can pass for another.
func HeaderText(s string) string {
	encode := 0
	for i := 0; i < len(s); i++ {
		if mustEncode(s, i, 0) {
			encode++
		}
	}
	if len(s)+2*encode > MaxHeaderText {
		return ""
	}
	if encode == 0 {
		return strings.Clone(s)
	}
	return string(AppendHeaderText(make([]byte, 0, len(s)+2*encode), s, 0))
}

// AppendHeaderText appends s as HeaderText encodes it, without a limit. In an item of a
// list the separator becomes %XX, too; 0 is no separator.
func AppendHeaderText(dst []byte, s string, separator byte) []byte {
	for i := 0; i < len(s); i++ {
		if mustEncode(s, i, separator) {
			dst = AppendPercent(dst, s[i])
		} else {
			dst = append(dst, s[i])
		}
	}
	return dst
}

// AppendPercent appends a byte as %XX.
func AppendPercent(dst []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(dst, '%', digits[c>>4], digits[c&15])
}

func mustEncode(s string, i int, separator byte) bool {
	c := s[i]
	return c < 0x20 || c > 0x7e || c == '%' || c == ' ' && (i == 0 || i == len(s)-1) || separator != 0 && c == separator
}
