package claims

import (
	"slices"
	"strconv"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/config"
)

// Ref is where a claim stands in a payload: the name of a member at its
// top, and the names of members within members of that. Dots separate nothing:
// names such as https://example.com/tier have them.
type Ref struct {
	top   int // in Policy.claimNames
	inner []string
}

const maxClaimPath = 8

// Table has the claims that a configuration refers to, each once. It is
// filled while the configuration is read, and never changes after that.
type Table struct {
	Names []string // of members at the top of a payload
	Refs  []Ref
}

// readClaimRef reads a string or an array of strings. A problem gives a
// reference that no policy uses.
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

// Index is where a claim's value is found in testimony.values.
func (t *Table) Index(path ...string) int {
	ref := Ref{}
	if len(path) > 0 {
		ref = Ref{t.topIndex(path[0]), path[1:]}
	}
	for i := range t.Refs {
		if t.Refs[i].same(&ref) {
			return i
		}
	}
	t.Refs = append(t.Refs, ref)
	return len(t.Refs) - 1
}

func (t *Table) topIndex(name string) int {
	for i, have := range t.Names {
		if have == name {
			return i
		}
	}
	t.Names = append(t.Names, name)
	return len(t.Names) - 1
}

func (r *Ref) same(other *Ref) bool {
	return r.top == other.top && slices.Equal(r.inner, other.inner)
}

// In finds the claim among the members at the top of a payload. null is no
// value: nobody has said anything.
func (r *Ref) In(top []jose.Value) jose.Value {
	value := top[r.top]
	for _, name := range r.inner {
		value, _ = value.Member(name)
	}
	if value.Kind() == 'n' {
		return nil
	}
	return value
}
