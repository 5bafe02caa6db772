// Package config reads a configuration: JSON, or the protobuf Struct that Envoy makes
// of YAML. It returns typed members, and all problems at once, each with its JSON
// path. It resolves environment variables. It does not know what a member means, and
// no problem shows a secret.
package config

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds on a configuration.
const (
	maxConfigBytes = 16 << 20
	maxConfigDepth = 16 // levels of nesting
)

// Node is one JSON value and its path. A configuration is read into a tree of them
// first, so that all problems can be reported at once, duplicate members included.
type Node struct {
	Path    string
	Kind    jsontext.Kind // 'n' null, 't', 'f', '"', '0', '{', '['
	Text    string        // a string's value, or a number as written
	Inexact bool          // a number of a Struct that may have been rounded to a double
	Members []Member
	Items   []*Node
}

// Member is a name and a value in a JSON object.
type Member struct {
	Name  string
	Value *Node
}

// ReadDocument reads one JSON object with nothing behind it, or a Struct. It returns
// nil after a problem that leaves nothing to read.
func ReadDocument(config []byte, p *Problems) *Node {
	if len(bytes.TrimSpace(config)) == 0 {
		p.Add("", `the configuration is empty: want a JSON object with "providers"`)
		return nil
	}
	if len(config) > maxConfigBytes {
		p.Add("", "want at most "+strconv.Itoa(maxConfigBytes)+" bytes, got "+strconv.Itoa(len(config)))
		return nil
	}
	// Duplicates are refused here rather than by the tokenizer, which would
	// stop at the first problem.
	d := jsontext.NewDecoder(bytes.NewReader(config), jsontext.AllowDuplicateNames(true))
	root, err := readNode(d, "", 0, p)
	if err == nil {
		if _, err = d.ReadToken(); err == io.EOF {
			err = nil
		} else if err == nil {
			err = errors.New(position(config, int(d.InputOffset())) + "want nothing after the JSON object")
		}
	}
	if err != nil {
		// What is not JSON may be a Struct in its wire format.
		var inStruct Problems
		if root, structErr := readStruct(config, "", 0, &inStruct); structErr == nil {
			p.List = inStruct.List
			p.finishDocument(root)
			return root
		}
		p.Add("", "not valid JSON: "+syntaxMessage(config, err))
		return nil
	}
	if root.Kind != '{' {
		p.Add("", "want a JSON object, got "+KindName(root.Kind))
		return nil
	}
	p.finishDocument(root)
	return root
}

func readNode(d *jsontext.Decoder, path string, depth int, p *Problems) (*Node, error) {
	if depth > maxConfigDepth {
		return nil, errors.New("nested deeper than " + strconv.Itoa(maxConfigDepth) + " levels")
	}
	token, err := d.ReadToken()
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	n := &Node{Path: path, Kind: token.Kind()}
	switch n.Kind {
	case '"', '0':
		n.Text = token.String()
	case '{':
		seen, count := map[string]bool{}, 0
		for d.PeekKind() != '}' {
			name, err := d.ReadToken()
			if err != nil {
				return nil, err
			}
			m := Member{Name: name.String()}
			at := JoinPath(path, m.Name)
			outer := p.enter(path, m.Name, depth)
			if m.Value, err = readNode(d, at, depth+1, p); err != nil {
				return nil, err
			}
			p.safePath = outer
			count++
			if seen[m.Name] {
				p.addDuplicate(path, m.Name, count)
				continue
			}
			seen[m.Name] = true
			n.Members = append(n.Members, m)
		}
		_, err = d.ReadToken()
	case '[':
		for i := 0; d.PeekKind() != ']'; i++ {
			item, err := readNode(d, path+"["+strconv.Itoa(i)+"]", depth+1, p)
			if err != nil {
				return nil, err
			}
			n.Items = append(n.Items, item)
		}
		_, err = d.ReadToken()
	}
	return n, err
}

// JoinPath appends name to a JSON path: after a dot, or quoted in brackets where a
// dot would be misleading.
func JoinPath(path, name string) string {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return path + "[" + Quote(name) + "]"
		}
	}
	if name == "" {
		return path + `[""]`
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// Quote quotes a configured value for a message. It shortens it to 64 bytes: the
// value may be anything.
func Quote(s string) string {
	const most = 64
	if len(s) > most {
		return strconv.Quote(s[:cutAt(s, most)]) + "…"
	}
	return strconv.Quote(s)
}

// Cut shortens a text to this many bytes.
func Cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:cutAt(s, most)] + "…"
}

// cutAt returns where a longer text can be cut before a character.
func cutAt(s string, end int) int {
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return end
}

// KindName returns the kind of a JSON value for a message, with its article.
func KindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "an array"
	}
	return "nothing"
}

// AppendJSON appends the value as JSON. A JWK Set inside the configuration is read by
// the same code as one from the network.
func (n *Node) AppendJSON(dst []byte) []byte {
	switch n.Kind {
	case '"':
		return AppendJSON(dst, n.Text)
	case '0':
		return append(dst, n.Text...)
	case 't':
		return append(dst, "true"...)
	case 'f':
		return append(dst, "false"...)
	case '{':
		dst = append(dst, '{')
		for i, m := range n.Members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(AppendJSON(dst, m.Name), ':')
			dst = m.Value.AppendJSON(dst)
		}
		return append(dst, '}')
	case '[':
		dst = append(dst, '[')
		for i, item := range n.Items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.AppendJSON(dst)
		}
		return append(dst, ']')
	}
	return append(dst, "null"...)
}
