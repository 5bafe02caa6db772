package match

import (
	"net/url"
	"path"
	"regexp"
	"strings"
)

func target(s string) string { s, _, _ = strings.Cut(s, "?"); return s }

func unescapeMatches(re *regexp.Regexp, s string) string {
	return re.ReplaceAllStringFunc(s, func(e string) string { u, _ := url.PathUnescape(e); return u })
}

// clean keeps the trailing slash, as path.Clean does not.
func clean(s string) string {
	c := path.Clean("/" + s)
	if c != "/" && (strings.HasSuffix(s, "/") || strings.HasSuffix(s, "/.") || strings.HasSuffix(s, "/..")) {
		c += "/"
	}
	return c
}

// rfcResolve is RFC 3986 5.2.4 with a stack; empty segments count.
func rfcResolve(s string) string {
	if !strings.HasPrefix(s, "/") {
		return s
	}
	segments := strings.Split(s, "/")[1:]
	var stack []string
	for i, segment := range segments {
		last := i == len(segments)-1
		if segment == ".." && len(stack) > 0 {
			stack = stack[:len(stack)-1]
		}
		if segment == "." || segment == ".." {
			if last {
				stack = append(stack, "")
			}
			continue
		}
		stack = append(stack, segment)
	}
	return "/" + strings.Join(stack, "/")
}

var upstreams = []upstream{
	{"verbatim", func(s string) (string, bool) { return target(s), true }},
	{"envoy", func(s string) (string, bool) {
		s = strings.ReplaceAll(unescapeMatches(reUnreserved, target(s)), `\`, "/")
		return reSlashes.ReplaceAllString(rfcResolve(s), "/"), true
	}},
	{"envoy, slashes kept", func(s string) (string, bool) {
		return rfcResolve(unescapeMatches(reUnreserved, target(s))), true
	}},
	{"envoy, escaped slashes unescaped", func(s string) (string, bool) {
		s = strings.NewReplacer("%2f", "/", "%2F", "/", "%5c", `\`, "%5C", `\`).Replace(target(s))
		return rfcResolve(strings.ReplaceAll(s, `\`, "/")), true
	}},
	{"nginx", func(s string) (string, bool) {
		s, _, _ = strings.Cut(target(s), "#")
		u, err := url.PathUnescape(s)
		return clean(u), err == nil && strings.HasPrefix(u, "/")
	}},
	{"nginx, slashes kept", func(s string) (string, bool) {
		u, err := url.PathUnescape(target(s))
		return rfcResolve(u), err == nil
	}},
	{"tomcat", func(s string) (string, bool) {
		u, err := url.PathUnescape(reParameters.ReplaceAllString(target(s), ""))
		return clean(strings.ReplaceAll(u, `\`, "/")), err == nil && strings.HasPrefix(u, "/")
	}},
	{"decode, then cut parameters", func(s string) (string, bool) {
		u, err := url.PathUnescape(target(s))
		return clean(reParameters.ReplaceAllString(u, "")), err == nil && strings.HasPrefix(u, "/")
	}},
	{"apache without %2f, then cut parameters", func(s string) (string, bool) {
		return rfcResolve(reParameters.ReplaceAllString(unescapeMatches(reNoSlash, target(s)), "")), true
	}},
	{"go", func(s string) (string, bool) {
		u, err := url.ParseRequestURI(s)
		if err != nil || !strings.HasPrefix(u.Path, "/") {
			return "", false
		}
		return path.Clean(u.Path), true
	}},
	{"url parser with authority", func(s string) (string, bool) {
		u, err := url.Parse(s)
		if err != nil {
			return "", false
		}
		return rfcResolve("/" + strings.TrimPrefix(u.EscapedPath(), "/")), true
	}},
	{"whatwg", func(s string) (string, bool) {
		s, _, _ = strings.Cut(strings.ReplaceAll(target(s), `\`, "/"), "#")
		if rest, ok := strings.CutPrefix(s, "//"); ok {
			_, s, _ = strings.Cut(rest, "/")
			s = "/" + s
		}
		segments := strings.Split(s, "/")
		for i := range segments {
			if dots := reDot.ReplaceAllString(segments[i], "."); dots == "." || dots == ".." {
				segments[i] = dots
			}
		}
		return rfcResolve(strings.Join(segments, "/")), true
	}},
	{"decode twice", func(s string) (string, bool) {
		u, err := url.PathUnescape(target(s))
		if err != nil {
			return "", false
		}
		u, err = url.PathUnescape(u)
		return clean(u), err == nil && strings.HasPrefix(u, "/")
	}},
	{"c strings", func(s string) (string, bool) {
		u, err := url.PathUnescape(target(s))
		u, _, _ = strings.Cut(u, "\x00")
		return u, err == nil
	}},
}
