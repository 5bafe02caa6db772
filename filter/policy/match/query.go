package match

import (
	"strings"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
)

// parameters are those of a request's query, in every reading of where it begins
// and ends. All conditions share them.
type parameters struct {
	read  bool
	List  []parameter
	doubt request.Truth // yes: no condition on the query opens anything
	// crowded: there are more than are listed. What stands behind them an upstream
	// may or may not see.
	tooMany bool
	escaped int // bytes of names with escapes

	lastName string // the name that was looked for last
	Hits   []hit  // what was found
}

// maxParameters is about what upstreams read: PHP and qs ignore what stands behind
// the 1000th, Django and Tomcat refuse it.
const maxParameters = 1000

// maxOddParameters is for what stands behind a fragment or an escaped `?`, which a
// client can multiply.
const maxOddParameters = 64

// maxEscapedNames bounds what is decoded.
const maxEscapedNames = 16 << 10

// parameter is one of them, whose names and values are read as need be.
type parameter struct {
	name, value string // as sent
	once, full  string // the name, decoded once and as often as possible
	trimmed     string // the full one by trimName

	// inner: it is one where the query is decoded before it is split, as `%26` has it.
	inner bool
	// To some servers `;` is a separator, to others it is part of a value: what
	// holds one stands here as a whole, and in its parts.
	whole bool

	values []string // distinct readings of the value, once they are asked for
	raw    bool     // the first of them is the value as sent, which no server decodes
	loose  string   // the value with what some servers trim and cut off
	listed bool     // it has a comma
}

// parameters reads the query, once a request.
func (v *View) parameters() *parameters {
	q := &v.Query
	if q.read {
		return q
	}
	q.read = true
	p := v.RequestPath()
	query, _, _ := strings.Cut(p.Query, "#")
	q.add(query)
	q.addInner(query)
	certain := len(q.List)
	if p.Fragment {
		q.add(p.Query)
	}
	for _, late := range p.Hidden {
		q.add(late.Alone)
		q.add(late.Joined[strings.LastIndexAny(late.Alone, "&;")+1:]) // the others are those of late.alone
	}
	q.tooMany = q.tooMany || len(q.List)-certain > maxOddParameters
	return q
}

// add reads one query. It is as long as a client likes: each byte is looked at once.
func (q *parameters) add(query string) {
	start, semicolons := 0, false
	for i := 0; i <= len(query) && !q.tooMany; i++ {
		switch {
		case i < len(query) && query[i] == ';':
			semicolons = true
		case i == len(query) || query[i] == '&':
			if i > start {
				q.append(query[start:i], parameter{whole: true})
			}
			if semicolons {
				q.addParts(query[start:i])
			}
			start, semicolons = i+1, false
		}
	}
}

func (q *parameters) addParts(pair string) {
	start := 0
	for i := 0; i <= len(pair) && !q.tooMany; i++ {
		if i == len(pair) || pair[i] == ';' {
			if i > start {
				q.append(pair[start:i], parameter{})
			}
			start = i + 1
		}
	}
}

// addInner reads what comes of a query that is decoded before it is split.
func (q *parameters) addInner(query string) {
	if strings.IndexByte(query, '%') < 0 {
		return
	}
	for query != "" && !q.tooMany {
		var pair string
		if pair, query, _ = strings.Cut(query, "&"); !escapesDelimiter(pair) {
			continue
		}
		for decoded := request.DecodeFully(pair); decoded != "" && !q.tooMany; {
			if pair, decoded = syntax.CutPair(decoded); pair != "" {
				q.append(pair, parameter{inner: true})
			}
		}
	}
}

// escapesDelimiter finds `%26`, `%3b` and `%3d`, and what can bring them out.
func escapesDelimiter(pair string) bool {
	for i := 0; i+2 < len(pair); i++ {
		if pair[i] == '%' && (pair[i+1] == '2' && (pair[i+2] == '5' || pair[i+2] == '6') ||
			pair[i+1] == '3' && (pair[i+2]|0x20 == 'b' || pair[i+2]|0x20 == 'd') || pair[i+1]|0x20 == 'u' || pair[i+1] == '%') {
			return true
		}
	}
	return false
}

func (q *parameters) append(pair string, p parameter) {
	if len(q.List) == maxParameters {
		q.tooMany = true
		return
	}
	p.name, p.value, _ = strings.Cut(pair, "=")
	p.once, p.full = p.name, p.name
	if strings.IndexByte(p.name, '%') >= 0 {
		if q.escaped += len(p.name); q.escaped > maxEscapedNames {
			q.tooMany = true
			return
		}
		if p.full = request.DecodeFully(p.name); request.DecodesOnce(p.name) {
			p.once = p.full
		} else {
			p.once = string(syntax.DecodeEvery(nil, p.name))
		}
	}
	p.trimmed = request.TrimName(p.full, true, 0)
	q.List = append(q.List, p)
}

// doubtful says that no condition on the query opens anything: what a fragment, an
// escaped `?`, a broken escape or odd bytes do to a query is not known.
func (q *parameters) doubtful(p *request.Path) bool {
	if q.doubt == request.Unknown {
		q.doubt = request.TruthOf(q.tooMany || p.Fragment || p.Hidden != nil || request.HasOddBytes(p.Query) || request.HasBrokenEscape(p.Query) ||
			strings.IndexByte(p.Query, '%') >= 0 && request.HasOddBytes(string(syntax.DecodeEvery(nil, p.Query))))
	}
	return q.doubt == request.True
}

// hit is a parameter that is like what a condition names.
type hit struct {
	at   int // in parameters.list
	like request.Likeness
}

// find looks for the parameters of a condition. Many rules ask for one name: what
// was found last is kept.
func (q *parameters) find(c *condition) []hit {
	if q.lastName == c.name {
		return q.Hits
	}
	q.lastName, q.Hits = c.name, q.Hits[:0]
	for i := range q.List {
		if like := q.List[i].like(c); like != request.Unlike {
			q.Hits = append(q.Hits, hit{i, like})
		}
	}
	return q.Hits
}

// like compares the parameter's name with that of a condition, as decoded.
func (p *parameter) like(c *condition) request.Likeness {
	switch {
	case p.name == c.name && !strings.ContainsAny(c.name, "%+"):
		return request.Same
	case p.name == c.name || p.once == c.name || p.full == c.name:
		return request.Aliased
	}
	if request.TrimName(c.name[:1], true, 0) == "" {
		return request.LikeName(request.TrimName(p.full, true, c.name[0]), c.name, true)
	}
	return request.LikeName(p.trimmed, c.name, true)
}

// read finds the distinct values that servers find: as sent, decoded, decoded with
// `+` as a space, and decoded as often as possible.
func (p *parameter) read() {
	if p.values != nil {
		return
	}
	plus := strings.IndexByte(p.value, '+') >= 0
	last := p.value
	if !plus && strings.IndexByte(p.value, '%') < 0 {
		p.values, p.raw = []string{p.value}, true
	} else {
		spaced := p.value
		if plus {
			spaced = strings.ReplaceAll(spaced, "+", " ")
		}
		last = request.DecodeFully(spaced)
		for _, s := range []string{p.value, string(syntax.DecodeEvery(nil, p.value)), string(syntax.DecodeEvery(nil, spaced)), last} {
			switch {
			case !syntax.Contains(p.values, s):
				p.values = append(p.values, s)
			case s == p.value:
				p.raw = true
			}
		}
	}
	p.loose, _, _ = strings.Cut(last, "\x00")
	p.loose = trimLoose(p.loose)
	p.listed = strings.IndexByte(p.loose, ',') >= 0
}

func trimLoose(s string) string {
	for s != "" && request.IsLooseSpace(s[0]) {
		s = s[1:]
	}
	for s != "" && request.IsLooseSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// joined are the values of a name in the query itself, decoded, as ASP.NET joins
// them. ok: there are several.
func (q *parameters) joined(c *condition) (values string, ok bool) {
	if c.kind == conditionEqual && strings.IndexByte(c.value, ',') < 0 {
		return "", false
	}
	n, length := 0, 0
	for _, hit := range q.find(c) {
		if p := &q.List[hit.at]; p.whole {
			p.read()
			n++
			length += len(p.loose) + 1
		}
	}
	if n < 2 || length > config.MaxRegexInput {
		return "", n > 1
	}
	joined := make([]byte, 0, length)
	for _, hit := range q.find(c) {
		if p := &q.List[hit.at]; p.whole {
			joined = append(append(joined, p.loose...), ',')
		}
	}
	return string(joined[:len(joined)-1]), true
}
