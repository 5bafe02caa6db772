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
	"strings"
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

// Problem is one mistake in a configuration.
type Problem struct {
	Path    string // JSON path, "" for the document itself
	Message string // what was wanted, and perhaps what was found
}

// ConfigError lists everything that is wrong in a configuration.
type ConfigError struct{ Problems []Problem }

// Error returns the number of problems, and a line for each.
func (e *ConfigError) Error() string {
	var b strings.Builder
	b.WriteString("configuration: ")
	b.WriteString(strconv.Itoa(len(e.Problems)))
	b.WriteString(" problem")
	if len(e.Problems) != 1 {
		b.WriteByte('s')
	}
	for _, p := range e.Problems {
		b.WriteString("\n  ")
		if p.Path != "" {
			b.WriteString(p.Path)
			b.WriteString(": ")
		}
		b.WriteString(p.Message)
	}
	return b.String()
}

// Problems collects the mistakes while a configuration is read. It also gives access
// to the environment, in which a configuration can leave its secrets.
type Problems struct {
	List        []Problem
	safePath    string   // within a member whose name may be a secret: the path of the object that has it; see enter
	Warnings    []string // what does not keep the configuration from coming into force
	Environment func(name string) (string, bool)
}

// Add records a mistake at path.
func (p *Problems) Add(path, message string) {
	p.List = append(p.List, Problem{path, message})
}

// addDuplicate shows the name of the member only if it looks like a name of the
// configuration: any other may be a secret.
func (p *Problems) addDuplicate(path, name string, count int) {
	what := "duplicate member"
	switch {
	case p.safePath != "":
		path, what = p.safePath, "duplicate member within a member of it"
	case IsMemberName(name):
		path = JoinPath(path, name)
	default:
		what = unnamed(what, count-1)
	}
	p.Add(path, what+": want each name once")
}

// enter is called before the value of a member is read. If the name of the member may
// be a secret, messages about what is in it show the path of the object instead. enter
// returns the value of safePath to restore afterwards. The names at the top, and of
// providers, are no secrets.
func (p *Problems) enter(path, name string, depth int) (before string) {
	before = p.safePath
	if p.safePath == "" && depth > 1 && !IsMemberName(name) {
		p.safePath = path
	}
	return before
}

// IsMemberName reports whether s looks like a name of the configuration: small
// letters and underscores. A secret hardly ever does.
func IsMemberName(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c != '_' && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// Warn records something that does not keep the configuration from coming into force.
func (p *Problems) Warn(path, message string) {
	p.Warnings = append(p.Warnings, path+": "+message)
}

// Err returns all mistakes as one *ConfigError, or nil.
func (p *Problems) Err() error {
	if len(p.List) == 0 {
		return nil
	}
	return &ConfigError{p.List}
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
			err = errors.New("want nothing after the JSON object")
		}
	}
	if err != nil {
		// What is not JSON may be a Struct in its wire format.
		var inStruct Problems
		if root, structErr := readStruct(config, "", 0, &inStruct); structErr == nil {
			p.List = inStruct.List
			return root
		}
		p.Add("", "not valid JSON: "+syntaxMessage(err))
		return nil
	}
	if root.Kind != '{' {
		p.Add("", "want a JSON object, got "+KindName(root.Kind))
		return nil
	}
	return root
}

// syntaxMessage leaves out the package name that the tokenizer puts in front.
func syntaxMessage(err error) string {
	return strings.TrimPrefix(err.Error(), "jsontext: ")
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
		end := most
		for end > 0 && !utf8.RuneStart(s[end]) {
			end--
		}
		return strconv.Quote(s[:end]) + "…"
	}
	return strconv.Quote(s)
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
