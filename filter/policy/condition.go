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

// holds takes a value that is not the client's.
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

// Bounds on what expressions read: RE2 takes linear time, but 60 KiB of it are a
// fifth of a second in Wasm. What is longer than maxRegexInput, or comes when the
// request has used up its allowance, opens nothing and is bound by every
// requirement.
const (
	maxRegexInput   = 4096
	regexAllowance  = 2 << 10  // bytes of a request that expressions read, and twice its length,
	maxRegexBytes   = 16 << 10 // but no more
	regexCallCharge = 16       // what a match costs besides its bytes
)

// ask asks about a value that the client sent; unasked: it is not read.
func (c *condition) ask(v *requestView, value string) answer {
	if c.kind == conditionRegex && (len(value) > maxRegexInput || !v.affords(len(value))) {
		return unasked
	}
	return answerOf(c.holds(value))
}

// affords charges what an expression is about to read.
func (v *requestView) affords(n int) bool {
	if !v.metered {
		v.metered = true
		length := len(v.request.Path)
		for i := range v.request.Headers {
			length += len(v.request.Headers[i][0]) + len(v.request.Headers[i][1])
		}
		v.allowance = min(regexAllowance+2*length, maxRegexBytes)
	}
	v.allowance -= n + regexCallCharge
	return v.allowance >= 0
}

// header asks the lines of a header. binds: one line holds, one element of a list
// in a line, or all lines joined (RFC 9110 section 5.3), whichever the upstream may
// look at. opens: every line holds. `x_tier` is not `x-tier`, but where an upstream
// takes them for one, it must not say something else.
func (c *condition) header(v *requestView) (binds, opens bool) {
	pairs := v.request.Headers
	lines, exact := 0, false
	opens = true
	for i := range pairs {
		if !sameHeader(pairs[i][0], c.name) {
			continue
		}
		lines++
		exact = exact || equalFoldASCII(pairs[i][0], c.name)
		a := c.ask(v, pairs[i][1])
		binds = binds || a != no || c.lists(v, pairs[i][1])
		opens = opens && a == yes
	}
	if !binds && lines > 1 {
		binds = c.ask(v, joinLines(pairs, c.name, ", ")) != no || c.ask(v, joinLines(pairs, c.name, ",")) != no
	}
	return binds || c.kind == 0, opens && exact
}

// lists asks about the elements of a list.
func (c *condition) lists(v *requestView, list string) bool {
	if c.kind == conditionEqual && !strings.Contains(list, c.value) || strings.IndexByte(list, ',') < 0 {
		return c.kind != conditionPresent && trimOWS(list) != list && c.ask(v, trimOWS(list)) != no
	}
	for element := range strings.SplitSeq(list, ",") {
		if c.ask(v, trimOWS(element)) != no {
			return true
		}
	}
	return false
}

func joinLines(pairs [][2]string, name, separator string) string {
	var lines []string
	for i := range pairs {
		if sameHeader(pairs[i][0], name) {
			lines = append(lines, pairs[i][1])
		}
	}
	return strings.Join(lines, separator)
}

// parameter asks the parameters of a name. binds: one holds in one reading, or
// all do joined, as ASP.NET joins them. opens: there is one, and each holds in
// every reading and has the name to every upstream.
func (c *condition) parameter(v *requestView) (binds, opens bool) {
	q := v.parameters()
	if q.crowded || c.kind == 0 {
		return true, false
	}
	found, whole, part := 0, false, false
	opens = true
	for i := range q.list {
		p := &q.list[i]
		like := p.like(c.name)
		if like == unlike {
			continue
		}
		if p.whole {
			found++
		}
		some, every := c.values(v, p)
		binds = binds || some
		opens = opens && every && like == same && p.plain
		whole, part = whole || p.whole, part || p.part
		if binds && !opens {
			return true, false
		}
	}
	if !binds && found > 1 {
		binds = c.ask(v, q.joined(c.name)) != no
	}
	return binds, opens && whole && part && !q.doubtful(v.requestPath())
}

// values asks about the readings of a value: some holds, and every one does that a
// server makes which decodes. What some trim or take for a list counts for the
// first only.
func (c *condition) values(v *requestView, p *parameter) (some, every bool) {
	if c.kind == conditionPresent {
		return true, true
	}
	every = true
	readings := p.readings()
	for i, s := range readings {
		a := c.ask(v, s)
		some = some || a != no
		every = every && (a == yes || i == 0 && !p.raw)
		if some && !every {
			return true, false
		}
	}
	if !some {
		loose, _, _ := strings.Cut(readings[len(readings)-1], "\x00")
		loose = strings.TrimFunc(loose, func(r rune) bool { return r <= ' ' || r >= 0x7f })
		some = loose != readings[len(readings)-1] && c.ask(v, loose) != no || c.lists(v, loose)
	}
	return some, every
}

// joined are the values of a name in the query itself, decoded.
func (q *parameters) joined(name string) string {
	var values []string
	for i := range q.list {
		if p := &q.list[i]; p.whole && p.like(name) != unlike {
			values = append(values, p.readings()[len(p.readings())-1])
		}
	}
	return strings.Join(values, ",")
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
