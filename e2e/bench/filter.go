package main

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"

	"bearerauth/e2e/envoy"
	"bearerauth/filter/testkey"
)

// filter is the filter before the router on a row's listener.
type filter interface {
	// envoy is its entry of http_filters. Nothing is shared between two ids.
	envoy(id string, m *material) envoy.Filter
}

// bearerauth is the plugin configuration, as JSON, of the standard build.
type bearerauth func(m *material) string

func (b bearerauth) envoy(id string, m *material) envoy.Filter {
	return wasm(id, filepath.Join(m.root, standardBuild), b(m))
}

// small is the same with the small build.
type small struct{ bearerauth }

func (s small) envoy(id string, m *material) envoy.Filter {
	return wasm(id, filepath.Join(m.root, smallBuild), s.bearerauth(m))
}

const (
	standardBuild = "bearerauth.wasm"
	smallBuild    = "bearerauth-small.wasm"
)

// floor is one of the modules that decide nothing; see floor/README.md.
type floor string

func (f floor) envoy(id string, m *material) envoy.Filter {
	return wasm(id, filepath.Join(m.root, "e2e", "bench", "floor", string(f)+".wasm"), "{}")
}

// wasm gives each row a VM of its own, in which no other row's caches are.
func wasm(id, file, config string) envoy.Filter {
	return envoy.Wasm{Name: id, VM: id, File: file, Config: config}
}

func filterOf(format string, args ...any) envoy.Filter {
	return envoy.YAML(fmt.Sprintf(format, args...))
}

// quoted is a YAML string on one line, for any text.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// jwtAuthn is Envoy's own filter.
type jwtAuthn struct {
	algorithm string
	cache     bool
	identity  bool // the token stripped and two claims as headers; else it is kept, and nothing set
}

func (j jwtAuthn) envoy(_ string, m *material) envoy.Filter {
	more := "forward: true"
	if j.identity {
		more = "claim_to_headers: [{claim_name: tier, header_name: x-auth-tier}, {claim_name: org, header_name: x-auth-org}]"
	}
	if j.cache {
		more += "\n      jwt_cache_config: {jwt_cache_size: 1000}"
	}
	return filterOf(`name: envoy.filters.http.jwt_authn
typed_config:
  "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
  providers:
    issuer:
      issuer: %s
      audiences: [%s]
      local_jwks: {inline_string: %s}
      %s
  rules:
  - match: {prefix: /}
    requires: {provider_name: issuer}
`, issuerName, audience, quoted(testkey.Set(m.key(j.algorithm))), more)
}

// apiKeyAuth is Envoy's own filter for opaque tokens; it compares plain text.
type apiKeyAuth struct{}

func (apiKeyAuth) envoy(string, *material) envoy.Filter {
	return filterOf(`name: envoy.filters.http.api_key_auth
typed_config:
  "@type": type.googleapis.com/envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth
  credentials: [{key: %q, client: bench}]
  key_sources: [{header: authorization}]
`, staticToken(0))
}

// extAuthz is Envoy's own filter that leaves the decision to a server. The server gets
// method, path, host and Authorization.
type extAuthz struct{}

func (extAuthz) envoy(string, *material) envoy.Filter {
	return filterOf(`name: envoy.filters.http.ext_authz
typed_config:
  "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
  allowed_headers: {patterns: [{exact: authorization}]}
  http_service:
    server_uri: {uri: "http://%s", cluster: %s, timeout: 2s}
    path_prefix: %s
`, authorityHost, authority, allowPath)
}

// luaCall makes the call of introspection and reads only its status. It measures what such
// a call costs Envoy with any filter.
type luaCall struct{}

func (luaCall) envoy(string, *material) envoy.Filter {
	return filterOf(`name: envoy.filters.http.lua
typed_config:
  "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
  default_source_code:
    inline_string: |
      local call = {
        [":method"] = "POST", [":scheme"] = "http", [":authority"] = "%s", [":path"] = "/active", ["user-agent"] = "bench",
        ["content-type"] = "application/x-www-form-urlencoded", ["accept"] = "application/json", ["authorization"] = "%s"}
      function envoy_on_request(handle)
        local token = handle:headers():get("authorization"):sub(8)
        local headers = handle:httpCall("%s", call, "token=" .. token .. "&token_type_hint=access_token", 2000)
        if headers[":status"] ~= "200" then
          handle:respond({[":status"] = "503"}, "no")
        end
      end
`, authorityHost, "Basic "+base64.StdEncoding.EncodeToString([]byte("gate:fake-secret")), authority)
}

// lua is what people write before they look for a filter.
type lua struct{}

func (lua) envoy(string, *material) envoy.Filter {
	return filterOf(`name: envoy.filters.http.lua
typed_config:
  "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
  default_source_code:
    inline_string: |
      function envoy_on_request(handle)
        if handle:headers():get("authorization") ~= "Bearer %s" then
          handle:respond({[":status"] = "401", ["www-authenticate"] = "Bearer realm=\"bench\""}, "no")
        end
      end
`, staticToken(0))
}
