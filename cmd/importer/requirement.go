package importer

import (
	"slices"
	"strings"
)

// access is what a requirement lets through: each kind what those before it do,
// and more. The zero kind lets nothing through.
type access int

const (
	denied   access = iota
	token           // a valid token
	optional        // or none at all, never a bad one
	open            // anything
)

// requirement is what a request needs. Where any and all are empty, a token may
// be of any provider.
type requirement struct {
	access access
	any    []string // providers, one of which has to verify the token
	all    []string // providers, each of which has to verify a token
}

func anyOf(providers ...string) requirement {
	if len(providers) == 0 {
		return requirement{}
	}
	providers = slices.Clone(providers)
	slices.Sort(providers)
	return requirement{access: token, any: slices.Compact(providers)}
}

// within reports whether s allows every request that r allows.
func (r requirement) within(s requirement) bool {
	switch {
	case r.access == denied || s.access == open:
		return true
	case r.access > s.access:
		return false
	case s.access == optional:
		// It also looks where a rule with providers does not, and refuses what is
		// bad there.
		return r.access == optional && (len(s.any) == 0 || len(r.any) > 0 && subset(r.any, s.any))
	case len(s.all) > 0:
		return len(r.all) > 0 && subset(s.all, r.all)
	case len(s.any) == 0:
		return true
	case len(r.all) > 0:
		return slices.ContainsFunc(r.all, func(p string) bool { return slices.Contains(s.any, p) })
	case len(r.any) == 0:
		return false
	}
	return subset(r.any, s.any)
}

func subset(list, of []string) bool {
	for _, s := range list {
		if !slices.Contains(of, s) {
			return false
		}
	}
	return true
}

// either lets through what one of the requirements does, or less: then whole is
// false.
func either(list []requirement) (r requirement, whole bool) {
	whole = true
	var names []string
	var lenient access
	for _, other := range list {
		lenient = max(lenient, other.access)
		switch {
		case len(other.any) > 0:
			names = append(names, other.any...)
		case len(other.all) > 0 && r.access == denied:
			r = other
		case len(other.all) > 0:
			whole = false
		}
	}
	if len(names) > 0 {
		whole = whole && len(r.all) == 0
		r = anyOf(names...)
	}
	switch {
	case lenient == open:
		return requirement{access: open}, true
	case lenient == optional:
		// Without all: a rule has all_of only with access token.
		return requirement{access: optional, any: r.any}, whole && len(r.all) == 0
	}
	return r, whole
}

// both lets through what all of the requirements do, or less: then whole is
// false. disjoint says whether two providers read different places of a request,
// without which one request cannot bring a token for each.
func both(list []requirement, disjoint func(a, b string) bool) (r requirement, whole bool) {
	var needed []requirement
	for i, other := range list {
		if other.access == denied {
			return requirement{}, true
		}
		implied := slices.ContainsFunc(list[:i], func(have requirement) bool { return have.within(other) }) ||
			slices.ContainsFunc(list[i+1:], func(later requirement) bool { return later.within(other) && !other.within(later) })
		if !implied {
			needed = append(needed, other)
		}
	}
	switch len(needed) {
	case 0:
		return requirement{access: open}, true
	case 1:
		return needed[0], true
	}
	for _, other := range needed {
		if len(other.any) != 1 || len(other.all) > 0 {
			return requirement{}, false
		}
		name := other.any[0]
		if slices.ContainsFunc(r.all, func(have string) bool { return !disjoint(have, name) }) {
			return requirement{}, false
		}
		r.all = append(r.all, name)
	}
	r.access = token
	return r, true
}

func (r requirement) String() string {
	switch {
	case r.access == denied:
		return "no request passes"
	case r.access == optional && len(r.any) > 0:
		return "a token of " + strings.Join(r.any, " or ") + ", or none"
	case r.access == optional:
		return "a valid token or none"
	case r.access == open:
		return "every request passes"
	case len(r.all) > 0:
		return "a token of each of " + strings.Join(r.all, ", ")
	case len(r.any) > 0:
		return "a token of " + strings.Join(r.any, " or ")
	}
	return "a valid token"
}

// rule writes the requirement down.
func (r requirement) rule(m match) rule {
	out := rule{Providers: r.any, AllOf: r.all}
	if !m.empty() {
		out.Match = &m
	}
	switch r.access {
	case denied:
		out.Access = "deny"
	case optional:
		out.Access = "optional"
	case open:
		out.Access = "anonymous"
	}
	return out
}
