// Package importer reads the configuration of other filters and writes an equivalent
// configuration of this filter. It is pure: documents in, configuration out.
//
// Nothing is dropped silently. Result.Left names everything that cannot be expressed, and
// its replacement allows fewer requests, never more: a condition that cannot be expressed
// turns its rule into a rule that denies, and a provider that cannot be carried over
// removes the rules that need it.
//
// In jwt_authn the first rule that matches decides, as in the filter (addRules). In Istio
// and Envoy Gateway rules are alternatives, and denials win (combine).
package importer

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"bearerauth/filter/policy"
)

// Result is a configuration of the filter and what it does not say.
type Result struct {
	Config []byte // JSON, indented
	Left   []Left
}

// Left is something in the input that the configuration says in another way or
// not at all.
type Left struct {
	Path   string // in the input
	What   string // what is lost or becomes stricter
	Remedy string // what to do about it, or ""
}

func (l Left) String() string {
	if l.Remedy == "" {
		return l.Path + ": " + l.What
	}
	return l.Path + ": " + l.What + "; remedy: " + l.Remedy
}

// reader collects what is read from one input.
type reader struct {
	config config
	left   []Left
	places []location // where any provider reads
	// spelling of Envoy's fields in an input that is made into Envoy's messages
	// first.
	spelling map[string]string
	natives  map[string]*native // providers of the input, by their name there
}

func newReader() *reader {
	return &reader{config: config{Providers: map[string]*provider{}}, natives: map[string]*native{}}
}

func (r *reader) leave(path, what, instead string) {
	r.left = append(r.left, Left{r.spell(path), what, instead})
}

// spell writes the names of Envoy's fields in a path as the input has them.
func (r *reader) spell(path string) string {
	if r.spelling == nil {
		return path
	}
	parts := strings.Split(path, ".")
	for i, part := range parts {
		name, index, _ := strings.Cut(part, "[")
		if other, ok := r.spelling[name]; ok {
			parts[i] = other
			if index != "" {
				parts[i] += "[" + index
			}
		}
	}
	return strings.Join(parts, ".")
}

// native is what became of one provider of the input.
type native struct {
	path     string   // in the input
	names    []string // its providers here, more than one where rules distinguish its audiences
	own      []string // those of them that take the audiences of its own
	claims   []claimHeader
	payload  string
	padded   bool
	forward  bool
	everyday bool       // it reads the default location
	looks    []location // where it looks for tokens in the input, carried over or not
	prefixes []prefix   // what Envoy finds anywhere in a header
}

// finish renders what was read.
func (r *reader) finish() (Result, error) {
	seen := map[Left]bool{}
	r.left = slices.DeleteFunc(r.left, func(l Left) bool {
		again := seen[l]
		seen[l] = true
		return again
	})
	if len(r.config.Providers) == 0 {
		return Result{Left: r.left}, fmt.Errorf("want a provider that can be carried over, got none:%s", listLeft(r.left))
	}
	text, err := r.config.encode()
	if err != nil {
		return Result{}, err
	}
	if _, err := policy.Parse(text); err != nil {
		return Result{}, fmt.Errorf("the filter refuses the result, a defect of the importer: %w", err)
	}
	return Result{Config: text, Left: r.left}, nil
}

func listLeft(left []Left) (text string) {
	for _, l := range left {
		text += "\n  " + l.String()
	}
	return text
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
