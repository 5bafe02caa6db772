package policy

import "strings"

// memberPlaces are the members that an operator may write in the wrong place, by the
// place where they belong. TestMemberPlaces compares them with the schema.
var memberPlaces = []struct{ place, names string }{
	{"the top level", " realm non_canonical_paths revocations cors subject_filter_state token_cache_bytes subject_header token_header" +
		" provider_header client_id_header payload_header payload_padding claim_headers protected_resources rules "},
	{"rules[]", " match access any_scopes any_of insecure_forward_unverified_token all_of shadow "},
	{"the top level or rules[]", " body_format details refusal_headers forward_authorization protected_resource resource_metadata "},
	{"rules[].match", " path path_prefix path_template path_regex methods hosts headers query route_names route_metadata "},
	{"a provider of type jwt", " issuer_template issuer_template_values insecure_any_issuer_and_audience insecure_allow_no_expiry" +
		" types introspect_after_verify key_ids "},
	{"a provider of type jwt, or signed_response", " issuer algorithms jwks pem secret secret_environment jwks_uri discovery jwks_clusters" +
		" refresh min_refresh max_refresh max_stale "},
	{"a provider of type introspection", " introspection_uri client_authentication client_secret client_secret_environment private_key" +
		" private_key_environment private_key_id assertion_audience signed_response token_type_hint require_expiry positive_ttl negative_ttl" +
		" stale_if_error max_calls cache_bytes token_prefix token_min_length token_max_length token_regex jwts only_after_verify "},
	{"a provider of type jwt or introspection", " cluster issuers audiences insecure_lax_audiences leeway max_lifetime subjects required_claims" +
		" scope_claims timeout "},
	{"a provider, under providers", " type token_locations "},
	{"a provider of type static", " tokens "},
	{"tokens[] of a provider of type static", " sha256 subject attributes not_before expires "},
	{"tokens[] of a provider of type static, or rules[]", " scopes "},
	{"cors", " preflight allowed_origins allow_credentials "},
}

// placesOf returns where a member of this name belongs, "" if the name is not known.
func placesOf(name string) string {
	for _, p := range memberPlaces {
		if strings.Contains(p.names, " "+name+" ") {
			return p.place
		}
	}
	return ""
}
