package policy

import (
	"errors"
	"strconv"
	"strings"
)

// hostPattern is one pattern for the host of a request, whose port never
// counts. The zero pattern matches nothing.
type hostPattern struct {
	name    string // in lower case; of a wildcard the part behind the asterisk, `.example.com`
	literal bool   // an IPv6 literal, which has many spellings
	address [16]byte
}

// parseHost takes a host name, `*.` and a host name for all its subdomains at
// any depth (not the name itself), an IPv4 address, or an IPv6 address in
// brackets.
func parseHost(s string) (hostPattern, error) {
	if strings.HasPrefix(s, "[") {
		address, ok := parseIPv6Literal(s)
		if !ok {
			return hostPattern{}, errors.New("want an IPv6 address in brackets and nothing else, as in [::1]")
		}
		return hostPattern{literal: true, address: address}, nil
	}
	name, wildcard := strings.CutPrefix(s, "*.")
	switch {
	case s == "":
		return hostPattern{}, errors.New("want a host name, have an empty string")
	case s == "*":
		return hostPattern{}, errors.New("want a host name or *. with one; to match any host leave the hosts out")
	case strings.IndexByte(name, '*') >= 0:
		return hostPattern{}, errors.New("want * only as the whole first label, as in *.example.com")
	case strings.IndexByte(name, ':') >= 0:
		return hostPattern{}, errors.New("want a host name without scheme and port, or an IPv6 address in brackets; ports do not count")
	case strings.HasSuffix(name, "."):
		return hostPattern{}, errors.New("want a host name without a dot at the end")
	case !isHostName(name):
		return hostPattern{}, errors.New("want a host name of letters, digits, - and _ in labels of 1 to 63, others as punycode (xn--)")
	}
	name = strings.ToLower(name)
	if wildcard {
		name = "." + name
	}
	return hostPattern{name: name}, nil
}

func isHostName(s string) bool {
	if len(s) > 253 {
		return false
	}
	label := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.' && label > 0:
			label = 0
		case isAlpha(c) || isDigit(c) || c == '-' || c == '_':
			label++
		default:
			return false
		}
		if label > 63 {
			return false
		}
	}
	return label > 0
}

// parseIPv6Literal takes an address in brackets and no zone, which means
// something to one machine only. (net/netip would add 180 KB to the module; the
// tests compare the two.)
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
			digit := hexDigit(group[i])
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

// match compares a host without its port.
func (h *hostPattern) match(host string) bool {
	if strings.HasPrefix(host, "[") {
		address, ok := parseIPv6Literal(host)
		return ok && h.literal && address == h.address
	}
	if h.name == "" {
		return false
	}
	if h.name[0] == '.' {
		// At least one byte for the asterisk.
		return len(host) > len(h.name) && equalFoldASCII(host[len(host)-len(h.name):], h.name)
	}
	return equalFoldASCII(host, h.name)
}

func (h *hostPattern) covers(other *hostPattern) bool {
	if h.literal || other.literal || h.name == "" || h.name == other.name {
		return *h == *other
	}
	return h.name[0] == '.' && strings.HasSuffix(other.name, h.name)
}

// plainHost is the host of an authority about which all agree: a name or an
// address, and perhaps a port. Userinfo, a dot at the end, several colons and
// whatever else a server may cut or not make it odd, and no opening applies.
func plainHost(authority string) (host string, ok bool) {
	host, port := authority, ""
	if end := strings.IndexByte(authority, ']'); end >= 0 {
		if host, port = authority[:end+1], authority[end+1:]; port != "" && port[0] != ':' {
			return "", false
		}
		if _, ok := parseIPv6Literal(host); !ok {
			return "", false
		}
	} else {
		if colon := strings.IndexByte(authority, ':'); colon >= 0 {
			host, port = authority[:colon], authority[colon:]
		}
		if !isHostName(host) {
			return "", false
		}
	}
	if port == "" {
		return host, true
	}
	for i := 1; i < len(port); i++ {
		if !isDigit(port[i]) {
			return "", false
		}
	}
	return host, 1 < len(port) && len(port) <= 6
}

// maxOddAuthority bounds what is searched for hosts, once for each pattern. What
// is longer may hold any host.
const maxOddAuthority = 512

// bindsHost says that some reading of the authority is a host that the pattern
// matches: any part between the bytes that servers cut at, as it stands and
// decoded, without port and dots at the end.
func (h *hostPattern) bindsHost(authority string) bool {
	if host, ok := plainHost(authority); ok {
		return h.match(host)
	}
	if len(authority) > maxOddAuthority || h.bindsPart(authority) {
		return true
	}
	return strings.IndexByte(authority, '%') >= 0 && h.bindsPart(string(decodeEvery(nil, authority)))
}

func (h *hostPattern) bindsPart(authority string) bool {
	cut := func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`@,;/\?#`, r) }
	for part := range strings.FieldsFuncSeq(authority, cut) {
		if strings.HasPrefix(part, "[") {
			if end := strings.IndexByte(part, ']'); end >= 0 && h.match(part[:end+1]) {
				return true
			}
			continue
		}
		// `name:80:90`, `x:name`: cut at the first colon, at the last, or at both.
		for host := range strings.SplitSeq(part, ":") {
			if h.match(strings.TrimRight(host, ".")) {
				return true
			}
		}
	}
	return false
}
