package match

import (
	"slices"
	"strings"

	"bearerauth/filter/policy/request"
)

// Index finds the few rules that can concern a request, so that a thousand
// of them cost it what ten do. Each rule is filed under something that any
// request it matches has: the literal beginning of its paths, or its hosts; what
// has neither is asked about every request. It leaves out only rules that neither
// open nor bind, so nothing is judged otherwise than by asking them all.
type Index struct {
	always      []int // of the rules, ascending, as all lists here
	paths       map[string][]int
	hosts       map[string][]int // a name, or the part of a wildcard behind the asterisk
	expressions []int            // filed under paths
	hosted      []int            // filed under hosts
	depth       int              // of the longest key in paths, in segments
	length      int              // and in bytes
	IgnoresPath    bool             // no rule asks for the path or the query
	MaxExpressionBytes    int              // bytes that expressions may read of one path's readings
}

// fewRules are asked one by one faster than they are looked up.
const fewRules = 4

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

// Find appends the rules that may match this reading, in their order.
func (x *Index) Find(found []int, v *View, reading string) []int {
	found = append(found, x.always...)
	found = x.byPath(found, reading)
	if len(reading) > maxPathExpression {
		found = append(found, x.expressions...) // each of them binds it
	}
	found = x.byHost(found, v.Request.Authority)
	if !slices.IsSorted(found) { // most requests concern one rule, or few
		slices.Sort(found)
	}
	return slices.Compact(found)
}

// byPath looks up the path and what of it ends before a slash.
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
		return append(found, x.hosted...) // who knows what hosts an upstream sees in it
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

// pathKey is how every reading that the path of this match takes begins, up to
// a border of segments; empty where nothing is known of it. (Of readings that are
// too long for an expression nothing is known.)
func (m *Match) pathKey() string {
	if m.path == nil {
		return ""
	}
	if m.path.expression != nil {
		// A slash behind it shows that the last segment is whole.
		return m.path.prefix[:max(0, strings.LastIndexByte(m.path.prefix, '/'))]
	}
	key := ""
	for _, segment := range m.path.segments {
		if segment == anySegment || strings.IndexByte(segment, '%') >= 0 {
			break // an escape is matched in more than one spelling
		}
		key += "/" + segment
	}
	return key
}

// hostKeys are the names of the hosts; nil where one of them has many spellings.
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
