package policy

import "strings"

// parameters are those of a request's query, in every reading of where it begins
// and ends. All conditions share them.
type parameters struct {
	read  bool
	list  []parameter
	doubt answer // yes: no condition on the query opens anything
	// crowded: there are more than are listed. What stands behind them an upstream
	// may or may not see.
	crowded bool
}

// maxParameters is about what upstreams read: PHP and qs ignore what stands behind
// the 1000th, Django and Tomcat refuse it.
const maxParameters = 1000

// parameter is one of them, whose names and values are read as need be.
type parameter struct {
	name, value string // as sent
	once, full  string // the name, decoded once and as often as possible

	// plain: it stands in the query itself, where one begins in no doubt.
	plain bool
	// To some servers `;` is a separator, to others it is part of a value: what
	// holds one stands here as a whole and in its parts.
	whole, part bool

	values []string // distinct readings, once they are asked for
	raw    bool     // the first of them is the value as sent, which all servers decode
}

// parameters reads the query, once a request.
func (v *requestView) parameters() *parameters {
	q := &v.query
	if q.read {
		return q
	}
	q.read = true
	p := v.requestPath()
	query, _, _ := strings.Cut(p.query, "#")
	q.add(query, !p.fragment && p.late == nil)
	if p.fragment {
		q.add(p.query, false)
	}
	for _, late := range p.late {
		q.add(late.alone, false)
		q.add(late.joined, false)
	}
	return q
}

func (q *parameters) add(query string, plain bool) {
	for query != "" && !q.crowded {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if strings.IndexByte(pair, ';') < 0 {
			q.append(pair, parameter{plain: plain, whole: true, part: true})
			continue
		}
		q.append(pair, parameter{plain: plain, whole: true})
		for pair != "" && !q.crowded {
			var part string
			part, pair, _ = strings.Cut(pair, ";")
			q.append(part, parameter{plain: plain, part: true})
		}
	}
}

func (q *parameters) append(pair string, p parameter) {
	switch {
	case pair == "":
		return
	case len(q.list) == maxParameters:
		q.crowded = true
		return
	}
	p.name, p.value, _ = strings.Cut(pair, "=")
	p.once, p.full = p.name, p.name
	if strings.IndexByte(p.name, '%') >= 0 {
		p.once, p.full = string(decodeEvery(nil, p.name)), decodeFully(p.name)
	}
	q.list = append(q.list, p)
}

// doubtful says that no condition on the query opens anything: what a fragment, an
// escaped `?`, a broken escape or odd bytes do to a query is not known, and a name
// that is escaped twice can be any.
func (q *parameters) doubtful(p *requestPath) bool {
	if q.doubt == unasked {
		q.doubt = answerOf(q.crowded || p.fragment || p.late != nil || hasOddBytes(p.query) || hasBrokenEscape(p.query) ||
			strings.IndexByte(p.query, '%') >= 0 && (hasOddBytes(string(decodeEvery(nil, p.query))) || q.namesEscapedTwice()))
	}
	return q.doubt == yes
}

func (q *parameters) namesEscapedTwice() bool {
	for i := range q.list {
		if strings.IndexByte(q.list[i].once, '%') >= 0 {
			return true
		}
	}
	return false
}

// like compares the parameter's name with one that is wanted, as decoded.
func (p *parameter) like(want string) likeness {
	if p.name == want && strings.IndexByte(want, '%') < 0 && strings.IndexByte(want, '+') < 0 {
		return same
	}
	if p.name == want || p.once == want || p.full == want {
		return aliased
	}
	return likeName(p.full, want, true)
}

// readings are the distinct values that servers find: as sent, decoded, decoded
// with `+` as a space, and decoded as often as possible.
func (p *parameter) readings() []string {
	if p.values != nil {
		return p.values
	}
	plus := strings.IndexByte(p.value, '+') >= 0
	if strings.IndexByte(p.value, '%') < 0 && !plus {
		p.values, p.raw = []string{p.value}, true
		return p.values
	}
	spaced := p.value
	if plus {
		spaced = strings.ReplaceAll(spaced, "+", " ")
	}
	for _, s := range []string{p.value, string(decodeEvery(nil, p.value)), string(decodeEvery(nil, spaced)), decodeFully(spaced)} {
		switch {
		case !contains(p.values, s):
			p.values = append(p.values, s)
		case s == p.value:
			p.raw = true
		}
	}
	return p.values
}
