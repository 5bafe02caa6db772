// Package claims reads and validates what a token says (RFC 7519 section 4), in the
// same way whether a signature or an authorization server vouches for it. Table lists
// the claims that a configuration asks for. It verifies no signature.
package claims

import (
	"strconv"
	"strings"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/syntax"
)

// Claims are the members of a JWT's payload that this configuration looks at.
// They borrow the payload.
type Claims struct {
	Issuer, Subject       string
	HasIssuer, HasSubject bool
	Audience              []string
	Exp, nbf, Iat         numericDate
	senderConstrained     bool         // there is a cnf: the token is bound to a key of its sender
	tops                  []jose.Value // by index in Policy.claimNames; nil where absent
	Values                []jose.Value // by index in Policy.claimRefs, once resolved
	Malformed             bool
}

// numericDate is RFC 7519's: seconds since the epoch, perhaps with a fraction.
type numericDate struct {
	Set     bool
	Seconds float64
}

// LatestDate is the end of the year 9999: what lies beyond is a mistake, often
// milliseconds, and a token that would be valid for ever.
const LatestDate = 253402300799

func (c *Claims) Reset(t *Table) {
	audience, values, tops := c.Audience[:0], c.Values[:0], c.tops[:0]
	for range t.Names {
		tops = append(tops, nil)
	}
	*c = Claims{Audience: audience, tops: tops, Values: values}
}

// Resolve finds all claims that the configuration refers to. It comes after the
// signature: strangers do not choose how many objects are read.
func (c *Claims) Resolve(t *Table) {
	for i := range t.Refs {
		c.Values = append(c.Values, t.Refs[i].In(c.tops))
	}
}

// Top is the claim at the top of the payload that a reference begins with.
func (c *Claims) Top(t *Table, ref int) jose.Value { return c.tops[t.Refs[ref].top] }

// Take reads one member of the payload. A claim of a type that RFC 7519 does not
// give it spoils the token, even where nobody asked for the claim.
func (c *Claims) Take(t *Table, octets []byte, value jose.Value) {
	name := syntax.Borrow(octets)
	switch name {
	case "iss":
		c.Issuer, c.HasIssuer = c.text(value)
	case "sub":
		c.Subject, c.HasSubject = c.text(value)
	case "aud":
		c.takeAudience(value)
	case "exp":
		c.Exp = c.Date(value)
	case "nbf":
		c.nbf = c.Date(value)
	case "iat":
		c.Iat = c.Date(value)
	case "cnf":
		c.senderConstrained = true
	}
	for i, wanted := range t.Names {
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

func (c *Claims) Date(value jose.Value) numericDate {
	if whole, ok := wholeSeconds(value); ok {
		return numericDate{true, whole}
	}
	if value.Kind() == '0' && len(value) <= 32 {
		seconds, err := strconv.ParseFloat(syntax.Borrow(value), 64)
		if err == nil && seconds >= 0 && seconds <= LatestDate {
			return numericDate{true, seconds}
		}
	}
	c.Malformed = true
	return numericDate{}
}

// wholeSeconds reads what nearly all dates are: a few digits.
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

// takeAudience reads a string or an array of strings. An empty array is no
// audience: it must not pass where one is asked for (CVE-2020-26160).
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

// MaxHeaderText bounds what one claim can add to a request.
const MaxHeaderText = 4096

// HeaderText makes a string fit for a header, a log or filter state: printable
// ASCII stays, the rest and % become %XX. No two strings become the same, so
// no subject can pass for another.
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

// AppendHeaderText writes s as headerText does. In an item of a list the
// separator becomes %XX, too.
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

func AppendPercent(dst []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(dst, '%', digits[c>>4], digits[c&15])
}

func mustEncode(s string, i int, separator byte) bool {
	c := s[i]
	return c < 0x20 || c > 0x7e || c == '%' || c == ' ' && (i == 0 || i == len(s)-1) || separator != 0 && c == separator
}
