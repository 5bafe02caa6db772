package policy

import "slices"

// routeCondition asks something of the route that Envoy has chosen: of its name
// or of its metadata.
//
// The host tells the route as it was before the filter changed any header, and
// Envoy chooses again after that. A client that sends a copy of a header which
// the filter removes could so be judged by one route and served by another: for
// such a request no route opens anything, and every route binds.
type routeCondition struct {
	property int      // index in Policy.properties
	names    []string // one of them; nil: condition
	condition
}

// Property is a property of the request's host, as Policy.Properties names it.
type Property struct {
	Value string
	OK    bool // the host has it
}

func (c *routeCondition) holds(r *Request) bool {
	if c.property >= len(r.Properties) || !r.Properties[c.property].OK {
		return false
	}
	value := r.Properties[c.property].Value
	if c.names != nil {
		return contains(c.names, value)
	}
	return c.condition.holds(value)
}

func (c *routeCondition) opens(v *requestView) bool { return !v.forged && c.holds(v.request) }
func (c *routeCondition) binds(v *requestView) bool { return c.holds(v.request) || v.forged }

func (c *routeCondition) covers(other *routeCondition) bool {
	if c.property != other.property || (c.names == nil) != (other.names == nil) {
		return false
	}
	for _, name := range other.names {
		if !contains(c.names, name) {
			return false
		}
	}
	return c.names != nil || c.same(&other.condition)
}

// properties are the paths of the host's properties that rules ask for.
type properties [][]string

// index is that of a property, which several rules can share.
func (ps *properties) index(path ...string) int {
	for i, have := range *ps {
		if slices.Equal(have, path) {
			return i
		}
	}
	*ps = append(*ps, path)
	return len(*ps) - 1
}

// readRoutes reads what a rule asks of the route.
func (ps *properties) readRoutes(o *object) (list []routeCondition) {
	if names := o.strings("route_names", wantClaimText); len(names) > 0 {
		list = append(list, routeCondition{property: ps.index("xds", "route_name"), names: names})
	}
	for _, item := range o.array("route_metadata") {
		c := asObject(item, o.problems)
		if c == nil {
			continue
		}
		before := len(o.problems.list)
		path := []string{"xds", "route_metadata", "filter_metadata"}
		names := c.array("path")
		for _, n := range names {
			path = append(path, checkedString(n, o.problems, "", wantPropertyName))
		}
		if len(names) < 2 || len(names) > 16 {
			c.wrong("path", "want the namespace and the names below it, 2 to 16 of them")
		}
		kind, value := readConditionKind(c)
		c.done()
		if len(o.problems.list) > before {
			continue
		}
		condition, err := newCondition("route_metadata", kind, value)
		if err != nil {
			c.problems.add(c.path, err.Error())
			continue
		}
		list = append(list, routeCondition{property: ps.index(path...), condition: condition})
	}
	return list
}

func wantPropertyName(s string) string {
	if s == "" || len(s) > 256 || !isPrintableASCII(s) {
		return "want a name of 1 to 256 printable ASCII characters"
	}
	return ""
}
