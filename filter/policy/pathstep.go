package policy

import (
	"bytes"
	"strings"
)

// A pathStep is one thing that some server or URL parser does to a path.
type pathStep struct {
	changes pathTrait // a reading without these traits stays as it is
	// take writes into dst what becomes of s, mostAdded bytes more than s at most,
	// and returns how many bytes that are.
	take func(dst []byte, s string) int
}

const mostAdded = 1

// Escapes are decoded one kind at a time. Decoding `%25` alone and then the others
// is decoding twice.
var pathSteps = []pathStep{
	decodeStep(escapedUnreserved), decodeStep(escapedOrdinary), decodeStep(escapedSlash), decodeStep(escapedBackslash),
	decodeStep(escapedSemicolon), decodeStep(escapedQuestion), decodeStep(escapedHash), decodeStep(escapedPercent),
	{hasBackslash, backslashesToSlashes},
	{hasSemicolon, cutParameters}, {hasSemicolon, cutStep(';')},
	{hasQuestion, cutStep('?')}, {hasHash, cutStep('#')}, {hasNUL, cutStep(0)},
	{hasSlashes, mergeSlashes}, {hasDots, resolveDots}, {hasSpaces, trimNames}, {hasControls, skipControls},
	{hasHost, cutAuthority}, {hasHost, cutHost}, {hasHost, cutHostName},
	{hasNoRoot, addRoot}, {hasNoRoot, cutScheme},
}

// pathSyntax are the bytes that mean something to some server.
const pathSyntax = `/\;?#%`

func decodeStep(kind pathTrait) pathStep {
	return pathStep{kind, func(dst []byte, s string) int {
		n := 0
		for i := 0; i < len(s); i++ {
			c := s[i]
			if c == '%' {
				if decoded, ok := escapeAt(s, i); ok && escapeTraits[decoded] == kind {
					c = decoded
					i += 2
				}
			}
			dst[n] = c
			n++
		}
		return n
	}}
}

func backslashesToSlashes(dst []byte, s string) int {
	n := copy(dst, s)
	for i, c := range dst[:n] {
		if c == '\\' {
			dst[i] = '/'
		}
	}
	return n
}

// cutParameters cuts `;…` from each segment as servlet containers do: to them
// `/public/..;x/admin` is /admin.
func cutParameters(dst []byte, s string) int {
	n, cut := 0, false
	for i := 0; i < len(s); i++ {
		cut = s[i] == ';' || cut && s[i] != '/'
		if !cut {
			dst[n] = s[i]
			n++
		}
	}
	return n
}

// cutStep cuts at the first such byte: at a `;` as parsers of RFC 2396 may, at a
// `#`, at the `?` that decoding has brought out, as Apache's rewriting does with
// `%3f` (CVE-2024-38474), and at a NUL as C does.
func cutStep(delimiter byte) func(dst []byte, s string) int {
	return func(dst []byte, s string) int {
		if i := strings.IndexByte(s, delimiter); i >= 0 {
			s = s[:i]
		}
		return copy(dst, s)
	}
}

func mergeSlashes(dst []byte, s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if i == 0 || s[i] != '/' || s[i-1] != '/' {
			dst[n] = s[i]
			n++
		}
	}
	return n
}

// resolveDots is RFC 3986 5.2.4.
func resolveDots(dst []byte, s string) int {
	n := 0
	for start := 0; start < len(s); {
		end := len(s)
		if i := strings.IndexByte(s[start+1:], '/'); i >= 0 {
			end = start + 1 + i
		}
		switch s[start:end] {
		case "/..":
			n = max(0, bytes.LastIndexByte(dst[:n], '/'))
			fallthrough
		case "/.":
			if end == len(s) {
				dst[n] = '/'
				n++
			}
		default:
			n += copy(dst[n:], s[start:end])
		}
		start = end
	}
	return n
}

// trimNames cuts spaces, and dots among them, from the end of each segment, as
// Windows does to file names. Of a segment that is nothing else the dots stay: two
// or more of them climb.
func trimNames(dst []byte, s string) int {
	n := 0
	for start := 0; start <= len(s); {
		end := len(s)
		if i := strings.IndexByte(s[start:], '/'); i >= 0 {
			end = start + i
		}
		segment := s[start:end]
		name := strings.TrimRight(segment, " .")
		switch dots := strings.Count(segment[len(name):], "."); {
		case dots == len(segment)-len(name): // without a space
			name = segment
		case name == "":
			name = ".."[:min(dots, 2)]
		}
		n += copy(dst[n:], name)
		if end < len(s) {
			dst[n] = '/'
			n++
		}
		start = end + 1
	}
	return n
}

// skipControls is the start of the URL standard's parser: no control bytes and
// spaces at either end, no tabs and ends of lines anywhere.
func skipControls(dst []byte, s string) int {
	n := 0
	for _, c := range []byte(strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })) {
		if c != '\t' && c != '\n' && c != '\r' {
			dst[n] = c
			n++
		}
	}
	return n
}

// cutAuthority reads `//host/path` as RFC 3986 does: `///path` has an empty host.
func cutAuthority(dst []byte, s string) int { return copyBehindHost(dst, s[2:]) }

// cutHost reads it as the URL standard does (Node's `new URL(request.url, base)`):
// any number of slashes, then the host.
func cutHost(dst []byte, s string) int { return copyBehindHost(dst, strings.TrimLeft(s, "/")) }

func copyBehindHost(dst []byte, s string) int {
	if i := strings.IndexByte(s, '/'); i >= 0 {
		return copy(dst, s[i:])
	}
	return copy(dst, "/")
}

// cutHostName reads it as Node's url.parse does: what cannot be in a name ends the
// host and begins the path, so that `//x%61dmin` is /%61dmin.
func cutHostName(dst []byte, s string) int {
	host := s[2:]
	if i := strings.IndexAny(host, "/?#"); i >= 0 {
		host = host[:i]
	}
	from := strings.LastIndexByte(host, '@') + 1
	if i := strings.IndexAny(host[from:], "\t\n\r \"%';<>\\^`{|}"); i >= 0 {
		from += i
	} else {
		from = len(host)
	}
	return addRoot(dst, s[2+from:])
}

func addRoot(dst []byte, s string) int {
	if s != "" && s[0] == '/' {
		return copy(dst, s)
	}
	dst[0] = '/'
	return 1 + copy(dst[1:], s)
}

// cutScheme makes of `scheme:` two slashes, however many follow: the other steps
// read a host behind them, or none.
func cutScheme(dst []byte, s string) int {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == ':' && i > 0:
			return copy(dst, "//") + copy(dst[2:], strings.TrimLeft(s[i+1:], "/"))
		case !isAlpha(c) && (i == 0 || !isDigit(c) && c != '+' && c != '-' && c != '.'):
			return copy(dst, s)
		}
	}
	return copy(dst, s)
}
