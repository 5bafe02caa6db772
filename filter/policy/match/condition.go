package match

import (
	"errors"
	"regexp"
	"strings"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
)

// conditionKind is what a condition requires of a value.
type conditionKind uint8

const (
	conditionPresent conditionKind = iota + 1 // any value
	conditionEqual                            // exactly these bytes
	conditionRegex                            // an RE2 expression matches the whole value
)

// condition is a requirement on a request header or on a query parameter. A request
// can bring several values, and the upstream may read the first, the last or all of
// them. So an opening needs at least one value and all must hold; a requirement binds
// if any value holds. The zero condition never opens and always binds.
type condition struct {
	name       string
	kind       conditionKind
	value      string // the value of conditionEqual, or the text of the expression
	expression *regexp.Regexp
}

// newHeaderCondition makes a condition on a header, whose name may be in any case.
// The value of a conditionPresent is empty.
func newHeaderCondition(name string, kind conditionKind, value string) (condition, error) {
	for i := 0; i < len(name); i++ {
		if !syntax.IsTchar(name[i]) {
			return condition{}, errors.New("want the name of a header (no pseudo-header: use methods, path and hosts)")
		}
	}
	name = strings.ToLower(name)
	switch name {
	case "":
		return condition{}, errors.New("want the name of a header, got an empty string")
	case "host":
		// Envoy turns host into :authority: such a condition would never hold.
		return condition{}, errors.New("want no condition on the header host: use hosts")
	}
	if kind == conditionEqual && (syntax.HasControl(value) || syntax.TrimOWS(value) != value) {
		return condition{}, errors.New("want a header value without control characters and without spaces at its ends: other values never match")
	}
	return newCondition(name, kind, value)
}

// newQueryCondition makes a condition on a query parameter. Name and value are
// decoded.
func newQueryCondition(name string, kind conditionKind, value string) (condition, error) {
	if name == "" {
		return condition{}, errors.New("want the name of a query parameter, got an empty string")
	}
	return newCondition(name, kind, value)
}

func newCondition(name string, kind conditionKind, value string) (condition, error) {
	c := condition{name: name, kind: kind, value: value}
	switch kind {
	case conditionPresent:
		if value != "" {
			return condition{}, errors.New("want no value with present")
		}
	case conditionEqual:
	case conditionRegex:
		expression, err := config.CompileAnchored(value)
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

// holds reports whether the condition holds for a value that is not the client's,
// which is not charged.
func (c *condition) holds(value string) bool {
	switch c.kind {
	case conditionPresent:
		return true
	case conditionEqual:
		return value == c.value
	case conditionRegex:
		return len(value) <= config.MaxRegexInput && c.expression.MatchString(value)
	}
	return false
}

// The conditions of a request share an allowance of bytes to read. When it is used up, a
// value is treated like one that is too long. The allowance is shortAllowance for a
// request of up to shortRequest bytes; each further byte adds longFactor, up to
// maxAllowance.
const (
	shortRequest   = 1 << 10
	shortAllowance = 2 << 10
	longFactor     = 4
	maxAllowance   = 16 << 10
	callCharge     = 16 // the cost of one evaluation besides its bytes
)

// ask evaluates the condition for a value that the client sent. Unknown means that
// the value was not read because of a bound.
func (c *condition) ask(v *View, value string) request.Truth {
	switch {
	case c.kind == conditionPresent:
		return request.True
	case len(value) > config.MaxRegexInput:
		return request.Unknown
	case c.kind == conditionEqual:
		return request.TruthOf(value == c.value)
	case c.kind == conditionRegex && v.affords(len(value)):
		return request.TruthOf(c.expression.MatchString(value))
	}
	return request.Unknown
}

// affords charges n bytes to the allowance and reports whether it sufficed.
func (v *View) affords(n int) bool {
	if !v.metered {
		v.metered = true
		length := len(v.Request.Path) + len(v.Request.Authority)
		for _, pair := range v.Request.Headers {
			if !strings.HasPrefix(pair[0], ":") {
				length += len(pair[0]) + len(pair[1])
			}
		}
		v.allowance = min(shortAllowance+longFactor*max(0, length-shortRequest), maxAllowance)
	}
	v.allowance -= n + callCharge
	return v.allowance >= 0
}

// header evaluates the lines of a header. binds: one line holds, or one element of a
// list in a line, or all lines joined (RFC 9110 section 5.3), whichever the upstream
// may read. opens: every line holds. `x_tier` is not `x-tier`, but some upstreams
// take it for that: such a line must hold, too, and does not count as a value.
func (c *condition) header(v *View) (binds, opens bool) {
	if c.kind == 0 {
		return true, false
	}
	pairs := v.Request.Headers
	lines, exact := 0, false
	opens = true
	for i := range pairs {
		if !syntax.SameHeader(pairs[i][0], c.name) {
			continue
		}
		value := pairs[i][1]
		lines++
		exact = exact || pairs[i][0] == c.name || syntax.EqualFoldASCII(pairs[i][0], c.name)
		a := c.ask(v, value)
		opens = opens && a == request.True
		binds = binds || a != request.False || c.lists(v, value)
		if binds && !opens {
			return true, false
		}
	}
	return binds || lines > 1 && (c.holdsJoined(v, ", ") || c.holdsJoined(v, ",")), opens && exact
}

// lists evaluates the elements of a list, and a value without the white space at its
// ends.
func (c *condition) lists(v *View, list string) bool {
	if strings.IndexByte(list, ',') < 0 {
		trimmed := syntax.TrimOWS(list)
		return len(trimmed) < len(list) && c.ask(v, trimmed) != request.False
	}
	if c.kind == conditionEqual && (!strings.Contains(list, c.value) || strings.IndexByte(c.value, ',') >= 0) {
		return false
	}
	if c.kind == conditionEqual && !v.affords(len(list)) {
		return true
	}
	for list != "" {
		var element string
		element, list, _ = strings.Cut(list, ",")
		if c.ask(v, syntax.TrimOWS(element)) != request.False {
			return true
		}
	}
	return c.ask(v, "") != request.False // an empty element: at the end, or between two commas
}

// holdsJoined evaluates all lines of a header joined by separator.
func (c *condition) holdsJoined(v *View, separator string) bool {
	if c.kind == conditionEqual && strings.IndexByte(c.value, ',') < 0 {
		return false
	}
	pairs := v.Request.Headers
	length := -len(separator)
	for i := range pairs {
		if syntax.SameHeader(pairs[i][0], c.name) {
			length += len(pairs[i][1]) + len(separator)
		}
	}
	if c.kind == conditionEqual && length != len(c.value) {
		return false
	}
	if length > config.MaxRegexInput || !v.affords(length) {
		return true
	}
	joined := make([]byte, 0, length+len(separator))
	for i := range pairs {
		if syntax.SameHeader(pairs[i][0], c.name) {
			joined = append(append(joined, pairs[i][1]...), separator...)
		}
	}
	return c.holds(string(joined[:length]))
}

// parameter evaluates the parameters of a name. binds: one of them holds in one
// reading, or all of them joined do. opens: there is at least one, each holds in
// every reading, and every upstream reads its name in the same way.
func (c *condition) parameter(v *View) (binds, opens bool) {
	q := v.parameters()
	if q.tooMany || c.kind == 0 {
		return true, false
	}
	whole := false
	opens = true
	for _, hit := range q.find(c) {
		p := &q.list[hit.at]
		some, every := c.holdsIn(v, p)
		binds = binds || some
		opens = opens && every && (p.inner || hit.like == request.Same)
		whole = whole || p.whole
		if binds && !opens {
			return true, false
		}
	}
	if !binds && whole {
		if joined, several := q.joined(c); several {
			binds = joined == "" || c.ask(v, joined) != request.False
		}
	}
	return binds, opens && whole && !q.doubtful(v.RequestPath())
}

// holdsIn evaluates the readings of a parameter's value. some: one of them holds, or
// what some servers trim off it or take out of a list. every: all hold that decoding
// produces.
func (c *condition) holdsIn(v *View, p *parameter) (some, every bool) {
	if c.kind == conditionPresent {
		return true, true
	}
	if len(p.value) > config.MaxRegexInput {
		return true, false // too long to be decoded
	}
	p.read()
	every = true
	for i, s := range p.values {
		a := c.ask(v, s)
		some = some || a != request.False
		every = every && (a == request.True || i == 0 && !p.raw)
		if some && !every {
			return true, false
		}
	}
	if !some {
		last := p.values[len(p.values)-1]
		some = len(p.loose) < len(last) && c.ask(v, p.loose) != request.False || p.listed && c.lists(v, p.loose)
	}
	return some, every
}
