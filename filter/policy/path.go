package policy

import (
	"strings"
	"unicode/utf8"
)

// maxOddPath bounds a path that is not canonical: no honest client sends a longer
// one.
const maxOddPath = 4096

// maxLateBytes bounds all queries that the readings of one path bring out.
const maxLateBytes = 64 << 10

// requestPath is a `:path` with every reading that an upstream may make of it.
//
// The readings are the closure of the raw path under pathSteps: what any chain
// of proxies, frameworks and handlers can make of it, in any order, each step
// as often as it likes. A product of fixed choices (decode or not, resolve or
// not) is not enough: `/public/a%2fb/../..%2fadmin` stays below /public in
// every such choice, and is /admin behind a proxy that resolves dots before a
// server that decodes and resolves again.
type requestPath struct {
	one      [1]string // the only reading of a canonical path, kept here so that it costs no allocation
	many     []string  // the readings of any other path, the raw one first
	query    string    // behind the first `?`, a fragment included
	late     []lateQuery
	fragment bool   // there is a `#` somewhere: where the query begins and ends is a matter of taste
	plain    bool   // canonical
	odd      answer // to suspect
	crowded  bool   // suspect, and not all readings are listed: refuse it
}

// lateQuery is a query behind a `?` that decoding brings out, see cutQuery: alone,
// and with the first parameter of the query behind it. Whatever follows that
// parameter stands in the query itself, too; to repeat it for each reading would
// let a stranger multiply 60 KiB with all of them.
type lateQuery struct{ alone, joined string }

// splitPath reads what the client sent as `:path`. Of a path that is not canonical
// it lists the raw reading only.
func splitPath(s string) requestPath {
	path, query, _ := strings.Cut(s, "?")
	return requestPath{one: [1]string{path}, query: query, fragment: strings.IndexByte(s, '#') >= 0, plain: isCanonicalPath(path)}
}

// list lists all readings. They last until the next walk.
func (p *requestPath) list(w *pathWalk) {
	if w == nil {
		w = new(pathWalk)
	}
	p.many, p.crowded = w.readings(p.one[0])
	p.findLate()
}

func (p *requestPath) findLate() {
	first, _, _ := strings.Cut(p.query, "&")
	total := 0
	for _, reading := range p.many {
		_, behind, ok := strings.Cut(reading, "?")
		if !ok || p.hasLate(behind) {
			continue
		}
		if total += len(behind) + len(first); total > maxLateBytes {
			p.crowded = true
			return
		}
		p.late = append(p.late, lateQuery{behind, behind + "?" + first})
	}
}

func (p *requestPath) hasLate(query string) bool {
	for i := range p.late {
		if p.late[i].alone == query {
			return true
		}
	}
	return false
}

// canonical says that there is one way to read the path.
func (p *requestPath) canonical() bool { return p.plain }

// readings has at least one element for every parsed path; the slice is the
// receiver's own.
func (p *requestPath) readings() []string {
	if p.many == nil {
		return p.one[:]
	}
	return p.many
}

// suspect says that the path matches no opening in any reading.
func (p *requestPath) suspect() bool {
	if p.odd == unasked {
		p.odd = answerOf(!p.plain && (p.crowded || isSuspectPath(p.one[0])))
	}
	return p.odd == yes
}

// canonicalByte holds the bytes of a path that nobody rewrites: unreserved,
// sub-delims without `;`, `:` and `@` (RFC 3986 3.3).
var canonicalByte = func() (table [256]bool) {
	for c := range table {
		table[c] = isUnreserved(byte(c)) || strings.IndexByte("!$&'()*+,=:@", byte(c)) >= 0
	}
	return table
}()

func isUnreserved(c byte) bool {
	return isAlpha(c) || isDigit(c) || c == '-' || c == '.' || c == '_' || c == '~'
}

func isCanonicalPath(s string) bool {
	if s == "" || s[0] != '/' {
		return false
	}
	start := 1
	for i := 1; i < len(s); i++ {
		if canonicalByte[s[i]] {
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
	return spaces > 0 || isDotSegment(segment)
}

func isDotSegment(s string) bool { return s == "." || s == ".." }

// isSuspectPath finds what servers disagree about beyond repair, raw and in
// what two rounds of decoding bring out: control bytes (`%00` ends a C string),
// broken escapes (`%zz`, IIS reads `%u002e`), bytes that are no UTF-8 (the
// overlong `%c0%ae` is a dot to old decoders), and a third level of escapes.
// `/100%25` is suspect too: a second decoding finds a broken escape in it.
func isSuspectPath(path string) bool {
	if path == "" || path[0] != '/' || len(path) > maxOddPath || hasOddBytes(path) {
		return true
	}
	if strings.IndexByte(path, '%') < 0 {
		return false
	}
	first := decodeEvery(nil, path)
	if hasBrokenEscape(path) || hasOddBytes(borrow(first)) {
		return true
	}
	second := borrow(decodeEvery(nil, borrow(first)))
	return hasOddBytes(second) || strings.IndexByte(second, '%') >= 0 // a broken escape in first stays there, too
}

func hasOddBytes(s string) bool { return hasControl(s) || !utf8.ValidString(s) }

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func hasBrokenEscape(s string) bool {
	for i := 0; i < len(s); i++ {
		if _, ok := escapeAt(s, i); s[i] == '%' && !ok {
			return true
		}
	}
	return false
}

// decodeEvery appends s with every escape decoded once. Broken ones stay.
func decodeEvery(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c, ok := escapeAt(s, i)
		if ok {
			i += 2
		} else {
			c = s[i]
		}
		dst = append(dst, c)
	}
	return dst
}

// escapeAt is the byte that the escape at s[i:] stands for.
func escapeAt(s string, i int) (c byte, ok bool) {
	if s[i] != '%' || i+2 >= len(s) {
		return 0, false
	}
	high, low := hexDigits[s[i+1]], hexDigits[s[i+2]]
	return high<<4 | low&0xf, high|low < 16
}

// hexDigits are 16 where a byte is none.
var hexDigits = func() (table [256]byte) {
	for c := range table {
		table[c] = 16
		if digit := hexDigit(byte(c)); digit >= 0 {
			table[c] = byte(digit)
		}
	}
	return table
}()
