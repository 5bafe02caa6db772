package policy

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds on the work for one path that a client can ask for. Past them the path
// is crowded: no honest client sends it, it opens nothing, and what binds it
// cannot be said in full.
const (
	maxOddPath       = 4096     // bytes of a path that is not canonical
	maxReadings      = 64       // readings of one path
	maxReadingsBytes = 16 << 10 // bytes of all readings of one path
	maxLateBytes     = 64 << 10 // bytes of all queries that its readings bring out
)

// requestPath is a `:path` with every reading that an upstream may make of it.
//
// The readings are the closure of the raw path under pathSteps: what any chain
// of proxies, frameworks and handlers can make of it, in any order, each step
// as often as it likes. A product of fixed choices (decode or not, resolve or
// not) is not enough: `/public/a%2fb/../..%2fadmin` stays below /public in
// every such choice, and is /admin behind a proxy that resolves dots before a
// server that decodes and resolves again.
//
// The first reading is the raw one; the order of the others is that of a
// breadth-first walk with the steps in the order of pathSteps.
type requestPath struct {
	one      [1]string // the only reading of a canonical path, kept here so that it costs no allocation
	many     []string  // the readings of any other path
	query    string    // behind the first `?`, a fragment included
	late     []lateQuery
	fragment bool // there is a `#` somewhere: where the query begins and ends is a matter of taste
	suspect  bool // matches no opening in any reading
	crowded  bool // suspect, and not all readings are listed: refuse it
}

// lateQuery is a query behind a `?` that decoding brings out, see
// cutLateDelimiter: alone, and with the first parameter of the query behind it.
// Whatever follows that parameter stands in the query itself, too; to repeat it
// for each reading would let a stranger multiply 60 KiB with all of them.
type lateQuery struct{ alone, joined string }

// parsePath reads what the client sent as `:path`.
func parsePath(s string) requestPath {
	path, query, _ := strings.Cut(s, "?")
	p := requestPath{query: query, fragment: strings.IndexByte(s, '#') >= 0}
	if isCanonicalPath(path) {
		p.one[0] = path
		return p
	}
	if len(path) > maxOddPath {
		p.many, p.crowded = []string{path, normalisePath(path)}, true
	} else {
		p.many, p.crowded = allReadings(path)
	}
	p.suspect = p.crowded || isSuspectPath(path)
	p.findLate()
	return p
}

func (p *requestPath) findLate() {
	first, _, _ := strings.Cut(p.query, "&")
	total := 0
	for _, reading := range p.many {
		_, behind, ok := strings.Cut(reading, "?")
		if !ok || slices.ContainsFunc(p.late, func(l lateQuery) bool { return l.alone == behind }) {
			continue
		}
		if total += len(behind) + len(first); total > maxLateBytes {
			p.suspect, p.crowded = true, true
			return
		}
		p.late = append(p.late, lateQuery{behind, behind + "?" + first})
	}
}

// canonical says that there is one way to read the path.
func (p *requestPath) canonical() bool { return p.many == nil && p.one[0] != "" }

// readings has at least one element for every parsed path; the slice is the
// receiver's own.
func (p *requestPath) readings() []string {
	if p.many == nil {
		return p.one[:]
	}
	return p.many
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
		if s[i] != '/' || start == i || isDotSegment(s[start:i]) {
			return false
		}
		start = i + 1
	}
	return !isDotSegment(s[start:])
}

func isDotSegment(s string) bool { return s == "." || s == ".." }

// isSuspectPath finds what servers disagree about beyond repair, raw and in
// what two rounds of decoding bring out: control bytes (`%00` ends a C string),
// broken escapes (`%zz`, IIS reads `%u002e`), bytes that are no UTF-8 (the
// overlong `%c0%ae` is a dot to old decoders), and a third level of escapes.
// `/100%25` is suspect too: a second decoding finds a broken escape in it.
func isSuspectPath(path string) bool {
	if path == "" || path[0] != '/' {
		return true
	}
	first := string(decodeEvery(nil, path))
	second := string(decodeEvery(nil, first))
	return hasOddBytes(path) || hasBrokenEscape(path) ||
		hasOddBytes(first) || hasOddBytes(second) ||
		strings.IndexByte(second, '%') >= 0 // a broken escape in first stays there, too
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

// allReadings walks the closure; full says that it was cut off.
func allReadings(path string) (list []string, full bool) {
	list, total := []string{path}, len(path)
	scratch := make([]byte, 0, len(path)+1)
	for i := 0; i < len(list); i++ {
		for _, step := range pathSteps {
			scratch = step(scratch[:0], list[i])
			if slices.ContainsFunc(list, func(s string) bool { return s == string(scratch) }) {
				continue
			}
			if total += len(scratch); len(list) == maxReadings || total > maxReadingsBytes {
				return append(list, normalisePath(path)), true
			}
			list = append(list, string(scratch))
		}
	}
	return list, false
}

// normalisePath is the reading with everything done, in time linear in the path.
func normalisePath(path string) string {
	path = string(decodeEvery(nil, string(decodeEvery(nil, path))))
	for _, step := range pathSteps[len(pathSteps)-6:] {
		path = string(step(nil, path))
	}
	return path
}

// A pathStep appends to dst what one thing that servers do makes of s.
type pathStep func(dst []byte, s string) []byte

// Escapes are decoded one class at a time, since servers differ in which they
// decode: Envoy only the unreserved ones, Apache and Tomcat may leave `%2f` and
// decode `%3b`. Decoding `%25` alone and then the others is decoding twice.
var pathSteps = []pathStep{
	decodeStep(isUnreserved), decodeStep(isOrdinary), decodeStep(isIn(`/`)), decodeStep(isIn(`\`)),
	decodeStep(isIn(`;`)), decodeStep(isIn(`?#`)), decodeStep(isIn(`%`)),
	backslashesToSlashes, cutParameters, cutLateDelimiter, mergeSlashes, resolveDots, cutAuthority,
}

// pathSyntax are the bytes that mean something to some server.
const pathSyntax = `/\;?#%`

func isOrdinary(c byte) bool { return !isUnreserved(c) && strings.IndexByte(pathSyntax, c) < 0 }

func isIn(set string) func(byte) bool {
	return func(c byte) bool { return strings.IndexByte(set, c) >= 0 }
}

// decodeStep decodes once the escapes of some bytes. Broken ones stay.
func decodeStep(which func(byte) bool) pathStep {
	return func(dst []byte, s string) []byte {
		for i := 0; i < len(s); i++ {
			c, ok := escapeAt(s, i)
			if ok && which(c) {
				i += 2
			} else {
				c = s[i]
			}
			dst = append(dst, c)
		}
		return dst
	}
}

var decodeEvery = decodeStep(func(byte) bool { return true })

// escapeAt is the byte that the escape at s[i:] stands for.
func escapeAt(s string, i int) (c byte, ok bool) {
	if s[i] != '%' || i+2 >= len(s) {
		return 0, false
	}
	high, low := hexDigit(s[i+1]), hexDigit(s[i+2])
	if high < 0 || low < 0 {
		return 0, false
	}
	return byte(high<<4 | low), true
}

func backslashesToSlashes(dst []byte, s string) []byte {
	dst = append(dst, s...)
	for i, c := range dst {
		if c == '\\' {
			dst[i] = '/'
		}
	}
	return dst
}

// cutParameters cuts `;…` from each segment as servlet containers do: to them
// `/public/..;x/admin` is /admin.
func cutParameters(dst []byte, s string) []byte {
	cut := false
	for i := 0; i < len(s); i++ {
		cut = s[i] == ';' || cut && s[i] != '/'
		if !cut {
			dst = append(dst, s[i])
		}
	}
	return dst
}

// cutLateDelimiter cuts at a `#`, and at the `?` or NUL that decoding has
// brought out, as Apache's rewriting does with `%3f` (CVE-2024-38474).
func cutLateDelimiter(dst []byte, s string) []byte {
	if i := strings.IndexAny(s, "?#\x00"); i >= 0 {
		s = s[:i]
	}
	return append(dst, s...)
}

// resolveDots is RFC 3986 5.2.4.
func resolveDots(dst []byte, s string) []byte {
	for start := 0; start < len(s); {
		end := len(s)
		if i := strings.IndexByte(s[start+1:], '/'); i >= 0 {
			end = start + 1 + i
		}
		switch s[start:end] {
		case "/..":
			dst = dst[:max(0, bytes.LastIndexByte(dst, '/'))]
			fallthrough
		case "/.":
			if end == len(s) {
				dst = append(dst, '/')
			}
		default:
			dst = append(dst, s[start:end]...)
		}
		start = end
	}
	return dst
}

func mergeSlashes(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if i == 0 || s[i] != '/' || s[i-1] != '/' {
			dst = append(dst, s[i])
		}
	}
	return dst
}

// cutAuthority reads `//host/path` and `scheme://host/path` as URL parsers do
// (Node's `new URL(request.url, base)`), and roots what begins with no slash.
func cutAuthority(dst []byte, s string) []byte {
	if i := strings.Index(s, "://"); i >= 0 && s[0] != '/' {
		return append(dst, s[i+1:]...)
	}
	if strings.HasPrefix(s, "//") {
		if i := strings.IndexByte(s[2:], '/'); i >= 0 {
			return append(dst, s[2+i:]...)
		}
		s = "/"
	} else if s == "" || s[0] != '/' {
		dst = append(dst, '/')
	}
	return append(dst, s...)
}
