package request

import (
	"strings"
)

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
	dst[0] = '/'
	return 1 + copy(dst[1:], strings.TrimPrefix(s[2+from:], "/"))
}

// mergeSlashesBehindHost keeps those at the start, as Python's normpath keeps two:
// a URL parser after it sees a host.
func mergeSlashesBehindHost(dst []byte, s string) int {
	return mergeFrom(len(s)-len(strings.TrimLeft(s, "/")), dst, s)
}

// resolveDotsBehindHost takes two slashes at the start for the root, as Python's
// normpath does.
func resolveDotsBehindHost(dst []byte, s string) int {
	dst[0] = '/'
	return 1 + resolve(dst[1:], s[1:], false)
}
