package readings

import (
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// A parser answers for one target.
type parser struct {
	name string
	read func(target string) (path string, ok bool)
}

// goParsers are Go's own.
var goParsers = []parser{
	{"go url.Parse", func(s string) (string, bool) { return ofURL(url.Parse(s)) }},
	{"go url.ParseRequestURI", func(s string) (string, bool) { return ofURL(url.ParseRequestURI(s)) }},
	{"go url.Parse, escaped", func(s string) (string, bool) {
		u, err := url.Parse(s)
		if err != nil {
			return "", false
		}
		return u.EscapedPath(), true
	}},
	{"go path.Clean", func(s string) (string, bool) {
		p, ok := ofURL(url.ParseRequestURI(s))
		return path.Clean("/" + p), ok
	}},
	{"go url.PathUnescape", func(s string) (string, bool) { p, err := url.PathUnescape(pathOf(s)); return p, err == nil }},
	{"go url.QueryUnescape", func(s string) (string, bool) { p, err := url.QueryUnescape(pathOf(s)); return p, err == nil }},
	{"go url.JoinPath", func(s string) (string, bool) {
		joined, err := url.JoinPath("http://h", pathOf(s))
		if err != nil {
			return "", false
		}
		return ofURL(url.Parse(joined))
	}},
	{"go url.ResolveReference", func(s string) (string, bool) {
		u, err := (&url.URL{Scheme: "http", Host: "h", Path: "/"}).Parse(s)
		return ofURL(u, err)
	}},
	{"go http.ServeMux", ofServeMux},
}

func pathOf(target string) string { p, _, _ := strings.Cut(target, "?"); return p }

func ofURL(u *url.URL, err error) (string, bool) {
	if err != nil {
		return "", false
	}
	return u.Path, true
}

var mux = func() *http.ServeMux {
	m := http.NewServeMux()
	for _, pattern := range []string{"/admin/", "/admin", "/public/", "/public", "/"} {
		m.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
	}
	return m
}()

// ofServeMux is the pattern that takes the request, or where it is redirected.
func ofServeMux(target string) (string, bool) {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return "", false
	}
	handler, pattern := mux.Handler(&http.Request{Method: "GET", Host: "h", URL: u})
	var to redirect
	if handler.ServeHTTP(&to, &http.Request{Method: "GET", Host: "h", URL: u}); to.header.Get("Location") != "" {
		return ofURL(url.Parse(to.header.Get("Location")))
	}
	return pattern, pattern != "" && pattern != "/"
}

// redirect keeps the header of a reply.
type redirect struct{ header http.Header }

func (r *redirect) Header() http.Header {
	if r.header == nil {
		r.header = http.Header{}
	}
	return r.header
}
func (r *redirect) WriteHeader(int)             {}
func (r *redirect) Write(b []byte) (int, error) { return len(b), nil }

// servers are models of servers that are not run here, from their sources and
// documents.
var servers = []parser{
	// ngx_http_parse_complex_uri in src/http/ngx_http_parse.c, with merge_slashes on
	// and off.
	{"nginx", func(s string) (string, bool) { return nginx(s, true) }},
	{"nginx, merge_slashes off", func(s string) (string, bool) { return nginx(s, false) }},
	// ap_normalize_path and ap_unescape_url in server/util.c, by the settings of
	// AllowEncodedSlashes, MergeSlashes, and the mapping of proxied servlets.
	{"apache", func(s string) (string, bool) { return apache(s, apacheSettings{merge: true}) }},
	{"apache, encoded slashes", func(s string) (string, bool) { return apache(s, apacheSettings{slashes: true, merge: true}) }},
	{"apache, slashes not merged", func(s string) (string, bool) { return apache(s, apacheSettings{slashes: true}) }},
	{"apache before servlets", func(s string) (string, bool) {
		return apache(s, apacheSettings{slashes: true, merge: true, parameters: true})
	}},
	// CoyoteAdapter.parsePathParameters and .normalize, UDecoder and its
	// EncodedSolidusHandling in Tomcat.
	{"tomcat", func(s string) (string, bool) { return tomcat(s, false) }},
	{"tomcat, decoding all, backslashes", func(s string) (string, bool) { return tomcat(s, true) }},
	// URIUtil.decodePath and .canonicalPath in jetty-util 9.4: %uXXXX is a code unit.
	{"jetty", func(s string) (string, bool) {
		s = reParameter.ReplaceAllString(pathOf(s), "")
		s, ok := decode(reWide.ReplaceAllStringFunc(s, func(e string) string { return "%" + e[4:] }))
		return removeDots(s), ok && !strings.Contains(s, "%u")
	}},
	// A decoder of UTF-8 that takes what is longer than need be (CVE-2008-2938).
	{"overlong UTF-8", func(s string) (string, bool) { return removeDots(shorten(decodeLoosely(pathOf(s)))), true }},
	// UrlPathHelper of Spring: removeSemicolonContent, decode, getSanitizedPath.
	{"spring", func(s string) (string, bool) {
		s, ok := decode(reParameter.ReplaceAllString(pathOf(s), ""))
		return reSlashes.ReplaceAllString(s, "/"), ok
	}},
	{"decoded, then cut at the first parameter", func(s string) (string, bool) {
		s, ok := decode(pathOf(s))
		s, _, _ = strings.Cut(s, ";")
		return removeDots(s), ok
	}},
	// php_url_parse_ex2 in ext/standard/url.c, then urldecode and C's end of a string.
	{"php parse_url", php},
	{"php urldecode of parse_url", func(s string) (string, bool) {
		p, ok := php(s)
		return decodeLoosely(strings.ReplaceAll(p, "+", " ")), ok
	}},
	{"php rawurldecode", func(s string) (string, bool) { return decodeLoosely(pathOf(s)), true }},
	{"a C string", func(s string) (string, bool) { s, _, _ = strings.Cut(decodeLoosely(pathOf(s)), "\x00"); return s, true }},
	// "File path formats on Windows systems" in the documents of .NET: dots and spaces
	// at the end of names go. IIS decodes, and takes backslashes.
	{"iis", windows},
	{"iis twice", func(s string) (string, bool) { s, _ = windows(s); return windows(s) }},
	// PathNormalizer and PathUtil in source/common/http of Envoy: canonical path,
	// merged slashes, path_with_escaped_slashes_action.
	{"envoy", func(s string) (string, bool) {
		return reSlashes.ReplaceAllString(removeDots(strings.ReplaceAll(decodeSome(pathOf(s), isUnreserved), `\`, "/")), "/"), true
	}},
	{"envoy, merged first", func(s string) (string, bool) {
		return removeDots(reSlashes.ReplaceAllString(decodeSome(pathOf(s), isUnreserved), "/")), true
	}},
	{"envoy, escaped slashes", func(s string) (string, bool) {
		return decodeSome(pathOf(s), func(c byte) bool { return c == '/' || c == '\\' }), true
	}},
	// uri_normalizer_path_dotdot of HAProxy, and Rack::Utils.clean_path_info.
	{"haproxy", func(s string) (string, bool) { return removeDots(decodeSome(pathOf(s), isUnreserved)), true }},
	{"rack", func(s string) (string, bool) { return path.Clean("/" + decodeLoosely(pathOf(s))), true }},
}

var (
	reSlashes   = regexp.MustCompile(`/+`)
	reParameter = regexp.MustCompile(`;[^/]*`)
	reWide      = regexp.MustCompile(`%[uU]00[0-9a-fA-F]{2}`)
	reSolidus   = regexp.MustCompile(`%2[fF]|%5[cC]`)
	reTrailing  = regexp.MustCompile(`[ .]+$`)
)

func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

func decode(s string) (string, bool) { s, err := url.PathUnescape(s); return s, err == nil }

func decodeLoosely(s string) string { return decodeSome(s, func(byte) bool { return true }) }

// shorten decodes two to four bytes that are an overlong form of an ASCII character.
func shorten(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		length := map[byte]int{0xc0: 2, 0xc1: 2, 0xe0: 3, 0xf0: 4}[s[i]]
		if length == 0 || i+length > len(s) {
			b.WriteByte(s[i])
			continue
		}
		c, plausible := rune(s[i]&0x01), s[i+1] < 0xc0
		for _, more := range []byte(s[i+1 : i+length]) {
			c = c<<6 | rune(more&0x3f)
			plausible = plausible && (length == 2 || more&0xc0 == 0x80)
		}
		if c >= 0x80 || !plausible {
			b.WriteByte(s[i])
			continue
		}
		b.WriteByte(byte(c))
		i += length - 1
	}
	return b.String()
}

func decodeSome(s string, which func(byte) bool) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil && s[i+1] != '+' && which(byte(n)) {
				c = byte(n)
				i += 2
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

// removeDots is RFC 3986 5.2.4 with a stack.
func removeDots(s string) string {
	if !strings.HasPrefix(s, "/") {
		return s
	}
	var stack []string
	segments := strings.Split(s[1:], "/")
	for i, segment := range segments {
		if segment == ".." && len(stack) > 0 {
			stack = stack[:len(stack)-1]
		}
		if segment != "." && segment != ".." {
			stack = append(stack, segment)
		} else if i == len(segments)-1 {
			stack = append(stack, "")
		}
	}
	return "/" + strings.Join(stack, "/")
}

func nginx(s string, merge bool) (string, bool) {
	s, _, _ = strings.Cut(pathOf(s), "#")
	s, ok := decode(s)
	if !ok || !strings.HasPrefix(s, "/") || strings.Contains(s, "\x00") {
		return "", false
	}
	if merge {
		s = reSlashes.ReplaceAllString(s, "/")
	}
	return removeDots(s), true
}

type apacheSettings struct{ slashes, merge, parameters bool }

func apache(s string, with apacheSettings) (string, bool) {
	s, _, _ = strings.Cut(pathOf(s), "#")
	s = decodeSome(s, isUnreserved)
	if with.parameters {
		s = reParameter.ReplaceAllString(s, "")
	}
	if with.merge {
		s = reSlashes.ReplaceAllString(s, "/")
	}
	s = removeDots(s)
	if with.slashes {
		return decode(s)
	}
	return decodeSome(s, func(c byte) bool { return c != '/' }), true
}

func tomcat(s string, lax bool) (string, bool) {
	s = reParameter.ReplaceAllString(pathOf(s), "")
	if !lax && reSolidus.MatchString(s) {
		return "", false
	}
	s, ok := decode(s)
	if lax {
		s = strings.ReplaceAll(s, `\`, "/")
	}
	return removeDots(reSlashes.ReplaceAllString(s, "/")), ok && strings.HasPrefix(s, "/") && !strings.ContainsAny(s, "\x00\\")
}

func windows(s string) (string, bool) {
	segments := strings.Split(strings.ReplaceAll(decodeLoosely(pathOf(s)), `\`, "/"), "/")
	for i, segment := range segments {
		name := reTrailing.ReplaceAllString(segment, "")
		if name == "" && strings.Contains(segment, ".") && strings.Contains(segment, " ") {
			name = ".."[:min(2, strings.Count(segment, "."))]
		} else if !strings.Contains(segment[len(name):], " ") {
			name = segment
		}
		segments[i] = name
	}
	return removeDots(reSlashes.ReplaceAllString(strings.Join(segments, "/"), "/")), true
}

var (
	rePHPScheme = regexp.MustCompile(`^[A-Za-z0-9+.-]+:`)
	rePHPPort   = regexp.MustCompile(`^[^/?#:]*:[0-9]{1,5}(/|$)`)
)

// php refuses `///`, and takes `host:80/path` for a host.
func php(s string) (string, bool) {
	switch {
	case strings.HasPrefix(s, "//"), rePHPPort.MatchString(s):
		s = strings.TrimPrefix(s, "//")
	case rePHPScheme.MatchString(s):
		_, s, _ = strings.Cut(s, ":")
		rest, ok := strings.CutPrefix(s, "//")
		if !ok {
			return cutTail(s), true
		}
		s = rest
	default:
		return cutTail(s), true
	}
	i := strings.IndexAny(s, "/?#")
	if i <= 0 {
		return "/", i < 0
	}
	return cutTail(s[i:]), true
}

// cutTail cuts query and fragment off, and puts a line where a control byte was.
func cutTail(s string) string {
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		s = s[:i]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, s)
}
