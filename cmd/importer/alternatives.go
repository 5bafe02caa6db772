package importer

import (
	"fmt"
	"slices"
)

// maxAlternatives is how many a rule can have.
const maxAlternatives = 16

// addCombined writes a rule down whose grants are alternatives.
func (r *reader) addCombined(rule *combined) {
	list := rule.grants
	switch {
	case len(list) == 0:
		r.addGrants([]grant{{path: rule.path, match: rule.region.match}})
		return
	case slices.ContainsFunc(list, func(g grant) bool { return g.need.access == optional }):
		r.addGrants(r.optionalGrant(grant{path: rule.path, match: rule.region.match}))
		return
	case len(list) == 1:
		list[0].match = rule.region.match
		r.addGrants(list)
		return
	}
	out := list[0] // what all alternatives ask for, the rule asks for itself
	out.path, out.match, out.need = rule.path, rule.region.match, requirement{access: token, all: list[0].need.all}
	if slices.ContainsFunc(list, func(g grant) bool { return !slices.Equal(g.any, out.any) }) {
		out.any = nil
	}
	for _, g := range list[1:] {
		out.claims = without(out.claims, without(out.claims, g.claims))
		out.scopes = withoutStrings(out.scopes, withoutStrings(out.scopes, g.scopes))
	}
	var providers []string
	named := true // each alternative names its providers
	for _, g := range list {
		providers = append(providers, g.need.any...)
		named = named && len(g.need.any) > 0
	}
	if named {
		out.need.any = anyOf(providers...).any
	}
	for _, g := range list {
		switch {
		case !slices.Equal(g.need.all, out.need.all):
			r.leave(g.path, "left out for requests of "+rule.path+": the alternatives of a rule need the same tokens", "a match of its own")
			continue
		case len(out.anyOf) == maxAlternatives:
			r.leave(g.path, fmt.Sprintf("left out for requests of %s: a rule has %d alternatives", rule.path, maxAlternatives), "fewer rules, or scopes in place of claims")
			continue
		}
		a := alternative{Providers: g.need.any, Claims: without(g.claims, out.claims), Scopes: withoutStrings(g.scopes, out.scopes)}
		if out.any == nil {
			a.AnyScopes = g.any
		}
		if slices.Equal(a.Providers, out.need.any) {
			a.Providers = nil
		}
		out.anyOf = append(out.anyOf, a)
	}
	r.addGrants([]grant{out})
}

func without(list, other []predicate) []predicate {
	return slices.DeleteFunc(slices.Clone(list), func(p predicate) bool { return slices.ContainsFunc(other, p.same) })
}

func withoutStrings(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}
