package importer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// grant is a rule that allows no more than its input, for any rules before or after it.
type grant struct {
	path   string // in the input
	match  match
	need   requirement
	claims []predicate
	scopes []string // all of them
	any    []string // scopes, one of them
	anyOf  []alternative
}

// addGrants writes rules down whose matches are exact, or narrower.
func (r *reader) addGrants(list []grant) {
	own := r.ownHeaders()
	for _, g := range list {
		if g.need.access == denied {
			g.match = r.refusing(own, g.path, g.match)
		} else if err := probe(own, &g.match); err != nil {
			r.leave(g.path, "left out: the filter has no such match ("+lastLine(err)+")", "a rule written by hand")
			continue
		}
		if slices.ContainsFunc(r.config.Rules, func(have rule) bool { return have.matches().covers(&g.match) }) {
			if g.need.access == denied {
				continue
			}
			r.leave(g.path, "left out: an earlier rule matches the same requests, and the first match decides", "one rule for both, or matches that separate the requests")
			continue
		}
		out := r.forwarding(g.need.rule(g.match), g.need)
		out.Claims, out.Scopes, out.AnyScopes, out.AnyOf = g.claims, g.scopes, g.any, g.anyOf
		r.config.Rules = append(r.config.Rules, out)
	}
}

// refusing is the match of a rule that refuses: what the filter cannot ask for, it refuses
// as well.
func (r *reader) refusing(own []string, path string, m match) match {
	err := probe(own, &m)
	if err == nil {
		return m
	}
	r.leave(path, "refuses more requests: the filter has no such match ("+lastLine(err)+")", "a rule written by hand")
	return m.widened(own)
}

func (r *rule) matches() *match {
	if r.Match == nil {
		return &match{}
	}
	return r.Match
}

// optionalGrant is a grant for a valid token or none, behind what it takes for
// it not to overlook one.
func (r *reader) optionalGrant(g grant) []grant {
	g.need = requirement{access: optional}
	if where, yes := r.overlooks(); yes {
		r.leave(g.path, "a token is required: the filter would not see a bad token in "+where, "see the providers that are left out")
		g.need.access = token
		return []grant{g}
	}
	var list []grant
	for _, c := range r.hidden(candidate{path: g.path, match: g.match}) {
		r.left = append(r.left, *c.note)
		list = append(list, grant{path: g.path, match: c.match})
	}
	return append(list, g)
}

// pattern is a value with a wildcard at one end, as Istio has it.
type pattern struct {
	kind byte // '=' exact, '^' prefix, '$' suffix, '*' anything
	text string
}

func readPattern(s string) pattern {
	switch {
	case s == "*":
		return pattern{'*', ""}
	case strings.HasPrefix(s, "*"):
		return pattern{'$', s[1:]}
	case strings.HasSuffix(s, "*"):
		return pattern{'^', s[:len(s)-1]}
	}
	return pattern{'=', s}
}

func (p pattern) has(s string) bool {
	switch p.kind {
	case '*':
		return s != ""
	case '$':
		return strings.HasSuffix(s, p.text)
	case '^':
		return strings.HasPrefix(s, p.text)
	}
	return s == p.text
}

// regex matches the whole of a value.
func (p pattern) regex() string {
	switch p.kind {
	case '^':
		return regexp.QuoteMeta(p.text) + `(?s:.*)`
	case '$':
		return `(?s:.*)` + regexp.QuoteMeta(p.text)
	case '*':
		return `.+`
	}
	return regexp.QuoteMeta(p.text)
}

// anyRegex is one expression for several patterns.
func anyRegex(list []string) string {
	var parts []string
	for _, s := range list {
		parts = append(parts, readPattern(s).regex())
	}
	return strings.Join(parts, "|")
}

func plain(list []string) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return readPattern(s).kind != '=' || s == "" })
}

// scalarClaim asks for a claim that is one of some values, with wildcards.
func scalarClaim(ref claimRef, values []string) predicate {
	var list []pattern
	for _, value := range values {
		list = append(list, readPattern(value))
	}
	return patternClaim(ref, list)
}

func patternClaim(ref claimRef, list []pattern) predicate {
	var values, expressions []string
	for _, p := range list {
		expressions = append(expressions, p.regex())
		if p.kind == '=' && p.text != "" {
			values = append(values, p.text)
		}
	}
	switch {
	case len(values) < len(list):
		return predicate{Claim: ref, Matches: strings.Join(expressions, "|")}
	case len(values) == 1:
		return predicate{Claim: ref, Equal: values[0]}
	}
	return predicate{Claim: ref, OneOf: distinct(values)}
}

// spacedClaim asks for a word of a claim that is a list of words.
func spacedClaim(ref claimRef, values []string) predicate {
	return predicate{Claim: ref, Matches: `(?:.* )?(?:` + anyRegex(values) + `)(?: .*)?`}
}

// headerCondition asks for a header that is one of some values.
func headerCondition(name string, values []string) condition {
	c := condition{Name: strings.ToLower(name)}
	switch {
	case slices.Contains(values, "*"):
		c.Regex = `(?s).+`
	case len(values) == 1 && readPattern(values[0]).kind == '=':
		c.Equal = &values[0]
	default:
		c.Regex = anyRegex(values)
	}
	return c
}

// eitherForm asks for a claim that is one of some values, or an array with one of them in
// it: each predicate is an alternative. A member of an array can only be compared as a
// whole, which is reported.
func (r *reader) eitherForm(path string, ref claimRef, values []string) []predicate {
	list := []predicate{scalarClaim(ref, values)}
	for _, value := range values {
		if plain([]string{value}) {
			list = append(list, predicate{Claim: ref, Contains: value})
		} else {
			r.leave(path, fmt.Sprintf("%q matches no members of an array in %s: they are compared as a whole", value, strings.Join(ref, ".")), `"contains" with each value`)
		}
	}
	return list
}
