package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// column is the width of each side of a diff, in characters.
const column = 76

// side is one part of a configuration: what its tokens are, or what its requests need.
type side struct{ tokens, rules []*yaml.Node }

// writeDiff writes the original and the result beside each other: first all that says
// which tokens are valid, then the rules.
func writeDiff(w io.Writer, original, result []byte) error {
	before, err := readSide(original)
	if err != nil {
		return err
	}
	after, err := readSide(result)
	if err != nil {
		return err
	}
	for _, part := range []struct {
		title       string
		left, right []*yaml.Node
	}{{"tokens", before.tokens, after.tokens}, {"rules", before.rules, after.rules}} {
		left, err := lines(part.left)
		if err != nil {
			return err
		}
		right, err := lines(part.right)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%-*s | %s\n", column, "# "+part.title+": original", "# "+part.title+": bearerauth")
		for i := range max(len(left), len(right)) {
			fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-*s | %s", column, at(left, i), at(right, i)), " "))
		}
	}
	return nil
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// ruleMembers are the members by which configurations say what requests need: ours and
// those of jwt_authn.
var ruleMembers = []string{"rules", "requirement_map", "requirementMap", "filter_state_rules", "filterStateRules"}

func readSide(text []byte) (s side, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return s, nil
		} else if err != nil {
			return s, err
		}
		root := document.Content[0]
		block(root)
		switch scalarOf(root, "kind") {
		case "AuthorizationPolicy":
			s.rules = append(s.rules, root)
		case "SecurityPolicy":
			s.rules = append(s.rules, cut(member(root, "spec"), []string{"authorization"})...)
			s.tokens = append(s.tokens, root)
		default:
			s.rules = append(s.rules, cut(root, ruleMembers)...)
			if message := member(root, "typed_config"); message != nil {
				s.rules = append(s.rules, cut(message, ruleMembers)...)
			}
			s.tokens = append(s.tokens, root)
		}
	}
}

// block makes a document that came as JSON readable.
func block(n *yaml.Node) {
	n.Style &^= yaml.FlowStyle
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		n.Style = 0
	}
	for _, child := range n.Content {
		block(child)
	}
}

func member(object *yaml.Node, name string) *yaml.Node {
	for i := 0; object != nil && i+1 < len(object.Content) && object.Kind == yaml.MappingNode; i += 2 {
		if object.Content[i].Value == name {
			return object.Content[i+1]
		}
	}
	return nil
}

func scalarOf(object *yaml.Node, name string) string {
	if n := member(object, name); n != nil {
		return n.Value
	}
	return ""
}

// cut takes members out of an object and returns them, each as an object of its own.
func cut(object *yaml.Node, names []string) (taken []*yaml.Node) {
	if object == nil || object.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(object.Content); {
		if !slices.Contains(names, object.Content[i].Value) {
			i += 2
			continue
		}
		taken = append(taken, &yaml.Node{Kind: yaml.MappingNode, Content: slices.Clone(object.Content[i : i+2])})
		object.Content = slices.Delete(object.Content, i, i+2)
	}
	return taken
}

// lines are the lines of documents in YAML. A line that is too wide goes on in the next.
func lines(documents []*yaml.Node) (list []string, err error) {
	for _, document := range documents {
		var text bytes.Buffer
		encoder := yaml.NewEncoder(&text)
		encoder.SetIndent(2)
		if err := encoder.Encode(document); err != nil {
			return nil, err
		}
		for line := range strings.Lines(text.String()) {
			rest := []rune(strings.TrimRight(line, "\n"))
			for ; len(rest) > column; rest = rest[column:] {
				list = append(list, string(rest[:column]))
			}
			list = append(list, string(rest))
		}
	}
	return list, nil
}
