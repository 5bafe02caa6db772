package policy

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// A configuration is read into a tree first, so that every problem in it can be
// reported at once and with its path, duplicates included.

const (
	maxConfigBytes = 16 << 20
	maxConfigDepth = 16
)

// node is one JSON value and where it stands.
type node struct {
	path    string
	kind    jsontext.Kind // 'n' null, 't', 'f', '"', '0', '{', '['
	text    string        // a string's value, or a number as written
	rounded bool          // a number of a Struct that may have been another before
	members []member
	items   []*node
}

type member struct {
	name  string
	value *node
}

// Problem is one thing that is wrong in a configuration.
type Problem struct {
	Path    string // JSON path, "" for the document itself
	Message string // what was wanted
}

// ConfigError lists everything that is wrong in a configuration.
type ConfigError struct{ Problems []Problem }

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

// problems collects what is wrong while a configuration is read. It knows the
// environment, too, where a configuration can leave its secrets.
type problems struct {
	list        []Problem
	odd         string   // while what it has is read: the object with a member whose name may be a secret
	warnings    []string // what does not keep the configuration from coming into force
	environment func(name string) (string, bool)
}

func (p *problems) add(path, message string) {
	p.list = append(p.list, Problem{path, message})
}

// addDuplicate names the member only if its name looks like those of a
// configuration: another may be a secret.
func (p *problems) addDuplicate(path, name string, count int) {
	what := "duplicate member"
	switch {
	case p.odd != "":
		path, what = p.odd, "duplicate member within a member of it"
	case isMemberName(name):
		path = joinPath(path, name)
	default:
		what = unnamed(what, count-1)
	}
	p.add(path, what+": want each name once")
}

// enter notes that what follows is within a member whose name may be a secret, and
// returns what is to be restored. Those at the top are members and providers.
func (p *problems) enter(path, name string, depth int) (before string) {
	before = p.odd
	if p.odd == "" && depth > 1 && !isMemberName(name) {
		p.odd = path
	}
	return before
}

// isMemberName: those of a configuration are of small letters. What secrets are made
// of hardly ever is.
func isMemberName(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c != '_' && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

func (p *problems) warn(path, message string) {
	p.warnings = append(p.warnings, path+": "+message)
}

func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	return &ConfigError{p.list}
}

// readDocument reads one JSON object and nothing after it.
func readDocument(config []byte, p *problems) *node {
	if len(bytes.TrimSpace(config)) == 0 {
		p.add("", `the configuration is empty: want a JSON object with "providers"`)
		return nil
	}
	if len(config) > maxConfigBytes {
		p.add("", "want at most "+strconv.Itoa(maxConfigBytes)+" bytes, got "+strconv.Itoa(len(config)))
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
		// Anything else that has no JSON in it may be a Struct on the wire.
		var inStruct problems
		if root, structErr := readStruct(config, "", 0, &inStruct); structErr == nil {
			p.list = inStruct.list
			return root
		}
		p.add("", "not valid JSON: "+syntaxMessage(err))
		return nil
	}
	if root.kind != '{' {
		p.add("", "want a JSON object, got "+kindName(root.kind))
		return nil
	}
	return root
}

// syntaxMessage leaves out the package name that the tokenizer puts in front.
func syntaxMessage(err error) string {
	return strings.TrimPrefix(err.Error(), "jsontext: ")
}

func readNode(d *jsontext.Decoder, path string, depth int, p *problems) (*node, error) {
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
	n := &node{path: path, kind: token.Kind()}
	switch n.kind {
	case '"', '0':
		n.text = token.String()
	case '{':
		seen, count := map[string]bool{}, 0
		for d.PeekKind() != '}' {
			name, err := d.ReadToken()
			if err != nil {
				return nil, err
			}
			m := member{name: name.String()}
			at := joinPath(path, m.name)
			odd := p.enter(path, m.name, depth)
			if m.value, err = readNode(d, at, depth+1, p); err != nil {
				return nil, err
			}
			p.odd = odd
			count++
			if seen[m.name] {
				p.addDuplicate(path, m.name, count)
				continue
			}
			seen[m.name] = true
			n.members = append(n.members, m)
		}
		_, err = d.ReadToken()
	case '[':
		for i := 0; d.PeekKind() != ']'; i++ {
			item, err := readNode(d, path+"["+strconv.Itoa(i)+"]", depth+1, p)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
		}
		_, err = d.ReadToken()
	}
	return n, err
}

// joinPath writes name after a dot, or quoted in brackets where a dot would mislead.
func joinPath(path, name string) string {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return path + "[" + quote(name) + "]"
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

// quote shows a configured value in a message, shortened: it may be anything.
func quote(s string) string {
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

func kindName(k jsontext.Kind) string {
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

// appendJSON writes the value back: a JWK Set inside the configuration is read
// by the same code as one from the network.
func (n *node) appendJSON(dst []byte) []byte {
	switch n.kind {
	case '"':
		return appendJSON(dst, n.text)
	case '0':
		return append(dst, n.text...)
	case 't':
		return append(dst, "true"...)
	case 'f':
		return append(dst, "false"...)
	case '{':
		dst = append(dst, '{')
		for i, m := range n.members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendJSON(dst, m.name), ':')
			dst = m.value.appendJSON(dst)
		}
		return append(dst, '}')
	case '[':
		dst = append(dst, '[')
		for i, item := range n.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.appendJSON(dst)
		}
		return append(dst, ']')
	}
	return append(dst, "null"...)
}
