package source

import (
	"bytes"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// maxAliased bounds the values that aliases repeat: a small YAML text can mean billions.
const maxAliased = 100_000

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// firstBad returns where a text that is no YAML stops to be it. The line in the errors of
// package yaml is often that of the mapping or list around the mistake. In a long text it
// has to do, because the search takes the square of the length.
func firstBad(lines [][]byte, err error) Position {
	const most = 2000
	if len(lines) > most {
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil && m[1] != "" {
			line, _ := strconv.Atoi(m[1])
			return Position{max(1, min(line, len(lines))), 1}
		}
		return Position{1, 1}
	}
	good := 0
	for n := 1; n <= len(lines); n++ {
		var node yaml.Node
		d := yaml.NewDecoder(bytes.NewReader(bytes.Join(lines[:n], []byte("\n"))))
		err := d.Decode(&node)
		for err == nil {
			err = d.Decode(&node)
		}
		if err == io.EOF {
			good = n
		}
	}
	if good == len(lines) {
		return Position{1, 1}
	}
	line := lines[good]
	return Position{good + 1, 1 + len(line) - len(bytes.TrimLeft(line, " \t"))}
}

// wantYAML says what to look for. The message of package yaml is about its parser.
func wantYAML(message string) string {
	switch {
	case strings.Contains(message, "tab character"):
		return "want spaces, got a tab at the beginning of the line"
	case message == "did not find expected key", message == "mapping values are not allowed in this context":
		return message + ": does the line begin in the same column as its neighbours?"
	}
	return message
}

// readYAML reads the documents of a YAML text.
func readYAML(text []byte) (documents []*Value, err error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	r := yamlReader{lines: bytes.Split(text, []byte("\n"))}
	for {
		var n yaml.Node
		err := d.Decode(&n)
		if err == io.EOF {
			return documents, nil
		}
		if err != nil {
			if at, is := template(text); is {
				return nil, &SyntaxError{lines(text)(at), "not valid YAML: " + renderFirst}
			}
			return nil, &SyntaxError{firstBad(r.lines, err), "not valid YAML: " + wantYAML(yamlLine.ReplaceAllString(err.Error(), ""))}
		}
		v, err := r.value(&n)
		if err != nil {
			// To YAML, {{ x }} is a mapping with a mapping as the name of its member.
			if at, is := template(text); is {
				return nil, &SyntaxError{lines(text)(at), "not valid YAML: " + renderFirst}
			}
			return nil, err
		}
		documents = append(documents, v)
	}
}

type yamlReader struct {
	lines   [][]byte
	aliased int
	within  []*yaml.Node // the anchors whose aliases are being read
}

func (r *yamlReader) value(n *yaml.Node) (*Value, error) {
	v := &Value{Kind: 'n', At: Position{n.Line, n.Column}}
	if len(r.within) > 0 {
		if r.aliased++; r.aliased > maxAliased {
			return nil, &SyntaxError{v.At, "want fewer aliases"}
		}
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 1 {
			return r.value(n.Content[0])
		}
	case yaml.AliasNode:
		for _, outer := range r.within {
			if outer == n.Alias {
				return nil, &SyntaxError{v.At, "the alias contains itself"}
			}
		}
		r.within = append(r.within, n.Alias)
		target, err := r.value(n.Alias)
		r.within = r.within[:len(r.within)-1]
		return target, err
	case yaml.MappingNode:
		v.Kind = '{'
		return v, r.members(v, n)
	case yaml.SequenceNode:
		v.Kind = '['
		for _, item := range n.Content {
			child, err := r.value(item)
			if err != nil {
				return nil, err
			}
			v.Items = append(v.Items, child)
		}
	case yaml.ScalarNode:
		r.scalar(v, n)
	}
	return v, nil
}

func (r *yamlReader) members(v *Value, n *yaml.Node) error {
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		child, err := r.value(n.Content[i+1])
		if err != nil {
			return err
		}
		if name.ShortTag() == "!!merge" {
			merged := []*Value{child}
			if child.Kind == '[' {
				merged = child.Items
			}
			for _, m := range merged {
				for _, member := range m.Members {
					if v.member(member.Name) == nil {
						v.Members = append(v.Members, member)
					}
				}
			}
			continue
		}
		if name.Kind != yaml.ScalarNode {
			return &SyntaxError{Position{name.Line, name.Column}, "want a string as the name of a member"}
		}
		v.Members = append(v.Members, Member{name.Value, Position{name.Line, name.Column}, child})
	}
	return nil
}

func (r *yamlReader) scalar(v *Value, n *yaml.Node) {
	switch n.ShortTag() {
	case "!!null":
		return
	case "!!bool":
		var is bool
		if n.Decode(&is) == nil {
			v.Kind = 'f'
			if is {
				v.Kind = 't'
			}
			return
		}
	case "!!str":
		// Envoy and Kubernetes read these words as YAML 1.1 does.
		if is, ok := words[strings.ToLower(n.Value)]; ok && n.Style&quoted == 0 {
			v.Kind = is
			return
		}
	case "!!int", "!!float":
		if jsontext.Value(n.Value).IsValid() {
			v.Kind, v.Text = '0', n.Value
			return
		}
		if text, ok := number(n); ok {
			v.Kind, v.Text = '0', text
			return
		}
	}
	v.Kind, v.Text = '"', n.Value
	v.inner = r.inner(n)
}

// quoted are the styles in which a word is a string.
const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle | yaml.TaggedStyle

var words = map[string]byte{"yes": 't', "on": 't', "no": 'f', "off": 'f'}

// number returns a number in a notation that JSON does not have, such as 0x10 or .5.
func number(n *yaml.Node) (string, bool) {
	var whole int64
	if n.ShortTag() == "!!int" && n.Decode(&whole) == nil {
		return strconv.FormatInt(whole, 10), true
	}
	var f float64
	if n.Decode(&f) != nil {
		return "", false
	}
	text := strconv.FormatFloat(f, 'g', -1, 64)
	return text, jsontext.Value(text).IsValid() // infinity is none
}

// inner returns the place of a byte of a scalar. A literal block scalar has the lines of
// the file, without their indentation. For other styles it is the place of the scalar.
func (r *yamlReader) inner(n *yaml.Node) func(offset int) Position {
	begin := Position{n.Line, n.Column}
	if n.Style&yaml.LiteralStyle == 0 {
		return func(int) Position { return begin }
	}
	indent := 0
	for _, line := range r.lines[min(n.Line, len(r.lines)):] {
		if content := bytes.TrimLeft(line, " "); len(bytes.TrimSpace(content)) > 0 {
			indent = len(line) - len(content)
			break
		}
	}
	// A text that begins with spaces has an indentation indicator.
	for i := 0; i < len(n.Value) && n.Value[i] == ' '; i++ {
		indent--
	}
	where := lines([]byte(n.Value))
	return func(offset int) Position {
		at := where(offset)
		return Position{n.Line + at.Line, indent + at.Column}
	}
}
