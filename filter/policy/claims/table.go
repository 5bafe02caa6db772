package claims

import (
	"slices"
	"strconv"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/config"
)

// ref refers to a claim: a top-level claim of the payload, or a member within one. A dot
// in a name separates nothing, because names such as https://example.com/tier have dots.
type ref struct {
	top   int      // index in Table.names
	inner []string // names of nested members
}

const maxClaimPath = 8

// Table lists the claims that a configuration refers to, each once. Its index of a claim
// is the claim's index in Claims.Values. It is filled while the configuration is read, and
// never changes after that.
type Table struct {
	names []string // of top-level claims
	refs  []ref
}

// Read reads the member claim of o, a string or an array of strings, and returns the
// index of the claim. After a problem, which goes to o, the index has no meaning.
func (t *Table) Read(o *config.Object) int {
	n := o.Get("claim")
	if n == nil {
		o.Wrong("claim", "want the name of a claim")
		return 0
	}
	if n.Kind != '[' {
		return t.Index(config.CheckedString(n, o.Problems, "", config.WantClaimName))
	}
	if len(n.Items) == 0 || len(n.Items) > maxClaimPath {
		o.Problems.Add(n.Path, "want 1 to "+strconv.Itoa(maxClaimPath)+" names, of a claim and of members in it, got "+strconv.Itoa(len(n.Items)))
	}
	path := make([]string, 0, len(n.Items))
	for _, item := range n.Items {
		path = append(path, config.CheckedString(item, o.Problems, "", config.WantClaimName))
	}
	return t.Index(path...)
}

// Index returns the index of a claim, and adds the claim if the table lacks it. path is
// the name of the top-level claim, and the names of nested members.
func (t *Table) Index(path ...string) int {
	r := ref{}
	if len(path) > 0 {
		r = ref{t.topIndex(path[0]), path[1:]}
	}
	for i := range t.refs {
		if t.refs[i].same(&r) {
			return i
		}
	}
	t.refs = append(t.refs, r)
	return len(t.refs) - 1
}

func (t *Table) topIndex(name string) int {
	for i, have := range t.names {
		if have == name {
			return i
		}
	}
	t.names = append(t.names, name)
	return len(t.names) - 1
}

func (r *ref) same(other *ref) bool {
	return r.top == other.top && slices.Equal(r.inner, other.inner)
}

// Values returns the values of all claims in the table, given the top-level ones.
func (t *Table) Values(top func(name string) jose.Value) []jose.Value {
	tops := make([]jose.Value, len(t.names))
	for i, name := range t.names {
		tops[i] = top(name)
	}
	values := make([]jose.Value, len(t.refs))
	for i := range t.refs {
		values[i] = t.refs[i].in(tops)
	}
	return values
}

// in finds the claim among the top-level claims of a payload. null counts as absent.
func (r *ref) in(top []jose.Value) jose.Value {
	value := top[r.top]
	for _, name := range r.inner {
		value, _ = value.Member(name)
	}
	if value.Kind() == 'n' {
		return nil
	}
	return value
}
