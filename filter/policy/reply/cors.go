package reply

import (
	"strings"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/match"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
	"bearerauth/filter/policy/verdict"
)

// CORS lets browsers send preflights before they send a token, and lets scripts read
// why a token was refused (Fetch standard, sections 3.2.2 and 4.8).
type CORS struct {
	Preflight   bool
	anyOrigin   bool
	origins     []string
	credentials bool
}

// IsPreflight reports whether preflights are let through and the request is one:
// OPTIONS with one Origin and one Access-Control-Request-Method. A preflight never
// has credentials.
func (c *CORS) IsPreflight(v *match.View) bool {
	r := v.Request
	if !c.Preflight || r.Method != "OPTIONS" || !r.HasPath || v.RequestPath().Suspect() {
		return false
	}
	// A comma means several lines, which Envoy has joined.
	origin, hasOrigin := onlyHeader(r, "origin")
	method, hasMethod := onlyHeader(r, "access-control-request-method")
	return hasOrigin && hasMethod && !strings.ContainsAny(origin, ", ") && syntax.IsToken(method)
}

// onlyHeader returns the value of a header that has exactly one line and is not
// empty.
func onlyHeader(r *request.Request, name string) (value string, ok bool) {
	value, lines := r.Header(name)
	return value, lines == 1 && value != ""
}

// Expose returns the refusal with the headers that let a script of a permitted origin
// read it. For another origin it returns d itself.
func (c *CORS) Expose(d *verdict.Deny, r *request.Request) *verdict.Deny {
	origin, ok := onlyHeader(r, "origin")
	if !ok || !c.anyOrigin && !syntax.Contains(c.origins, origin) {
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

// ReadCORS reads the member cors, nil where it is absent.
func ReadCORS(o *config.Object) *CORS {
	c := o.Object("cors")
	if c == nil {
		return nil
	}
	found := &CORS{Preflight: c.Boolean("preflight", false), credentials: c.Boolean("allow_credentials", false)}
	for _, origin := range c.Strings("allowed_origins", wantOrigin) {
		found.anyOrigin = found.anyOrigin || origin == "*"
		found.origins = append(found.origins, origin)
	}
	c.Done()
	switch {
	case c.Broken("allowed_origins"):
	case len(c.Members) == 0:
		c.Problems.Add(c.Path, "want preflight, allowed_origins or both")
	case found.anyOrigin && len(found.origins) > 1:
		c.Wrong("allowed_origins", `want "*" alone or no "*"`)
	case found.credentials && found.anyOrigin:
		c.Wrong("allow_credentials", "allowed only with named origins: browsers reject * with credentials")
	case found.credentials && len(found.origins) == 0:
		c.Wrong("allow_credentials", "allowed only with allowed_origins")
	}
	return found
}

// wantOrigin checks an origin as browsers serialise it (RFC 6454 section 6.2).
func wantOrigin(s string) string {
	const want = "want an origin such as https://app.example, without a path; or *"
	if s == "*" {
		return ""
	}
	e, why := config.ParseURI(s)
	if why != "" || strings.HasSuffix(s, "/") || e.Path != "/" || strings.ToLower(s) != s ||
		e.Scheme == "https" && strings.HasSuffix(e.Authority, ":443") || e.Scheme == "http" && strings.HasSuffix(e.Authority, ":80") {
		return want
	}
	if _, ok := request.UnambiguousHost(e.Authority); !ok {
		return want
	}
	return ""
}
