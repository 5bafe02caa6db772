package policy

import (
	"bearerauth/filter/policy/match"
	"bearerauth/filter/policy/request"
)

// RuleName names a rule: by its path in the configuration, and by its name if it has one.
type RuleName struct{ Path, Name string }

// Rules are all rules in their order.
func (p *Policy) Rules() (list []RuleName) {
	for _, r := range p.rules {
		list = append(list, RuleName{r.path, r.name})
	}
	return list
}

// Providers are the names of all providers, sorted.
func (p *Policy) Providers() []string { return append([]string(nil), p.providers...) }

// DecidedBy returns the rules that decide over a request: an opening, or all that bind. No
// rule means that a valid token of any provider is required. It is for tools: it judges
// the request again, and ends the validity of the state's last verdict.
func (p *Policy) DecidedBy(s *State, r *request.Request) (list []RuleName) {
	view := &s.view
	view.Reset(r)
	view.Walk, view.IgnoresPath, view.MaxExpressionBytes = &s.walk, p.index.IgnoresPath, p.index.MaxExpressionBytes
	view.Forged = len(p.properties) > 0 && p.forged(r)
	if p.rejectNonCanonical && !view.CanonicalPath() || view.TooManyReadings() {
		return nil
	}
	return p.names(p.judge(s, view), view)
}

func (p *Policy) names(j judgement, view *match.View) (list []RuleName) {
	if view.TooManyReadings() || len(p.resources) > 0 && p.resources.Metadata(view.Request) != nil {
		return nil
	}
	if o := j.opening; o != nil && (len(j.bind) == 0 || o.access != accessAnonymous) {
		list = append(list, RuleName{o.path, o.name})
	}
	for _, r := range j.bind {
		if r != p.fallback && r != j.opening {
			list = append(list, RuleName{r.path, r.name})
		}
	}
	return list
}
