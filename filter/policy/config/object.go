package config

import (
	"strconv"
	"strings"

	"bearerauth/filter/policy/syntax"
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
		p.mistyped(n, "want an object")
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
func (o *Object) At(name string) string {
	for i := range o.Members {
		if o.Members[i].Name == name {
			return o.Members[i].Value.Path // as it is spelt
		}
	}
	return JoinPath(o.Path, name)
}

// Wrong records a mistake in the member of that name, unless another mistake in it is
// known: the value that is compared here is not the one that is meant.
func (o *Object) Wrong(name, message string) {
	if !o.Broken(name) {
		o.Problems.Add(o.At(name), message)
	}
}

// Broken reports whether a mistake in one of these members is known. What depends on their
// values is unknown then. The mistakes of an object are the newest ones.
func (o *Object) Broken(names ...string) bool {
	newest := o.Problems.List
	newest = newest[max(0, len(newest)-1000):]
	for _, name := range names {
		at := o.At(name)
		for i := range newest {
			if isAt(newest[i].Path, at) {
				return true
			}
		}
	}
	return false
}

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
	for i := range o.Members {
		if m := &o.Members[i]; !syntax.Contains(o.Known, m.Name) {
			o.unknown(m, i)
		}
	}
}

// Misspelt reports whether another member is this one with another spelling. That is
// recorded.
func (o *Object) Misspelt(name string) bool {
	for i := range o.Members {
		m := &o.Members[i]
		if _, how := suggest(m.Name, []string{name}); how == like {
			o.Problems.misspelt(o.Node, m, name, false)
			return true
		}
	}
	return false
}

// maxSuggestions bounds the search for names that were meant.
const maxSuggestions = 100

func (o *Object) unknown(m *Member, index int) {
	p := o.Problems
	meant, how := -1, unlike
	if len(p.List)+len(p.spellings) < maxSuggestions {
		meant, how = suggest(m.Name, o.Known)
	}
	path, what := m.Value.Path, "unknown member"
	places := ""
	if p.Places != nil {
		places = p.Places(m.Name)
	}
	switch {
	case how >= otherWord || how == faintlyLike && places == "":
		if name := o.Known[meant]; o.Has(name) {
			p.Add(path, "unknown member: did you mean "+name+"?")
		} else {
			p.misspelt(o.Node, m, name, how == otherWord)
		}
		return
	case places != "":
		p.Add(path, what+": belongs in "+places)
		return
	case o.MayHoldSecret && !IsMemberName(m.Name):
		path, what = o.Path, unnamed(what, index)
	}
	p.Add(path, what+": want one of "+strings.Join(o.Known, ", "))
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
		o.Problems.mistyped(n, "want a string")
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
		p.mistyped(n, "want a string")
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
		o.Problems.mistyped(n, "want true or false")
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
	want := "want a whole number from " + strconv.Itoa(least) + " to " + strconv.Itoa(most)
	if n.Kind == '0' {
		o.Problems.Add(n.Path, want+", got "+n.Text)
	} else {
		o.Problems.mistyped(n, want)
	}
	return byDefault
}

// Choice returns the index of a string member in options. The first is the default.
func (o *Object) Choice(name string, options ...string) int {
	return max(0, o.Choose(name, options...))
}

// Choose is Choice without a default: -1 where the member is absent, or wrong so that it
// is unknown which was meant.
func (o *Object) Choose(name string, options ...string) int {
	n := o.Get(name)
	if n == nil {
		return -1
	}
	want := "want one of " + strings.Join(options, ", ")
	if n.Kind != '"' {
		o.Problems.Add(n.Path, want+", got "+KindName(n.Kind))
		return -1
	}
	for i, option := range options {
		if n.Text == option {
			return i
		}
	}
	got := "another"
	meant, how := suggest(n.Text, options)
	if !o.MayHoldSecret || IsMemberName(n.Text) || how != unlike {
		got = Quote(n.Text)
	}
	want += ", got " + got
	o.Problems.Add(n.Path, want+DidYouMean(n.Text, options))
	if how == otherWord {
		return -1
	}
	return meant
}

// Array returns the items of an array member. An empty array is a mistake, since it
// could mean "nothing" and "no limit".
func (o *Object) Array(name string) []*Node {
	n := o.Get(name)
	if n == nil {
		return nil
	}
	if n.Kind != '[' {
		o.Problems.mistyped(n, "want an array")
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
