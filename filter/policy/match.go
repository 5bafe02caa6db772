package policy

import "strings"

// match is a conjunction: what it does not mention it does not ask. Of the
// methods and of the hosts one must be met, of the conditions all.
//
// A request can be ambiguous: its path, its authority, several lines of one
// header. A rule that opens wants every reading to match. A rule that
// requires something binds a reading of the path if some reading of the rest
// matches with it, and settles it if every one does. A rule that binds but does
// not settle has been met by one reading of a host, header or query only, and
// must not keep the rules behind it from being asked.
type match struct {
	path    *pathPattern
	methods []string
	hosts   []hostPattern
	headers []condition
	query   []condition
	routes  []routeCondition
}

// noPath is the reading of a request without a path. No pattern matches it.
const noPath = ""

// requestView is a request as the rules look at it. It belongs to one request
// and one goroutine.
type requestView struct {
	request *Request
	path    requestPath
	parsed  bool
	walk    *pathWalk // nil: one of its own
	// pathless: no rule asks for the path or the query, so that all readings are
	// judged as the raw one is.
	pathless bool
	read     int // bytes of readings that expressions have taken
	readable int // how many they may take
	// forged: the client sent a header that the filter will remove and no honest one
	// sends. Tokens are removed, too, but clients send them to open doors as well: no
	// route may match on them.
	forged bool

	host      authority
	query     parameters
	metered   bool
	allowance int // bytes that expressions may still read
}

func newRequestView(r *Request) requestView { return requestView{request: r} }

func (v *requestView) requestPath() *requestPath {
	if !v.parsed {
		v.parsed = true
		if v.request.HasPath {
			v.path = splitPath(v.request.Path)
		}
		if v.request.HasPath && !v.path.plain && !v.pathless {
			v.path.list(v.walk)
		}
	}
	return &v.path
}

// authority reads the :authority, once a request.
func (v *requestView) authority() *authority {
	if !v.host.read {
		v.host = readAuthority(v.request.Authority)
	}
	return &v.host
}

// readings are the readings of the path to ask about, one at least: noPath
// stands for a request without a path.
func (v *requestView) readings() []string { return v.requestPath().readings() }

// canonicalPath says that the path has one reading, or that there is none to
// be read. It lists none.
func (v *requestView) canonicalPath() bool {
	path, _, _ := strings.Cut(v.request.Path, "?")
	return !v.request.HasPath || isCanonicalPath(path)
}

// crowdedPath says that the path has more readings than are listed, or than
// expressions have looked at: a requirement may bind one of those, so refuse the
// request.
func (v *requestView) crowdedPath() bool {
	return v.requestPath().crowded || v.read > v.readable
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
func (v *requestView) takes(p *pathPattern, reading string) bool {
	if p.expression != nil && !v.path.plain {
		if v.read += len(reading); v.read > v.readable {
			return false
		}
	}
	return p.match(reading)
}

// opensPath judges the path. No opening applies to a request without one or with a
// suspect one.
func (m *match) opensPath(v *requestView) bool {
	if !v.request.HasPath || v.requestPath().suspect() {
		return false
	}
	if m.path != nil {
		for _, reading := range v.readings() {
			if !v.takes(m.path, reading) {
				return false
			}
		}
	}
	return true
}

// takesPath says whether this reading of the path may match, and so binds what
// the match belongs to, and whether it certainly does.
func (m *match) takesPath(v *requestView, reading string) (binds, settles bool) {
	switch {
	case m.path == nil:
		return true, true
	case m.path.tooLong(reading):
		return true, false
	}
	takes := v.takes(m.path, reading)
	return takes, takes
}

// concerns judges all but the path: possible under some reading, certain under
// every one.
func (m *match) concerns(v *requestView) (possible, certain bool) {
	if !m.takesMethod(v.request.Method) {
		return false, false
	}
	certain = true
	if len(m.hosts) > 0 {
		if !m.bindsHost(v.authority()) {
			return false, false
		}
		certain = v.authority().plain
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

func (m *match) takesMethod(method string) bool {
	return len(m.methods) == 0 || contains(m.methods, method)
}

func (m *match) bindsHost(a *authority) bool {
	for i := range m.hosts {
		if m.hosts[i].binds(a) {
			return true
		}
	}
	return false
}

// covers says that whatever other matches is matched here too. Where it cannot
// know, as with regular expressions that differ, it says no.
func (m *match) covers(other *match) bool {
	if m.path != nil && (other.path == nil || !m.path.covers(other.path)) {
		return false
	}
	if len(m.methods) > 0 {
		if len(other.methods) == 0 {
			return false
		}
		for _, method := range other.methods {
			if !contains(m.methods, method) {
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

func (m *match) coversRoutes(other *match) bool {
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

func (m *match) coversHost(other *hostPattern) bool {
	for i := range m.hosts {
		if m.hosts[i].covers(other) {
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
