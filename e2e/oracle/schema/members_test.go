package schema

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"bearerauth/filter/policy"
	configuration "bearerauth/filter/policy/config"
)

// problems are those of a configuration, by their path.
func problems(t *testing.T, config string) map[string]string {
	t.Helper()
	_, err := policy.Parse([]byte(config))
	var all *configuration.ConfigError
	if !errors.As(err, &all) {
		t.Fatalf("no problems in %s: %v", config, err)
	}
	byPath := map[string]string{}
	for _, p := range all.Problems {
		byPath[p.Path] = p.Message
	}
	return byPath
}

// options are the words of a message "want one of a, b, c, got …".
func options(t *testing.T, message string) []string {
	t.Helper()
	_, list, ok := strings.Cut(message, "want one of ")
	if !ok {
		t.Fatalf("no list in %q", message)
	}
	list, _, _ = strings.Cut(list, ", got ")
	words := strings.Split(list, ", ")
	slices.Sort(words)
	return words
}

func rawSchema(t *testing.T) map[string]any {
	t.Helper()
	content, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(content, &root); err != nil {
		t.Fatal(err)
	}
	return root
}

// closed are the objects of the schema that allow certain members only, by
// their name in $defs; the whole configuration is "".
func closed(t *testing.T) map[string]map[string]any {
	t.Helper()
	root := rawSchema(t)
	objects := map[string]map[string]any{"": root}
	for name, def := range root["$defs"].(map[string]any) {
		if object := def.(map[string]any); object["additionalProperties"] == false {
			objects[name] = object
		}
	}
	return objects
}

// TestMembers asks the parser for the members that it knows: the error about an
// unknown one lists them.
func TestMembers(t *testing.T) {
	t.Parallel()
	probes := map[string]struct{ config, path string }{
		"":                       {`{"unknown":0}`, "unknown"},
		"details":                {`{"details":{"unknown":0}}`, "details.unknown"},
		"claim_header":           {`{"claim_headers":[{"unknown":0}]}`, "claim_headers[0].unknown"},
		"static_provider":        {`{"providers":{"a":{"type":"static","unknown":0}}}`, "providers.a.unknown"},
		"jwt_provider":           {`{"providers":{"a":{"type":"jwt","jwks_uri":"","unknown":0}}}`, "providers.a.unknown"},
		"introspection_provider": {`{"providers":{"a":{"type":"introspection","unknown":0}}}`, "providers.a.unknown"},
		"signed_response":        {`{"providers":{"a":{"type":"introspection","signed_response":{"jwks_uri":"","unknown":0}}}}`, "providers.a.signed_response.unknown"},
		"matcher":                {`{"providers":{"a":{"type":"jwt","subjects":[{"unknown":0}]}}}`, "providers.a.subjects[0].unknown"},
		"required_claim":         {`{"providers":{"a":{"type":"jwt","required_claims":[{"unknown":0}]}}}`, "providers.a.required_claims[0].unknown"},
		"cors":                   {`{"cors":{"unknown":0}}`, "cors.unknown"},
		"refusal_header":         {`{"refusal_headers":[{"unknown":0}]}`, "refusal_headers[0].unknown"},
		"token_location":         {`{"providers":{"a":{"type":"static","token_locations":[{"unknown":0}]}}}`, "providers.a.token_locations[0].unknown"},
		"metadata_condition":     {`{"rules":[{"match":{"route_metadata":[{"unknown":0}]}}]}`, "rules[0].match.route_metadata[0].unknown"},
		"token":                  {`{"providers":{"a":{"type":"static","tokens":[{"unknown":0}]}}}`, "providers.a.tokens[0].unknown"},
		"rule":                   {`{"rules":[{"unknown":0}]}`, "rules[0].unknown"},
		"alternative":            {`{"rules":[{"any_of":[{"unknown":0}]}]}`, "rules[0].any_of[0].unknown"},
		"protected_resource":     {`{"protected_resources":{"a":{"unknown":0}}}`, "protected_resources.a.unknown"},
		"match":                  {`{"rules":[{"match":{"unknown":0}}]}`, "rules[0].match.unknown"},
		"header_condition":       {`{"rules":[{"match":{"headers":[{"unknown":0}]}}]}`, "rules[0].match.headers[0].unknown"},
		"query_condition":        {`{"rules":[{"match":{"query":[{"unknown":0}]}}]}`, "rules[0].match.query[0].unknown"},
		"scope_claim":            {`{"providers":{"a":{"type":"jwt","scope_claims":[{"unknown":0}]}}}`, "providers.a.scope_claims[0].unknown"},
		"predicate":              {`{"rules":[{"claims":[{"unknown":0}]}]}`, "rules[0].claims[0].unknown"},
		"revocations":            {`{"revocations":{"unknown":0}}`, "revocations.unknown"},
		"revocation":             {`{"revocations":{"entries":[{"unknown":0}]}}`, "revocations.entries[0].unknown"},
	}
	objects := closed(t)
	for name, probe := range probes {
		object := objects[name]
		delete(objects, name)
		var members []string
		for member := range object["properties"].(map[string]any) {
			if member != "$schema" { // for editors only
				members = append(members, member)
			}
		}
		slices.Sort(members)
		if want := options(t, problems(t, probe.config)[probe.path]); !slices.Equal(members, want) {
			t.Errorf("%q: the schema has\n%v, the parser\n%v", name, members, want)
		}
	}
	for name := range objects {
		t.Errorf("$defs/%s: no probe for it", name)
	}
}

func TestEnums(t *testing.T) {
	t.Parallel()
	root := rawSchema(t)
	defs := root["$defs"].(map[string]any)
	for _, c := range []struct {
		object               any
		member, config, path string
	}{
		{root, "body_format", `{"body_format":"?"}`, "body_format"},
		{root, "non_canonical_paths", `{"non_canonical_paths":"?"}`, "non_canonical_paths"},
		{defs["provider"], "type", `{"providers":{"a":{"type":"?"}}}`, "providers.a.type"},
		{defs["jwt_provider"], "algorithms", `{"providers":{"a":{"type":"jwt","algorithms":["?"]}}}`, "providers.a.algorithms[0]"},
		{defs["rule"], "body_format", `{"rules":[{"body_format":"?"}]}`, "rules[0].body_format"},
		{defs["protected_resource"], "bearer_methods_supported", `{"protected_resources":{"a":{"bearer_methods_supported":["?"]}}}`, "protected_resources.a.bearer_methods_supported[0]"},
		{defs["introspection_provider"], "client_authentication", `{"providers":{"a":{"type":"introspection","client_authentication":"?"}}}`, "providers.a.client_authentication"},
		{defs["introspection_provider"], "jwts", `{"providers":{"a":{"type":"introspection","jwts":"?"}}}`, "providers.a.jwts"},
		{root, "filter_state", `{"filter_state":["?"]}`, "filter_state[0]"},
		{defs["claim_header"], "format", `{"claim_headers":[{"format":"?"}]}`, "claim_headers[0].format"},
		{defs["claim_header"], "missing", `{"claim_headers":[{"missing":"?"}]}`, "claim_headers[0].missing"},
		{defs["scope_claim"], "form", `{"providers":{"a":{"type":"jwt","scope_claims":[{"form":"?"}]}}}`, "providers.a.scope_claims[0].form"},
		{defs["rule"], "access", `{"rules":[{"access":"?"}]}`, "rules[0].access"},
	} {
		var words []string
		property := c.object.(map[string]any)["properties"].(map[string]any)[c.member].(map[string]any)
		if items, ok := property["items"].(map[string]any); ok {
			property = items
		}
		for _, word := range property["enum"].([]any) {
			words = append(words, word.(string))
		}
		slices.Sort(words)
		if want := options(t, problems(t, c.config)[c.path]); !slices.Equal(words, want) {
			t.Errorf("%s: the schema has %v, the parser %v", c.path, words, want)
		}
	}
}

// TestDescriptions: an editor has something to show for every member, at its place
// or where its $ref leads.
func TestDescriptions(t *testing.T) {
	t.Parallel()
	shared := closed(t)["jwt_provider"]["properties"].(map[string]any)
	for name, object := range closed(t) {
		for member, property := range object["properties"].(map[string]any) {
			ref, _ := property.(map[string]any)["$ref"].(string)
			if name, ok := strings.CutPrefix(ref, "#/$defs/jwt_provider/properties/"); ok {
				property = shared[name]
			}
			for _, keyword := range []string{"title", "description"} {
				if text, _ := property.(map[string]any)[keyword].(string); text == "" {
					t.Errorf("%q: %s has no %s", name, member, keyword)
				}
			}
		}
	}
}

// TestObjectsAreClosed: a misspelt member must not go unseen anywhere.
func TestObjectsAreClosed(t *testing.T) {
	t.Parallel()
	found := 0
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if v["type"] == "object" {
				found++
				if _, ok := v["additionalProperties"]; !ok {
					t.Errorf("%s: an object without additionalProperties", at)
				}
			}
			for name, value := range v {
				walk(at+"/"+name, value)
			}
		case []any:
			for _, item := range v {
				walk(at+"/-", item)
			}
		}
	}
	walk("", rawSchema(t))
	if found < 10 {
		t.Errorf("found %d objects only", found)
	}
}
