package readings

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
)

// targets generates request targets of the bytes that servers disagree about,
// around what a rule protects and what another opens.
type targets struct{ *rand.Rand }

func (t targets) one(of ...string) string { return of[t.IntN(len(of))] }

// pluses are those for a space at the end of a name, which README.md excludes.
var pluses = regexp.MustCompile(`[^/\\.+ ][.+ ]*\+[.+ ]*([^.+ a-z]|$)`)

func (t targets) next() string {
	for {
		if s := t.random(); !pluses.MatchString(s) {
			return s
		}
	}
}

func (t targets) random() string {
	var b strings.Builder
	b.WriteString(t.start())
	for range t.IntN(1 + t.IntN(5)) {
		b.WriteString(t.segment())
		b.WriteString(t.separator())
	}
	b.WriteString(t.one("admin", "admin", "admin", "public", "", "x", t.spelled("admin")))
	b.WriteString(t.end())
	s := b.String()
	if t.IntN(8) == 0 {
		s = t.escaped(s)
	}
	if t.IntN(12) == 0 && s != "" {
		i := t.IntN(len(s))
		s = s[:i] + t.one("\t", "\r", "\n", " ", "\x00", "%", "\x7f", "\xc3", ";", "/", "@", ":") + s[i:]
	}
	return s
}

func (t targets) start() string {
	switch t.IntN(40) {
	case 0:
		return t.one("http:", "https:", "HTTP:", "ht\ttp:", "x:", "C:", "x:80/", "file:", "1x:", ":", "http:/", "http://", "http:///") + t.one("", "/", "//", `\`, "x/", "u:p@h:80/")
	case 1:
		return t.one("", "@x/", ".x/", "x", "*", " ", "\x01", "\t", ":80/", `\`, `\\`, "?", "#", ";")
	case 2, 3, 4, 5, 6, 7, 8, 9, 10, 11:
		var b strings.Builder
		b.WriteString("/")
		for range 1 + t.IntN(4) {
			b.WriteString(t.one("/", "/", "/", `\`, "%2f", "%5c", "/\t", "/.", "/./"))
		}
		return b.String() + t.one("", "x/", "x", "u@x:80/", "x;", "x%", "x{", "[::1]/", "x%2f", "x.", "x:y/", "%00/", "x'", `x"`)
	}
	return t.one("/", "/public/", "/public/", "/x/", "/admin/")
}

func (t targets) separator() string {
	return t.one("/", "/", "/", "/", "/", "//", "///", `\`, "%2f", "%2F", "%5c", "%5C", "%252f", "%255c", "/./", "/.//", "", ";/", "%u002f")
}

func (t targets) segment() string {
	switch t.IntN(4) {
	case 0:
		return t.one("..", "..", ".", "..+", ".+.", "+..") + t.tail()
	case 1:
		return t.spelled(t.one("..", "..", ".")) + t.tail()
	}
	return t.one("public", "admin", "x", "a b", "é", "", "", "%20", "a+b", "~", "%2525", "．．", "%EF%BC%8E", "%c0%ae%c0%ae", "%c0%ae.", "%e0%80%ae%c0%2e", "%f0%80%80%ae.", "%c1%a1dmin", "\xc0\xae%c0%ae%c0%af", "v1.0", "..foo", "...", "80", "http:", "x=y") + t.tail()
}

func (t targets) tail() string {
	if t.IntN(3) > 0 {
		return ""
	}
	return t.one(";", ";x", ";x=y", "%3b", "%3Bx", "%253b", "?", "%3f", "%253f", "#", "%23", "%2523", "%20", " ", "%20.", ".%20", "%2520", "%00", "%09", "%0a", ".", "%2e", ":", "@", ";x%2f", ";..", "%3b%2f")
}

func (t targets) end() string {
	return t.one("", "", "", "/", "/x", ";x", "%3bx", "%20", ".", "/..", "/../admin", "/../public", "?x", "?/../admin", "#", "#/../public", "%23", "%3f", "%3f/../public", "%23/../public", "%00", "%00.png", "/.", "//", "%2f", "%5c", "\t", ";/../public", "/..;z/..;q")
}

// spelled escapes some bytes, once or twice.
func (t targets) spelled(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch t.IntN(4) {
		case 0:
			fmt.Fprintf(&b, t.one("%%%02x", "%%%02X"), c)
		case 1:
			if t.IntN(4) == 0 {
				fmt.Fprintf(&b, t.one("%%25%02x", "%%2525%02x", "%%u%04x", "%%%%3%x"), c)
				break
			}
			fallthrough
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// escaped escapes all bytes of one kind.
func (t targets) escaped(s string) string {
	from := t.one("/", ".", ";", "%", `\`, "a", "#")
	return s[:min(1, len(s))] + strings.ReplaceAll(s[min(1, len(s)):], from, fmt.Sprintf("%%%02x", from[0]))
}
