package identity

import (
	"regexp"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/syntax"
)

// Facts are the answers to what the rules ask of a token: a bit for each scope and each
// predicate of a rule. They are found once, when the token is verified, because a policy
// never changes.
type Facts []uint64

// add adds a fact. The Facts must be long enough.
func (f Facts) add(bit int) { f[bit/64] |= 1 << (bit % 64) }

// All reports whether f has every fact of the mask.
func (f Facts) All(mask Facts) bool {
	for i, want := range mask {
		if want != 0 && (i >= len(f) || f[i]&want != want) {
			return false
		}
	}
	return true
}

// Any reports whether f has a fact of the mask.
func (f Facts) Any(mask Facts) bool {
	for i, want := range mask {
		if i < len(f) && f[i]&want != 0 {
			return true
		}
	}
	return false
}

// With returns the mask with a fact added.
func (f Facts) With(bit int) Facts {
	for bit/64 >= len(f) {
		f = append(f, 0)
	}
	f.add(bit)
	return f
}

// questions are what all rules ask of a token, each question once.
type questions struct {
	count  int            // of facts
	scopes map[string]int // fact by scope
	claims []claimQuestions
	byText map[string]int // fact by the text of a predicate, while the rules are read
}

// claimQuestions are what all rules ask of a single claim: an array of a hundred groups
// is read once, however many rules ask for a group.
type claimQuestions struct {
	claim    int // index in the claims.Table
	exists   int // fact that the claim exists; -1: no rule asks
	is, has  map[scalar][]int
	patterns []patternQuestion
}

type patternQuestion struct {
	expression *regexp.Regexp
	bit        int
}

// scalar is a string, a number as it is written, or a boolean. The zero value is none.
type scalar struct {
	kind byte // of jose.Value.Kind
	text string
}

// scalarOf returns v as a scalar that borrows from it, zero for another kind of value.
func scalarOf(v jose.Value) scalar {
	switch kind := v.Kind(); kind {
	case '"':
		text, _ := v.Text()
		return scalar{kind, syntax.Borrow(text)}
	case '0', 't', 'f':
		return scalar{kind, syntax.Borrow(v)}
	}
	return scalar{}
}

// Scope returns the fact that a token has a scope.
func (q *questions) Scope(name string) int {
	if bit, ok := q.scopes[name]; ok {
		return bit
	}
	if q.scopes == nil {
		q.scopes = map[string]int{}
	}
	q.scopes[name] = q.count
	q.count++
	return q.count - 1
}

// Done frees what only reading the rules needs.
func (q *questions) Done() { q.byText = nil }

func (q *questions) about(claim int) *claimQuestions {
	for i := range q.claims {
		if q.claims[i].claim == claim {
			return &q.claims[i]
		}
	}
	q.claims = append(q.claims, claimQuestions{claim: claim, exists: -1, is: map[scalar][]int{}, has: map[scalar][]int{}})
	return &q.claims[len(q.claims)-1]
}

// answer adds the facts that the values of claims have.
func (q *questions) answer(f Facts, values []jose.Value) {
	for i := range q.claims {
		c := &q.claims[i]
		c.answer(f, values[c.claim])
	}
}

func (c *claimQuestions) answer(f Facts, value jose.Value) {
	kind := value.Kind()
	if kind == 0 {
		return
	}
	if c.exists >= 0 {
		f.add(c.exists)
	}
	if kind == '[' {
		if len(c.has) > 0 {
			value.Items(func(item jose.Value) bool {
				f.addAll(c.has[scalarOf(item)])
				return true
			})
		}
		return
	}
	s := scalarOf(value)
	f.addAll(c.is[s])
	if kind != '"' || len(s.text) > config.MaxRegexInput {
		return
	}
	for _, p := range c.patterns {
		if p.expression.MatchString(s.text) {
			f.add(p.bit)
		}
	}
}

func (f Facts) addAll(bits []int) {
	for _, bit := range bits {
		f.add(bit)
	}
}
