package policy

import (
	"regexp"

	"bearerauth/filter/jose"
)

// facts are what the rules want to know of a token, a bit for each scope and
// each predicate that some rule names. They are found once, when the token is
// verified: a policy never changes for a State, so neither do they.
type facts []uint64

func (f facts) set(bit int) { f[bit/64] |= 1 << (bit % 64) }

// all reports whether every fact of mask is there. Facts that were never looked
// for are not.
func (f facts) all(mask facts) bool {
	for i, want := range mask {
		if want != 0 && (i >= len(f) || f[i]&want != want) {
			return false
		}
	}
	return true
}

func (f facts) any(mask facts) bool {
	for i, want := range mask {
		if i < len(f) && f[i]&want != 0 {
			return true
		}
	}
	return false
}

// with is the mask with one fact more.
func (f facts) with(bit int) facts {
	for bit/64 >= len(f) {
		f = append(f, 0)
	}
	f.set(bit)
	return f
}

// questions are all that the rules ask, each once.
type questions struct {
	count  int
	scopes map[string]int // by scope
	claims []claimQuestions
	known  map[string]int // predicates by their text, while the rules are read
}

// claimQuestions are all that the rules ask of one claim: an array of a hundred
// groups is read once, however many rules ask for one of them.
type claimQuestions struct {
	claim    int // in Policy.claimRefs
	exists   int // -1: nobody asks
	is, has  map[scalar][]int
	patterns []patternQuestion
}

type patternQuestion struct {
	expression *regexp.Regexp
	bit        int
}

// scalar is a string, a number as it is written, or a boolean.
type scalar struct {
	kind byte // as jose.Value.Kind has it
	text string
}

// scalarOf borrows from v. The zero scalar is no value.
func scalarOf(v jose.Value) scalar {
	switch kind := v.Kind(); kind {
	case '"':
		text, _ := v.Text()
		return scalar{kind, borrow(text)}
	case '0', 't', 'f':
		return scalar{kind, borrow(v)}
	}
	return scalar{}
}

func (q *questions) scope(name string) int {
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

func (q *questions) about(claim int) *claimQuestions {
	for i := range q.claims {
		if q.claims[i].claim == claim {
			return &q.claims[i]
		}
	}
	q.claims = append(q.claims, claimQuestions{claim: claim, exists: -1, is: map[scalar][]int{}, has: map[scalar][]int{}})
	return &q.claims[len(q.claims)-1]
}

// answer adds the facts about the values of claims.
func (q *questions) answer(f facts, values []jose.Value) {
	for i := range q.claims {
		c := &q.claims[i]
		c.answer(f, values[c.claim])
	}
}

func (c *claimQuestions) answer(f facts, value jose.Value) {
	kind := value.Kind()
	if kind == 0 {
		return
	}
	if c.exists >= 0 {
		f.set(c.exists)
	}
	if kind == '[' {
		if len(c.has) > 0 {
			value.Items(func(item jose.Value) bool {
				f.setAll(c.has[scalarOf(item)])
				return true
			})
		}
		return
	}
	s := scalarOf(value)
	f.setAll(c.is[s])
	if kind != '"' || len(s.text) > maxRegexInput {
		return
	}
	for _, p := range c.patterns {
		if p.expression.MatchString(s.text) {
			f.set(p.bit)
		}
	}
}

func (f facts) setAll(bits []int) {
	for _, bit := range bits {
		f.set(bit)
	}
}
