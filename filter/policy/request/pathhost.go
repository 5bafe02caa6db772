package request

import (
	"strings"
)

// cutAuthority removes the authority of `//host/path` as RFC 3986 section 3 reads it:
// `///path` has an empty host.
func cutAuthority(dst []byte, s string) int { return copyBehindHost(dst, s[2:]) }

// cutHost removes the host as the URL standard reads it (Node's `new URL(request.url,
// base)`): any number of slashes, then the host.
func cutHost(dst []byte, s string) int { return copyBehindHost(dst, strings.TrimLeft(s, "/")) }

func copyBehindHost(dst []byte, s string) int {
	if i := strings.IndexByte(s, '/'); i >= 0 {
		return copy(dst, s[i:])
	}
	return copy(dst, "/")
}

// cutHostName removes the host as Node's url.parse reads it: a byte that a name
// cannot have ends the host and begins the path, so that `//x%61dmin` is /%61dmin.
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

// mergeSlashesBehindHost keeps the slashes at the start, as Python's normpath keeps
// two of them: a URL parser behind it sees a host.
func mergeSlashesBehindHost(dst []byte, s string) int {
	return mergeFrom(len(s)-len(strings.TrimLeft(s, "/")), dst, s)
}

// resolveDotsBehindHost treats two slashes at the start as the root, as Python's
// normpath does.
func resolveDotsBehindHost(dst []byte, s string) int {
	dst[0] = '/'
	return 1 + resolve(dst[1:], s[1:], false)
}

// resolveDotsBehindShare takes `//host/share` for the root, as Windows does: Node's
// win32.normalize and Python's ntpath.normpath read `//a/b/../c` as `//a/b/c`.
func resolveDotsBehindShare(dst []byte, s string) int {
	root := len(s)
	if host := strings.IndexByte(s[2:], '/'); host > 0 {
		share := 2 + host + 1
		if end := strings.IndexByte(s[share:], '/'); end > 0 {
			root = share + end
		}
	}
	n := copy(dst, s[:root])
	return n + resolve(dst[n:], s[root:], false)
}
