package policy

import (
	"strconv"
	"strings"
	"unsafe"

	"bearerauth/filter/jose"
)

// claims are the members of a JWT's payload that this configuration looks at.
// They borrow the payload.
type claims struct {
	issuer, subject       string
	hasIssuer, hasSubject bool
	audience              []string
	exp, nbf, iat         numericDate
	confirmed             bool         // there is a cnf: the token is bound to a key of its sender
	extra                 []jose.Value // by index in Policy.claimNames; nil where absent
	values                []jose.Value // by index in Policy.claimRefs, once resolved
	malformed             bool
}

// numericDate is RFC 7519's: seconds since the epoch, perhaps with a fraction.
type numericDate struct {
	set     bool
	seconds float64
}

// latestDate is the end of the year 9999: what lies beyond is a mistake, often
// milliseconds, and a token that would be valid for ever.
const latestDate = 253402300799

func (c *claims) reset(t *claimTable) {
	audience, values, tops := c.audience[:0], c.values[:0], c.extra[:0]
	for range t.names {
		tops = append(tops, nil)
	}
	*c = claims{audience: audience, extra: tops, values: values}
}

// resolve finds all claims that the configuration refers to. It comes after the
// signature: strangers do not choose how many objects are read.
func (c *claims) resolve(t *claimTable) {
	for i := range t.refs {
		c.values = append(c.values, t.refs[i].in(c.extra))
	}
}

// top is the claim at the top of the payload that a reference begins with.
func (c *claims) top(t *claimTable, ref int) jose.Value { return c.extra[t.refs[ref].top] }

// take reads one member of the payload. A claim of a type that RFC 7519 does not
// give it spoils the token, even where nobody asked for the claim.
func (c *claims) take(t *claimTable, octets []byte, value jose.Value) {
	name := borrow(octets)
	switch name {
	case "iss":
		c.issuer, c.hasIssuer = c.text(value)
	case "sub":
		c.subject, c.hasSubject = c.text(value)
	case "aud":
		c.takeAudience(value)
	case "exp":
		c.exp = c.date(value)
	case "nbf":
		c.nbf = c.date(value)
	case "iat":
		c.iat = c.date(value)
	case "cnf":
		c.confirmed = true
	}
	for i, wanted := range t.names {
		if name == wanted {
			c.extra[i] = value
		}
	}
}

func (c *claims) text(value jose.Value) (string, bool) {
	text, ok := value.Text()
	c.malformed = c.malformed || !ok
	return borrow(text), ok
}

func (c *claims) date(value jose.Value) numericDate {
	if whole, ok := wholeSeconds(value); ok {
		return numericDate{true, whole}
	}
	if value.Kind() == '0' && len(value) <= 32 {
		seconds, err := strconv.ParseFloat(borrow(value), 64)
		if err == nil && seconds >= 0 && seconds <= latestDate {
			return numericDate{true, seconds}
		}
	}
	c.malformed = true
	return numericDate{}
}

// wholeSeconds reads what nearly all dates are: a few digits.
func wholeSeconds(value jose.Value) (float64, bool) {
	if len(value) == 0 || len(value) > 11 {
		return 0, false
	}
	n := int64(0)
	for _, c := range value {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return float64(n), true
}

// takeAudience reads a string or an array of strings. An empty array is no
// audience: it must not pass where one is asked for (CVE-2020-26160).
func (c *claims) takeAudience(value jose.Value) {
	if value.Kind() != '[' {
		if s, ok := c.text(value); ok {
			c.audience = append(c.audience, s)
		}
		return
	}
	value.Items(func(item jose.Value) bool {
		if s, ok := c.text(item); ok {
			c.audience = append(c.audience, s)
		}
		return !c.malformed
	})
}

// borrow is b as a string for as long as b stays as it is. TinyGo copies for every
// string(b), even one that is only compared.
func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// maxHeaderText bounds what one claim can add to a request.
const maxHeaderText = 4096

// headerText makes a string fit for a header, a log or filter state: printable
// ASCII stays, the rest and % become %XX. No two strings become the same, so
// no subject can pass for another.
func headerText(s string) string {
	encode := 0
	for i := 0; i < len(s); i++ {
		if mustEncode(s, i, 0) {
			encode++
		}
	}
	if len(s)+2*encode > maxHeaderText {
		return ""
	}
	if encode == 0 {
		return strings.Clone(s)
	}
	return string(appendHeaderText(make([]byte, 0, len(s)+2*encode), s, 0))
}

// appendHeaderText writes s as headerText does. In an item of a list the
// separator becomes %XX, too.
func appendHeaderText(dst []byte, s string, separator byte) []byte {
	for i := 0; i < len(s); i++ {
		if mustEncode(s, i, separator) {
			dst = appendPercent(dst, s[i])
		} else {
			dst = append(dst, s[i])
		}
	}
	return dst
}

func appendPercent(dst []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(dst, '%', digits[c>>4], digits[c&15])
}

func mustEncode(s string, i int, separator byte) bool {
	c := s[i]
	return c < 0x20 || c > 0x7e || c == '%' || c == ' ' && (i == 0 || i == len(s)-1) || separator != 0 && c == separator
}
