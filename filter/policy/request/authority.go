package request

import (
	"strconv"
	"strings"

	"bearerauth/filter/policy/syntax"
)

// Authority is what servers may read in the :authority of a request.
type Authority struct {
	Parsed      bool   // false for the zero value
	Unambiguous bool   // all servers read the same host
	host        string // of an unambiguous authority

	// The fields of an ambiguous authority.
	names      [maxOddParts]string // hosts that some server may read
	count      int                 // the number of names
	anyAddress bool                // it may be any address: parsers differ in how they read it
	anyHost    bool                // it may be any host
}

// Bounds on an ambiguous authority, which is compared once with each pattern. An
// authority beyond them may be any host.
const (
	maxOddAuthority = 512 // bytes
	maxOddParts     = 16  // hosts in it
)

// ReadAuthority splits an :authority at the bytes at which servers cut it, and drops
// the port and dots at the end.
func ReadAuthority(s string) (a Authority) {
	a.Parsed = true
	if a.host, a.Unambiguous = UnambiguousHost(s); a.Unambiguous {
		return a
	}
	if len(s) > maxOddAuthority || isMappedHost(s) {
		a.anyHost = true
		return a
	}
	a.anyAddress = strings.IndexByte(s, '[') >= 0
	for start, i := 0, 0; i <= len(s) && !a.anyHost; i++ {
		if i == len(s) || !isNameByte(s[i]) && s[i] != ':' {
			if i > start {
				a.add(s[start:i])
			}
			start = i + 1
		}
	}
	return a
}

// isMappedHost reports whether s can become any host: by escapes, by IDNA's mappings
// of non-ASCII characters, or by control bytes, which URL parsers drop.
func isMappedHost(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] >= 0x7f || s[i] == '%' {
			return true
		}
	}
	return hasEmptyPunycode(s)
}

func isNameByte(c byte) bool {
	return syntax.IsAlpha(c) || syntax.IsDigit(c) || c == '.' || c == '-' || c == '_'
}

// add adds the hosts of one part. In `name:80:90` and `x:name` servers cut at the
// first colon, at the last, or at both.
func (a *Authority) add(part string) {
	if strings.Count(part, ":") > 1 && strings.Trim(part, "0123456789abcdefABCDEF:.") == "" {
		a.anyAddress = true // an IPv6 address without brackets
	}
	first := true
	for host := range strings.SplitSeq(part, ":") {
		host = strings.TrimRight(host, ".")
		// Behind a colon a short number is a port.
		if isNumeric(host) && (first || len(host) > 5 || strings.IndexByte(host, '.') >= 0) {
			a.anyAddress = true
		}
		first = false
		if host == "" {
			continue
		}
		if a.count == maxOddParts {
			a.anyHost = true
			return
		}
		a.names[a.count] = host
		a.count++
	}
}

// UnambiguousHost returns the host of an authority that all servers read in the same
// way: a name or an address, and perhaps a port. ok is false for userinfo, a dot at
// the end, several colons, everything else that a server may or may not cut, and an
// address in a spelling that parsers read differently. No opening applies to such an
// authority.
func UnambiguousHost(authority string) (host string, ok bool) {
	host, port := authority, ""
	if end := strings.IndexByte(authority, ']'); end >= 0 {
		if host, port = authority[:end+1], authority[end+1:]; port != "" && port[0] != ':' {
			return "", false
		}
		if address, ok := parseIPv6Literal(host); !ok || carriesIPv4(address) {
			return "", false
		}
	} else {
		if colon := strings.IndexByte(authority, ':'); colon >= 0 {
			host, port = authority[:colon], authority[colon:]
		}
		if !isHostName(host) || hasEmptyPunycode(host) || isNumeric(host) && !isIPv4(host) {
			return "", false
		}
	}
	if port == "" {
		return host, true
	}
	for i := 1; i < len(port); i++ {
		if !syntax.IsDigit(port[i]) {
			return "", false
		}
	}
	return host, 1 < len(port) && len(port) <= 6
}

// isNumeric reports whether some parser may read s as an IPv4 address: every label is
// a decimal, octal or hexadecimal number (`10.1`, `0x0a.0.0.1`, `167772161`). It
// ignores empty labels and the underscores of Python's numbers.
func isNumeric(s string) bool {
	digits := 0
	for label := range strings.SplitSeq(s, ".") {
		hex := len(label) > 1 && label[0] == '0' && label[1]|0x20 == 'x'
		if hex || len(label) > 1 && label[0] == '0' && (label[1]|0x20 == 'o' || label[1]|0x20 == 'b') {
			label = label[2:]
			digits++
		}
		for i := 0; i < len(label); i++ {
			switch {
			case syntax.IsDigit(label[i]) || hex && syntax.HexDigit(label[i]) >= 0:
				digits++
			case label[i] != '_':
				return false
			}
		}
	}
	return digits > 0
}

func isIPv4(s string) bool { return parseIPv4(s, make([]byte, 4)) }

func parseIPv4(s string, address []byte) bool {
	for i := range 4 {
		part, rest, more := strings.Cut(s, ".")
		value, err := strconv.ParseUint(part, 10, 8)
		if err != nil || len(part) > 1 && part[0] == '0' || more != (i < 3) {
			return false
		}
		address[i], s = byte(value), rest
	}
	return true
}

// carriesIPv4 reports whether some parsers read an IPv6 address as an IPv4 address:
// `::ffff:10.0.0.1` and `::10.0.0.1` are 10.0.0.1 to them (RFC 4291 section 2.5.5).
// An IPv4 address that begins with a zero does not count, or `::1` would.
func carriesIPv4(address [16]byte) bool {
	for _, b := range address[:10] {
		if b != 0 {
			return false
		}
	}
	switch [2]byte(address[10:12]) {
	case [2]byte{0xff, 0xff}:
		return true
	case [2]byte{}:
		return address[12] != 0
	}
	return false
}

// parseIPv6Literal parses an address in brackets. It accepts no zone: a zone is local
// to one machine. (net/netip would add 180 KB to the module; the tests compare the
// two.)
func parseIPv6Literal(s string) (address [16]byte, ok bool) {
	if len(s) < 4 || len(s) > 47 || s[0] != '[' || s[len(s)-1] != ']' {
		return address, false
	}
	s = s[1 : len(s)-1]
	n, gap := 0, -1
	if strings.HasPrefix(s, "::") {
		s, gap = s[2:], 0
	}
	for s != "" {
		group, rest, more := strings.Cut(s, ":")
		if strings.IndexByte(group, '.') >= 0 {
			if more || n > 12 || !parseIPv4(group, address[n:]) {
				return address, false
			}
			n += 4
			break
		}
		value := 0
		for i := 0; i < len(group); i++ {
			digit := syntax.HexDigit(group[i])
			if digit < 0 {
				return address, false
			}
			value = value<<4 | digit
		}
		if group == "" || len(group) > 4 || n == 16 || more && rest == "" {
			return address, false
		}
		address[n], address[n+1] = byte(value>>8), byte(value)
		n += 2
		if more && rest[0] == ':' {
			if gap >= 0 {
				return address, false
			}
			rest, gap = rest[1:], n
		}
		s = rest
	}
	if gap < 0 || n == 16 {
		return address, gap < 0 && n == 16
	}
	behind := n - gap
	copy(address[16-behind:], address[gap:n])
	clear(address[gap : 16-behind])
	return address, true
}
