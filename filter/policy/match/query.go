package match

import (
	"strings"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
)

// parameters are the parameters of a request's query, for every reading of where the
// query begins and ends. All conditions share them.
type parameters struct {
	read  bool
	list  []parameter
	doubt request.Truth // the result of doubtful
	// tooMany means that not all parameters are listed. Upstreams differ in whether
	// they read the others.
	tooMany bool
	escaped int // the bytes of names with escapes

	lastName string // the name in the last call of find
	hits     []hit  // the last result of find
}

// maxParameters is about the number that upstreams read: PHP and qs ignore parameters
// behind the 1000th, Django and Tomcat refuse the request.
const maxParameters = 1000

// maxOddParameters bounds the parameters behind a fragment or an escaped `?`, which a
// client can multiply.
const maxOddParameters = 64

// maxEscapedNames bounds the names that are decoded, in bytes.
const maxEscapedNames = 16 << 10

// parameter is one parameter. Its values are decoded when a condition needs them.
type parameter struct {
	name, value string // as sent
	once, full  string // the name decoded once, and until no escape is left
	trimmed     string // full after request.TrimName

	// inner marks a parameter that exists only to servers which decode the query before
	// they split it, as in `a%26b=c`.
	inner bool
	// whole marks a parameter between ampersands. Some servers also separate by `;`,
	// others take it for part of a value: a pair with a semicolon is listed as a whole
	// and in its parts.
	whole bool

	values []string // the distinct readings of the value, after read
	raw    bool     // values[0] is the value as sent, and a reading of servers that decode
	loose  string   // the decoded value without what some servers trim and cut off
	listed bool     // loose has a comma
}

// parameters parses the query, once per request.
func (v *View) parameters() *parameters {
	q := &v.query
	if q.read {
		return q
	}
	q.read = true
	p := v.RequestPath()
	query, _, _ := strings.Cut(p.Query, "#")
	q.add(query)
	q.addInner(query)
	certain := len(q.list)
	if p.Fragment {
		q.add(p.Query)
	}
	for _, hidden := range p.Hidden {
		q.add(hidden.Alone)
		q.add(hidden.Joined[strings.LastIndexAny(hidden.Alone, "&;")+1:]) // the other parameters are in Alone
	}
	q.tooMany = q.tooMany || len(q.list)-certain > maxOddParameters
	return q
}

// add parses one query. A client chooses its length: each byte is read once.
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

// addParts adds the parts of a pair between its semicolons.
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

// addInner adds the parameters of servers that decode the query before they split it.
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

// escapesDelimiter finds `%26`, `%3b` and `%3d`, and escapes that decode to them.
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
	if len(q.list) == maxParameters {
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
	q.list = append(q.list, p)
}

// doubtful reports that no condition on the query opens anything: servers disagree
// about a query with a fragment, an escaped `?`, a broken escape or odd bytes.
func (q *parameters) doubtful(p *request.Path) bool {
	if q.doubt == request.Unknown {
		q.doubt = request.TruthOf(q.tooMany || p.Fragment || p.Hidden != nil || request.HasOddBytes(p.Query) || request.HasBrokenEscape(p.Query) ||
			strings.IndexByte(p.Query, '%') >= 0 && request.HasOddBytes(string(syntax.DecodeEvery(nil, p.Query))))
	}
	return q.doubt == request.True
}

// hit is a parameter whose name is like that of a condition.
type hit struct {
	at   int // the index in parameters.list
	like request.Likeness
}

// find returns the parameters of a condition. Many rules use the same name: the last
// result is kept.
func (q *parameters) find(c *condition) []hit {
	if q.lastName == c.name {
		return q.hits
	}
	q.lastName, q.hits = c.name, q.hits[:0]
	for i := range q.list {
		if like := q.list[i].like(c); like != request.Unlike {
			q.hits = append(q.hits, hit{i, like})
		}
	}
	return q.hits
}

// like compares the parameter's name with the decoded name of a condition.
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

// read computes the distinct values that servers read: as sent, decoded, decoded with
// `+` as a space, and decoded until no escape is left.
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

// trimLoose trims at both ends what some server trims.
func trimLoose(s string) string {
	for s != "" && request.IsLooseSpace(s[0]) {
		s = s[1:]
	}
	for s != "" && request.IsLooseSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// joined returns the decoded values of a name in the query itself, joined as ASP.NET
// does. ok reports that there are several.
func (q *parameters) joined(c *condition) (values string, ok bool) {
	if c.kind == conditionEqual && strings.IndexByte(c.value, ',') < 0 {
		return "", false
	}
	n, length := 0, 0
	for _, hit := range q.find(c) {
		if p := &q.list[hit.at]; p.whole {
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
		if p := &q.list[hit.at]; p.whole {
			joined = append(append(joined, p.loose...), ',')
		}
	}
	return string(joined[:len(joined)-1]), true
}
