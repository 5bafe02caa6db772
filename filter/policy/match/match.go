// Package match decides whether a rule concerns a request: surely, perhaps, or not. It
// is given the readings of the request, and finds out which of a thousand rules must
// be asked. It knows no token.
package match

import (
	"strings"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
)

// Match is a conjunction: what it does not mention it does not ask. Of the
// methods and of the hosts one must be met, of the conditions all.
//
// A request can be ambiguous: its path, its authority, several lines of one
// header. A rule that opens wants every reading to match. A rule that
// requires something binds a reading of the path if some reading of the rest
// matches with it, and settles it if every one does. A rule that binds but does
// not settle has been met by one reading of a host, header or query only, and
// must not keep the rules behind it from being asked.
type Match struct {
	path    *pathPattern
	methods []string
	hosts   []request.HostPattern
	headers []condition
	query   []condition
	routes  []routeCondition
}

// noPath is the reading of a request without a path. No pattern matches it.
const noPath = ""

// View is a request as the rules look at it. It belongs to one request
// and one goroutine.
type View struct {
	Request *request.Request
	path    request.Path
	parsed  bool
	Walk    *request.Walk // nil: one of its own
	// pathless: no rule asks for the path or the query, so that all readings are
	// judged as the raw one is.
	IgnoresPath bool
	expressionBytes     int // bytes of readings that expressions have taken
	MaxExpressionBytes int // how many they may take
	// forged: the client sent a header that the filter will remove and no honest one
	// sends. Tokens are removed, too, but clients send them to open doors as well: no
	// route may match on them.
	Forged bool

	host      request.Authority
	Query     parameters
	metered   bool
	allowance int // bytes that expressions may still read
}

func NewView(r *request.Request) View { return View{Request: r} }

func (v *View) RequestPath() *request.Path {
	if !v.parsed {
		v.parsed = true
		if v.Request.HasPath {
			v.path = request.SplitPath(v.Request.Path)
		}
		if v.Request.HasPath && !v.path.Canonical() && !v.IgnoresPath {
			v.path.List(v.Walk)
		}
	}
	return &v.path
}

// authority reads the :authority, once a request.
func (v *View) authority() *request.Authority {
	if !v.host.Parsed {
		v.host = request.ReadAuthority(v.Request.Authority)
	}
	return &v.host
}

// Readings are the readings of the path to ask about, one at least: noPath
// stands for a request without a path.
func (v *View) Readings() []string { return v.RequestPath().Readings() }

// CanonicalPath says that the path has one reading, or that there is none to
// be read. It lists none.
func (v *View) CanonicalPath() bool {
	path, _, _ := strings.Cut(v.Request.Path, "?")
	return !v.Request.HasPath || request.IsCanonicalPath(path)
}

// CrowdedPath says that the path has more readings than are listed, or than
// expressions have looked at: a requirement may bind one of those, so refuse the
// request.
func (v *View) TooManyReadings() bool {
	return v.RequestPath().TooManyReadings || v.expressionBytes > v.MaxExpressionBytes
}

// What path expressions read is bounded: each of many could be asked about each
// reading, and costs more for a byte than all that lists the readings. A path with
// several readings is read up to maxPathExpression bytes for each expression, and up
// to maxPathExpressions bytes for all.
const (
	maxPathExpression  = 2048
	maxPathExpressions = 24 << 10
)

// takes asks a pattern about a reading.
func (v *View) matches(p *pathPattern, reading string) bool {
	if p.expression != nil && !v.path.Canonical() {
		if v.expressionBytes += len(reading); v.expressionBytes > v.MaxExpressionBytes {
			return false
		}
	}
	return p.match(reading)
}

// OpensPath judges the path. No opening applies to a request without one or with a
// suspect one.
func (m *Match) OpensPath(v *View) bool {
	if !v.Request.HasPath || v.RequestPath().Suspect() {
		return false
	}
	if m.path != nil {
		for _, reading := range v.Readings() {
			if !v.matches(m.path, reading) {
				return false
			}
		}
	}
	return true
}

// TakesPath says whether this reading of the path may match, and so binds what
// the match belongs to, and whether it certainly does.
func (m *Match) BindsPath(v *View, reading string) (binds, settles bool) {
	switch {
	case m.path == nil:
		return true, true
	case m.path.tooLong(reading):
		return true, false
	}
	takes := v.matches(m.path, reading)
	return takes, takes
}

// Concerns judges all but the path: possible under some reading, certain under
// every one.
func (m *Match) Concerns(v *View) (possible, certain bool) {
	if !m.matchesMethod(v.Request.Method) {
		return false, false
	}
	certain = true
	if len(m.hosts) > 0 {
		if !m.bindsHost(v.authority()) {
			return false, false
		}
		certain = v.authority().Unambiguous
	}
	for i := range m.headers {
		binds, opens := m.headers[i].header(v)
		if !binds {
			return false, false
		}
		certain = certain && opens
	}
	for i := range m.query {
		binds, opens := m.query[i].parameter(v)
		if !binds {
			return false, false
		}
		certain = certain && opens
	}
	for i := range m.routes {
		if !m.routes[i].binds(v) {
			return false, false
		}
		certain = certain && m.routes[i].opens(v)
	}
	return true, certain
}

func (m *Match) matchesMethod(method string) bool {
	return len(m.methods) == 0 || syntax.Contains(m.methods, method)
}

func (m *Match) bindsHost(a *request.Authority) bool {
	for i := range m.hosts {
		if m.hosts[i].Binds(a) {
			return true
		}
	}
	return false
}

// Covers says that whatever other matches is matched here too. Where it cannot
// know, as with regular expressions that differ, it says no.
func (m *Match) Covers(other *Match) bool {
	if m.path != nil && (other.path == nil || !m.path.covers(other.path)) {
		return false
	}
	if len(m.methods) > 0 {
		if len(other.methods) == 0 {
			return false
		}
		for _, method := range other.methods {
			if !syntax.Contains(m.methods, method) {
				return false
			}
		}
	}
	if len(m.hosts) > 0 {
		if len(other.hosts) == 0 {
			return false
		}
		for i := range other.hosts {
			if !m.coversHost(&other.hosts[i]) {
				return false
			}
		}
	}
	return coversConditions(m.headers, other.headers) && coversConditions(m.query, other.query) &&
		m.coversRoutes(other)
}

func (m *Match) coversRoutes(other *Match) bool {
	for i := range m.routes {
		found := false
		for k := range other.routes {
			found = found || m.routes[i].covers(&other.routes[k])
		}
		if !found {
			return false
		}
	}
	return true
}

func (m *Match) coversHost(other *request.HostPattern) bool {
	for i := range m.hosts {
		if m.hosts[i].Covers(other) {
			return true
		}
	}
	return false
}

// coversConditions wants each condition to be among the others.
func coversConditions(conditions, others []condition) bool {
	for i := range conditions {
		found := false
		for k := range others {
			found = found || conditions[i].same(&others[k])
		}
		if !found {
			return false
		}
	}
	return true
}
