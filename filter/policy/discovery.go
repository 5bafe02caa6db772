package policy

import (
	"strings"

	"bearerauth/filter/jose"
)

// discovered reads an OpenID Provider's configuration (OpenID Connect Discovery
// 1.0 section 4) and returns where its keys are, or what was wrong.
func (k *keySource) discovered(a Answer) (endpoint, string) {
	if why := badAnswer(a); why != "" {
		return endpoint{}, why
	}
	issuer, uri := "", ""
	err := jose.ReadObject(a.Body, func(name []byte, value jose.Value) error {
		text, _ := value.Text()
		switch string(name) {
		case "issuer":
			issuer = string(text)
		case "jwks_uri":
			uri = string(text)
		}
		return nil
	})
	if err != nil {
		return endpoint{}, err.Error()
	}
	// Section 4.3: the document must be this issuer's, octet by octet.
	if issuer != k.issuer {
		return endpoint{}, "want the issuer " + quote(k.issuer) + ", got " + quote(issuer)
	}
	e, why := parseURI(uri)
	if why != "" {
		return endpoint{}, "jwks_uri: " + why
	}
	switch cluster, ok := k.clusters[e.authority]; {
	case e.scheme != "https" && k.discovery.scheme == "https":
		return endpoint{}, "jwks_uri: want https, as the issuer has it"
	case ok:
		e.cluster = cluster
	case e.authority == k.discovery.authority && e.scheme == k.discovery.scheme:
		e.cluster = k.discovery.cluster
	default:
		return endpoint{}, "the keys are at " + quote(e.authority) + ": want a cluster for it in jwks_clusters"
	}
	return e, ""
}

// parseURI splits an absolute http or https URI without user and fragment.
func parseURI(s string) (endpoint, string) {
	const want = "want a URI such as https://issuer.example/keys"
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || scheme != "https" && scheme != "http" || len(s) > 2048 {
		return endpoint{}, want
	}
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '\\' || s[i] == '#' || s[i] == '"' {
			return endpoint{}, want
		}
	}
	e := endpoint{scheme: scheme, authority: rest, path: "/"}
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		e.authority, e.path = rest[:i], rest[i:]
		if e.path[0] == '?' {
			e.path = "/" + e.path
		}
	}
	if e.authority == "" || strings.IndexByte(e.authority, '@') >= 0 {
		return endpoint{}, want
	}
	return e, ""
}
