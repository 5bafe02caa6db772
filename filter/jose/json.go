package jose

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// Strict JSON (RFC 8259): valid UTF-8, no lone surrogates, no name twice in an
// object at any depth, no deeper than maxDepth. A reader of our own takes two
// thirds of jsontext's time in V8 (1.4 to 2.1 us for the claims of a token) and
// allocates nothing; a fuzz test holds it to jsontext's acceptance at every input.

// maxDepth bounds the stack for JSON that is not verified (requirement 36).
const maxDepth = 32

// Member is one member of an object: its name without escapes, and its value.
type Member struct {
	Name  []byte
	Value Value
}

// Reader reads JSON objects. It reuses its buffers: what it returns is good
// until the next call.
type Reader struct {
	data    []byte
	at      int
	members []Member // of the outermost object
	names   [][]byte // of all objects that are open
	scratch []byte   // names that were written with escapes
	lax     bool     // leave inner objects with duplicate names to a second reading
	problem refusal
}

// Object reads one JSON object with nothing after it, all of it before any
// member is returned.
func (r *Reader) Object(data []byte) ([]Member, error) {
	r.data, r.at = data, 0
	r.members, r.names, r.scratch = r.members[:0], r.names[:0], r.scratch[:0]
	r.problem = errSyntax
	r.space()
	if r.at >= len(data) || data[r.at] != '{' {
		return nil, errNotObject
	}
	if !r.object(0) {
		return nil, r.problem
	}
	if r.space(); r.at != len(data) {
		return nil, errTrailing
	}
	return r.members, nil
}

func (r *Reader) fail(why refusal) bool {
	r.problem = why
	return false
}

func (r *Reader) space() {
	for r.at < len(r.data) {
		switch r.data[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

// next takes c if it comes next.
func (r *Reader) next(c byte) bool {
	if r.at < len(r.data) && r.data[r.at] == c {
		r.at++
		return true
	}
	return false
}

// value reads a value inside of depth objects and arrays.
func (r *Reader) value(depth int) bool {
	if r.at >= len(r.data) {
		return false
	}
	switch c := r.data[r.at]; c {
	case '"':
		_, ok := r.string()
		return ok
	case '{':
		return r.object(depth)
	case '[':
		return r.array(depth)
	case 't':
		return r.literal("true")
	case 'f':
		return r.literal("false")
	case 'n':
		return r.literal("null")
	default:
		return r.number()
	}
}

func (r *Reader) object(depth int) bool {
	if depth >= maxDepth {
		return r.fail(errDepth)
	}
	r.at++
	base := len(r.names)
	r.space()
	if r.next('}') {
		return true
	}
	for {
		name, ok := r.name()
		if !ok {
			return false
		}
		r.space()
		if !r.next(':') {
			return false
		}
		r.space()
		start := r.at
		if !r.value(depth + 1) {
			return false
		}
		r.names = append(r.names, name)
		if depth == 0 {
			r.members = append(r.members, Member{name, Value(r.data[start:r.at:r.at])})
		}
		r.space()
		if r.next(',') {
			r.space()
			continue
		}
		if !r.next('}') {
			return false
		}
		if (depth == 0 || !r.lax) && !distinct(r.names[base:]) {
			return r.fail(errDuplicate)
		}
		r.names = r.names[:base]
		return true
	}
}

// distinct reports whether names has no duplicates. It may reorder names. Many names
// are sorted: comparing each with each would let a token of 16 KiB cost milliseconds.
func distinct(names [][]byte) bool {
	if len(names) <= 16 {
		for i := range names {
			for j := range i {
				if borrow(names[i]) == borrow(names[j]) {
					return false
				}
			}
		}
		return true
	}
	slices.SortFunc(names, bytes.Compare)
	for i := 1; i < len(names); i++ {
		if borrow(names[i-1]) == borrow(names[i]) {
			return false
		}
	}
	return true
}

func (r *Reader) array(depth int) bool {
	if depth >= maxDepth {
		return r.fail(errDepth)
	}
	r.at++
	r.space()
	if r.next(']') {
		return true
	}
	for {
		if !r.value(depth + 1) {
			return false
		}
		r.space()
		if r.next(',') {
			r.space()
			continue
		}
		return r.next(']')
	}
}

// name reads a string and takes its escapes away, since "a" and "\u0061" are
// the same name.
func (r *Reader) name() ([]byte, bool) {
	start := r.at
	escaped, ok := r.string()
	if !ok {
		return nil, false
	}
	raw := r.data[start+1 : r.at-1 : r.at-1]
	if !escaped {
		return raw, true
	}
	mark := len(r.scratch)
	r.scratch = appendUnescaped(r.scratch, raw)
	return r.scratch[mark:len(r.scratch):len(r.scratch)], true
}

// plain is true for the bytes of a string that need no decoding.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

func (r *Reader) string() (escaped, ok bool) {
	if !r.next('"') {
		return false, false
	}
	data, at := r.data, r.at
	for at < len(data) {
		c := data[at]
		switch {
		case plain[c]:
			at++
		case c == '"':
			r.at = at + 1
			return escaped, true
		case c == '\\':
			n := escapeLen(data[at:])
			if n == 0 {
				return false, false
			}
			at += n
			escaped = true
		case c < utf8.RuneSelf: // a control character
			return false, false
		default:
			char, n := utf8.DecodeRune(data[at:])
			if char == utf8.RuneError && n == 1 {
				return false, r.fail(errUTF8)
			}
			at += n
		}
	}
	return false, false
}

func (r *Reader) literal(word string) bool {
	if len(r.data)-r.at < len(word) || borrow(r.data[r.at:r.at+len(word)]) != word {
		return false
	}
	r.at += len(word)
	return true
}

func (r *Reader) digits() bool {
	start := r.at
	for r.at < len(r.data) && '0' <= r.data[r.at] && r.data[r.at] <= '9' {
		r.at++
	}
	return r.at > start
}

func (r *Reader) number() bool {
	r.next('-')
	if !r.next('0') && !r.digits() {
		return false
	}
	if r.next('.') && !r.digits() {
		return false
	}
	if r.next('e') || r.next('E') {
		if !r.next('+') {
			r.next('-')
		}
		return r.digits()
	}
	return true
}
