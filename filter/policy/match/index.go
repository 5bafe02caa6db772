package match

import (
	"slices"
	"strings"

	"bearerauth/filter/policy/request"
)

// Index finds the few rules that can concern a request, so that a thousand rules cost
// it what ten do. Each rule is filed under something that every request which it
// matches has: the literal beginning of its path, or its hosts. A rule with neither
// is returned for every request. The index leaves out only rules that neither open
// nor bind, so that the decision is the same as without it.
type Index struct {
	always             []int            // the rules to return for every request; like all lists here ascending
	paths              map[string][]int // the rules by pathKey
	hosts              map[string][]int // the rules by host: a name, or for a wildcard the part behind the asterisk
	expressions        []int            // the rules with an expression that are in paths
	hosted             []int            // the rules that are in hosts
	depth              int              // the segments of the longest key in paths
	length             int              // the bytes of the longest key in paths
	IgnoresPath        bool             // no rule uses the path or the query
	MaxExpressionBytes int              // the bound on the bytes of one path's readings on which expressions are run
}

// fewRules is the number of rules up to which evaluating all is faster than a
// look-up.
const fewRules = 4

// NewIndex makes the index of the rules with these matches. A rule is known by its
// position.
func NewIndex(matches []*Match) *Index {
	x := &Index{paths: map[string][]int{}, hosts: map[string][]int{}, IgnoresPath: true}
	byPath, byHost := map[string]int{}, map[string]int{}
	for _, m := range matches {
		x.IgnoresPath = x.IgnoresPath && m.path == nil && len(m.query) == 0
		if m.path != nil && m.path.expression != nil {
			x.MaxExpressionBytes = min(x.MaxExpressionBytes+maxPathExpression, maxPathExpressions)
		}
		byPath[m.pathKey()]++
		for _, key := range m.hostKeys() {
			byHost[key]++
		}
	}
	for i, m := range matches {
		path, hosts := m.pathKey(), m.hostKeys()
		crowd := 0
		for _, host := range hosts {
			crowd = max(crowd, byHost[host])
		}
		switch {
		case len(matches) <= fewRules || path == "" && len(hosts) == 0:
			x.always = append(x.always, i)
		case path != "" && (len(hosts) == 0 || byPath[path] <= crowd):
			x.filePath(i, path, m.path)
		default:
			for _, host := range hosts {
				x.hosts[host] = append(x.hosts[host], i)
			}
			x.hosted = append(x.hosted, i)
		}
	}
	return x
}

func (x *Index) filePath(i int, key string, p *pathPattern) {
	x.paths[key] = append(x.paths[key], i)
	x.depth = max(x.depth, strings.Count(key, "/"))
	x.length = max(x.length, len(key))
	if p.expression != nil {
		x.expressions = append(x.expressions, i)
	}
}

// Find appends to found the rules that may match this reading, in ascending order.
func (x *Index) Find(found []int, v *View, reading string) []int {
	found = append(found, x.always...)
	found = x.byPath(found, reading)
	if len(reading) > maxPathExpression {
		found = append(found, x.expressions...) // each binds a reading of this length
	}
	found = x.byHost(found, v.Request.Authority)
	if !slices.IsSorted(found) { // most requests concern one rule, or few
		slices.Sort(found)
	}
	return slices.Compact(found)
}

// byPath looks up the reading and each of its prefixes that ends before a slash.
func (x *Index) byPath(found []int, reading string) []int {
	depth := 0
	for i := 1; i <= len(reading) && i <= x.length && depth < x.depth; i++ {
		if i == len(reading) || reading[i] == '/' {
			found = append(found, x.paths[reading[:i]]...)
			depth++
		}
	}
	return found
}

func (x *Index) byHost(found []int, authority string) []int {
	if len(x.hosts) == 0 {
		return found
	}
	host, ok := request.UnambiguousHost(authority)
	if !ok {
		return append(found, x.hosted...) // upstreams differ in the host that they read
	}
	host = strings.ToLower(host)
	found = append(found, x.hosts[host]...)
	for i := 1; i < len(host); i++ {
		if host[i] == '.' {
			found = append(found, x.hosts[host[i:]]...)
		}
	}
	return found
}

// pathKey returns the beginning, in whole segments, of every reading that the path of
// this match matches, "" where that is not known. Readings that are too long for an
// expression are not covered by it.
func (m *Match) pathKey() string {
	if m.path == nil {
		return ""
	}
	if m.path.expression != nil {
		// Only a segment with a slash behind it is known to be whole.
		return m.path.prefix[:max(0, strings.LastIndexByte(m.path.prefix, '/'))]
	}
	key := ""
	for _, segment := range m.path.segments {
		if segment == anySegment || strings.IndexByte(segment, '%') >= 0 {
			break // an escape also matches the byte that it encodes
		}
		key += "/" + segment
	}
	return key
}

// hostKeys returns the names of the hosts, and nil where a host has many spellings.
func (m *Match) hostKeys() []string {
	var keys []string
	for i := range m.hosts {
		if m.hosts[i].IPv6 {
			return nil
		}
		keys = append(keys, m.hosts[i].Name)
	}
	return keys
}
