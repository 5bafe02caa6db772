package policy

import "strings"

// match is a conjunction: what it does not mention it does not ask. Of the
// methods and of the hosts one must be met, of the conditions all.
//
// A request can be ambiguous: its path, its authority, several lines of one
// header. A rule that opens asks opens: every reading matches. A rule that
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
	// forged: the client sent a header that the filter will remove and no honest one
	// sends. Tokens are removed, too, but clients send them to open doors as well: no
	// route may match on them.
	forged bool
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
	return v.requestPath().crowded || v.read > maxExpressionBytes
}

// maxExpressionBytes bounds what expressions look at for one path with several
// readings. Each of many expressions could be asked about each reading, and costs
// more for a byte than all that lists the readings.
const maxExpressionBytes = 24 << 10

// takes asks a pattern about a reading.
func (v *requestView) takes(p *pathPattern, reading string) bool {
	if p.expression != nil && !v.path.plain {
		if v.read += len(reading); v.read > maxExpressionBytes {
			return false
		}
	}
	return p.match(reading)
}

// opens says that the match holds under every reading of the request. No
// opening applies to a request without a path or with a suspect one.
func (m *match) opens(v *requestView) bool {
	if !v.request.HasPath || v.requestPath().suspect() || !m.certain(v) {
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

// possible judges all but the path, under some reading.
func (m *match) possible(v *requestView) bool {
	if !m.takesMethod(v.request.Method) {
		return false
	}
	if len(m.hosts) > 0 && !m.bindsHost(v.request.Authority) {
		return false
	}
	for i := range m.headers {
		if !m.headers[i].bindsHeader(v.request.Headers) {
			return false
		}
	}
	for i := range m.query {
		if !m.query[i].bindsQuery(v.requestPath()) {
			return false
		}
	}
	for i := range m.routes {
		if !m.routes[i].binds(v) {
			return false
		}
	}
	return true
}

// certain judges all but the path, under every reading.
func (m *match) certain(v *requestView) bool {
	if !m.takesMethod(v.request.Method) {
		return false
	}
	if len(m.hosts) > 0 && !m.opensHost(v.request.Authority) {
		return false
	}
	for i := range m.headers {
		if !m.headers[i].opensHeader(v.request.Headers) {
			return false
		}
	}
	for i := range m.query {
		if !m.query[i].opensQuery(v.requestPath()) {
			return false
		}
	}
	for i := range m.routes {
		if !m.routes[i].opens(v) {
			return false
		}
	}
	return true
}

func (m *match) takesMethod(method string) bool {
	return len(m.methods) == 0 || contains(m.methods, method)
}

func (m *match) opensHost(authority string) bool {
	host, ok := plainHost(authority)
	if !ok {
		return false
	}
	for i := range m.hosts {
		if m.hosts[i].match(host) {
			return true
		}
	}
	return false
}

func (m *match) bindsHost(authority string) bool {
	for i := range m.hosts {
		if m.hosts[i].bindsHost(authority) {
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
