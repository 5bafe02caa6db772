package match

import (
	"errors"
	"regexp"
	"strings"
	"unicode/utf8"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
)

// pathPattern is one pattern for a path. All but the regular expressions have
// one form: segments, and what may follow them. The zero pattern matches
// nothing.
type pathPattern struct {
	expression *regexp.Regexp
	text       string // of the expression
	prefix     string // how everything that the expression matches begins
	segments   []string
	tail       patternTail
}

type patternTail uint8

const (
	tailNone patternTail = iota // nothing
	tailAny                     // any number of segments
	tailSome                    // at least one segment, be it the empty one behind a last slash
)

// anySegment matches one segment that is not empty. A literal asterisk is
// written `%2A`.
const anySegment = "*"

// parseExactPath takes a path that matches itself only: `/items/` is not
// `/items`.
func parseExactPath(s string) (*pathPattern, error) {
	return parseSegments(s, false)
}

// parsePrefixPath takes a prefix that ends at a segment border: `/api` matches
// `/api` and `/api/x`, never `/apix`; `/api/` matches what has that slash, so
// not `/api`; `/` matches every path.
func parsePrefixPath(s string) (*pathPattern, error) {
	p, err := parseSegments(s, false)
	if err != nil {
		return nil, err
	}
	p.tail = tailAny
	if last := len(p.segments) - 1; p.segments[last] == "" {
		p.segments, p.tail = p.segments[:last], tailSome
	}
	return p, nil
}

// parseTemplatePath takes segments as Istio writes them: `*` or `{*}` is one
// segment that is not empty, a last `**` or `{**}` is any number of segments,
// none included: `/api/**` is the prefix `/api`.
func parseTemplatePath(s string) (*pathPattern, error) {
	return parseSegments(s, true)
}

// parseRegexPath takes an RE2 expression that must match the whole of a
// reading.
func parseRegexPath(s string) (*pathPattern, error) {
	expression, err := config.CompileAnchored(s)
	if err != nil {
		return nil, err
	}
	return &pathPattern{expression: expression, text: s, prefix: literalPrefix(s)}, nil
}

// literalPrefix asks the bare expression: of an anchored one Go tells no prefix.
// What matches with the first ^ also matches without it.
func literalPrefix(s string) string {
	if strings.HasPrefix(s, "^/") {
		s = s[1:]
	}
	bare, err := regexp.Compile(s)
	if err != nil {
		return ""
	}
	prefix, _ := bare.LiteralPrefix()
	return prefix
}

func parseSegments(s string, template bool) (*pathPattern, error) {
	if s == "" || s[0] != '/' {
		return nil, errors.New("want a path that starts with /")
	}
	p := &pathPattern{segments: strings.Split(s[1:], "/")}
	last := len(p.segments) - 1
	for i, segment := range p.segments {
		if template && (segment == "*" || segment == "{*}") {
			p.segments[i] = anySegment
			continue
		}
		if template && (segment == "**" || segment == "{**}") {
			if i != last {
				return nil, errors.New("want ** as the last segment only")
			}
			p.segments, p.tail = p.segments[:last], tailAny
			if last == 0 {
				p.tail = tailSome
			}
			break
		}
		literal, err := parseLiteral(segment)
		if err != nil {
			return nil, err
		}
		if literal == "" && i != last {
			return nil, errors.New("want one / between segments, not //")
		}
		if request.IsDotSegment(literal) {
			return nil, errors.New("want a path without dot segments (. and ..)")
		}
		p.segments[i] = literal
	}
	return p, nil
}

// parseLiteral gives a segment in one spelling. Escapes of unreserved bytes are
// decoded; other escapes and raw UTF-8 become escapes in upper case, which
// match the escape and the byte: the raw and the decoded reading of
// `/caf%c3%a9` both match the literal `/café`, or no opening could name it.
func parseLiteral(s string) (string, error) {
	if !utf8.ValidString(s) || !utf8.Valid(syntax.DecodeEvery(nil, s)) {
		return "", errors.New("want a path in UTF-8")
	}
	literal := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c, escaped := syntax.EscapeAt(s, i)
		if escaped {
			i += 2
		} else {
			c = s[i]
		}
		switch {
		case c == '%' && !escaped:
			return "", errors.New("want two hexadecimal digits after %")
		case c < ' ' || c == 0x7f:
			return "", errors.New("want a path without control characters")
		case strings.IndexByte(request.PathSyntax, c) >= 0:
			return "", errors.New(`want a path without ? # \ ; and without escapes of / \ ; ? # %`)
		case syntax.IsUnreserved(c):
			literal = append(literal, c)
		case escaped || c >= utf8.RuneSelf:
			const digits = "0123456789ABCDEF"
			literal = append(literal, '%', digits[c>>4], digits[c&15])
		case c == '*' || c == '{' || c == '}':
			// `/admin/*` taken literally would deny nothing.
			return "", errors.New("want * and {*} as whole segments of a template, or %2A, %7B, %7D for the characters")
		case !request.CanonicalByte[c]:
			return "", errors.New("want other characters than letters, digits and -._~!$&'()+,=:@ as escapes (a space as %20)")
		default:
			literal = append(literal, c)
		}
	}
	return string(literal), nil
}

// tooLong says that nobody knows whether the expression would match.
func (p *pathPattern) tooLong(reading string) bool {
	return p.expression != nil && len(reading) > maxPathExpression
}

// match judges one reading.
func (p *pathPattern) match(reading string) bool {
	if reading == "" || reading[0] != '/' {
		return false
	}
	if p.expression != nil {
		return len(reading) <= maxPathExpression && p.expression.MatchString(reading)
	}
	rest, more := reading[1:], true
	for _, want := range p.segments {
		if !more {
			return false
		}
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if want == anySegment {
			if segment == "" {
				return false
			}
		} else if !matchLiteral(want, segment) {
			return false
		}
	}
	switch p.tail {
	case tailAny:
		return true
	case tailSome:
		return more
	}
	return !more
}

// matchLiteral compares a segment with a literal, whose escapes match
// themselves and the byte that they stand for.
func matchLiteral(literal, segment string) bool {
	if literal == segment {
		return true
	}
	k := 0
	for i := 0; i < len(literal); i++ {
		if k == len(segment) {
			return false
		}
		want, escaped := syntax.EscapeAt(literal, i)
		if !escaped {
			if segment[k] != literal[i] {
				return false
			}
			k++
			continue
		}
		i += 2
		have, spelled := syntax.EscapeAt(segment, k)
		switch {
		case spelled && have == want:
			k += 3
		case segment[k] == want:
			k++
		default:
			return false
		}
	}
	return k == len(segment)
}

// covers says that this pattern matches every reading that other matches. Of
// regular expressions it knows only that equal ones are equal.
func (p *pathPattern) covers(other *pathPattern) bool {
	if p.expression != nil || other.expression != nil {
		return p.expression != nil && other.expression != nil && p.text == other.text
	}
	if len(other.segments) < len(p.segments) {
		return false
	}
	for i, segment := range p.segments {
		if !coversSegment(segment, other.segments[i]) {
			return false
		}
	}
	exactlyAsLong := len(other.segments) == len(p.segments)
	switch p.tail {
	case tailAny:
		return true
	case tailSome:
		return !exactlyAsLong || other.tail == tailSome
	}
	return exactlyAsLong && other.tail == tailNone
}

func coversSegment(segment, other string) bool {
	if segment == anySegment {
		return other != ""
	}
	// An escape in the segment takes the bare byte in the other, not the other
	// way round.
	return other != anySegment && matchLiteral(segment, other)
}
