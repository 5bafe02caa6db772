package policy

import (
	"strconv"
	"strings"
)

// object reads the members of one JSON object by name and type. What is wrong
// goes to problems, and a member that nobody asked for is a problem, too:
// a misspelt name must not switch a check off.
type object struct {
	*node
	problems *problems
	asked    []string
	// secretive: a secret may have come to be a member's name here, as in
	// {"tokens": [{"THE TOKEN": "alice"}]}.
	secretive bool
}

// asObject returns nil, after a problem, where n is another JSON value.
func asObject(n *node, p *problems) *object {
	if n.kind != '{' {
		p.add(n.path, "want an object, got "+kindName(n.kind))
		return nil
	}
	return &object{node: n, problems: p}
}

// object returns the member of that name, nil where it is absent or wrong.
func (o *object) object(name string) *object {
	n := o.get(name)
	if n == nil {
		return nil
	}
	return asObject(n, o.problems)
}

// at is the path of a member, present or not.
func (o *object) at(name string) string { return joinPath(o.path, name) }

func (o *object) wrong(name, message string) { o.problems.add(o.at(name), message) }

func (o *object) get(name string) *node {
	o.asked = append(o.asked, name)
	for i := range o.members {
		if o.members[i].name == name {
			return o.members[i].value
		}
	}
	return nil
}

func (o *object) has(name string) bool {
	for i := range o.members {
		if o.members[i].name == name {
			return true
		}
	}
	return false
}

// done reports the members that were never asked for.
func (o *object) done() {
members:
	for i, m := range o.members {
		for _, name := range o.asked {
			if m.name == name {
				continue members
			}
		}
		for _, name := range o.asked {
			if strings.EqualFold(m.name, name) {
				o.problems.add(m.value.path, "unknown member: names are case-sensitive, want "+quote(name))
				continue members
			}
		}
		path, what := m.value.path, "unknown member"
		if o.secretive && !isMemberName(m.name) {
			path, what = o.path, unnamed(what, i)
		}
		o.problems.add(path, what+": want one of "+strings.Join(o.asked, ", "))
	}
}

// unnamed speaks of a member by its place, since its name may be a secret.
func unnamed(what string, index int) string { return what + ", number " + strconv.Itoa(index+1) }

// str returns a string member, or byDefault where it is absent or wrong.
func (o *object) str(name, byDefault string) string {
	n := o.get(name)
	if n == nil {
		return byDefault
	}
	if n.kind != '"' {
		o.problems.add(n.path, "want a string, got "+kindName(n.kind))
		return byDefault
	}
	return n.text
}

// checked returns a string member that valid has nothing against. valid returns
// what was wanted, or "".
func (o *object) checked(name, byDefault string, valid func(string) string) string {
	n := o.get(name)
	if n == nil {
		return byDefault
	}
	return checkedString(n, o.problems, byDefault, valid)
}

func checkedString(n *node, p *problems, byDefault string, valid func(string) string) string {
	if n.kind != '"' {
		p.add(n.path, "want a string, got "+kindName(n.kind))
		return byDefault
	}
	if want := valid(n.text); want != "" {
		p.add(n.path, want)
		return byDefault
	}
	return n.text
}

// boolean returns a boolean member, or byDefault where it is absent or wrong.
func (o *object) boolean(name string, byDefault bool) bool {
	n := o.get(name)
	if n == nil {
		return byDefault
	}
	if n.kind != 't' && n.kind != 'f' {
		o.problems.add(n.path, "want true or false, got "+kindName(n.kind))
		return byDefault
	}
	return n.kind == 't'
}

// integer returns a whole number, or byDefault where it is absent or wrong.
func (o *object) integer(name string, byDefault, least, most int) int {
	n := o.get(name)
	if n == nil {
		return byDefault
	}
	if n.kind == '0' {
		// A Struct has doubles only: 4194304 can arrive as 4.194304e+06.
		f, err := strconv.ParseFloat(n.text, 64)
		if err == nil && f >= float64(least) && f <= float64(most) && f == float64(int(f)) {
			return int(f)
		}
	}
	got := kindName(n.kind)
	if n.kind == '0' {
		got = n.text
	}
	o.problems.add(n.path, "want a whole number from "+strconv.Itoa(least)+" to "+strconv.Itoa(most)+", got "+got)
	return byDefault
}

// choice returns the index of a string member in options; the first is the default.
func (o *object) choice(name string, options ...string) int {
	n := o.get(name)
	if n == nil {
		return 0
	}
	if n.kind == '"' {
		for i, option := range options {
			if n.text == option {
				return i
			}
		}
	}
	got := kindName(n.kind)
	if n.kind == '"' {
		got = "another"
		if !o.secretive || isMemberName(n.text) {
			got = quote(n.text)
		}
	}
	o.problems.add(n.path, "want one of "+strings.Join(options, ", ")+", got "+got)
	return 0
}

// array returns the items of an array member; an empty one is a problem, since
// it could be read as "nothing" and as "no limit".
func (o *object) array(name string) []*node {
	n := o.get(name)
	if n == nil {
		return nil
	}
	if n.kind != '[' {
		o.problems.add(n.path, "want an array, got "+kindName(n.kind))
		return nil
	}
	if len(n.items) == 0 {
		o.problems.add(n.path, "want at least one item, got an empty array")
	}
	return n.items
}

// strings returns an array of distinct strings that valid has nothing against.
func (o *object) strings(name string, valid func(string) string) []string {
	var list []string
	first := map[string]int{}
	for i, item := range o.array(name) {
		s := checkedString(item, o.problems, "", valid)
		if s == "" {
			continue
		}
		if j, ok := first[s]; ok {
			o.problems.add(item.path, "duplicate of "+o.at(name)+"["+strconv.Itoa(j)+"]")
			continue
		}
		first[s] = i
		list = append(list, s)
	}
	return list
}
