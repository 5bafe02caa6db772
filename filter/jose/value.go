package jose

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// Value is one JSON value as it was written. A Reader has found it valid; its
// methods are for such values only.
type Value []byte

// borrow is b as a string, to be compared. TinyGo copies for every string(b).
func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Kind is the first byte of the value, 't' and 'f' for booleans and '0' for
// any number; 0 for no value.
func (v Value) Kind() byte {
	if len(v) == 0 {
		return 0
	}
	if c := v[0]; c != '-' && (c < '0' || c > '9') {
		return c
	}
	return '0'
}

// Text is a string without its quotes and escapes. It borrows from v, unless
// there are escapes. ok is false for all other values.
func (v Value) Text() (text []byte, ok bool) {
	if v.Kind() != '"' {
		return nil, false
	}
	raw := v[1 : len(v)-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw, true
	}
	return appendUnescaped(make([]byte, 0, len(raw)), raw), true
}

// Is reports whether v is the string s.
func (v Value) Is(s string) bool {
	text, ok := v.Text()
	return ok && borrow(text) == s
}

// Items visits the items of an array until visit returns false. ok is false
// for all other values.
func (v Value) Items(visit func(item Value) bool) (ok bool) {
	if v.Kind() != '[' {
		return false
	}
	// Duplicate names were looked for when v was read.
	r := Reader{data: v, at: 1, lax: true}
	for r.space(); !r.next(']'); r.space() {
		start := r.at
		if !r.value(1) {
			return false
		}
		if !visit(Value(v[start:r.at:r.at])) {
			return true
		}
		r.space()
		r.next(',')
	}
	return true
}

// Member is the member of that name, in an object. Escapes do not hide it.
func (v Value) Member(name string) (value Value, ok bool) {
	if v.Kind() != '{' {
		return nil, false
	}
	r := Reader{data: v, at: 1, lax: true}
	for r.space(); !r.next('}'); r.space() {
		have, ok := r.name()
		if !ok {
			return nil, false
		}
		r.space()
		r.next(':')
		r.space()
		start := r.at
		if !r.value(1) {
			return nil, false
		}
		if borrow(have) == name {
			return Value(v[start:r.at:r.at]), true
		}
		r.space()
		r.next(',')
	}
	return nil, false
}

// ReadObject visits the members of a JSON object, after all of it was found
// valid, until visit returns an error. For many objects keep a Reader.
func ReadObject(data []byte, visit func(name []byte, value Value) error) error {
	var r Reader
	members, err := r.Object(data)
	if err != nil {
		return err
	}
	for _, m := range members {
		if err := visit(m.Name, m.Value); err != nil {
			return err
		}
	}
	return nil
}

// escapeLen is the length of the escape sequence that s starts with, both
// halves of a surrogate pair together; 0 where it is not a valid one. A lone
// surrogate is no character: readers differ on what it becomes.
func escapeLen(s []byte) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		first, ok := hex4(s)
		if !ok {
			return 0
		}
		if !utf16.IsSurrogate(first) {
			return 6
		}
		if second, ok := hex4(s[6:]); ok && utf16.DecodeRune(first, second) != utf8.RuneError {
			return 12
		}
	}
	return 0
}

// hex4 reads \uXXXX.
func hex4(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var char rune
	for _, c := range s[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		char = char<<4 | rune(c)
	}
	return char, true
}

// appendUnescaped appends the decoded content of a valid string.
func appendUnescaped(dst, raw []byte) []byte {
	for len(raw) > 0 {
		if raw[0] != '\\' {
			dst = append(dst, raw[0])
			raw = raw[1:]
			continue
		}
		n := escapeLen(raw)
		if n == 0 { // not valid, so never read
			return dst
		}
		switch raw[1] {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			char, _ := hex4(raw)
			if n == 12 {
				second, _ := hex4(raw[6:])
				char = utf16.DecodeRune(char, second)
			}
			dst = utf8.AppendRune(dst, char)
		default:
			dst = append(dst, raw[1])
		}
		raw = raw[n:]
	}
	return dst
}
