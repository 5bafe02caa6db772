package policy

import (
	"errors"
	"regexp"
	"strings"
)

// conditionKind is what a condition asks of a value.
type conditionKind uint8

const (
	conditionPresent conditionKind = iota + 1 // there is one
	conditionEqual                            // these octets
	conditionRegex                            // RE2, the whole value
)

// condition asks something of a request header or of a query parameter. Of the
// values that a request brings, an opening wants all to hold and at least one,
// a requirement binds if any does: the upstream may read the first, the last or
// all of them. The zero condition never opens and always binds.
type condition struct {
	name       string
	kind       conditionKind
	value      string // to be equal to, or the text of the expression
	expression *regexp.Regexp
}

// newHeaderCondition takes a header name in any case; the value of a
// conditionPresent is empty.
func newHeaderCondition(name string, kind conditionKind, value string) (condition, error) {
	for i := 0; i < len(name); i++ {
		if !isTchar(name[i]) {
			return condition{}, errors.New("want the name of a header (no pseudo-header: method, path and host are matches of their own)")
		}
	}
	name = strings.ToLower(name)
	switch name {
	case "":
		return condition{}, errors.New("want the name of a header, have an empty string")
	case "host":
		// Envoy turns it into :authority: such a condition would never hold.
		return condition{}, errors.New("want no condition on the header host: hosts are a match of their own")
	}
	if kind == conditionEqual && (hasControl(value) || trimOWS(value) != value) {
		return condition{}, errors.New("want a header value without control characters and without spaces at its ends, or it never holds")
	}
	return newCondition(name, kind, value)
}

// newQueryCondition takes the name and the value as decoded.
func newQueryCondition(name string, kind conditionKind, value string) (condition, error) {
	if name == "" {
		return condition{}, errors.New("want the name of a query parameter, have an empty string")
	}
	return newCondition(name, kind, value)
}

func newCondition(name string, kind conditionKind, value string) (condition, error) {
	c := condition{name: name, kind: kind, value: value}
	switch kind {
	case conditionPresent:
		if value != "" {
			return condition{}, errors.New("want no value where presence is asked")
		}
	case conditionEqual:
	case conditionRegex:
		expression, err := compileAnchored(value)
		if err != nil {
			return condition{}, err
		}
		c.expression = expression
	default:
		return condition{}, errors.New("want a condition that is one of present, equal, regex")
	}
	return c, nil
}

func (c *condition) same(other *condition) bool {
	return c.name == other.name && c.kind == other.kind && c.value == other.value
}

func (c *condition) holds(value string) bool {
	switch c.kind {
	case conditionPresent:
		return true
	case conditionEqual:
		return value == c.value
	case conditionRegex:
		return len(value) <= maxRegexInput && c.expression.MatchString(value)
	}
	return false
}

// maxRegexInput bounds what an expression reads: RE2 takes linear time, but 60
// KiB of it are a fifth of a second in Wasm. What is longer opens nothing and is
// bound by every requirement.
const maxRegexInput = 4096

func (c *condition) binds(value string) bool {
	return c.holds(value) || c.kind == conditionRegex && len(value) > maxRegexInput
}

// opensHeader wants every line of the header to hold. `x_tier` is not `x-tier`,
// but where an upstream takes them for one, it must not say something else.
func (c *condition) opensHeader(pairs [][2]string) bool {
	found := false
	for i := range pairs {
		if sameHeader(pairs[i][0], c.name) {
			if !c.holds(pairs[i][1]) {
				return false
			}
			found = found || equalFoldASCII(pairs[i][0], c.name)
		}
	}
	return found
}

// bindsHeader is content with one line, one element of a list in a line, or all
// lines joined (RFC 9110 section 5.3), whichever the upstream may look at.
func (c *condition) bindsHeader(pairs [][2]string) bool {
	lines := 0
	for i := range pairs {
		if sameHeader(pairs[i][0], c.name) {
			lines++
			if c.binds(pairs[i][1]) {
				return true
			}
			for element := range strings.SplitSeq(pairs[i][1], ",") {
				if c.binds(trimOWS(element)) {
					return true
				}
			}
		}
	}
	return c.kind == 0 || lines > 1 && c.kind == conditionRegex && c.binds(joinLines(pairs, c.name))
}

func joinLines(pairs [][2]string, name string) string {
	var lines []string
	for i := range pairs {
		if sameHeader(pairs[i][0], name) {
			lines = append(lines, pairs[i][1])
		}
	}
	return strings.Join(lines, ", ")
}

// opensQuery wants every parameter of the name to hold in every reading. The
// name is not escaped (`%61dmin` is not everywhere `admin`), and what a
// fragment, an escaped `?`, a broken escape or odd bytes do to a query nobody
// knows.
func (c *condition) opensQuery(p *requestPath) bool {
	if p.fragment || p.late != nil || hasOddBytes(p.query) || hasBrokenEscape(p.query) {
		return false
	}
	if strings.IndexByte(p.query, '%') >= 0 && hasOddBytes(string(decodeEvery(nil, p.query))) {
		return false
	}
	return c.opensPairs(p.query, "&") &&
		(strings.IndexByte(p.query, ';') < 0 || c.opensPairs(p.query, "&;"))
}

func (c *condition) opensPairs(query, separators string) bool {
	found := false
	for query != "" {
		var pair string
		pair, query = cutAny(query, separators)
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		names := queryReadings(name)
		if strings.IndexByte(names[1], '%') >= 0 {
			return false // decoded twice it can be any name
		}
		if names[0] != c.name && names[1] != c.name && names[2] != c.name {
			continue
		}
		values := queryReadings(value)
		if names[0] != c.name || names[1] != c.name || names[2] != c.name ||
			!c.holds(values[1]) || !c.holds(values[2]) {
			return false
		}
		found = true
	}
	return found
}

// bindsQuery is content with one parameter in one reading.
func (c *condition) bindsQuery(p *requestPath) bool {
	for _, query := range p.late {
		if c.bindsPairs(query.alone) || c.bindsPairs(query.joined) {
			return true
		}
	}
	query, _, _ := strings.Cut(p.query, "#")
	return c.kind == 0 || c.bindsPairs(query) || p.fragment && c.bindsPairs(p.query)
}

// bindsPairs takes `;` for a separator, too, as some servers do.
func (c *condition) bindsPairs(query string) bool {
	return c.bindsPair(query, "&") || strings.IndexByte(query, ';') >= 0 && c.bindsPair(query, "&;")
}

func (c *condition) bindsPair(query, separators string) bool {
	for query != "" {
		var pair string
		pair, query = cutAny(query, separators)
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		names, values := queryReadings(name), queryReadings(value)
		if names[0] != c.name && names[1] != c.name && names[2] != c.name {
			continue
		}
		if c.binds(values[0]) || c.binds(values[1]) || c.binds(values[2]) {
			return true
		}
	}
	return false
}

// cutAny cuts at the first of some ASCII separators.
func cutAny(s, separators string) (before, after string) {
	for i := 0; i < len(s); i++ {
		if strings.IndexByte(separators, s[i]) >= 0 {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// queryReadings are s raw, decoded, and decoded with `+` as a space.
func queryReadings(s string) [3]string {
	readings := [3]string{s, s, s}
	if strings.IndexByte(s, '%') >= 0 {
		readings[1] = string(decodeEvery(nil, s))
	}
	if strings.IndexByte(s, '+') >= 0 {
		readings[2] = string(decodeEvery(nil, strings.ReplaceAll(s, "+", " ")))
	} else {
		readings[2] = readings[1]
	}
	return readings
}
