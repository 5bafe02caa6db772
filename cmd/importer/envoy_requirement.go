package importer

import (
	"fmt"
	"slices"
	"strings"

	jwtauthn "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
)

// ruleRequirement is what a rule asks for, by itself or by name.
func (r *reader) ruleRequirement(rule *jwtauthn.RequirementRule, named map[string]*jwtauthn.JwtRequirement, used map[string]bool, path string) (requirement, error) {
	name := rule.GetRequirementName()
	if name == "" {
		if rule.GetRequires().GetRequiresType() == nil {
			return requirement{access: open}, nil
		}
		return r.requirement(rule.GetRequires(), path+".requires")
	}
	used[name] = true
	native, ok := named[name]
	if !ok {
		return requirement{}, fmt.Errorf("%s.requirement_name: want one of requirement_map, got %q", path, name)
	}
	if native.GetRequiresType() == nil {
		return requirement{access: open}, nil
	}
	return r.requirement(native, "requirement_map."+name)
}

// requirement reads what a request must bring.
func (r *reader) requirement(m *jwtauthn.JwtRequirement, path string) (requirement, error) {
	switch kind := m.GetRequiresType().(type) {
	case *jwtauthn.JwtRequirement_ProviderName:
		n, ok := r.natives[kind.ProviderName]
		if !ok {
			return requirement{}, fmt.Errorf("%s.provider_name: want one of the providers, got %q", path, kind.ProviderName)
		}
		return r.providerRequirement(kind.ProviderName, n.own, path), nil
	case *jwtauthn.JwtRequirement_ProviderAndAudiences:
		name, audiences := kind.ProviderAndAudiences.GetProviderName(), kind.ProviderAndAudiences.GetAudiences()
		n, ok := r.natives[name]
		if !ok {
			return requirement{}, fmt.Errorf("%s.provider_and_audiences: want one of the providers, got %q", path, name)
		}
		var names []string
		for _, provider := range n.names {
			if len(audiences) == 0 || subset(r.config.Providers[provider].Audiences, audiences) {
				names = append(names, provider)
			}
		}
		return r.providerRequirement(name, names, path), nil
	case *jwtauthn.JwtRequirement_RequiresAny:
		list, err := r.requirements(kind.RequiresAny.GetRequirements(), path+".requires_any")
		if err != nil {
			return requirement{}, err
		}
		need, whole := either(list)
		if !whole {
			r.leave(path+".requires_any", "replaced by: "+need.String(), "a path, host or header for each alternative")
		}
		return need, nil
	case *jwtauthn.JwtRequirement_RequiresAll:
		list, err := r.requirements(kind.RequiresAll.GetRequirements(), path+".requires_all")
		if err != nil {
			return requirement{}, err
		}
		need, whole := both(list, r.disjoint)
		if !whole {
			r.leave(path+".requires_all", "replaced by: "+need.String()+" (all_of needs a different provider for each token, with different token_locations)", "required_claims and scopes, to require more of one token")
		}
		return need, nil
	case *jwtauthn.JwtRequirement_AllowMissing:
		return requirement{access: optional}, nil
	case *jwtauthn.JwtRequirement_AllowMissingOrFailed:
		r.leave(path+".allow_missing_or_failed", "a bad token is refused, a missing token passes (access optional)", "access anonymous, which reads no token and sets no identity")
		return requirement{access: optional}, nil
	case *jwtauthn.JwtRequirement_ExtractOnlyWithoutValidation:
		r.leave(path+".extract_only_without_validation", "a bad token is refused, a missing token passes (access optional): claims of an unverified token prove nothing", "access anonymous, which reads no token and sets no identity")
		return requirement{access: optional}, nil
	}
	return requirement{}, fmt.Errorf("%s: want a requirement that this importer knows", path)
}

func (r *reader) requirements(list []*jwtauthn.JwtRequirement, path string) (out []requirement, err error) {
	for i, m := range list {
		need, err := r.requirement(m, fmt.Sprintf("%s.requirements[%d]", path, i))
		if err != nil {
			return nil, err
		}
		out = append(out, need)
	}
	return out, nil
}

// providerRequirement denies where nothing of the provider was carried over.
func (r *reader) providerRequirement(name string, names []string, path string) requirement {
	if len(names) == 0 {
		r.leave(path, "the provider "+name+" is left out, and no token satisfies it", "see that provider")
	}
	return anyOf(names...)
}

// disjoint says that two providers look for tokens in different places.
func (r *reader) disjoint(a, b string) bool {
	for _, place := range r.config.Providers[a].places() {
		if slices.Contains(r.config.Providers[b].places(), place) {
			return false
		}
	}
	return true
}

// places are what a provider reads, for any prefix.
func (p *provider) places() (list []string) {
	if p.TokenLocations == nil {
		return []string{"header authorization"}
	}
	for _, l := range p.TokenLocations {
		switch {
		case l.Header != "":
			list = append(list, "header "+l.Header)
		case l.Cookie != "":
			list = append(list, "cookie "+l.Cookie)
		default:
			list = append(list, "query "+l.Query)
		}
	}
	return list
}

// audienceSet is the audiences of one provider that rules distinguish.
type audienceSet struct {
	sets  [][]string
	plain bool // some rule names the provider without audiences
}

// audienceSets walks all requirements.
func audienceSets(m *jwtauthn.JwtAuthentication) (map[string]*audienceSet, error) {
	sets := map[string]*audienceSet{}
	for name := range m.Providers {
		sets[name] = &audienceSet{}
	}
	var walk func(m *jwtauthn.JwtRequirement)
	walk = func(m *jwtauthn.JwtRequirement) {
		if s, ok := sets[m.GetProviderName()]; ok {
			s.plain = true
		}
		if p := m.GetProviderAndAudiences(); p != nil && sets[p.GetProviderName()] != nil {
			s := sets[p.GetProviderName()]
			s.sets = append(s.sets, p.GetAudiences())
		}
		for _, child := range m.GetRequiresAny().GetRequirements() {
			walk(child)
		}
		for _, child := range m.GetRequiresAll().GetRequirements() {
			walk(child)
		}
		if m.GetAllowMissing() != nil || m.GetAllowMissingOrFailed() != nil || m.GetExtractOnlyWithoutValidation() != nil {
			for _, s := range sets {
				s.plain = true
			}
		}
	}
	for _, rule := range m.Rules {
		walk(rule.GetRequires())
	}
	for _, name := range sortedKeys(m.RequirementMap) {
		walk(m.RequirementMap[name])
	}
	for _, value := range sortedKeys(m.GetFilterStateRules().GetRequires()) {
		walk(m.FilterStateRules.Requires[value])
	}
	return sets, nil
}

// classes are the audiences of a provider, grouped where no rule distinguishes them. A
// single class without audiences accepts all tokens.
func (s *audienceSet) classes(own []string) [][]string {
	if len(s.sets) == 0 {
		return [][]string{own}
	}
	var order []string
	members := map[string][]string{}
	seen := map[string]bool{}
	for _, set := range append([][]string{own}, s.sets...) {
		for _, audience := range set {
			if seen[audience] {
				continue
			}
			seen[audience] = true
			var sign strings.Builder
			for _, other := range append([][]string{own}, s.sets...) {
				fmt.Fprintf(&sign, "%t ", slices.Contains(other, audience))
			}
			if members[sign.String()] == nil {
				order = append(order, sign.String())
			}
			members[sign.String()] = append(members[sign.String()], audience)
		}
	}
	if len(order) == 0 {
		return [][]string{own}
	}
	var list [][]string
	for _, sign := range order {
		list = append(list, members[sign])
	}
	return list
}
