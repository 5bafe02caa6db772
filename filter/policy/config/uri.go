package config

import (
	"strings"
)

// ParseURI splits an absolute http or https URI without userinfo and fragment. The
// second result is what was wanted, or "".
func ParseURI(s string) (Endpoint, string) {
	const want = "want a URI such as https://issuer.example/keys"
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || scheme != "https" && scheme != "http" || len(s) > 2048 {
		return Endpoint{}, want
	}
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '\\' || s[i] == '#' || s[i] == '"' {
			return Endpoint{}, want
		}
	}
	e := Endpoint{Scheme: scheme, Authority: rest, Path: "/"}
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		e.Authority, e.Path = rest[:i], rest[i:]
		if e.Path[0] == '?' {
			e.Path = "/" + e.Path
		}
	}
	if e.Authority == "" || strings.IndexByte(e.Authority, '@') >= 0 {
		return Endpoint{}, want
	}
	return e, ""
}

// Endpoint is the address of a server behind an Envoy cluster.
type Endpoint struct{ Cluster, Scheme, Authority, Path string }

// Set reports whether the endpoint is configured.
func (e Endpoint) Set() bool { return e.Cluster != "" }
