package importer

import "slices"

// candidate is a rule of an input in which the first match counts.
type candidate struct {
	path  string // in the input
	match match
	wide  string // not "": why the match holds for more requests than it should
	need  requirement
	note  *Left // set if the rule is not in the input: it is reported
}

// addRules writes rules down in their order. A match that holds for too much
// must not let anything through that a later rule would have refused: such an
// opening is left out, and such a requirement denies unless it lets through no
// more than any of those behind it.
func (r *reader) addRules(list []candidate) {
	own := r.ownHeaders()
	for i := range list {
		c := &list[i]
		if err := probe(own, &c.match); err != nil {
			c.wide = join(c.wide, "the filter has no such match ("+lastLine(err)+")")
			c.match = c.match.widened(own)
		}
	}
	var before []match
	for _, have := range r.config.Rules {
		before = append(before, *have.Match)
	}
	for i, c := range list {
		if c.wide != "" && c.need.access == open {
			r.leave(c.path, "left out: "+c.wide+", so the rule would open too much", "write a rule with access anonymous for what may pass without a token")
			continue
		}
		if c.wide != "" {
			if slices.ContainsFunc(list[i+1:], func(later candidate) bool { return !c.need.within(later.need) }) {
				c.need = requirement{}
				r.leave(c.path, "denies: "+c.wide+", and a later rule has other requirements", "replace it by rules that can separate the requests")
			} else {
				r.leave(c.path, "applies to more requests: "+c.wide, "narrow its match")
			}
		}
		if j := slices.IndexFunc(before, func(m match) bool { return m.covers(&c.match) }); j >= 0 {
			if c.note == nil {
				r.leave(c.path, "left out: an earlier rule matches the same requests", "move it before that rule, if it must apply")
			}
			continue
		}
		if c.note != nil {
			r.left = append(r.left, *c.note)
		}
		before = append(before, c.match)
		r.config.Rules = append(r.config.Rules, r.forwarding(c.need.rule(c.match), c.need))
	}
}

// widened is the part of a match that the filter takes.
func (m match) widened(own []string) match {
	var w match
	parts := []match{
		{Path: m.Path, PathPrefix: m.PathPrefix, PathTemplate: m.PathTemplate, PathRegex: m.PathRegex},
		{Methods: m.Methods},
		{Hosts: m.Hosts},
	}
	for _, c := range m.Headers {
		parts = append(parts, match{Headers: []condition{c}})
	}
	for _, c := range m.Query {
		parts = append(parts, match{Query: []condition{c}})
	}
	for _, part := range parts {
		if !part.empty() && probe(own, &part) == nil {
			w = w.with(part)
		}
	}
	return w
}

// with is the conjunction of two matches that ask for different things.
func (m match) with(other match) match {
	if other.Path+other.PathPrefix+other.PathTemplate+other.PathRegex != "" {
		m.Path, m.PathPrefix, m.PathTemplate, m.PathRegex = other.Path, other.PathPrefix, other.PathTemplate, other.PathRegex
	}
	m.Methods = append(slices.Clip(m.Methods), other.Methods...)
	m.Hosts = append(slices.Clip(m.Hosts), other.Hosts...)
	m.Headers = append(slices.Clip(m.Headers), other.Headers...)
	m.Query = append(slices.Clip(m.Query), other.Query...)
	return m
}

// ownHeaders are those that the filter sets.
func (r *reader) ownHeaders() []string {
	var own []string
	for _, h := range r.config.ClaimHeaders {
		own = append(own, h.Header)
	}
	if r.config.PayloadHeader != "" {
		own = append(own, r.config.PayloadHeader)
	}
	if r.config.ClientIDHeader != "" {
		own = append(own, r.config.ClientIDHeader)
	}
	return own
}

// forwarding adds whether the token is forwarded to the upstream, where the providers
// differ.
func (r *reader) forwarding(out rule, need requirement) rule {
	if r.config.ForwardAuthorization || need.access != token {
		return out
	}
	names := slices.Concat(need.any, need.all)
	for _, name := range names {
		if !r.forwards(name) {
			return out
		}
	}
	if len(names) > 0 {
		yes := true
		out.ForwardAuthorization = &yes
	}
	return out
}

func (r *reader) forwards(name string) bool {
	for _, n := range r.natives {
		if slices.Contains(n.names, name) {
			return n.forward
		}
	}
	return false
}
