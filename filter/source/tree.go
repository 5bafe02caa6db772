package source

import (
	"strconv"

	"bearerauth/filter/policy/config"
)

// Position is a place in a file. Both numbers begin at 1; a column counts bytes.
type Position struct{ Line, Column int }

// Value is a JSON or YAML value with its place in the file.
type Value struct {
	Kind    byte   // 'n' null, 't', 'f', '"', '0', '{', '[', as in config.Node
	Text    string // a string's value, or a number as JSON writes it
	Members []Member
	Items   []*Value
	At      Position

	// inner returns the place of a byte of Text, for a text that contains JSON.
	inner func(offset int) Position
}

// Member is a name and a value in an object.
type Member struct {
	Name  string
	At    Position // of the name
	Value *Value
}

// Get returns the member at the end of a path of names, nil where there is none. It is
// safe on a nil Value.
func (v *Value) Get(names ...string) *Value {
	for _, name := range names {
		if v == nil {
			return nil
		}
		v = v.member(name)
	}
	return v
}

// member returns the first member of that name.
func (v *Value) member(name string) *Value {
	for i := range v.Members {
		if v.Members[i].Name == name {
			return v.Members[i].Value
		}
	}
	return nil
}

// either returns a member of a protobuf message, which has two names in JSON.
func (v *Value) either(snake, camel string) *Value {
	if m := v.Get(snake); m != nil {
		return m
	}
	return v.Get(camel)
}

// Str is the value of a string, "" for anything else.
func (v *Value) Str() string {
	if v == nil || v.Kind != '"' {
		return ""
	}
	return v.Text
}

// Strs are the strings of an array.
func (v *Value) Strs() (list []string) {
	for _, item := range v.List() {
		if item.Kind == '"' {
			list = append(list, item.Text)
		}
	}
	return list
}

// List are the items of an array, nil for anything else.
func (v *Value) List() []*Value {
	if v == nil {
		return nil
	}
	return v.Items
}

// JSON is the value as JSON.
func (v *Value) JSON() []byte { return v.appendJSON(nil) }

func (v *Value) appendJSON(dst []byte) []byte {
	switch v.Kind {
	case '"':
		return config.AppendJSON(dst, v.Text)
	case '0':
		return append(dst, v.Text...)
	case 't':
		return append(dst, "true"...)
	case 'f':
		return append(dst, "false"...)
	case '{':
		dst = append(dst, '{')
		for i, m := range v.Members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = m.Value.appendJSON(append(config.AppendJSON(dst, m.Name), ':'))
		}
		return append(dst, '}')
	case '[':
		dst = append(dst, '[')
		for i, item := range v.Items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.appendJSON(dst)
		}
		return append(dst, ']')
	}
	return append(dst, "null"...)
}

// positions adds the place of each member and item below v by its JSON path, as the
// problems of a configuration name it. A member's place is that of its name.
func (v *Value) positions(path string, all map[string]Position) {
	for _, m := range v.Members {
		at := config.JoinPath(path, m.Name)
		if _, seen := all[at]; !seen {
			all[at] = m.At
		}
		m.Value.positions(at, all)
	}
	for i, item := range v.Items {
		at := path + "[" + strconv.Itoa(i) + "]"
		all[at] = item.At
		item.positions(at, all)
	}
}
