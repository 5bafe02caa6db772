package identity

import (
	"regexp"
	"sort"
	"strconv"
	"strings"

	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/config"
)

// predicateNames are the members of a predicate beside claim. A predicate has exactly one
// of them.
var predicateNames = []string{"equal", "one_of", "contains", "matches", "exists"}

// predicate is what a rule asks of a claim.
type predicate struct {
	claim      int
	kind       string // one of predicateNames
	values     []scalar
	expression *regexp.Regexp
	text       string // of the expression
}

// ReadPredicates reads the member claims of a rule, and returns the facts that a token
// must have. Problems go to o.
func ReadPredicates(o *config.Object, t *claims.Table, questions *questions) (mask Facts, needs []Need) {
	for _, item := range o.Array("claims") {
		c := config.AsObject(item, o.Problems)
		if c == nil {
			continue
		}
		before := len(o.Problems.List)
		asked := readPredicate(c, t)
		if len(o.Problems.List) == before {
			fact := questions.predicate(&asked)
			mask = mask.With(fact)
			needs = append(needs, Need{asked.claim, asked.kind, fact})
		}
	}
	return mask, needs
}

// Need is a predicate of a rule, to say which one a token does not meet. It has no values:
// they may be secrets.
type Need struct {
	Claim int    // index in the claims.Table
	Kind  string // of the predicate
	Fact  int
}

// Has reports whether f has a fact.
func (f Facts) Has(bit int) bool { return bit/64 < len(f) && f[bit/64]>>(bit%64)&1 == 1 }

func readPredicate(o *config.Object, t *claims.Table) predicate {
	asked := predicate{claim: t.Read(o)}
	if n := o.Get("equal"); n != nil {
		asked.values = append(asked.values, readScalar(n, o.Problems))
	}
	for _, item := range o.Array("one_of") {
		asked.values = append(asked.values, readScalar(item, o.Problems))
	}
	if n := o.Get("contains"); n != nil {
		asked.values = append(asked.values, readScalar(n, o.Problems))
	}
	o.Checked("matches", "", func(s string) string {
		expression, err := config.CompileAnchored(s)
		if err != nil {
			return err.Error()
		}
		asked.expression, asked.text = expression, s
		return ""
	})
	if !o.Boolean("exists", true) {
		o.Wrong("exists", "want true: a rule cannot require that a claim is absent")
	}
	o.Done()
	count := 0
	for _, name := range predicateNames {
		if o.Has(name) {
			count++
			asked.kind = name
		}
	}
	if count != 1 {
		o.Problems.Add(o.Path, "want exactly one of "+strings.Join(predicateNames, ", "))
	}
	return asked
}

// readScalar reads a value to compare claims with.
func readScalar(n *config.Node, p *config.Problems) scalar {
	switch n.Kind {
	case '"':
		return scalar{'"', config.CheckedString(n, p, "", config.WantClaimText)}
	case '0':
		if n.Inexact {
			p.Add(n.Path, "want a whole number below 2^53: a Struct cannot represent this number exactly")
		}
		return scalar{'0', n.Text}
	case 't':
		return scalar{'t', "true"}
	case 'f':
		return scalar{'f', "false"}
	}
	p.Add(n.Path, "want a string, a number or a boolean, got "+config.KindName(n.Kind))
	return scalar{}
}

// predicate returns the fact that a predicate asks for. Equal predicates share a fact.
func (q *questions) predicate(asked *predicate) int {
	name := asked.name()
	if bit, ok := q.byText[name]; ok {
		return bit
	}
	if q.byText == nil {
		q.byText = map[string]int{}
	}
	bit := q.count
	q.count++
	q.byText[name] = bit
	about := q.about(asked.claim)
	switch asked.kind {
	case "equal", "one_of":
		for _, value := range asked.values {
			about.is[value] = append(about.is[value], bit)
		}
	case "contains":
		about.has[asked.values[0]] = append(about.has[asked.values[0]], bit)
	case "matches":
		about.patterns = append(about.patterns, patternQuestion{asked.expression, bit})
	case "exists":
		about.exists = bit
	}
	return bit
}

// name identifies a predicate. Each part begins with its length, so that different
// predicates never have the same name.
func (asked *predicate) name() string {
	kind := asked.kind
	if kind == "equal" {
		kind = "one_of"
	}
	parts := []string{strconv.Itoa(asked.claim), kind, asked.text}
	values := make([]string, 0, len(asked.values))
	for _, value := range asked.values {
		values = append(values, string(value.kind)+value.text)
	}
	sort.Strings(values)
	var b strings.Builder
	for _, part := range append(parts, values...) {
		b.WriteString(strconv.Itoa(len(part)))
		b.WriteByte(':')
		b.WriteString(part)
	}
	return b.String()
}
