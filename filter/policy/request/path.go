package request

import (
	"strings"
	"unicode/utf8"

	"bearerauth/filter/policy/syntax"
)

// maxOddPath bounds a path that is not canonical, in bytes. Honest clients do not
// send longer ones.
const maxOddPath = 4096

// maxHiddenBytes bounds all queries that the readings of one path reveal, in bytes.
const maxHiddenBytes = 64 << 10

// Path is a `:path` with every reading that an upstream may make of it.
//
// The readings are the closure of the raw path under pathSteps: the results of any
// chain of proxies, frameworks and handlers, which may apply the steps in any order and
// any number of times. A product of fixed choices (decode or not, resolve or not) is
// not enough: `/public/a%2fb/../..%2fadmin` stays below /public in every such choice,
// and is /admin behind a proxy that resolves dots before a server that decodes and
// resolves again.
type Path struct {
	raw             [1]string     // the only reading of a canonical path; an array, so that it costs no allocation
	readings        []string      // the readings of any other path, the raw one first
	Query           string        // behind the first `?`, with the fragment
	Hidden          []hiddenQuery // queries that some readings reveal
	Fragment        bool          // there is a `#`: servers differ in where the query begins and ends
	canonical       bool
	suspect         Truth // the result of Suspect
	TooManyReadings bool  // some readings are not listed: refuse the request
}

// hiddenQuery is a query behind a `?` that decoding the path reveals, see cutStep.
// Alone is that query. Joined has the first parameter of the real query appended, as
// a server sees it that decodes before it splits. All later parameters are in the
// real query anyway. Repeating them for each reading would let a client multiply a
// query of 60 KiB by the number of readings.
type hiddenQuery struct{ Alone, Joined string }

// SplitPath splits a `:path` at the first `?`. For a path that is not canonical it
// has the raw reading only, until List is called.
func SplitPath(s string) Path {
	path, query, _ := strings.Cut(s, "?")
	return Path{raw: [1]string{path}, Query: query, Fragment: strings.IndexByte(s, '#') >= 0, canonical: IsCanonicalPath(path)}
}

// List finds all readings of a path that is not canonical. They are in the memory of
// w and are valid until it lists the next path; nil is a Walk of its own.
func (p *Path) List(w *Walk) {
	if w == nil {
		w = new(Walk)
	}
	p.readings, p.TooManyReadings = w.readings(p.raw[0])
	p.findHidden()
}

func (p *Path) findHidden() {
	first, _, _ := strings.Cut(p.Query, "&")
	total := 0
	for _, reading := range p.readings {
		_, behind, ok := strings.Cut(reading, "?")
		if !ok || p.hasHidden(behind) {
			continue
		}
		if total += len(behind) + len(first); total > maxHiddenBytes {
			p.TooManyReadings = true
			return
		}
		p.Hidden = append(p.Hidden, hiddenQuery{behind, behind + "?" + first})
	}
}

func (p *Path) hasHidden(query string) bool {
	for i := range p.Hidden {
		if p.Hidden[i].Alone == query {
			return true
		}
	}
	return false
}

// Canonical reports whether all servers read the path in the same way.
func (p *Path) Canonical() bool { return p.canonical }

// Readings returns the readings that are known, the raw one first. There is at least
// one. The slice belongs to the Path.
func (p *Path) Readings() []string {
	if p.readings == nil {
		return p.raw[:]
	}
	return p.readings
}

// Suspect reports whether the path is so odd that no opening applies to it in any
// reading.
func (p *Path) Suspect() bool {
	if p.suspect == Unknown {
		p.suspect = TruthOf(!p.canonical && (p.TooManyReadings || isSuspectPath(p.raw[0])))
	}
	return p.suspect == True
}

// CanonicalByte holds the bytes of a path that no server rewrites: unreserved,
// sub-delims without `;`, `:` and `@` (RFC 3986 section 3.3).
var CanonicalByte = func() (table [256]bool) {
	for c := range table {
		table[c] = syntax.IsUnreserved(byte(c)) || strings.IndexByte("!$&'()*+,=:@", byte(c)) >= 0
	}
	return table
}()

// IsCanonicalPath reports whether all servers read s, a path without a query, in the
// same way: it begins with a slash and has neither escapes, parameters, empty
// segments nor dot segments.
func IsCanonicalPath(s string) bool {
	if s == "" || s[0] != '/' {
		return false
	}
	start := 1
	for i := 1; i < len(s); i++ {
		if CanonicalByte[s[i]] {
			continue
		}
		if s[i] != '/' || start == i || isBlank(s[start:i]) {
			return false
		}
		start = i + 1
	}
	return !isBlank(s[start:])
}

// isBlank reports whether some server may take a segment for a dot segment. Windows
// cuts spaces, and some decoders make spaces of pluses.
func isBlank(segment string) bool {
	spaces := 0
	for i := 0; i < len(segment); i++ {
		if segment[i] == '+' || segment[i] == ' ' {
			spaces++
		} else if segment[i] != '.' {
			return false
		}
	}
	return spaces > 0 || IsDotSegment(segment)
}

// IsDotSegment reports whether a segment is "." or ".." (RFC 3986 section 3.3).
func IsDotSegment(s string) bool { return s == "." || s == ".." }

// isSuspectPath finds what servers disagree about beyond repair, in the raw path and
// after one and two rounds of decoding: control bytes (`%00` ends a C string), broken
// escapes (`%zz`; IIS reads `%u002e`), bytes that are not UTF-8 (the overlong
// `%c0%ae` is a dot to old decoders), and a third level of escapes. `/100%25` is
// suspect, too: a second decoding finds a broken escape in it.
func isSuspectPath(path string) bool {
	if path == "" || path[0] != '/' || len(path) > maxOddPath || HasOddBytes(path) {
		return true
	}
	if strings.IndexByte(path, '%') < 0 {
		return false
	}
	first := syntax.DecodeEvery(nil, path)
	if HasBrokenEscape(path) || HasOddBytes(syntax.Borrow(first)) {
		return true
	}
	second := syntax.Borrow(syntax.DecodeEvery(nil, syntax.Borrow(first)))
	return HasOddBytes(second) || strings.IndexByte(second, '%') >= 0 // also an escape that is broken in first
}

// HasOddBytes reports whether s has control bytes or is not UTF-8.
func HasOddBytes(s string) bool { return syntax.HasControl(s) || !utf8.ValidString(s) }

// HasBrokenEscape reports whether s has a % that is not followed by two hexadecimal
// digits.
func HasBrokenEscape(s string) bool {
	for i := 0; i < len(s); i++ {
		if _, ok := syntax.EscapeAt(s, i); s[i] == '%' && !ok {
			return true
		}
	}
	return false
}
