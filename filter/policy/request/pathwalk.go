package request

import (
	"strings"

	"bearerauth/filter/policy/syntax"
)

// Bounds on the closure of one path. A path beyond them has too many readings: honest
// clients do not send it, it opens nothing, and since not all rules that bind it are
// known, the request is refused.
const (
	maxReadings      = 100      // readings of one path
	maxReadingsBytes = 20 << 10 // bytes of all of them
	// maxWalkedBytes bounds the bytes that all steps read; most of them only find again
	// what another order of steps found before. A step costs stepCost in addition. A
	// long path may use longWalk times its length more: it has few readings.
	maxWalkedBytes = 10 << 10
	longWalk       = 4
	stepCost       = 16
)

// Walk computes the readings of paths. It owns the memory for them, so that a hostile
// path leaves no garbage: a State keeps one Walk.
type Walk struct {
	memory []byte     // of all readings but the raw one, concatenated
	list   []string   // the readings found so far
	marks  []pathMark // marks[i] is about list[i]
}

// pathMark is the hash of a reading and the traits that select its steps.
type pathMark struct {
	hash uint64
	has  pathTrait
}

// readings lists the readings of a path breadth first, the raw path first. full
// reports that the list is incomplete because a bound was reached. Only Envoy accepts
// a path that does not begin with a slash; a URL parser reads a scheme or a host in
// it. So full is true for those, except for `*`, which has a defined meaning (RFC
// 9112 section 3.2.4).
func (w *Walk) readings(path string) (list []string, full bool) {
	w.list = append(w.list[:0], path)
	if len(path) > maxOddPath || path == "" || path[0] != '/' {
		return w.list, path != "*"
	}
	if w.memory == nil {
		w.memory = make([]byte, maxReadingsBytes)
	}
	w.marks = append(w.marks[:0], markPath(path))
	used, left := 0, maxWalkedBytes+longWalk*len(path)
	for i := 0; i < len(w.list); i++ {
		reading, has := w.list[i], w.marks[i].has
		for k := range pathSteps {
			if pathSteps[k].changes&has == 0 {
				continue
			}
			if left -= len(reading) + stepCost; left < 0 || len(w.memory)-used < len(reading) {
				return w.list, true
			}
			next := syntax.Borrow(w.memory[used : used+pathSteps[k].take(w.memory[used:], reading)])
			mark := markPath(next)
			if w.seen(next, mark.hash) {
				continue
			}
			if len(w.list) == maxReadings {
				return w.list, true
			}
			used += len(next)
			w.list, w.marks = append(w.list, next), append(w.marks, mark)
		}
	}
	return w.list, false
}

// seen compares the text, too: a client can construct two paths with one hash.
func (w *Walk) seen(reading string, hash uint64) bool {
	for i := range w.marks {
		if w.marks[i].hash == hash && w.list[i] == reading {
			return true
		}
	}
	return false
}

// pathTrait is a set of features of a reading. A step applies only where one of its
// features is present.
type pathTrait uint32

const (
	escapedUnreserved pathTrait = 1 << iota
	escapedOrdinary
	escapedSlash
	escapedBackslash
	escapedSemicolon
	escapedEnd // `?` or `#`
	escapedPercent
	escapedWide // %u00XX
	hasOverlong // UTF-8
	hasBackslash
	hasSemicolon
	hasQuestion
	hasHash
	hasNUL
	hasControls // control bytes that URL parsers skip
	hasSpaces   // spaces at which a file name may end
	hasPluses   // pluses in a segment of nothing but pluses, spaces and dots
	hasDots     // a dot segment
	hasSlashes  // two slashes in a row
	hasHost     // the path begins with two slashes
)

// escapeTraits maps a byte to the kind of its escape. Servers differ in the kinds
// that they decode: Envoy decodes only unreserved ones; Apache and Tomcat may leave
// `%2f` and decode `%3b`.
var escapeTraits = func() (table [256]pathTrait) {
	for c := range table {
		table[c] = escapedOrdinary
		if syntax.IsUnreserved(byte(c)) {
			table[c] = escapedUnreserved
		}
	}
	table['/'], table['\\'], table[';'] = escapedSlash, escapedBackslash, escapedSemicolon
	table['?'], table['#'], table['%'] = escapedEnd, escapedEnd, escapedPercent
	return table
}()

// plainBytes are the bytes that have no trait.
var plainBytes = func() (table [256]bool) {
	for c := range table {
		table[c] = c > ' ' && c != '/' && c != '\\' && c != ';' && c != '?' && c != '#' && c != '%' &&
			c != 0xc0 && c != 0xc1 && c != 0xe0 && c != 0xf0
	}
	return table
}()

func markPath(s string) pathMark {
	const offset, prime = 14695981039346656037, 1099511628211 // of FNV-1a
	m := pathMark{hash: offset}
	if strings.HasPrefix(s, "//") {
		m.has = hasHost
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		m.hash = (m.hash ^ uint64(c)) * prime
		if !plainBytes[c] {
			m.has |= traitAt(s, i)
		}
	}
	return m
}

// segmentTrait returns the trait of the first segment of s, see isBlank.
func segmentTrait(s string) pathTrait {
	dots, spaces := 0, 0
	for i := 0; i < len(s) && s[i] != '/'; i++ {
		switch s[i] {
		case '.':
			dots++
		case '+', ' ':
			spaces++
		default:
			return 0
		}
	}
	switch {
	case spaces > 0:
		return hasPluses
	case dots <= 2:
		return hasDots
	}
	return 0
}

func traitAt(s string, i int) pathTrait {
	rest := s[i+1:]
	switch s[i] {
	case '/':
		if rest != "" && rest[0] == '/' {
			return hasSlashes
		}
		if rest == "" || rest[0] != '.' && rest[0] != '+' && rest[0] != ' ' {
			return 0
		}
		return segmentTrait(rest)
	case '%':
		if c, ok := syntax.EscapeAt(s, i); ok {
			return escapeTraits[c]
		}
		if isWideEscape(rest) {
			return escapedWide
		}
		return 0
	case '\\':
		return hasBackslash
	case ';':
		return hasSemicolon
	case '?':
		return hasQuestion
	case '#':
		return hasHash
	case ' ':
		if rest == "" || rest[0] == '/' || rest[0] == '.' || rest[0] == ' ' {
			return hasSpaces
		}
		return 0
	case 0:
		return hasNUL | hasControls
	case 0xc0, 0xc1, 0xe0, 0xf0:
		if overlongAt(s, i) > 0 {
			return hasOverlong
		}
		return 0
	}
	return hasControls
}
