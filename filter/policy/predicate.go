package policy

import (
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// predicateNames are the members of a predicate beside claim, of which it has
// exactly one.
var predicateNames = []string{"equal", "one_of", "contains", "matches", "exists"}

// predicate is what a rule asks of one claim.
type predicate struct {
	claim      int
	kind       string // one of predicateNames
	values     []scalar
	expression *regexp.Regexp
	text       string // of the expression
}

// readPredicates reads what a rule asks of claims, as facts that must all hold.
func readPredicates(o *object, t *claimTable, q *questions) (mask facts) {
	for _, item := range o.array("claims") {
		c := asObject(item, o.problems)
		if c == nil {
			continue
		}
		before := len(o.problems.list)
		asked := readPredicate(c, t)
		if len(o.problems.list) == before {
			mask = mask.with(q.predicate(&asked))
		}
	}
	return mask
}

func readPredicate(o *object, t *claimTable) predicate {
	asked := predicate{claim: t.read(o)}
	if n := o.get("equal"); n != nil {
		asked.values = append(asked.values, readScalar(n, o.problems))
	}
	for _, item := range o.array("one_of") {
		asked.values = append(asked.values, readScalar(item, o.problems))
	}
	if n := o.get("contains"); n != nil {
		asked.values = append(asked.values, readScalar(n, o.problems))
	}
	o.checked("matches", "", func(s string) string {
		expression, err := compileAnchored(s)
		if err != nil {
			return err.Error()
		}
		asked.expression, asked.text = expression, s
		return ""
	})
	if !o.boolean("exists", true) {
		o.wrong("exists", "want true: no rule can ask that a claim is absent")
	}
	o.done()
	count := 0
	for _, name := range predicateNames {
		if o.has(name) {
			count++
			asked.kind = name
		}
	}
	if count != 1 {
		o.problems.add(o.path, "want exactly one of "+strings.Join(predicateNames, ", "))
	}
	return asked
}

// readScalar reads a value to compare claims with.
func readScalar(n *node, p *problems) scalar {
	switch n.kind {
	case '"':
		return scalar{'"', checkedString(n, p, "", wantClaimText)}
	case '0':
		if n.rounded {
			p.add(n.path, "want a number that a Struct can hold exactly, a whole one below 2^53: this one may be another than was written")
		}
		return scalar{'0', n.text}
	case 't':
		return scalar{'t', "true"}
	case 'f':
		return scalar{'f', "false"}
	}
	p.add(n.path, "want a string, a number or a boolean, got "+kindName(n.kind))
	return scalar{}
}

// predicate is the fact that a predicate asks for. Two that say the same share
// one.
func (q *questions) predicate(asked *predicate) int {
	name := asked.name()
	if bit, ok := q.known[name]; ok {
		return bit
	}
	if q.known == nil {
		q.known = map[string]int{}
	}
	bit := q.count
	q.count++
	q.known[name] = bit
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

// name tells predicates apart. Each part says how long it is, so that no two
// different ones have one name.
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
