// Package match decides whether a rule concerns a request: certainly, possibly or
// not. It works on all readings of the request, and has an index that finds the few
// rules which can concern a request among thousands. It does not know tokens.
package match

import (
	"strings"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
)

// Match is the match of a rule, a conjunction: a member that is absent matches every
// request. One of the methods and one of the hosts must match, and all conditions must
// hold.
//
// A request can be ambiguous: in its path, its authority, in several lines of one
// header. An opening applies only if every reading matches. A requirement binds a
// reading of the path if it matches together with some reading of the rest of the
// request, and settles it if it does with every one. A rule that binds but does not
// settle matches only one reading of a host, header or query, so that the rules behind
// it must be evaluated, too.
type Match struct {
	path    *pathPattern
	methods []string
	hosts   []request.HostPattern
	headers []condition
	query   []condition
	routes  []routeCondition
}

// noPath is the only reading of a request without a path. No pattern matches it.
const noPath = ""

// View is a request with its readings, as the rules see it. It belongs to one request
// and one goroutine.
type View struct {
	Request *request.Request
	path    request.Path
	parsed  bool
	Walk    *request.Walk // the memory for readings; nil allocates it
	// IgnoresPath means that no rule uses the path or the query, so that the decision
	// is the same for all readings.
	IgnoresPath        bool
	expressionBytes    int // the bytes of readings on which path expressions were run
	MaxExpressionBytes int // the bound on expressionBytes, from Index
	// Forged means that the client sent a header which only the filter sets, and which
	// it will remove. Token headers do not count as forged although they are removed:
	// honest clients send them. Routes must not match on them (README).
	Forged bool

	host      request.Authority
	query     parameters
	metered   bool
	allowance int // the bytes that conditions may still read, see affords
}

// Reset makes v the View of another request. It keeps the memory of the parameters, so
// that a State needs one View for all requests.
func (v *View) Reset(r *request.Request) {
	list, hits := v.query.list[:0], v.query.hits[:0]
	*v = View{Request: r}
	v.query.list, v.query.hits = list, hits
}

// RequestPath returns the path with its readings.
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

// authority parses the :authority, once per request.
func (v *View) authority() *request.Authority {
	if !v.host.Parsed {
		v.host = request.ReadAuthority(v.Request.Authority)
	}
	return &v.host
}

// Readings returns the readings of the path to decide over. There is at least one:
// noPath for a request without a path.
func (v *View) Readings() []string { return v.RequestPath().Readings() }

// CanonicalPath reports whether the path has one reading, or there is no path. It
// does not compute readings.
func (v *View) CanonicalPath() bool {
	path, _, _ := strings.Cut(v.Request.Path, "?")
	return !v.Request.HasPath || request.IsCanonicalPath(path)
}

// TooManyReadings reports that the path has more readings than are listed, or than
// expressions were run on. A requirement may bind one of the others: refuse the
// request.
func (v *View) TooManyReadings() bool {
	return v.RequestPath().TooManyReadings || v.expressionBytes > v.expressionLimit()
}

// Bounds on path expressions, in bytes. Many expressions could be run on many readings,
// and each byte costs more than computing the readings does. A reading that is longer
// than maxPathExpression is not matched at all. For a path with several readings each
// expression of the configuration adds maxPathExpression to what all may read together,
// up to maxPathExpressions. A short path may cost less: shortExpressions bytes, and four
// more for each byte by which the path is longer than shortPath.
const (
	maxPathExpression  = 2048
	maxPathExpressions = 24 << 10
	shortPath          = 1 << 10
	shortExpressions   = 4 << 10
)

// expressionLimit is how many bytes of this path's readings expressions may read.
func (v *View) expressionLimit() int {
	return min(v.MaxExpressionBytes, shortExpressions+4*max(0, len(v.Request.Path)-shortPath))
}

// matches reports whether a pattern matches a reading. It charges expressions.
func (v *View) matches(p *pathPattern, reading string) bool {
	if p.expression != nil && !v.path.Canonical() {
		if v.expressionBytes += len(reading); v.expressionBytes > v.expressionLimit() {
			return false
		}
	}
	return p.match(reading)
}

// OpensPath reports whether an opening applies to the path: every reading matches. No
// opening applies to a request without a path or with a suspect one.
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

// BindsPath reports whether this reading of the path possibly matches, and so binds
// the rule of the match, and whether it certainly matches.
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

// Concerns evaluates all but the path: possible means that it matches under some
// reading, certain that it does under every reading.
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

// Covers reports whether m matches every request that other matches. Where that cannot be
// known, as with regular expressions that differ, it returns false.
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

// coversConditions reports whether each condition is among the others.
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
