package importer

import (
	"regexp"
	"slices"
	"strings"
)

// paths is the set of paths that a match has, as far as sets of paths can be compared.
type paths struct {
	kind       pathKind
	text       string // of an expression: what each of its paths begins with
	expression *regexp.Regexp
}

type pathKind int

const (
	pathAny        pathKind = iota
	pathExact               // text
	pathStart               // text and anything
	pathBelowKind           // text, or text, a slash and anything
	pathExpression          // what expression matches as a whole
)

func (m *match) paths() paths {
	switch {
	case m.Path != "":
		return paths{kind: pathExact, text: m.Path}
	case strings.HasSuffix(m.PathPrefix, "/"):
		return paths{kind: pathStart, text: m.PathPrefix}
	case m.PathPrefix != "":
		return paths{kind: pathBelowKind, text: m.PathPrefix}
	case m.PathRegex == "":
		return paths{}
	}
	part, err := regexp.Compile(m.PathRegex)
	if err != nil {
		return paths{kind: pathExpression} // the filter refuses the match
	}
	literal, complete := part.LiteralPrefix()
	switch m.PathRegex {
	case pathStarting(literal).PathRegex:
		return paths{kind: pathStart, text: literal}
	case pathBelow(literal).PathRegex:
		return paths{kind: pathBelowKind, text: literal}
	}
	whole, err := regexp.Compile(`\A(?:` + m.PathRegex + `)\z`)
	switch {
	case err != nil:
		return paths{kind: pathExpression}
	case complete:
		return paths{kind: pathExact, text: literal}
	}
	return paths{pathExpression, literal, whole}
}

// has reports whether a path is in the set.
func (p *paths) has(path string) bool {
	switch p.kind {
	case pathExact:
		return path == p.text
	case pathStart:
		return strings.HasPrefix(path, p.text)
	case pathBelowKind:
		rest, ok := strings.CutPrefix(path, p.text)
		return ok && (rest == "" || rest[0] == '/')
	case pathExpression:
		return p.expression != nil && p.expression.MatchString(path)
	}
	return true
}

// covers reports whether all paths of the other are in the set. It may miss that they are.
func (p *paths) covers(other *paths) bool {
	switch {
	case p.kind == pathAny:
		return true
	case other.kind == pathAny:
		return false // a request can have no path
	case other.kind == pathExact:
		return p.has(other.text)
	case p.kind == pathStart:
		return strings.HasPrefix(other.text, p.text)
	case p.kind == pathBelowKind:
		return strings.HasPrefix(other.text, p.text+"/") || other.kind == pathBelowKind && other.text == p.text
	case p.kind == pathExpression && other.kind == pathExpression:
		return p.expression != nil && other.expression != nil && p.expression.String() == other.expression.String()
	}
	return false
}

// apart reports whether no path is in both sets. It may miss that none is.
func (p *paths) apart(other *paths) bool {
	switch {
	case p.kind == pathAny || other.kind == pathAny:
		return false
	case p.kind == pathExact:
		return !other.has(p.text)
	case other.kind == pathExact:
		return !p.has(other.text)
	}
	return !p.mayBegin(other.text) && !other.mayBegin(p.text)
}

// mayBegin reports whether some path of the set may begin with a text that is no shorter
// than its own.
func (p *paths) mayBegin(text string) bool {
	rest, ok := strings.CutPrefix(text, p.text)
	return ok && (p.kind != pathBelowKind || rest == "" || rest[0] == '/')
}

// region is a match, with its paths ready to be compared.
type region struct {
	match
	paths paths
}

func regionOf(m match) region { return region{m, m.paths()} }

// includes reports whether every request that the other matches is matched. It may miss
// that.
func (r *region) includes(other *region) bool {
	return r.paths.covers(&other.paths) &&
		(len(r.Methods) == 0 || len(other.Methods) > 0 && subset(other.Methods, r.Methods)) &&
		(len(r.Hosts) == 0 || len(other.Hosts) > 0 && !slices.ContainsFunc(other.Hosts, func(host string) bool { return !coversHost(r.Hosts, host) })) &&
		subsetOf(r.Headers, other.Headers) && subsetOf(r.Query, other.Query)
}

// same reports whether two regions have the same requests.
func (r *region) same(other *region) bool { return r.includes(other) && other.includes(r) }

// apart reports whether no request is matched by both. It may miss that: a header can be
// sent twice, so that two values of it exclude nothing.
func (r *region) apart(other *region) bool {
	return r.paths.apart(&other.paths) ||
		len(r.Methods) > 0 && len(other.Methods) > 0 && len(common(r.Methods, other.Methods)) == 0 ||
		len(r.Hosts) > 0 && len(other.Hosts) > 0 && len(commonHosts(r.Hosts, other.Hosts)) == 0
}

// meet is the region of exactly the requests that both match. False: there are none, or no
// match can express them.
func (r *region) meet(other *region) (region, bool) {
	if r.apart(other) {
		return region{}, false
	}
	narrow := r
	switch {
	case r.paths.covers(&other.paths):
		narrow = other
	case !other.paths.covers(&r.paths):
		return region{}, false
	}
	out := region{paths: narrow.paths}
	out.Path, out.PathPrefix, out.PathRegex = narrow.Path, narrow.PathPrefix, narrow.PathRegex
	out.Methods, out.Hosts = common(r.Methods, other.Methods), commonHosts(r.Hosts, other.Hosts)
	out.Headers, out.Query = union(r.Headers, other.Headers), union(r.Query, other.Query)
	return out, true
}

// common is the intersection of two lists, where an empty list is everything.
func common(a, b []string) (list []string) {
	if len(a) == 0 || len(b) == 0 {
		return append(slices.Clone(a), b...)
	}
	for _, s := range a {
		if slices.Contains(b, s) {
			list = append(list, s)
		}
	}
	return list
}

func commonHosts(a, b []string) (list []string) {
	if len(a) == 0 || len(b) == 0 {
		return append(slices.Clone(a), b...)
	}
	for _, pair := range [][2][]string{{a, b}, {b, a}} {
		for _, host := range pair[0] {
			if coversHost(pair[1], host) && !slices.Contains(list, host) {
				list = append(list, host)
			}
		}
	}
	return list
}

// coversHost reports whether one of the patterns has every name of another one.
func coversHost(patterns []string, host string) bool {
	host = strings.ToLower(host)
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		pattern = strings.ToLower(pattern)
		rest, wildcard := strings.CutPrefix(pattern, "*")
		return pattern == host || wildcard && strings.HasSuffix(host, rest) && host != rest
	})
}

func (c *condition) same(other condition) bool {
	return c.Name == other.Name && c.Present == other.Present && c.Regex == other.Regex &&
		(c.Equal == nil) == (other.Equal == nil) && (c.Equal == nil || *c.Equal == *other.Equal)
}

func subsetOf(list, of []condition) bool {
	return !slices.ContainsFunc(list, func(c condition) bool { return !slices.ContainsFunc(of, c.same) })
}

func union(a, b []condition) []condition {
	list := slices.Clone(a)
	for _, c := range b {
		if !slices.ContainsFunc(list, c.same) {
			list = append(list, c)
		}
	}
	return list
}
