package config

import (
	"strconv"
	"strings"
)

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
	Warnings    []string // what does not keep the configuration from coming into force
	Environment func(name string) (string, bool)
	// Places returns where members of a name belong, "" for an unknown name.
	Places func(name string) string

	safePath   string    // within a member whose name may be a secret: the path of the object that has it; see enter
	inDocument []Problem // those of the document itself, see Again
	spellings  []Problem // of misspelt members, see Again
	renamed    []renaming
	settled    []string // the paths of members about whose values nothing more is said
}

// Add records a mistake at path.
func (p *Problems) Add(path, message string) {
	for _, settled := range p.settled {
		if isAt(path, settled) {
			return
		}
	}
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
	list := append(p.spellings, p.List...)
	if len(list) == 0 {
		return nil
	}
	return &ConfigError{list}
}

// renaming gives a misspelt member the name that was meant.
type renaming struct {
	object *Node
	member *Member
	name   string
	settle bool
}

// Again reports whether the document must be read once more, because it has misspelt
// members. They have the names that were meant now: otherwise each would bring further
// problems, as that a required member is missing. Their own problems stay.
func (p *Problems) Again() bool {
	if len(p.renamed) == 0 {
		return false
	}
	for _, r := range p.renamed {
		r.member.Name = r.name
		if r.settle {
			p.settled = append(p.settled, r.member.Value.Path)
		}
	}
	p.renamed = nil
	p.List = append([]Problem(nil), p.inDocument...)
	p.Warnings = nil
	return true
}

// misspelt records an unknown member and the name that was meant. settle means that the
// value is probably of another form, too, so that nothing more is said about it.
func (p *Problems) misspelt(o *Node, m *Member, name string, settle bool) {
	problem := Problem{m.Value.Path, "unknown member: did you mean " + name + "?"}
	for _, r := range p.renamed {
		if r.object == o && r.name == name {
			p.List = append(p.List, problem)
			return
		}
	}
	p.spellings = append(p.spellings, problem)
	p.renamed = append(p.renamed, renaming{o, m, name, settle})
}

// mistyped records a value of another JSON type than the wanted.
func (p *Problems) mistyped(n *Node, want string) {
	p.Add(n.Path, want+", got "+KindName(n.Kind)+mistypedHint(n, want))
}

// mistypedHint says what to do about the usual mistakes.
func mistypedHint(n *Node, want string) string {
	switch list := strings.HasPrefix(want, "want an array"); {
	case n.Kind == 'n':
		return ": leave it out"
	case list && n.Kind == '{':
		return ": put it in brackets, as in [{…}]"
	case list && n.Kind == '"':
		return `: put it in brackets, as in ["…"]`
	case n.Kind == '[' && len(n.Items) == 1:
		return ": leave out the brackets"
	case n.Kind == '[':
		return ": one value, not a list"
	case strings.HasPrefix(want, "want a string") && n.Kind != '{':
		return ": put it in quotes"
	case n.Text == "true" || n.Text == "false" || strings.HasPrefix(want, "want a whole number") && isNumber(n.Text):
		return ": write it without quotes"
	}
	return ""
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil
}

// isAt reports whether a path is that of a member or leads into it.
func isAt(path, member string) bool {
	rest, ok := strings.CutPrefix(path, member)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// finishDocument ends the part of the problems that the document itself has. A member
// "$schema" at the top names the JSON Schema for an editor and has no other meaning.
func (p *Problems) finishDocument(root *Node) {
	for i, m := range root.Members {
		if m.Name == "$schema" {
			if m.Value.Kind != '"' {
				p.mistyped(m.Value, "want a string")
			}
			root.Members = append(root.Members[:i], root.Members[i+1:]...)
			break
		}
	}
	p.inDocument = append([]Problem(nil), p.List...)
}
