package schema

import (
	"bytes"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"bearerauth/filter/corpus"
	"bearerauth/filter/policy"
)

const (
	schemaFile = "../../../config.schema.json"
	configs    = "../../../testdata/config"
)

// parserOnly are the invalid cases that the schema accepts, and why it cannot
// know better. The list is exact.
var parserOnly = map[string]string{
	"locations_too_many_cookies":                   "locations are counted over all providers",
	"all_of_same_place":                            "providers are compared",
	"all_of_unknown":                               "a rule and the providers are compared",
	"any_of_item_provider_unknown":                 "a rule and the providers are compared",
	"any_of_item_providers_all":                    "a rule and the providers are compared",
	"any_of_item_providers_not_of_rule":            "members are compared",
	"any_of_item_providers_of_rule":                "members are compared",
	"key_ids_any_issuer_shared":                    "providers are compared",
	"key_ids_of_one_only":                          "providers are compared",
	"key_ids_shared":                               "providers are compared",
	"locations_header_alias":                       "members are compared",
	"locations_own_header":                         "a location and the headers at the top are compared",
	"locations_same_header_other_prefix":           "members are compared",
	"route_metadata_bad_regex":                     "the syntax of RE2",
	"route_metadata_unreachable":                   "rules are compared",
	"route_names_unreachable":                      "rules are compared",
	"shadow_unreachable":                           "rules are compared",
	"detail_long_bytes":                            "the limit is in bytes, a schema counts characters",
	"document_invalid_utf8":                        "JSON readers put U+FFFD in place of wrong bytes",
	"document_lone_surrogate":                      "JSON readers put U+FFFD in place of half a pair",
	"document_overlong_utf8":                       "JSON readers put U+FFFD in place of wrong bytes",
	"duplicate_deep":                               "JSON readers keep one of the two",
	"duplicate_member":                             "JSON readers keep one of the two",
	"duplicate_member_escaped":                     "JSON readers keep one of the two",
	"duplicate_provider":                           "JSON readers keep one of the two",
	"expires_at_not_before":                        "two members are compared",
	"expires_before_not_before":                    "two members are compared",
	"headers_own_case":                             "a rule and the headers at the top are compared",
	"headers_own_claim":                            "a rule and the headers at the top are compared",
	"headers_own_same":                             "a rule and the headers at the top are compared",
	"headers_own_underscore":                       "a rule and the headers at the top are compared",
	"headers_regex_quote":                          "the syntax of RE2",
	"headers_regex_unbalanced":                     "the syntax of RE2",
	"headers_regex_wrong":                          "the syntax of RE2",
	"hosts_ipv4_mapped":                            "the syntax of IPv6 addresses",
	"hosts_ipv4_mapped_hex":                        "the syntax of IPv6 addresses",
	"hosts_ipv6_short":                             "the syntax of IPv6 addresses",
	"hosts_ipv6_wrong":                             "the syntax of IPv6 addresses",
	"jwt_algorithms_absent_rsa":                    "the algorithms and the keys are compared",
	"jwt_algorithms_not_served":                    "the algorithms and the keys are compared",
	"jwt_algorithms_not_served_jwks":               "the algorithms and the keys are compared",
	"jwt_issuer_long_bytes":                        "the limit is in bytes, a schema counts characters",
	"jwt_jwk_ec_swapped":                           "the mathematics of keys",
	"jwt_jwk_ed_off_curve":                         "the mathematics of keys",
	"jwt_jwk_ed_zero":                              "the mathematics of keys",
	"jwt_jwk_rsa_even":                             "the mathematics of keys",
	"jwt_jwk_rsa_exponent_even":                    "the mathematics of keys",
	"jwt_jwk_rsa_exponent_large":                   "the mathematics of keys",
	"jwt_jwk_rsa_exponent_one":                     "the mathematics of keys",
	"jwt_jwk_rsa_long":                             "the mathematics of keys",
	"jwt_jwk_e_too_dear":                           "the mathematics of keys",
	"jwt_too_many_keys":                            "the cost of keys is summed up",
	"jwt_too_many_keys_of_one_kid":                 "the cost of keys is summed up",
	"jwt_jwks_key_twice":                           "JSON within a string",
	"jwt_jwks_private_string":                      "JSON within a string",
	"jwt_jwks_string_trailing":                     "JSON within a string",
	"jwt_jwks_truncated":                           "JSON within a string",
	"jwt_jwks_twice":                               "JSON within a string",
	"jwt_leeway_long":                              "durations are compared",
	"jwt_max_lifetime_long":                        "durations are compared",
	"jwt_max_refresh_below_refresh":                "two members are compared",
	"jwt_max_refresh_long":                         "durations are compared",
	"jwt_max_stale_below_max_refresh":              "two members are compared",
	"jwt_max_stale_below_refresh":                  "two members are compared",
	"jwt_max_stale_long":                           "durations are compared",
	"jwt_max_stale_short":                          "durations are compared",
	"jwt_min_refresh_long":                         "durations are compared",
	"jwt_pem_backslash_n":                          "the syntax of PEM and DER",
	"jwt_pem_cut":                                  "the syntax of PEM and DER",
	"jwt_pem_headers":                              "the syntax of PEM and DER",
	"jwt_pem_no_certificate":                       "the syntax of PEM and DER",
	"jwt_pem_no_key":                               "the syntax of PEM and DER",
	"jwt_pem_other_block":                          "the syntax of PEM and DER",
	"jwt_pem_rsa_1024":                             "the syntax of PEM and DER",
	"jwt_pem_trailing":                             "the syntax of PEM and DER",
	"jwt_refresh_long":                             "durations are compared",
	"jwt_refresh_overflow":                         "durations are compared",
	"jwt_refresh_short":                            "durations are compared",
	"jwt_same_issuer_by_template":                  "providers are compared",
	"jwt_same_issuer_in_list":                      "providers are compared",
	"jwt_same_issuer_lax_audience":                 "providers are compared",
	"jwt_same_issuer_no_audience":                  "providers are compared",
	"jwt_same_issuer_one_audience":                 "providers are compared",
	"jwt_same_issuer_same_audience":                "providers are compared",
	"jwt_secret_environment_empty":                 "the environment",
	"jwt_secret_environment_missing":               "the environment",
	"jwt_secret_environment_short":                 "the environment",
	"jwt_subjects_regex_quote":                     "the syntax of RE2",
	"jwt_subjects_regex_wrong":                     "the syntax of RE2",
	"jwt_timeout_long":                             "durations are compared",
	"jwt_timeout_short":                            "durations are compared",
	"jwt_two_of_any_issuer":                        "providers are compared",
	"jwt_two_without_issuer":                       "providers are compared",
	"own_header_twice":                             "members are compared",
	"own_header_twice_claims":                      "members are compared",
	"own_header_twice_underscore":                  "members are compared",
	"path_regex_backreference":                     "the syntax of RE2",
	"path_regex_lookahead":                         "the syntax of RE2",
	"path_regex_open":                              "the syntax of RE2",
	"path_regex_quote":                             "the syntax of RE2",
	"path_regex_repeat":                            "the syntax of RE2",
	"path_regex_unbalanced":                        "the syntax of RE2",
	"query_regex_quote":                            "the syntax of RE2",
	"query_regex_unbalanced":                       "the syntax of RE2",
	"query_regex_wrong":                            "the syntax of RE2",
	"message_provider_name":                        "a rule and the providers are compared",
	"rule_providers_case":                          "a rule and the providers are compared",
	"rule_providers_unknown":                       "a rule and the providers are compared",
	"token_duplicate":                              "tokens are compared by one member",
	"token_duplicate_in_other_provider":            "tokens are compared by one member",
	"unreachable_all_path_prefix":                  "rules are compared",
	"unreachable_behind_all":                       "rules are compared",
	"unreachable_behind_all_twice":                 "rules are compared",
	"unreachable_behind_third":                     "rules are compared",
	"unreachable_equal":                            "rules are compared",
	"unreachable_equal_other_access":               "rules are compared",
	"unreachable_equal_spelling":                   "rules are compared",
	"unreachable_fewer_headers":                    "rules are compared",
	"unreachable_fewer_query":                      "rules are compared",
	"unreachable_host_any":                         "rules are compared",
	"unreachable_host_case":                        "rules are compared",
	"unreachable_host_ipv6":                        "rules are compared",
	"unreachable_host_wildcard":                    "rules are compared",
	"unreachable_host_wildcards":                   "rules are compared",
	"unreachable_methods":                          "rules are compared",
	"unreachable_methods_any":                      "rules are compared",
	"unreachable_prefix_exact":                     "rules are compared",
	"unreachable_prefix_prefix":                    "rules are compared",
	"unreachable_prefix_same_path":                 "rules are compared",
	"unreachable_prefix_slash":                     "rules are compared",
	"unreachable_same_condition_regex":             "rules are compared",
	"unreachable_same_regex":                       "rules are compared",
	"unreachable_template_any":                     "rules are compared",
	"unreachable_template_exact":                   "rules are compared",
	"unreachable_template_prefix":                  "rules are compared",
	"unreachable_template_template":                "rules are compared",
	"resource_chosen_none":                         "the resources and who names them are compared",
	"resource_chosen_unknown":                      "the resources and who names them are compared",
	"resource_same_path":                           "resources are compared",
	"resource_same_path_case":                      "resources are compared",
	"resource_same_path_port":                      "resources are compared",
	"resource_same_path_root":                      "resources are compared",
	"resource_same_path_scheme":                    "resources are compared",
	"rule_resource_unknown":                        "the resources and who names them are compared",
	"rule_resource_unreachable":                    "rules are compared",
	"claim_headers_filter_state_twice":             "members are compared",
	"headers_own_provider":                         "a rule and the headers at the top are compared",
	"own_header_twice_payload":                     "members are compared",
	"own_header_twice_provider":                    "members are compared",
	"rule_claims_matches_wrong":                    "the syntax of RE2",
	"introspection_secret_long_bytes":              "the limit is in bytes, a schema counts characters",
	"introspection_secret_environment_missing":     "the environment",
	"introspection_secret_environment_empty":       "the environment",
	"introspection_bearer_no_token_environment":    "the environment",
	"introspection_key_environment_no_pem":         "the environment",
	"introspection_key_cut":                        "the syntax of PEM and DER",
	"introspection_timeout_long":                   "durations are compared",
	"introspection_positive_ttl_long":              "durations are compared",
	"introspection_stale_long":                     "durations are compared",
	"introspection_signed_max_age_long":            "durations are compared",
	"introspection_signed_not_served":              "the algorithms and the keys are compared",
	"introspection_lengths_swapped":                "two members are compared",
	"introspection_regex_wrong":                    "the syntax of RE2",
	"introspection_only_after_nobody":              "providers are compared",
	"introspection_same_shape":                     "providers are compared",
	"introspection_same_prefix":                    "providers are compared",
	"introspection_jwts_of_a_jwt_provider":         "providers are compared",
	"introspection_after_verify_unknown":           "providers are compared",
	"introspection_after_verify_not_introspection": "providers are compared",
	"revocations_entry_issuer_unknown":             "entries and providers are compared",
	"revocations_no_jwt_provider":                  "members and providers are compared",
	"revocations_max_stale_below_refresh":          "two members are compared",
	"revocations_refresh_short":                    "durations are compared",
}

func compile(tb testing.TB) *jsonschema.Schema {
	tb.Helper()
	c := jsonschema.NewCompiler()
	// Not every editor asserts formats; this is the stricter way.
	c.AssertFormat()
	// Compile validates the schema against the meta-schema that it names.
	s, err := c.Compile(schemaFile)
	if err != nil {
		tb.Fatal(err)
	}
	if s.DraftVersion != 2020 {
		tb.Fatalf("draft %d, want 2020-12", s.DraftVersion)
	}
	return s
}

func invalid(tb testing.TB) (cases []corpus.Case) {
	tb.Helper()
	for _, a := range corpus.Invalid(tb, configs) {
		cases = append(cases, a.Cases...)
	}
	return cases
}

func TestValidFiles(t *testing.T) {
	t.Parallel()
	s := compile(t)
	for _, c := range corpus.Valid(t, configs) {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(c.Config))
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if err := s.Validate(doc); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
}

func TestInvalidFiles(t *testing.T) {
	t.Parallel()
	s := compile(t)
	seen := map[string]bool{}
	for _, c := range invalid(t) {
		seen[c.Name] = true
		if _, err := policy.ParseWith(c.Config, corpus.Environment); err == nil {
			t.Errorf("%s: the parser accepts it", c.Name)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(c.Config))
		refused := err != nil || s.Validate(doc) != nil
		if reason, listed := parserOnly[c.Name]; listed == refused {
			t.Errorf("%s: refused by the schema %t, listed for the parser alone %t %s", c.Name, refused, listed, reason)
		}
	}
	for name := range parserOnly {
		if !seen[name] {
			t.Errorf("%s is listed for the parser alone, and there is no such case", name)
		}
	}
}
