package importer

import (
	"fmt"
	"slices"
	"strings"
)

// A rule of the filter decides alone over the requests that it is the first to match. In
// Istio and Envoy Gateway a request passes if any rule allows it that no denial precedes.
// So the import has a rule for each match of the input, and for the requests that two of
// them have in common. The narrower rule comes first. Each has all that the input says
// about its requests.

// clause is what an input says about the requests that it matches.
type clause struct {
	grant              // access denied: they are denied
	needsToken bool    // they need a token besides what allows them
	except     []match // but for these of them
}

// statement is a clause with its regions.
type statement struct {
	clause
	region region
	except []region
}

// combination is made into rules.
type combination struct {
	*reader
	statements []statement // in their order: the last one matches every request
	rules      []combined
}

// combined is a rule in the making.
type combined struct {
	path       string // in the input
	region     region
	grants     []grant // of which one has to hold, none implied by another
	openings   bool    // a token would be optional, were it not for a clause that needs one
	everything string  // the same text for the same grants
}

// maxMeetings bounds the rules for requests that two matches have in common.
const maxMeetings = 100

// combine writes clauses down as rules.
func (r *reader) combine(clauses []clause) {
	c := combination{reader: r}
	own := r.ownHeaders()
	for len(clauses) > 0 && clauses[0].need.access == denied && !clauses[0].needsToken {
		// Nothing precedes this denial, so that its rule can come first.
		r.addGrants([]grant{clauses[0].grant})
		clauses = clauses[1:]
	}
	for _, one := range clauses {
		if err := probe(own, &one.match); err != nil {
			if one.need.access != denied && !one.needsToken {
				r.leave(one.path, "left out: the filter has no such match ("+lastLine(err)+")", "a rule written by hand")
				continue
			}
			one.match = r.refusing(own, one.path, one.match)
		}
		s := statement{clause: one, region: regionOf(one.match)}
		c.add(s.region, one.path)
		for _, m := range one.except {
			s.except = append(s.except, regionOf(m))
			c.add(regionOf(m), one.path)
		}
		c.statements = append(c.statements, s)
	}
	c.addMeetings(own)
	c.sort()
	for i := range c.rules {
		c.decide(&c.rules[i])
	}
	for i := range c.rules {
		c.report(i)
		if !c.redundant(i) && !c.rules[i].isDefault() {
			r.addCombined(&c.rules[i])
		}
	}
}

func (c *combination) add(r region, path string) {
	if !c.has(&r) {
		c.rules = append(c.rules, combined{path: path, region: r})
	}
}

func (c *combination) has(r *region) bool {
	return slices.ContainsFunc(c.rules, func(have combined) bool { return have.region.same(r) })
}

// addMeetings adds the regions that two regions have in common.
func (c *combination) addMeetings(own []string) {
	most := len(c.rules) + maxMeetings
	for i := 0; i < len(c.rules); i++ {
		for j := 0; j < i && len(c.rules) < most; j++ {
			both, ok := c.rules[i].region.meet(&c.rules[j].region)
			if ok && !c.has(&both) && probe(own, &both.match) == nil {
				c.add(both, c.rules[j].path)
			}
		}
	}
}

// sort moves each rule before those whose regions include its own.
func (c *combination) sort() {
	var sorted []combined
	done := make([]bool, len(c.rules))
	var visit func(i int)
	visit = func(i int) {
		if done[i] {
			return
		}
		done[i] = true
		for j := range c.rules {
			if c.rules[i].region.includes(&c.rules[j].region) {
				visit(j)
			}
		}
		sorted = append(sorted, c.rules[i])
	}
	for i := range c.rules {
		visit(i)
	}
	c.rules = sorted
}

// mixed reports whether a rule may match requests inside and outside of a region. Requests
// inside that a rule before it matches do not count.
func (c *combination) mixed(rule *combined, r *region) bool {
	if r.includes(&rule.region) || r.apart(&rule.region) {
		return false
	}
	both, ok := rule.region.meet(r)
	return !ok || !c.has(&both)
}

// decide finds what the statements say about the requests of a rule that no rule before it
// decides over. A statement that refuses some of them refuses all.
func (c *combination) decide(rule *combined) {
	var all []grant
	needsToken := false
	for i := range c.statements {
		s := &c.statements[i]
		includes := s.region.includes(&rule.region)
		if !includes && !c.mixed(rule, &s.region) {
			continue
		}
		if s.needsToken {
			excepted := slices.ContainsFunc(s.except, func(e region) bool { return e.includes(&rule.region) })
			needsToken = needsToken || !excepted
			continue
		}
		if s.need.access == denied {
			break
		}
		if includes {
			all = append(all, s.grant)
		}
	}
	for i := range all {
		if needsToken {
			rule.openings = rule.openings || all[i].need.access == optional
			all[i] = all[i].ofPrincipal()
		}
	}
	for i := range all {
		g := &all[i]
		implied := slices.ContainsFunc(all[:i], func(have grant) bool { return g.within(&have) }) ||
			slices.ContainsFunc(all[i+1:], func(later grant) bool { return g.within(&later) && !later.within(g) })
		if !implied {
			rule.grants = append(rule.grants, *g)
		}
	}
	var parts []string
	for _, g := range rule.grants {
		parts = append(parts, g.text())
	}
	slices.Sort(parts)
	rule.everything = strings.Join(parts, "\n")
}

// redundant reports whether the rules behind this one decide alike about its requests.
func (c *combination) redundant(i int) bool {
	rule := &c.rules[i]
	for j := i + 1; j < len(c.rules); j++ {
		later := &c.rules[j]
		switch {
		case later.region.apart(&rule.region):
		case later.everything != rule.everything:
			return false
		case later.region.includes(&rule.region):
			return true
		}
	}
	return false
}

// ofPrincipal is g for tokens with a subject only: without one there is no principal.
func (g grant) ofPrincipal() grant {
	if g.need.access == optional {
		g.need = requirement{access: token}
	}
	if slices.ContainsFunc(g.claims, func(p predicate) bool { return slices.Equal(p.Claim, claimRef{"sub"}) }) {
		return g
	}
	return g.claimed(patternClaim(claimRef{"sub"}, []pattern{{kind: '*'}}))
}

// report lists what a rule does not have of the input, because no match separates its
// requests.
func (c *combination) report(i int) {
	rule := &c.rules[i]
	for k := range c.statements {
		s := &c.statements[k]
		const remedy = "paths that can be told apart"
		where := "requests of " + rule.path
		if s.needsToken {
			exception := slices.ContainsFunc(s.except, func(e region) bool { return c.mixed(rule, &e) })
			if rule.openings && (c.mixed(rule, &s.region) || exception) {
				c.leave(s.path, "a token is required for more "+where+": no match separates them", remedy)
			}
			continue
		}
		if s.need.access == denied {
			if c.mixed(rule, &s.region) && slices.ContainsFunc(c.statements[k:], func(later statement) bool {
				return later.need.access != denied && !later.region.apart(&rule.region)
			}) {
				c.leave(s.path, "denies more "+where+": no match separates them", remedy)
			}
			if s.region.includes(&rule.region) || c.mixed(rule, &s.region) {
				return // nothing behind it counts
			}
			continue
		}
		if !c.mixed(rule, &s.region) {
			continue
		}
		laterRule := slices.ContainsFunc(c.rules[i+1:], func(later combined) bool { return later.region.same(&s.region) })
		if laterRule && !slices.ContainsFunc(rule.grants, func(g grant) bool { return s.within(&g) }) {
			c.leave(s.path, "allows no "+where+": no match separates them, and the first rule that matches decides", remedy)
		}
	}
}

// isDefault reports whether the filter decides so where no rule matches.
func (rule *combined) isDefault() bool {
	return rule.region.empty() && len(rule.grants) == 1 && rule.everything == (&grant{need: requirement{access: token}}).text()
}

// within reports whether g lets through no more than other does, of the same requests.
func (g *grant) within(other *grant) bool {
	if other.need.access == optional && len(other.need.any) == 0 {
		return true
	}
	return g.need.within(other.need) && (len(other.any) == 0 || slices.Equal(other.any, g.any)) && subset(other.scopes, g.scopes) &&
		!slices.ContainsFunc(other.claims, func(p predicate) bool { return !slices.ContainsFunc(g.claims, p.same) })
}

// text is equal for grants that ask for the same.
func (g *grant) text() string {
	return fmt.Sprintf("%v %q %q %q", g.need, g.claims, g.scopes, g.any)
}
