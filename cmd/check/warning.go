package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bearerauth/filter/policy"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/source"
)

// Warnings are the names of all warnings, with what each is about.
var Warnings = []struct{ Name, About string }{
	{"anonymous-catch-all", "a rule lets all requests, or all below /, pass without a token"},
	{"client-chosen-match", "a rule that demands more applies only to a header or a parameter whose value the client chooses"},
	{"cluster-without-tls", "keys, answers about tokens or revocations come over a cluster without TLS or without a check of the certificate, or from an http address"},
	{"dotted-claim", "a claim's name has a dot: it is one name and no path into objects"},
	{"expired-token", "a static token has expired"},
	{"fails-open", "the host lets every request pass if the filter cannot start or fails"},
	{"introspection-without-shape", "any text that a client sends becomes a question to the authorization server"},
	{"issuer-without-audiences", "a provider accepts the issuer's tokens for any service"},
	{"key-not-used", "a key of a JWK Set is ignored"},
	{"offline-access", "the metadata of a resource asks clients for offline_access"},
	{"optional-before-token", "an optional rule comes before a rule that needs a token for some of the same paths"},
	{"resource-without-audience", "no provider accepts tokens for a protected resource (RFC 8707)"},
	{"shadow-before-rules", "a shadow rule lets requests pass that later rules would judge"},
	{"unknown-scope", "no static token has a scope that a rule needs, and no policy test makes a token with it"},
}

// warnings finds what the filter accepts although it is probably a mistake.
func (l *list) warnings(p *policy.Policy) {
	root := l.config.Root
	for _, m := range membersOf(root.Get("providers")) {
		l.provider(config.JoinPath("providers", m.Name), m.Value)
	}
	l.dotted(root, "")
	l.insecureURIs()
	l.rules(root)
	l.resources(root)
	for _, warning := range p.Warnings() {
		// The shadow rules have a warning of their own here.
		if path, message, ok := strings.Cut(warning, ": "); ok && !strings.HasPrefix(message, "in shadow") {
			l.warn(path, "key-not-used", message)
		}
	}
}

func (l *list) provider(path string, v *source.Value) {
	switch v.Get("type").Str() {
	case "static":
		for i, token := range v.Get("tokens").List() {
			at := fmt.Sprintf("%s.tokens[%d].expires", path, i)
			if t, err := time.Parse(time.RFC3339, token.Get("expires").Str()); err == nil && t.Before(time.Now()) {
				l.warn(at, "expired-token", "this token has expired: it is refused")
			}
		}
	case "jwt":
		if len(v.Get("audiences").List()) == 0 && v.Get("insecure_any_issuer_and_audience") == nil && !namesClient(v) {
			l.warn(path, "issuer-without-audiences", "without audiences, a token that the issuer made for any other service is valid here")
		}
	case "introspection":
		shaped := v.Get("only_after_verify") != nil && v.Get("only_after_verify").Kind == 't'
		for _, name := range []string{"token_prefix", "token_regex", "token_min_length"} {
			shaped = shaped || v.Get(name) != nil
		}
		if !shaped {
			l.warn(path, "introspection-without-shape", "each text that a client sends as a token becomes a call: say what the tokens look like (token_prefix, token_regex or token_min_length)")
		}
	}
}

// namesClient reports whether a provider requires a claim that names the client: some
// issuers say by it what others say by aud.
func namesClient(provider *source.Value) bool {
	return slices.ContainsFunc(provider.Get("required_claims").List(), func(required *source.Value) bool {
		return slices.Contains([]string{"client_id", "azp", "cid", "appid"}, required.Get("claim").Str())
	})
}

// dotted finds the claims that are probably paths.
func (l *list) dotted(v *source.Value, path string) {
	for _, m := range membersOf(v) {
		at := config.JoinPath(path, m.Name)
		name := m.Value.Str()
		if m.Name == "claim" && strings.Contains(name, ".") && !strings.Contains(name, "/") {
			l.warn(at, "dotted-claim", fmt.Sprintf(`%s is one name, not a path: for a claim inside an object want ["%s"]`,
				config.Quote(name), strings.ReplaceAll(name, ".", `", "`)))
		}
		l.dotted(m.Value, at)
	}
	for i, item := range v.List() {
		l.dotted(item, fmt.Sprintf("%s[%d]", path, i))
	}
}

func (l *list) insecureURIs() {
	for _, c := range l.calls() {
		if strings.HasPrefix(c.uri, "http:") && strings.HasSuffix(c.path, ".cluster") {
			l.warn(c.path, "cluster-without-tls", config.Quote(c.uri)+" is no https address: a server in between can answer with forged "+c.what)
		}
	}
}

func (l *list) resources(root *source.Value) {
	for _, m := range membersOf(root.Get("protected_resources")) {
		path := config.JoinPath("protected_resources", m.Name)
		for i, scope := range m.Value.Get("scopes_supported").Strs() {
			if scope == "offline_access" {
				l.warn(fmt.Sprintf("%s.scopes_supported[%d]", path, i), "offline-access", "offline_access is for the authorization server: clients that ask for every scope here get refresh tokens without need")
			}
		}
		resource := m.Value.Get("resource").Str()
		accepted, some := false, false
		for _, provider := range membersOf(root.Get("providers")) {
			audiences := provider.Value.Get("audiences").Strs()
			some = some || len(audiences) > 0
			accepted = accepted || slices.ContainsFunc(audiences, func(a string) bool { return a == resource })
		}
		if some && !accepted && resource != "" {
			l.warn(config.JoinPath(path, "resource"), "resource-without-audience", "no provider has "+config.Quote(resource)+" in audiences: tokens that clients request for this resource (RFC 8707) are refused")
		}
	}
}
