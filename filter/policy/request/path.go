package request

import (
	"strings"
	"unicode/utf8"

	"bearerauth/filter/policy/syntax"
)

// MaxOddPath bounds a path that is not canonical: no honest client sends a longer
// one.
const MaxOddPath = 4096

// maxLateBytes bounds all queries that the readings of one path bring out.
const maxLateBytes = 64 << 10

// Path is a `:path` with every reading that an upstream may make of it.
//
// The readings are the closure of the raw path under pathSteps: what any chain
// of proxies, frameworks and handlers can make of it, in any order, each step
// as often as it likes. A product of fixed choices (decode or not, resolve or
// not) is not enough: `/public/a%2fb/../..%2fadmin` stays below /public in
// every such choice, and is /admin behind a proxy that resolves dots before a
// server that decodes and resolves again.
type Path struct {
	one      [1]string // the only reading of a canonical path, kept here so that it costs no allocation
	many     []string  // the readings of any other path, the raw one first
	Query    string    // behind the first `?`, a fragment included
	Late     []lateQuery
	Fragment bool  // there is a `#` somewhere: where the query begins and ends is a matter of taste
	Plain    bool  // canonical
	odd      Truth // to suspect
	Crowded  bool  // suspect, and not all readings are listed: refuse it
}

// lateQuery is a query behind a `?` that decoding brings out, see cutQuery: alone,
// and with the first parameter of the query behind it. Whatever follows that
// parameter stands in the query itself, too; to repeat it for each reading would
// let a stranger multiply 60 KiB with all of them.
type lateQuery struct{ Alone, Joined string }

// SplitPath reads what the client sent as `:path`. Of a path that is not canonical
// it lists the raw reading only.
func SplitPath(s string) Path {
	path, query, _ := strings.Cut(s, "?")
	return Path{one: [1]string{path}, Query: query, Fragment: strings.IndexByte(s, '#') >= 0, Plain: IsCanonicalPath(path)}
}

// List lists all readings. They last until the next walk.
func (p *Path) List(w *Walk) {
	if w == nil {
		w = new(Walk)
	}
	p.many, p.Crowded = w.Readings(p.one[0])
	p.findLate()
}

func (p *Path) findLate() {
	first, _, _ := strings.Cut(p.Query, "&")
	total := 0
	for _, reading := range p.many {
		_, behind, ok := strings.Cut(reading, "?")
		if !ok || p.hasLate(behind) {
			continue
		}
		if total += len(behind) + len(first); total > maxLateBytes {
			p.Crowded = true
			return
		}
		p.Late = append(p.Late, lateQuery{behind, behind + "?" + first})
	}
}

func (p *Path) hasLate(query string) bool {
	for i := range p.Late {
		if p.Late[i].Alone == query {
			return true
		}
	}
	return false
}

// Canonical says that there is one way to read the path.
func (p *Path) Canonical() bool { return p.Plain }

// Readings has at least one element for every parsed path; the slice is the
// receiver's own.
func (p *Path) Readings() []string {
	if p.many == nil {
		return p.one[:]
	}
	return p.many
}

// Suspect says that the path matches no opening in any reading.
func (p *Path) Suspect() bool {
	if p.odd == Unasked {
		p.odd = TruthOf(!p.Plain && (p.Crowded || IsSuspectPath(p.one[0])))
	}
	return p.odd == Yes
}

// CanonicalByte holds the bytes of a path that nobody rewrites: unreserved,
// sub-delims without `;`, `:` and `@` (RFC 3986 3.3).
var CanonicalByte = func() (table [256]bool) {
	for c := range table {
		table[c] = syntax.IsUnreserved(byte(c)) || strings.IndexByte("!$&'()*+,=:@", byte(c)) >= 0
	}
	return table
}()

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

// isBlank finds dot segments also where there are spaces, or pluses that some
// decoders take for spaces: Windows cuts those.
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

func IsDotSegment(s string) bool { return s == "." || s == ".." }

// IsSuspectPath finds what servers disagree about beyond repair, raw and in
// what two rounds of decoding bring out: control bytes (`%00` ends a C string),
// broken escapes (`%zz`, IIS reads `%u002e`), bytes that are no UTF-8 (the
// overlong `%c0%ae` is a dot to old decoders), and a third level of escapes.
// `/100%25` is suspect too: a second decoding finds a broken escape in it.
func IsSuspectPath(path string) bool {
	if path == "" || path[0] != '/' || len(path) > MaxOddPath || HasOddBytes(path) {
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
	return HasOddBytes(second) || strings.IndexByte(second, '%') >= 0 // a broken escape in first stays there, too
}

func HasOddBytes(s string) bool { return syntax.HasControl(s) || !utf8.ValidString(s) }

func HasBrokenEscape(s string) bool {
	for i := 0; i < len(s); i++ {
		if _, ok := syntax.EscapeAt(s, i); s[i] == '%' && !ok {
			return true
		}
	}
	return false
}
