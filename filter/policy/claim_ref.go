package policy

import (
	"slices"
	"strconv"

	"bearerauth/filter/jose"
)

// claimRef is where a claim stands in a payload: the name of a member at its
// top, and the names of members within members of that. Dots separate nothing:
// names such as https://example.com/tier have them.
type claimRef struct {
	top   int // in Policy.claimNames
	inner []string
}

const maxClaimPath = 8

// claimTable has the claims that a configuration refers to, each once. It is
// filled while the configuration is read, and never changes after that.
type claimTable struct {
	names []string // of members at the top of a payload
	refs  []claimRef
}

// readClaimRef reads a string or an array of strings. A problem gives a
// reference that no policy uses.
func (t *claimTable) read(o *object) int {
	n := o.get("claim")
	if n == nil {
		o.wrong("claim", "want the name of a claim")
		return 0
	}
	if n.kind != '[' {
		return t.index(checkedString(n, o.problems, "", wantClaimName))
	}
	if len(n.items) == 0 || len(n.items) > maxClaimPath {
		o.problems.add(n.path, "want 1 to "+strconv.Itoa(maxClaimPath)+" names, of a claim and of members in it, got "+strconv.Itoa(len(n.items)))
	}
	path := make([]string, 0, len(n.items))
	for _, item := range n.items {
		path = append(path, checkedString(item, o.problems, "", wantClaimName))
	}
	return t.index(path...)
}

// index is where a claim's value is found in testimony.values.
func (t *claimTable) index(path ...string) int {
	ref := claimRef{}
	if len(path) > 0 {
		ref = claimRef{t.topIndex(path[0]), path[1:]}
	}
	for i := range t.refs {
		if t.refs[i].same(&ref) {
			return i
		}
	}
	t.refs = append(t.refs, ref)
	return len(t.refs) - 1
}

func (t *claimTable) topIndex(name string) int {
	for i, have := range t.names {
		if have == name {
			return i
		}
	}
	t.names = append(t.names, name)
	return len(t.names) - 1
}

func (r *claimRef) same(other *claimRef) bool {
	return r.top == other.top && slices.Equal(r.inner, other.inner)
}

// in finds the claim among the members at the top of a payload. null is no
// value: nobody has said anything.
func (r *claimRef) in(top []jose.Value) jose.Value {
	value := top[r.top]
	for _, name := range r.inner {
		value, _ = value.Member(name)
	}
	if value.Kind() == 'n' {
		return nil
	}
	return value
}
