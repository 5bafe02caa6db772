package request

import (
	"bytes"
	"strings"

	"bearerauth/filter/policy/syntax"
)

// A pathStep is a rewriting that some server or URL parser applies to a path.
type pathStep struct {
	changes pathTrait // the step does not change a reading without these traits
	// take writes the rewritten s into dst and returns the number of its bytes, which
	// is at most len(s).
	take func(dst []byte, s string) int
}

// pathSteps are all rewritings. Escapes are decoded one kind at a time. Decoding
// `%25` alone and then the others is decoding twice.
var pathSteps = []pathStep{
	decodeStep(escapedUnreserved), decodeStep(escapedOrdinary), decodeStep(escapedSlash), decodeStep(escapedBackslash),
	decodeStep(escapedSemicolon), decodeStep(escapedEnd), decodeStep(escapedPercent),
	{escapedWide, narrowEscapes},
	{hasOverlong, shortenUTF8},
	{hasBackslash, backslashesToSlashes},
	{hasSemicolon, cutParameters},
	{hasSemicolon, cutLastParameters},
	{hasSemicolon, cutStep(';')},
	{hasQuestion, cutStep('?')},
	{hasHash, cutStep('#')},
	{hasNUL, cutStep(0)},
	{hasSlashes, mergeSlashes},
	{hasHost, mergeSlashesBehindHost},
	{hasDots, resolveDots},
	{hasDots, resolveDotsBelowRoot},
	{hasHost, resolveDotsBehindHost},
	{hasHost, resolveDotsBehindShare},
	{hasPluses, plusesToSpaces},
	{hasSpaces, trimNames},
	{hasControls, skipControls},
	{hasHost, cutAuthority},
	{hasHost, cutHost},
	{hasHost, cutHostName},
}

// PathSyntax are the bytes that are syntax to some server.
const PathSyntax = `/\;?#%`

func decodeStep(kind pathTrait) pathStep {
	return pathStep{kind, func(dst []byte, s string) int {
		n, from := 0, 0
		for i := 0; i < len(s); i++ {
			if s[i] != '%' {
				continue
			}
			if c, ok := syntax.EscapeAt(s, i); ok && escapeTraits[c] == kind {
				n += copy(dst[n:], s[from:i])
				dst[n] = c
				n++
				i += 2
				from = i + 1
			}
		}
		return n + copy(dst[n:], s[from:])
	}}
}

// narrowEscapes turns %u00XX into %XX. The former is the escape of a UTF-16 unit,
// which IIS and Jetty 9 decode.
func narrowEscapes(dst []byte, s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		dst[n] = s[i]
		n++
		if s[i] == '%' && isWideEscape(s[i+1:]) {
			i += 3
		}
	}
	return n
}

func isWideEscape(behind string) bool {
	return len(behind) >= 5 && behind[0]|0x20 == 'u' && behind[1:3] == "00" && syntax.HexDigit(behind[3]) >= 0 && syntax.HexDigit(behind[4]) >= 0
}

// shortenUTF8 replaces an overlong sequence of two to four bytes by the ASCII that
// old decoders read in it: for C0 AE a dot (CVE-2008-2938), and for C1 1C a
// backslash, although 1C is not a continuation byte (CVE-2000-0884).
func shortenUTF8(dst []byte, s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		dst[n] = s[i]
		if length := overlongAt(s, i); length > 0 {
			i += length - 1
			dst[n] = s[i-1]<<6&0x40 | s[i]&0x3f
		}
		n++
	}
	return n
}

// overlongAt returns the length of the overlong sequence at i, or 0.
func overlongAt(s string, i int) int {
	lead := i
	switch {
	case strings.HasPrefix(s[i:], "\xe0"):
		lead++
	case strings.HasPrefix(s[i:], "\xf0\x80"):
		lead += 2
	}
	if lead+1 < len(s) && (s[lead]&0xfe == 0xc0 && lead == i || s[lead]&0xfe == 0x80 && lead > i) && s[lead+1] < 0xc0 {
		return lead + 2 - i
	}
	return 0
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

// cutLastParameters cuts parameters from the last segment only, as RFC 1808 and
// Python's urljoin do.
func cutLastParameters(dst []byte, s string) int {
	last := strings.LastIndexByte(s, '/') + 1
	if i := strings.IndexByte(s[last:], ';'); i >= 0 {
		s = s[:last+i]
	}
	return copy(dst, s)
}

// cutStep cuts a path at the first delimiter: at a `;` as parsers of RFC 2396 may, at
// a `#`, at the `?` that decoding has revealed, as Apache's rewriting does with `%3f`
// (CVE-2024-38474), and at a NUL as C does.
func cutStep(delimiter byte) func(dst []byte, s string) int {
	return func(dst []byte, s string) int {
		if i := strings.IndexByte(s, delimiter); i >= 0 {
			s = s[:i]
		}
		return copy(dst, s)
	}
}

// mergeSlashes replaces each run of slashes by one.
func mergeSlashes(dst []byte, s string) int { return mergeFrom(0, dst, s) }

func mergeFrom(from int, dst []byte, s string) int {
	n := copy(dst, s[:from])
	for i := from; i < len(s); i++ {
		if i == 0 || s[i] != '/' || s[i-1] != '/' {
			dst[n] = s[i]
			n++
		}
	}
	return n
}

// resolveDots removes dot segments as RFC 3986 section 5.2.4 does.
func resolveDots(dst []byte, s string) int { return resolve(dst, s, false) }

// resolveDotsBelowRoot keeps `..` segments that climb out of the root, as Java's
// URI.normalize does. A server that puts such a path behind a directory decides over
// a different resource.
func resolveDotsBelowRoot(dst []byte, s string) int { return resolve(dst, s, true) }

func resolve(dst []byte, s string, keep bool) int {
	n, root := 0, 0
	for start := 0; start < len(s); {
		end := len(s)
		if i := strings.IndexByte(s[start+1:], '/'); i >= 0 {
			end = start + 1 + i
		}
		switch s[start:end] {
		case "/..":
			if keep && n == root {
				n += copy(dst[n:], "/..")
				root = n
				break
			}
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

func plusesToSpaces(dst []byte, s string) int {
	n := copy(dst, s)
	for i, c := range dst[:n] {
		if c == '+' {
			dst[i] = ' '
		}
	}
	return n
}

// trimNames cuts spaces, and dots among them, from the end of each segment, as
// Windows does to file names. In a segment that has nothing else the dots stay: two
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

// skipControls is the first step of the URL standard's parser: it removes control
// bytes and spaces at the end, and tabs and line ends anywhere.
func skipControls(dst []byte, s string) int {
	n := 0
	for _, c := range []byte(strings.TrimRightFunc(s, func(r rune) bool { return r <= ' ' })) {
		if c != '\t' && c != '\n' && c != '\r' {
			dst[n] = c
			n++
		}
	}
	return n
}
