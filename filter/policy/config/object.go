package config

import (
	"strconv"
	"strings"
)

// Object reads the members of one JSON object by name and type, and records mistakes
// in Problems. A member that was not read is a mistake, too: a misspelt name must not
// switch a check off.
type Object struct {
	*Node
	Problems *Problems
	Known    []string // the names that were read so far
	// MayHoldSecret means that the name of a member may be a secret by mistake, as in
	// {"tokens": [{"THE TOKEN": "alice"}]}.
	MayHoldSecret bool
}

// AsObject returns n as an Object, or nil after a problem where n is another JSON
// value.
func AsObject(n *Node, p *Problems) *Object {
	if n.Kind != '{' {
		p.Add(n.Path, "want an object, got "+KindName(n.Kind))
		return nil
	}
	return &Object{Node: n, Problems: p}
}

// Object returns the member of that name, nil where it is absent or wrong.
func (o *Object) Object(name string) *Object {
	n := o.Get(name)
	if n == nil {
		return nil
	}
	return AsObject(n, o.Problems)
}

// At returns the path of a member, present or not.
func (o *Object) At(name string) string { return JoinPath(o.Path, name) }

// Wrong records a mistake in the member of that name.
func (o *Object) Wrong(name, message string) { o.Problems.Add(o.At(name), message) }

// Get returns the value of a member, nil where it is absent. It marks the name as
// known to Done.
func (o *Object) Get(name string) *Node {
	o.Known = append(o.Known, name)
	for i := range o.Members {
		if o.Members[i].Name == name {
			return o.Members[i].Value
		}
	}
	return nil
}

// Has reports whether the member is present. It does not mark it as known.
func (o *Object) Has(name string) bool {
	for i := range o.Members {
		if o.Members[i].Name == name {
			return true
		}
	}
	return false
}

// Done records a mistake for each member that was not read.
func (o *Object) Done() {
members:
	for i, m := range o.Members {
		for _, name := range o.Known {
			if m.Name == name {
				continue members
			}
		}
		for _, name := range o.Known {
			if strings.EqualFold(m.Name, name) {
				o.Problems.Add(m.Value.Path, "unknown member: names are case-sensitive, want "+Quote(name))
				continue members
			}
		}
		path, what := m.Value.Path, "unknown member"
		if o.MayHoldSecret && !IsMemberName(m.Name) {
			path, what = o.Path, unnamed(what, i)
		}
		o.Problems.Add(path, what+": want one of "+strings.Join(o.Known, ", "))
	}
}

// unnamed identifies a member by its number, since its name may be a secret.
func unnamed(what string, index int) string { return what + ", number " + strconv.Itoa(index+1) }

// Text returns a string member, or byDefault where it is absent or wrong.
func (o *Object) Text(name, byDefault string) string {
	n := o.Get(name)
	if n == nil {
		return byDefault
	}
	if n.Kind != '"' {
		o.Problems.Add(n.Path, "want a string, got "+KindName(n.Kind))
		return byDefault
	}
	return n.Text
}

// Checked returns a string member for which valid returns "". valid returns what was
// wanted otherwise.
func (o *Object) Checked(name, byDefault string, valid func(string) string) string {
	n := o.Get(name)
	if n == nil {
		return byDefault
	}
	return CheckedString(n, o.Problems, byDefault, valid)
}

// CheckedString returns the string n if valid returns "" for it, and byDefault after
// a problem otherwise.
func CheckedString(n *Node, p *Problems, byDefault string, valid func(string) string) string {
	if n.Kind != '"' {
		p.Add(n.Path, "want a string, got "+KindName(n.Kind))
		return byDefault
	}
	if want := valid(n.Text); want != "" {
		p.Add(n.Path, want)
		return byDefault
	}
	return n.Text
}

// Boolean returns a boolean member, or byDefault where it is absent or wrong.
func (o *Object) Boolean(name string, byDefault bool) bool {
	n := o.Get(name)
	if n == nil {
		return byDefault
	}
	if n.Kind != 't' && n.Kind != 'f' {
		o.Problems.Add(n.Path, "want true or false, got "+KindName(n.Kind))
		return byDefault
	}
	return n.Kind == 't'
}

// Integer returns a whole number from least to most, or byDefault where it is absent
// or wrong.
func (o *Object) Integer(name string, byDefault, least, most int) int {
	n := o.Get(name)
	if n == nil {
		return byDefault
	}
	if n.Kind == '0' {
		// A Struct has doubles only: 4194304 can arrive as 4.194304e+06.
		f, err := strconv.ParseFloat(n.Text, 64)
		if err == nil && f >= float64(least) && f <= float64(most) && f == float64(int(f)) {
			return int(f)
		}
	}
	got := KindName(n.Kind)
	if n.Kind == '0' {
		got = n.Text
	}
	o.Problems.Add(n.Path, "want a whole number from "+strconv.Itoa(least)+" to "+strconv.Itoa(most)+", got "+got)
	return byDefault
}

// Choice returns the index of a string member in options. The first is the default.
func (o *Object) Choice(name string, options ...string) int {
	n := o.Get(name)
	if n == nil {
		return 0
	}
	if n.Kind == '"' {
		for i, option := range options {
			if n.Text == option {
				return i
			}
		}
	}
	got := KindName(n.Kind)
	if n.Kind == '"' {
		got = "another"
		if !o.MayHoldSecret || IsMemberName(n.Text) {
			got = Quote(n.Text)
		}
	}
	o.Problems.Add(n.Path, "want one of "+strings.Join(options, ", ")+", got "+got)
	return 0
}

// Array returns the items of an array member. An empty array is a mistake, since it
// could mean "nothing" and "no limit".
func (o *Object) Array(name string) []*Node {
	n := o.Get(name)
	if n == nil {
		return nil
	}
	if n.Kind != '[' {
		o.Problems.Add(n.Path, "want an array, got "+KindName(n.Kind))
		return nil
	}
	if len(n.Items) == 0 {
		o.Problems.Add(n.Path, "want at least one item, got an empty array")
	}
	return n.Items
}

// Strings returns an array of distinct strings for each of which valid returns "".
func (o *Object) Strings(name string, valid func(string) string) []string {
	var list []string
	first := map[string]int{}
	for i, item := range o.Array(name) {
		s := CheckedString(item, o.Problems, "", valid)
		if s == "" {
			continue
		}
		if j, ok := first[s]; ok {
			o.Problems.Add(item.Path, "duplicate of "+o.At(name)+"["+strconv.Itoa(j)+"]")
			continue
		}
		first[s] = i
		list = append(list, s)
	}
	return list
}
