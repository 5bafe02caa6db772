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

// pathPattern is a pattern for a path. All kinds but regular expressions have one
// form: segments, and what may follow them. The zero pattern matches nothing.
type pathPattern struct {
	expression *regexp.Regexp
	text       string // the text of the expression
	prefix     string // the literal beginning of everything that the expression matches
	segments   []string
	tail       patternTail
}

// patternTail is what may follow the segments of a pattern.
type patternTail uint8

const (
	tailNone patternTail = iota // nothing
	tailAny                     // any number of segments
	tailSome                    // at least one segment, which may be the empty one behind a last slash
)

// anySegment matches one segment that is not empty. A literal asterisk is written
// `%2A`.
const anySegment = "*"

// parseExactPath parses a path that matches only itself: `/items/` does not match
// `/items`.
func parseExactPath(s string) (*pathPattern, error) {
	if begin, ok := cutWildcard(s); ok {
		return nil, errors.New("want path_prefix " + config.Quote(begin) + " for what is below it, or a path_template: a path matches only itself")
	}
	return parseSegments(s, false)
}

// cutWildcard cuts the wildcard that other products write at the end of a prefix.
func cutWildcard(s string) (begin string, ok bool) {
	begin, ok = strings.CutSuffix(s, "/*")
	if !ok {
		begin, ok = strings.CutSuffix(s, "/**")
	}
	if begin == "" {
		begin = "/"
	}
	return begin, ok && begin[0] == '/'
}

// parsePrefixPath parses a prefix of whole segments: `/api` matches `/api` and
// `/api/x`, never `/apix`; `/api/` requires that slash and does not match `/api`; `/`
// matches every path.
func parsePrefixPath(s string) (*pathPattern, error) {
	if begin, ok := cutWildcard(s); ok {
		return nil, errors.New("want " + config.Quote(begin) + ": a prefix covers what is below it already")
	}
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

// parseTemplatePath parses a template in Istio's syntax: `*` or `{*}` is one segment
// that is not empty, a last `**` or `{**}` is any number of segments including none:
// `/api/**` is the prefix `/api`.
func parseTemplatePath(s string) (*pathPattern, error) {
	return parseSegments(s, true)
}

// parseRegexPath parses an RE2 expression that must match the whole of a reading.
func parseRegexPath(s string) (*pathPattern, error) {
	expression, err := config.CompileAnchored(s)
	if err != nil {
		return nil, err
	}
	return &pathPattern{expression: expression, text: s, prefix: literalPrefix(s)}, nil
}

// literalPrefix returns the literal beginning of everything that the expression
// matches. It compiles the expression without anchors: Go returns no prefix for an
// anchored one. What matches with a leading ^ also matches without it.
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

// parseLiteral normalises a segment. Escapes of unreserved bytes are decoded. Other
// escapes and raw UTF-8 become escapes in upper case, which match both the escape and
// the byte. Otherwise no opening could name `/café`, whose raw reading `/caf%c3%a9`
// and decoded reading must both match.
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
			// Read literally, a rule that denies `/admin/*` would deny nothing.
			return "", errors.New("want * and {*} as whole segments of a path_template, without a name, or %2A, %7B, %7D for the characters")
		case !request.CanonicalByte[c]:
			return "", errors.New("want other characters than letters, digits and -._~!$&'()+,=:@ as escapes (a space as %20)")
		default:
			literal = append(literal, c)
		}
	}
	return string(literal), nil
}

// tooLong reports that the expression is not run on a reading because of its length,
// so that it possibly matches.
func (p *pathPattern) tooLong(reading string) bool {
	return p.expression != nil && len(reading) > maxPathExpression
}

// match reports whether the pattern matches one reading.
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

// matchLiteral compares a segment with a literal, whose escapes match themselves and
// the byte that they encode.
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

// covers reports whether this pattern matches every reading that other matches. A
// regular expression covers only an equal one.
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
	// An escape in segment covers the bare byte in other, but not conversely.
	return other != anySegment && matchLiteral(segment, other)
}
