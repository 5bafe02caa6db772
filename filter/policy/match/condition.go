package match

import (
	"errors"
	"regexp"
	"strings"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
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
		if !syntax.IsTchar(name[i]) {
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
	if kind == conditionEqual && (syntax.HasControl(value) || syntax.TrimOWS(value) != value) {
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

// holds takes a value that is not the client's.
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

// The expressions of a request share an allowance, in bytes. A value that comes when
// it is used up is treated as one that is too long.
const (
	shortRequest   = 1 << 10  // whose expressions read
	shortAllowance = 2 << 10  // in all; what a request is longer than that adds
	longFactor     = 4        // times as much,
	maxAllowance   = 16 << 10 // but no more than this
	callCharge     = 16       // what a match costs besides its bytes
)

// ask asks about a value that the client sent; unasked: it is not read.
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

// affords charges what is about to be read.
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

// header asks the lines of a header. binds: one line holds, one element of a list
// in a line, or all lines joined (RFC 9110 section 5.3), whichever the upstream may
// look at. opens: every line holds. `x_tier` is not `x-tier`, but where an upstream
// takes them for one, it must not say something else.
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

// lists asks about the elements of a list, and about a value without the spaces at
// its ends.
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
	return c.ask(v, "") != request.False // behind the last comma, or where two of them meet
}

// holdsJoined asks about all lines of a header in one.
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

// parameter asks the parameters of a name. binds: one holds in one reading, or
// all do joined. opens: there is one, and each holds in every reading and has the
// name to every upstream.
func (c *condition) parameter(v *View) (binds, opens bool) {
	q := v.parameters()
	if q.tooMany || c.kind == 0 {
		return true, false
	}
	whole := false
	opens = true
	for _, hit := range q.find(c) {
		p := &q.List[hit.at]
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

// holdsIn asks about the readings of a parameter's value. some: one of them holds,
// or what some servers trim or take out of a list. every: all hold that decoding
// brings about.
func (c *condition) holdsIn(v *View, p *parameter) (some, every bool) {
	if c.kind == conditionPresent {
		return true, true
	}
	if len(p.value) > config.MaxRegexInput {
		return true, false // not decoded either
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
