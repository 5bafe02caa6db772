package policy

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bearerauth/filter/corpus"
	"bearerauth/filter/policy/config"
)

// freeNames are the members whose own members have names of the operator's choice, or
// those of a JWK Set.
var freeNames = []string{"providers", "attributes", "jwks_clusters", "protected_resources", "jwks", "secret"}

// mistake changes one member of a configuration.
type mistake struct {
	path    string // as the parser writes it
	name    string
	members map[string]any
}

// eachMember calls visit for each member whose name the parser knows.
func eachMember(path, name string, value any, visit func(mistake)) {
	switch value := value.(type) {
	case []any:
		for i, item := range value {
			eachMember(path+"["+strconv.Itoa(i)+"]", name, item, visit)
		}
	case map[string]any:
		free := slices.Contains(freeNames, name)
		for _, member := range slices.Sorted(maps.Keys(value)) {
			if !free {
				visit(mistake{path, member, value})
			}
			if name != "jwks" && !(free && member == "keys") {
				inner := member
				if free {
					inner = ""
				}
				eachMember(config.JoinPath(path, member), inner, value[member], visit)
			}
		}
	}
}

func problemsOf(t *testing.T, doc any) []config.Problem {
	t.Helper()
	_, err := ParseWith(mustMarshal(t, doc), corpus.Environment)
	if err == nil {
		return nil
	}
	return err.(*config.ConfigError).Problems
}

// TestMisspeltMembers: a member in another style, or with a typing error, is one problem
// that names the right member: nothing is missing besides.
func TestMisspeltMembers(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, c := range corpus.Valid(t, configCorpus) {
		var doc any
		if err := json.Unmarshal(c.Config, &doc); err != nil {
			t.Fatal(err)
		}
		eachMember("", "", doc, func(m mistake) {
			words := strings.Split(m.name, "_")
			camel := words[0]
			for _, word := range words[1:] {
				camel += strings.ToUpper(word[:1]) + word[1:]
			}
			names := []string{camel, strings.Join(words, "-"), strings.ToUpper(m.name)}
			if len(m.name) >= 5 {
				names = append(names, m.name[:2]+m.name[3:], m.name[:1]+string(m.name[2])+string(m.name[1])+m.name[3:], "x"+m.name)
			}
			if m.name == "$schema" || strings.HasPrefix(m.path, "revocations.entries") {
				return // entries are read by the code for fetched lists
			}
			for _, name := range names {
				if _, there := m.members[name]; there {
					continue
				}
				tried++
				value := m.members[m.name]
				delete(m.members, m.name)
				m.members[name] = value
				got := problemsOf(t, doc)
				delete(m.members, name)
				m.members[m.name] = value
				if len(got) != 1 || got[0].Path != config.JoinPath(m.path, name) || got[0].Message != "unknown member: did you mean "+m.name+"?" {
					t.Errorf("%s: %s as %s: %v", c.Name, config.JoinPath(m.path, m.name), name, got)
				}
			}
		})
	}
	if tried < 1000 {
		t.Errorf("%d misspelt members only", tried)
	}
}

// TestMistypedMembers: a value of the wrong type is one problem, where it is.
func TestMistypedMembers(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, c := range corpus.Valid(t, configCorpus) {
		var doc any
		if err := json.Unmarshal(c.Config, &doc); err != nil {
			t.Fatal(err)
		}
		eachMember("", "", doc, func(m mistake) {
			value := m.members[m.name]
			for _, wrong := range []any{nil, true, 5.5, "", []any{}, map[string]any{"a": 1.0}} {
				m.members[m.name] = wrong
				got := problemsOf(t, doc)
				m.members[m.name] = value
				tried++
				if slices.Contains(freeNames, m.name) && wrong != nil {
					continue // {"a": 1} is a provider a, and the names in rules are wrong then
				}
				if len(got) > 1 && !below(got, config.JoinPath(m.path, m.name)) {
					t.Errorf("%s: %s = %v: %v", c.Name, config.JoinPath(m.path, m.name), wrong, got)
				}
			}
		})
	}
	if tried < 1000 {
		t.Errorf("%d wrong values only", tried)
	}
}

// below reports whether all problems are in one member.
func below(problems []config.Problem, path string) bool {
	return !slices.ContainsFunc(problems, func(p config.Problem) bool { return !strings.HasPrefix(p.Path, path) })
}
