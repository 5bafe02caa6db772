package policy

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestMemberPlaces compares where the messages say that a member belongs with the
// schema: each place has exactly these members, except for those in so many places that
// the list of the present object says more.
func TestMemberPlaces(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(docsRoot + "/config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	type object struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	var schema struct {
		object
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	objects := map[string]map[string]json.RawMessage{
		"the top level": schema.Properties, "rules[]": schema.Defs["rule"].Properties, "rules[].match": schema.Defs["match"].Properties,
		"a provider of type jwt": schema.Defs["jwt_provider"].Properties, "signed_response": schema.Defs["signed_response"].Properties,
		"a provider of type introspection":      schema.Defs["introspection_provider"].Properties,
		"a provider of type static":             schema.Defs["static_provider"].Properties,
		"tokens[] of a provider of type static": schema.Defs["token"].Properties, "cors": schema.Defs["cors"].Properties,
	}
	places := func(text string) []string {
		switch text {
		case "a provider, under providers":
			return []string{"a provider of type jwt", "a provider of type introspection", "a provider of type static"}
		case "a provider of type jwt or introspection":
			return []string{"a provider of type jwt", "a provider of type introspection"}
		}
		return strings.Split(strings.ReplaceAll(text, ", or ", " or "), " or ")
	}
	listed := map[string]bool{}
	for _, p := range memberPlaces {
		for _, name := range strings.Fields(p.names) {
			if listed[name] {
				t.Errorf("%s is listed twice", name)
			}
			listed[name] = true
			for _, place := range places(p.place) {
				if objects[place] == nil || objects[place][name] == nil {
					t.Errorf("%s does not belong in %s", name, place)
				}
			}
		}
	}
	several := strings.Fields("$schema name providers claims filter_state client_id")
	for place, members := range objects {
		if len(members) == 0 {
			t.Errorf("the schema has no member of %s", place)
		}
		for name := range members {
			if place != "signed_response" && !listed[name] && !slices.Contains(several, name) {
				t.Errorf("%s of %s is not listed", name, place)
			}
		}
	}
}
