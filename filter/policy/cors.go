package policy

import "strings"

// cors lets browsers ask before they send a token, and read why it was refused
// (Fetch standard, sections 3.2.2 and 4.8).
type cors struct {
	preflight   bool
	anyOrigin   bool
	origins     []string
	credentials bool
}

// passes reports whether a request is exactly a CORS preflight, which never has
// credentials: OPTIONS with one Origin and one Access-Control-Request-Method.
func (c *cors) passes(v *requestView) bool {
	r := v.request
	if !c.preflight || r.Method != "OPTIONS" || !r.HasPath || v.requestPath().suspect() {
		return false
	}
	// Envoy joins several lines of these two with a comma.
	origin, hasOrigin := onlyHeader(r, "origin")
	method, hasMethod := onlyHeader(r, "access-control-request-method")
	return hasOrigin && hasMethod && !strings.ContainsAny(origin, ", ") && isToken(method)
}

// onlyHeader is the value of a header that stands once and is not empty.
func onlyHeader(r *Request, name string) (value string, ok bool) {
	value, lines := r.header(name)
	return value, lines == 1 && value != ""
}

// readable adds to a refusal what lets a script of a permitted origin read it.
func (c *cors) readable(d *Deny, r *Request) *Deny {
	origin, ok := onlyHeader(r, "origin")
	if !ok || !c.anyOrigin && !contains(c.origins, origin) {
		return d
	}
	if c.anyOrigin {
		origin = "*"
	} else {
		origin = strings.Clone(origin)
	}
	with := *d
	with.Headers = append(append(make([][2]string, 0, len(d.Headers)+4), d.Headers...),
		[2]string{"access-control-allow-origin", origin},
		[2]string{"access-control-expose-headers", "www-authenticate, retry-after"},
		[2]string{"vary", "origin"})
	if c.credentials {
		with.Headers = append(with.Headers, [2]string{"access-control-allow-credentials", "true"})
	}
	return &with
}

func readCORS(o *object) *cors {
	c := o.object("cors")
	if c == nil {
		return nil
	}
	found := &cors{preflight: c.boolean("preflight", false), credentials: c.boolean("allow_credentials", false)}
	for _, origin := range c.strings("allowed_origins", wantOrigin) {
		found.anyOrigin = found.anyOrigin || origin == "*"
		found.origins = append(found.origins, origin)
	}
	c.done()
	switch {
	case len(c.members) == 0:
		c.problems.add(c.path, "want preflight, allowed_origins or both")
	case found.anyOrigin && len(found.origins) > 1:
		c.wrong("allowed_origins", `want "*" alone or no "*"`)
	case found.credentials && found.anyOrigin:
		c.wrong("allow_credentials", "want it only with origins by name: browsers take no * with credentials")
	case found.credentials && len(found.origins) == 0:
		c.wrong("allow_credentials", "want it only with allowed_origins")
	}
	return found
}

// wantOrigin is an origin as browsers write it (RFC 6454 section 6.2).
func wantOrigin(s string) string {
	const want = "want an origin as browsers write it, such as https://app.example, without a path; or *"
	if s == "*" {
		return ""
	}
	e, why := parseURI(s)
	if why != "" || strings.HasSuffix(s, "/") || e.path != "/" || strings.ToLower(s) != s ||
		e.scheme == "https" && strings.HasSuffix(e.authority, ":443") || e.scheme == "http" && strings.HasSuffix(e.authority, ":80") {
		return want
	}
	if _, ok := plainHost(e.authority); !ok {
		return want
	}
	return ""
}
