package reply

import (
	"strings"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
)

// resourceDocument is protected resource metadata as JSON (RFC 9728 section 2).
type resourceDocument []byte

// readResourceDocument reads the members of a protected resource, in the order of RFC
// 9728 section 2. id is the identifier of the resource, "" where it is wrong.
func readResourceDocument(o *config.Object) (document []byte, id string) {
	d := resourceDocument("{")
	id = d.text(o, "resource", wantResource)
	d.list(o, "authorization_servers", nil, wantServer)
	d.text(o, "jwks_uri", wantKeysURL)
	d.list(o, "scopes_supported", nil, config.WantScope)
	// By default this is what the filter itself supports.
	d.list(o, "bearer_methods_supported", []string{"header"}, wantBearerMethod)
	d.list(o, "resource_signing_alg_values_supported", nil, wantAlgorithmName)
	d.text(o, "resource_name", config.WantDetail)
	d.text(o, "resource_documentation", wantPage)
	d.text(o, "resource_policy_uri", wantPage)
	d.text(o, "resource_tos_uri", wantPage)
	d.flag(o, "tls_client_certificate_bound_access_tokens")
	d.list(o, "authorization_details_types_supported", nil, config.WantClaimText)
	d.list(o, "dpop_signing_alg_values_supported", nil, wantAlgorithmName)
	d.flag(o, "dpop_bound_access_tokens_required")
	return append(d, '}'), id
}

func (d *resourceDocument) name(s string) {
	if len(*d) > 1 {
		*d = append(*d, ',')
	}
	*d = append(config.AppendJSON(*d, s), ':')
}

func (d *resourceDocument) text(o *config.Object, name string, valid func(string) string) string {
	s := o.Checked(name, "", valid)
	if s != "" {
		d.name(name)
		*d = config.AppendJSON(*d, s)
	}
	return s
}

func (d *resourceDocument) list(o *config.Object, name string, byDefault []string, valid func(string) string) {
	list := o.Strings(name, valid)
	if !o.Has(name) {
		list = byDefault
	}
	if len(list) == 0 {
		return
	}
	d.name(name)
	for i, s := range list {
		*d = append(*d, "[,"[min(i, 1)])
		*d = config.AppendJSON(*d, s)
	}
	*d = append(*d, ']')
}

func (d *resourceDocument) flag(o *config.Object, name string) {
	is := o.Boolean(name, false)
	if !o.Has(name) {
		return
	}
	d.name(name)
	if is {
		*d = append(*d, "true"...)
	} else {
		*d = append(*d, "false"...)
	}
}

// splitURL splits an https URL without userinfo behind its authority. For development
// it also accepts an http URL of the loopback host.
func splitURL(s string) (host, rest string, ok bool) {
	scheme, authority, _ := strings.Cut(s, "://")
	if i := strings.IndexAny(authority, "/?#"); i >= 0 {
		authority, rest = authority[:i], authority[i:]
	}
	host, ok = request.UnambiguousHost(authority)
	loopback := host == "localhost" || host == "127.0.0.1" || host == "[::1]"
	if !ok || len(s) > config.MaxTextBytes || host[0] == '[' && !loopback ||
		scheme != "https" && !(scheme == "http" && loopback) {
		return "", "", false
	}
	for i := 0; i < len(rest); i++ {
		// A fragment is never sent to a server.
		if c := rest[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' || c == '#' {
			return "", "", false
		}
	}
	return host, rest, true
}

func wantResource(s string) string {
	_, path, ok := splitURL(s)
	if !ok || strings.IndexByte(path, '?') >= 0 {
		return "want an https URL without user, query and fragment, as in https://api.example/mcp (http only for localhost, 127.0.0.1 and [::1])"
	}
	if path != "" && !request.IsCanonicalPath(path) {
		return "want a path with only one reading: no escapes, no ; and no empty or dot segments"
	}
	return ""
}

func wantServer(s string) string {
	if _, path, ok := splitURL(s); !ok || strings.IndexByte(path, '?') >= 0 {
		return "want the https URL of an issuer, without user, query and fragment (http only for localhost, 127.0.0.1 and [::1])"
	}
	return ""
}

func wantKeysURL(s string) string {
	if _, _, ok := splitURL(s); !ok {
		return "want the https URL of a JWK Set, without user and fragment (http only for localhost, 127.0.0.1 and [::1])"
	}
	return ""
}

func wantMetadataURL(s string) string {
	if _, _, ok := splitURL(s); !ok {
		return "want the https URL of the metadata, without user and fragment (http only for localhost, 127.0.0.1 and [::1])"
	}
	return ""
}

func wantPage(s string) string {
	const want = "want the http or https URL of a page"
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		rest, ok = strings.CutPrefix(s, "http://")
	}
	if !ok || len(s) > config.MaxTextBytes || !syntax.IsScopeToken(rest) || strings.IndexByte("/?#", rest[0]) >= 0 {
		return want
	}
	return ""
}

func wantBearerMethod(s string) string {
	if s != "header" && s != "body" && s != "query" {
		return "want one of header, body, query, got " + config.Quote(s)
	}
	return ""
}

func wantAlgorithmName(s string) string {
	if s == "none" || len(s) > 64 || !syntax.IsScopeToken(s) {
		return "want the name of a JWS algorithm such as ES256; none is not accepted"
	}
	return ""
}
