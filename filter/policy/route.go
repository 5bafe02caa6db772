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

// Properties are the paths of the host's properties that Request.Properties
// has to tell, in this order.
func (p *Policy) Properties() [][]string { return p.properties }

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

func (c *routeCondition) opens(v *requestView) bool { return !v.forged() && c.holds(v.request) }
func (c *routeCondition) binds(v *requestView) bool { return c.holds(v.request) || v.forged() }

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

// forged reports whether the client sent a header that the filter will remove
// and no honest one sends. Tokens are removed, too, but clients send them to open
// doors as well: no route may match on them.
func (v *requestView) forged() bool {
	if v.forgery == unknownForgery {
		v.forgery = noForgery
		if len(v.policy.tells.own.appendForged(nil, v.request.Headers)) > 0 {
			v.forgery = someForgery
		}
		for i := range v.policy.locations.list {
			l := &v.policy.locations.list[i]
			if l.kind == locationHeader && len(l.appendSpellings(nil, v.request.Headers, false)) > 0 {
				v.forgery = someForgery
			}
		}
	}
	return v.forgery == someForgery
}

type forgery uint8

const (
	unknownForgery forgery = iota
	noForgery
	someForgery
)

// property is the index of a property, which several rules can share.
func (p *Policy) property(path ...string) int {
	for i, have := range p.properties {
		if slices.Equal(have, path) {
			return i
		}
	}
	p.properties = append(p.properties, path)
	return len(p.properties) - 1
}

// readRoutes reads what a rule asks of the route.
func (p *Policy) readRoutes(o *object) (list []routeCondition) {
	if names := o.strings("route_names", wantClaimText); len(names) > 0 {
		list = append(list, routeCondition{property: p.property("xds", "route_name"), names: names})
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
		list = append(list, routeCondition{property: p.property(path...), condition: condition})
	}
	return list
}

func wantPropertyName(s string) string {
	if s == "" || len(s) > 256 || !isPrintableASCII(s) {
		return "want a name of 1 to 256 printable ASCII characters"
	}
	return ""
}
