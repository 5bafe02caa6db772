package match

import (
	"slices"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
)

// routeCondition is a requirement on the name or the metadata of the route that Envoy
// has chosen.
//
// The property of the host is the route before the filter changed any header, and Envoy
// chooses the route again after that. A client that sends a copy of a header which the
// filter removes could be judged by one route and served by another. So for such a
// request no route opens anything, and every route binds.
type routeCondition struct {
	property  int      // the index in Properties
	names     []string // the value must be one of these; nil: the condition must hold
	condition condition
}

func (c *routeCondition) holds(r *request.Request) bool {
	if c.property >= len(r.Properties) || !r.Properties[c.property].OK {
		return false
	}
	value := r.Properties[c.property].Value
	if c.names != nil {
		return syntax.Contains(c.names, value)
	}
	return c.condition.holds(value)
}

func (c *routeCondition) opens(v *View) bool { return !v.Forged && c.holds(v.Request) }
func (c *routeCondition) binds(v *View) bool {
	return c.holds(v.Request) || v.Forged || c.refused(v.Request)
}

// refused reports whether the host did not return the property. The request can then
// have any route.
func (c *routeCondition) refused(r *request.Request) bool {
	return c.property < len(r.Properties) && r.Properties[c.property].Refused
}

func (c *routeCondition) covers(other *routeCondition) bool {
	if c.property != other.property || (c.names == nil) != (other.names == nil) {
		return false
	}
	for _, name := range other.names {
		if !syntax.Contains(c.names, name) {
			return false
		}
	}
	return c.names != nil || c.condition.same(&other.condition)
}

// Properties are the paths of the host's properties that rules use.
type Properties [][]string

// index returns the position of a property, which several rules can share.
func (ps *Properties) index(path ...string) int {
	for i, have := range *ps {
		if slices.Equal(have, path) {
			return i
		}
	}
	*ps = append(*ps, path)
	return len(*ps) - 1
}

// readRoutes reads the conditions of a rule on the route.
func (ps *Properties) readRoutes(o *config.Object) (list []routeCondition) {
	if names := o.Strings("route_names", config.WantClaimText); len(names) > 0 {
		list = append(list, routeCondition{property: ps.index("xds", "route_name"), names: names})
	}
	for _, item := range o.Array("route_metadata") {
		c := config.AsObject(item, o.Problems)
		if c == nil {
			continue
		}
		before := len(o.Problems.List)
		path := []string{"xds", "route_metadata", "filter_metadata"}
		names := c.Array("path")
		for _, n := range names {
			path = append(path, config.CheckedString(n, o.Problems, "", wantPropertyName))
		}
		if len(names) < 2 || len(names) > 16 {
			c.Wrong("path", "want 2 to 16 names: the namespace and the keys in it")
		}
		kind, value := readConditionKind(c)
		c.Done()
		if len(o.Problems.List) > before {
			continue
		}
		condition, err := newCondition("route_metadata", kind, value)
		if err != nil {
			c.Problems.Add(c.Path, err.Error())
			continue
		}
		list = append(list, routeCondition{property: ps.index(path...), condition: condition})
	}
	return list
}

func wantPropertyName(s string) string {
	if s == "" || len(s) > 256 || !syntax.IsPrintableASCII(s) {
		return "want a name of 1 to 256 printable ASCII characters"
	}
	return ""
}
