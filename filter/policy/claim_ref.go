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

// readClaimRef reads a string or an array of strings. A problem gives a
// reference that no policy uses.
func (p *Policy) readClaimRef(o *object) int {
	n := o.get("claim")
	if n == nil {
		o.wrong("claim", "want the name of a claim")
		return 0
	}
	if n.kind != '[' {
		return p.claimIndex(checkedString(n, o.problems, "", wantClaimName))
	}
	if len(n.items) == 0 || len(n.items) > maxClaimPath {
		o.problems.add(n.path, "want 1 to "+strconv.Itoa(maxClaimPath)+" names, of a claim and of members in it, got "+strconv.Itoa(len(n.items)))
	}
	path := make([]string, 0, len(n.items))
	for _, item := range n.items {
		path = append(path, checkedString(item, o.problems, "", wantClaimName))
	}
	return p.claimIndex(path...)
}

// claimIndex is where a claim's value is found in testimony.values.
func (p *Policy) claimIndex(path ...string) int {
	ref := claimRef{}
	if len(path) > 0 {
		ref = claimRef{p.topIndex(path[0]), path[1:]}
	}
	for i := range p.claimRefs {
		if p.claimRefs[i].same(&ref) {
			return i
		}
	}
	p.claimRefs = append(p.claimRefs, ref)
	return len(p.claimRefs) - 1
}

func (p *Policy) topIndex(name string) int {
	for i, have := range p.claimNames {
		if have == name {
			return i
		}
	}
	p.claimNames = append(p.claimNames, name)
	return len(p.claimNames) - 1
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
