package check

import (
	"fmt"
	"slices"
	"strings"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/source"
)

// rules finds rules that probably do not mean what their author meant.
func (l *list) rules(root *source.Value) {
	rules := root.Get("rules").List()
	for i, rule := range rules {
		path := fmt.Sprintf("rules[%d]", i)
		access := accessOf(rule)
		opens := access == "anonymous" || access == "optional" || access == "insecure_presence_only"
		if opens && access != "optional" && matchesAll(rule.Get("match")) {
			l.warn(path, "anonymous-catch-all", "every request that comes here passes without a verified token")
		}
		if on(rule, "shadow") && i+1 < len(rules) {
			if j := slices.IndexFunc(rules[i+1:], func(later *source.Value) bool { return overlap(rule, later) }); j >= 0 {
				l.warn(path, "shadow-before-rules", fmt.Sprintf("requests that this rule matches pass: rules[%d] does not judge them", i+1+j))
			}
		}
		if access == "optional" {
			for j, later := range rules[i+1:] {
				if accessOf(later) == "token" && overlap(rule, later) {
					l.warn(path, "optional-before-token", fmt.Sprintf("requests without a token pass here, also those that rules[%d] would refuse: put the stricter rule first", i+1+j))
					break
				}
			}
		}
		if demands(rule) {
			l.clientChosen(path, rule)
		}
		l.scopes(root, path, rule)
	}
}

// demands reports whether a rule asks for more than a request that no rule matches needs.
func demands(rule *source.Value) bool {
	if access := accessOf(rule); access != "token" {
		return access == "deny"
	}
	for _, name := range []string{"scopes", "any_scopes", "claims", "providers", "all_of"} {
		if rule.Get(name) != nil {
			return true
		}
	}
	return false
}

func accessOf(rule *source.Value) string {
	if access := rule.Get("access").Str(); access != "" {
		return access
	}
	return "token"
}

func on(v *source.Value, name string) bool { return v.Get(name) != nil && v.Get(name).Kind == 't' }

// matchesAll reports whether a match has no condition but perhaps that the path begins
// with a slash.
func matchesAll(match *source.Value) bool {
	for _, m := range membersOf(match) {
		if m.Name != "path_prefix" || m.Value.Str() != "/" {
			return false
		}
	}
	return true
}

// overlap reports whether some request surely matches both rules. Of paths it compares
// only those that are written out, and takes the others as different.
func overlap(a, b *source.Value) bool {
	return paths(a.Get("match"), b.Get("match")) && common(a, b, "methods") && common(a, b, "hosts")
}

// common reports whether a rule lacks the list, or both lists have an item in common.
func common(a, b *source.Value, name string) bool {
	x, y := a.Get("match", name).Strs(), b.Get("match", name).Strs()
	return len(x) == 0 || len(y) == 0 || slices.ContainsFunc(x, func(s string) bool { return slices.Contains(y, s) })
}

func paths(a, b *source.Value) bool {
	exactA, prefixA, anyA := pathOf(a)
	exactB, prefixB, anyB := pathOf(b)
	switch {
	case anyA || anyB:
		return true
	case exactA != "" && exactB != "":
		return exactA == exactB
	case exactA != "":
		return prefixB != "" && below(exactA, prefixB)
	case exactB != "":
		return prefixA != "" && below(exactB, prefixA)
	}
	return prefixA != "" && prefixB != "" && (below(prefixA, prefixB) || below(prefixB, prefixA))
}

// pathOf returns the path or the prefix that a match names, and whether it names none.
func pathOf(match *source.Value) (exact, prefix string, all bool) {
	exact, prefix = match.Get("path").Str(), match.Get("path_prefix").Str()
	all = exact == "" && prefix == "" && match.Get("path_template") == nil && match.Get("path_regex") == nil
	return exact, prefix, all || prefix == "/"
}

func below(path, prefix string) bool {
	prefix = strings.TrimSuffix(prefix, "/")
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// clientChosen finds demands that a client can avoid by another value.
func (l *list) clientChosen(path string, rule *source.Value) {
	for _, kind := range []string{"headers", "query"} {
		for i, condition := range rule.Get("match", kind).List() {
			if condition.Get("equal") == nil && condition.Get("regex") == nil {
				continue
			}
			l.warn(fmt.Sprintf("%s.match.%s[%d]", path, kind, i), "client-chosen-match",
				"the client chooses "+config.Quote(condition.Get("name").Str())+": in another spelling, or without it, this rule does not apply and the rules after it decide")
		}
	}
}

// scopes finds scopes that no token has. Only tests can tell which scopes an issuer gives.
func (l *list) scopes(root *source.Value, path string, rule *source.Value) {
	have, tested := map[string]bool{}, len(l.stories) > 0
	for _, story := range l.stories {
		for _, scope := range story.Scopes {
			have[scope] = true
		}
	}
	named := append(rule.Get("providers").Strs(), rule.Get("all_of").Strs()...)
	onlyStatic := true
	for _, m := range membersOf(root.Get("providers")) {
		if len(named) > 0 && !slices.Contains(named, m.Name) {
			continue
		}
		onlyStatic = onlyStatic && m.Value.Get("type").Str() == "static"
		for _, token := range m.Value.Get("tokens").List() {
			for _, scope := range token.Get("scopes").Strs() {
				have[scope] = true
			}
		}
	}
	if !onlyStatic && !tested {
		return
	}
	for _, member := range []string{"scopes", "any_scopes"} {
		for i, scope := range rule.Get(member).Strs() {
			if have[scope] {
				continue
			}
			message := "no token of the configuration has the scope " + config.Quote(scope)
			if tested {
				message += ", and no policy test makes a token with it"
			}
			l.warn(fmt.Sprintf("%s.%s[%d]", path, member, i), "unknown-scope", message+suggestion(scope, keysOf(have)))
		}
	}
}

func keysOf(m map[string]bool) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
