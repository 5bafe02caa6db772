package identity

import (
	"regexp"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/syntax"
)

// Facts are what the rules want to know of a token, a bit for each scope and
// each predicate that some rule names. They are found once, when the token is
// verified: a policy never changes for a State, so neither do they.
type Facts []uint64

func (f Facts) Set(bit int) { f[bit/64] |= 1 << (bit % 64) }

// All reports whether every fact of mask is there. Facts that were never looked
// for are not.
func (f Facts) All(mask Facts) bool {
	for i, want := range mask {
		if want != 0 && (i >= len(f) || f[i]&want != want) {
			return false
		}
	}
	return true
}

func (f Facts) Any(mask Facts) bool {
	for i, want := range mask {
		if i < len(f) && f[i]&want != 0 {
			return true
		}
	}
	return false
}

// With is the mask with one fact more.
func (f Facts) With(bit int) Facts {
	for bit/64 >= len(f) {
		f = append(f, 0)
	}
	f.Set(bit)
	return f
}

// questions are all that the rules ask, each once.
type questions struct {
	Count      int
	scopes     map[string]int // by scope
	Claims     []claimQuestions
	Predicates map[string]int // predicates by their text, while the rules are read
}

// claimQuestions are all that the rules ask of one claim: an array of a hundred
// groups is read once, however many rules ask for one of them.
type claimQuestions struct {
	claim    int // in Policy.claimRefs
	exists   int // -1: nobody asks
	Is, has  map[Scalar][]int
	patterns []patternQuestion
}

type patternQuestion struct {
	expression *regexp.Regexp
	bit        int
}

// Scalar is a string, a number as it is written, or a boolean.
type Scalar struct {
	Kind byte // as jose.Value.Kind has it
	Text string
}

// scalarOf borrows from v. The zero scalar is no value.
func scalarOf(v jose.Value) Scalar {
	switch kind := v.Kind(); kind {
	case '"':
		text, _ := v.Text()
		return Scalar{kind, syntax.Borrow(text)}
	case '0', 't', 'f':
		return Scalar{kind, syntax.Borrow(v)}
	}
	return Scalar{}
}

func (q *questions) Scope(name string) int {
	if bit, ok := q.scopes[name]; ok {
		return bit
	}
	if q.scopes == nil {
		q.scopes = map[string]int{}
	}
	q.scopes[name] = q.Count
	q.Count++
	return q.Count - 1
}

func (q *questions) about(claim int) *claimQuestions {
	for i := range q.Claims {
		if q.Claims[i].claim == claim {
			return &q.Claims[i]
		}
	}
	q.Claims = append(q.Claims, claimQuestions{claim: claim, exists: -1, Is: map[Scalar][]int{}, has: map[Scalar][]int{}})
	return &q.Claims[len(q.Claims)-1]
}

// answer adds the facts about the values of claims.
func (q *questions) answer(f Facts, values []jose.Value) {
	for i := range q.Claims {
		c := &q.Claims[i]
		c.answer(f, values[c.claim])
	}
}

func (c *claimQuestions) answer(f Facts, value jose.Value) {
	kind := value.Kind()
	if kind == 0 {
		return
	}
	if c.exists >= 0 {
		f.Set(c.exists)
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
	f.setAll(c.Is[s])
	if kind != '"' || len(s.Text) > config.MaxRegexInput {
		return
	}
	for _, p := range c.patterns {
		if p.expression.MatchString(s.Text) {
			f.Set(p.bit)
		}
	}
}

func (f Facts) setAll(bits []int) {
	for _, bit := range bits {
		f.Set(bit)
	}
}
