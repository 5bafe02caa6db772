package main

import (
	"encoding/json"
	"fmt"

	"bearerauth/filter/testkey"
)

// What the bench configures Bearerauth with. The members are those of
// config.schema.json; a test has each row's configuration parsed by the filter.

type object = map[string]any

// static is a configuration with n static tokens. The requests carry token 0, which is
// last in the table: a search must not find it early.
func static(n int, more object) bearerauth {
	tokens := make([]object, n)
	for i := range tokens {
		tokens[i] = object{"sha256": staticDigest(n - 1 - i), "subject": fmt.Sprint("client-", n-1-i)}
	}
	tokens[n-1]["scopes"] = []string{"orders:read", "orders:write"}
	tokens[n-1]["attributes"] = object{"tier": "gold", "org": "acme"}
	return with(object{"clients": object{"type": "static", "tokens": tokens}}, more)
}

// providers is n static providers with one token each.
func providers(n int, more object) bearerauth {
	all := object{}
	for i := range n {
		// In the order of their names the one of the requests is the last.
		all[fmt.Sprintf("clients-%04d", n-1-i)] = object{
			"type": "static", "tokens": []object{{"sha256": staticDigest(i), "subject": fmt.Sprint("client-", i)}},
		}
	}
	return with(all, more)
}

// jwt is one provider of JWTs with the issuer's keys inline, as the native rows
// have them.
func jwt(algorithm string, more object) bearerauth {
	return func(m *material) string {
		return with(object{"issuer": object{
			"type": "jwt", "issuer": issuerName, "audiences": []string{audience},
			"jwks": json.RawMessage(testkey.Set(m.key(algorithm))), "algorithms": []string{algorithm},
		}}, more)(m)
	}
}

// introspection is one provider of opaque tokens, whose server gives the answer
// of a path; provider is more of its members.
func introspection(path string, more object, provider ...object) bearerauth {
	server := object{
		"type": "introspection", "introspection_uri": "http://" + authorityHost + path, "cluster": authority,
		"client_id": "gate", "client_secret": "fake-secret", "positive_ttl": "1h", "negative_ttl": "1h",
	}
	return with(object{"server": merged(append([]object{server}, provider...)...)}, more)
}

// smallestCache is the least that a cache of introspection can have.
const smallestCache = 64 << 10

var smallCache = object{"token_cache_bytes": smallestCache}

func with(providers, more object) bearerauth {
	config := object{"providers": providers}
	for name, value := range more {
		config[name] = value
	}
	text, err := json.Marshal(config)
	if err != nil {
		panic(err) // of the table's constants
	}
	return func(*material) string { return string(text) }
}

// plain is the least work with a valid token: the token is kept, and no identity is sent.
func plain(more ...object) object {
	return merged(append([]object{{"forward_authorization": true, "subject_filter_state": false}}, more...)...)
}

// identity is the default configuration: the token is removed, the subject is sent as
// filter state and in a header.
func identity(more ...object) object {
	return merged(append([]object{{"subject_header": "x-auth-subject"}}, more...)...)
}

// claimHeaders is two claims as headers.
var claimHeaders = object{"claim_headers": []object{
	{"claim": "tier", "header": "x-auth-tier"}, {"claim": "org", "header": "x-auth-org"},
}}

// rules is n rules in a fixed mix; the last one matches the bench's requests,
// and asks for scopes if there are any.
func rules(n int, scopes ...string) object {
	all := make([]object, n)
	for i := range all {
		var match object
		switch i % 4 {
		case 0:
			match = object{"path": fmt.Sprintf("/exact/%d/items", i)}
		case 1:
			match = object{"path_prefix": fmt.Sprintf("/prefix-%d", i)}
		case 2:
			match = object{"hosts": []string{fmt.Sprintf("*.tenant-%d.example", i)}}
		case 3:
			match = object{"path_regex": fmt.Sprintf("/pattern-%d/[0-9]+/(items|lines)", i)}
		}
		all[i] = object{"match": match}
	}
	last := object{"match": object{"path_prefix": "/orders"}}
	if len(scopes) > 0 {
		last["scopes"] = scopes
	}
	all[n-1] = last
	return object{"rules": all}
}

func merged(all ...object) object {
	sum := object{}
	for _, o := range all {
		for name, value := range o {
			sum[name] = value
		}
	}
	return sum
}
