package importer

import (
	"fmt"
	"regexp"
	"strings"
)

// check refuses values that Kubernetes would not have taken: what is not Deny
// must not count as Allow.
func (a *gatewayAuthorization) check(path string) error {
	if !contains([]string{"", "Allow", "Deny"}, a.DefaultAction) {
		return fmt.Errorf("%s.defaultAction: want Allow or Deny, got %q", path, a.DefaultAction)
	}
	for i := range a.Rules {
		rule, at := &a.Rules[i], fmt.Sprintf("%s.rules[%d]", path, i)
		if !contains([]string{"Allow", "Deny"}, rule.Action) {
			return fmt.Errorf("%s.action: want Allow or Deny, got %q", at, rule.Action)
		}
		if p := rule.Operation.Path; p != nil && !contains([]string{"", "Exact", "PathPrefix", "RegularExpression"}, p.Type) {
			return fmt.Errorf("%s.operation.path.type: want Exact, PathPrefix or RegularExpression, got %q", at, p.Type)
		}
		if rule.Principal.JWT == nil {
			continue
		}
		for k, c := range rule.Principal.JWT.Claims {
			if !contains([]string{"", "String", "StringArray"}, c.ValueType) {
				return fmt.Errorf("%s.principal.jwt.claims[%d].valueType: want String or StringArray, got %q", at, k, c.ValueType)
			}
		}
	}
	return nil
}

// authorize writes the rules of a policy. The first match decides in Envoy Gateway, too.
// But there a request that fails a rule's principal continues with the next rule.
func (g *gateway) authorize(a *gatewayAuthorization, base requirement) {
	if a == nil {
		g.combine([]clause{{grant: grant{path: g.path, need: base}}})
		return
	}
	path := g.path + ".authorization"
	var list []clause
	for i := range a.Rules {
		rule := &a.Rules[i]
		at := fmt.Sprintf("%s.rules[%d]", path, i)
		if rule.Name != "" {
			at += " (" + rule.Name + ")"
		}
		if rule.Action == "Deny" {
			list = append(list, clause{grant: g.denyRule(rule, at)})
			continue
		}
		for _, one := range g.allowRule(rule, at, base) {
			list = append(list, clause{grant: one})
		}
	}
	last := grant{path: path + ".defaultAction"}
	if a.DefaultAction == "Allow" {
		last.need = base
	}
	g.combine(append(list, clause{grant: last}))
}

// denyRule denies all requests that its operation and headers match.
func (g *gateway) denyRule(rule *gatewayRule, path string) grant {
	if p := rule.Principal; p.JWT != nil || p.ClientCIDRs != nil || p.ClientIPGeoLocations != nil || rule.CEL != "" {
		g.leave(path, "denies every client: no rule can deny by identity, address or expression", "rules that allow, before it")
	}
	m := g.operation(rule, true)
	for _, h := range rule.Principal.Headers {
		m.Headers = append(m.Headers, exactHeader(h.Name, h.Values))
	}
	return grant{path: path, match: m}
}

// allowRule is a grant for each alternative of a rule, none if no rule can express it.
func (g *gateway) allowRule(rule *gatewayRule, path string, base requirement) []grant {
	one := grant{path: path, need: base, match: g.operation(rule, false)}
	p := &rule.Principal
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"principal.clientCIDRs", len(p.ClientCIDRs) > 0}, {"principal.clientIPGeoLocations", p.ClientIPGeoLocations != nil}, {"cel", rule.CEL != ""},
	} {
		if field.set {
			g.leave(path+"."+field.name, "the rule is left out: no rule can express this", "a SecurityPolicy of its own for this condition, and the rule by hand")
			return nil
		}
	}
	for _, h := range p.Headers {
		one.match.Headers = append(one.match.Headers, exactHeader(h.Name, h.Values))
	}
	if p.JWT == nil {
		return []grant{one}
	}
	n := g.natives[p.JWT.Provider]
	if n == nil || len(n.names) == 0 {
		g.leave(path+".principal.jwt.provider", "the rule is left out: there is no such provider", "see the providers")
		return nil
	}
	one.need = anyOf(n.names...)
	if g.keys != "" {
		one.need = g.withKey(n.names, path)
	}
	if one.need.access == denied {
		return nil
	}
	one.scopes = distinct(p.JWT.Scopes)
	if len(one.scopes) > 0 {
		g.config.Providers[n.names[0]].ScopeClaims = []scopeClaim{
			{claimRef{"scope"}, "string_or_array"}, {claimRef{"scp"}, "string_or_array"},
		}
	}
	list := []grant{one}
	for i, c := range p.JWT.Claims {
		ref := claimRef(strings.Split(c.Name, "."))
		if len(ref) > 8 || len(c.Values) == 0 {
			g.leave(fmt.Sprintf("%s.principal.jwt.claims[%d]", path, i), "the rule is left out: a claim's path has at most 8 parts", "a rule by hand")
			return nil
		}
		if c.ValueType == "StringArray" {
			list = each(list, func(one grant) (all []grant) {
				for _, value := range c.Values {
					all = append(all, one.claimed(predicate{Claim: ref, Contains: value}))
				}
				return all
			})
			continue
		}
		list = each(list, func(one grant) []grant {
			if len(c.Values) == 1 {
				return []grant{one.claimed(predicate{Claim: ref, Equal: c.Values[0]})}
			}
			return []grant{one.claimed(predicate{Claim: ref, OneOf: distinct(c.Values)})}
		})
	}
	return list
}

// operation is the match of a rule. A prefix may end within a segment for Envoy
// Gateway: a rule that denies takes it so, one that allows does not.
func (g *gateway) operation(rule *gatewayRule, wide bool) match {
	m := match{Methods: distinct(rule.Operation.Methods)}
	path := rule.Operation.Path
	switch {
	case path == nil:
	case path.Type == "Exact":
		m = m.with(pathEqual(path.Value))
	case path.Type == "RegularExpression":
		m = m.with(match{PathRegex: path.Value})
	case wide:
		m = m.with(pathStarting(path.Value))
	default:
		m = m.with(pathBelow(strings.TrimSuffix(path.Value, "/")))
		if path.Value == "/" {
			m.PathPrefix, m.PathRegex = "/", ""
		}
	}
	return m
}

// exactHeader asks for a header that is one of some values, as they are.
func exactHeader(name string, values []string) condition {
	c := condition{Name: strings.ToLower(name)}
	if len(values) == 1 {
		c.Equal = &values[0]
		return c
	}
	var parts []string
	for _, value := range values {
		parts = append(parts, regexp.QuoteMeta(value))
	}
	c.Regex = strings.Join(parts, "|")
	return c
}
