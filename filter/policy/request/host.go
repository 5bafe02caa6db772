package request

import (
	"errors"
	"strconv"
	"strings"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/syntax"
)

// HostPattern is a pattern for the host of a request. Ports are ignored. The zero
// pattern matches nothing.
type HostPattern struct {
	Name    string   // in lower case; for a wildcard the part behind the asterisk, `.example.com`
	ipv4    bool     // Name is an IPv4 address
	IPv6    bool     // the pattern is an IPv6 literal, which has many spellings
	address [16]byte // of an IPv6 literal
}

// ParseHost parses a host name, `*.` and a host name for all its subdomains at any
// depth (not the name itself), an IPv4 address, or an IPv6 address in brackets. An
// error says what was wanted.
func ParseHost(s string) (HostPattern, error) {
	address, ok := parseIPv6Literal(s)
	if ok && !carriesIPv4(address) {
		return HostPattern{IPv6: true, address: address}, nil
	}
	brackets := strings.HasPrefix(s, "[")
	if canonical := canonicalAddress(s); canonical != "" && canonical != s {
		if brackets {
			return HostPattern{}, errors.New("want only an IPv6 address in brackets; this address is written " + config.Quote(canonical))
		}
		return HostPattern{}, errors.New("want this address as " + config.Quote(canonical) + ": servers disagree on other spellings")
	}
	name, wildcard := strings.CutPrefix(s, "*.")
	switch {
	case brackets:
		return HostPattern{}, errors.New("want only an IPv6 address in brackets, as in [::1]")
	case s == "":
		return HostPattern{}, errors.New("want a host name, got an empty string")
	case s == "*":
		return HostPattern{}, errors.New("want a host name, or *. and a host name; leave hosts out to match every host")
	case strings.IndexByte(name, '*') >= 0:
		return HostPattern{}, errors.New("want * only as the whole first label, as in *.example.com")
	case strings.IndexByte(name, ':') >= 0:
		return HostPattern{}, errors.New("want a host name without scheme and port, or an IPv6 address in brackets; ports do not count")
	case strings.HasSuffix(name, "."):
		return HostPattern{}, errors.New("want a host name without a dot at the end")
	case !isHostName(name) || hasEmptyPunycode(name):
		return HostPattern{}, errors.New("want a host name of letters, digits, - and _ in labels of 1 to 63, others as punycode (xn--)")
	case isNumeric(name) && (wildcard || !isIPv4(name)):
		return HostPattern{}, errors.New("want an IPv4 address as four decimal numbers of 0 to 255 without leading zeros, as in 192.0.2.1")
	}
	name = strings.ToLower(name)
	if wildcard {
		return HostPattern{Name: "." + name}, nil
	}
	return HostPattern{Name: name, ipv4: isIPv4(name)}, nil
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
		case syntax.IsAlpha(c) || syntax.IsDigit(c) || c == '-' || c == '_':
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

// hasEmptyPunycode finds a label such as `xn--example-`, which encodes nothing: a
// lenient decoder takes it for `example` (CVE-2024-12224).
func hasEmptyPunycode(s string) bool {
	if !strings.Contains(s, "--") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if len(label) >= 4 && syntax.EqualFoldASCII(label[:4], "xn--") && label[len(label)-1] == '-' {
			return true
		}
	}
	return false
}

// Match reports whether the pattern matches a host without its port.
func (h *HostPattern) Match(host string) bool {
	if strings.HasPrefix(host, "[") {
		address, ok := parseIPv6Literal(host)
		return ok && h.IPv6 && address == h.address
	}
	if h.Name == "" {
		return false
	}
	if h.Name[0] == '.' {
		// At least one byte for the asterisk.
		return len(host) > len(h.Name) && syntax.EqualFoldASCII(host[len(host)-len(h.Name):], h.Name)
	}
	return syntax.EqualFoldASCII(host, h.Name)
}

// Binds reports whether the pattern matches a host that some server may read in the
// authority.
func (h *HostPattern) Binds(a *Authority) bool {
	if a.Unambiguous {
		return h.Match(a.host)
	}
	if a.anyHost || a.anyAddress && (h.ipv4 || h.IPv6) {
		return true
	}
	for _, name := range a.names[:a.count] {
		if h.Match(name) {
			return true
		}
	}
	return false
}

// Covers reports whether the pattern matches every host that other matches.
func (h *HostPattern) Covers(other *HostPattern) bool {
	if h.IPv6 || other.IPv6 || h.Name == "" || h.Name == other.Name {
		return *h == *other
	}
	return h.Name[0] == '.' && strings.HasSuffix(other.Name, h.Name)
}

// canonicalAddress returns the spelling of an address that all parsers agree about.
// It returns "" where no parser reads s as an address.
func canonicalAddress(s string) string {
	bare := strings.Trim(foldWidth(string(syntax.DecodeEvery(nil, s))), " \t[]")
	if strings.IndexByte(bare, ':') < 0 {
		return canonicalIPv4(strings.TrimRight(bare, "."))
	}
	bare, _, _ = strings.Cut(bare, "%") // a zone is local to one machine
	literal := "[" + strings.ToLower(bare) + "]"
	address, ok := parseIPv6Literal(literal)
	switch {
	case !ok:
		return ""
	case carriesIPv4(address):
		return formatIPv4([4]byte(address[12:]))
	}
	return literal
}

// foldWidth replaces the digits and dots that IDNA maps to ASCII (UTS 46).
func foldWidth(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\u3002' || r == '\uff61':
			return '.'
		case r > '\uff00' && r < '\uff5f':
			return r - '\uff00' + ' '
		}
		return r
	}, s)
}

// canonicalIPv4 reads numbers as inet_aton(3) and URL parsers do: one to four of
// them, octal and hexadecimal ones, too. The last number fills the remaining bytes.
func canonicalIPv4(s string) string {
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return ""
	}
	var address [4]byte
	for i, part := range parts {
		base, digits := 10, part
		switch {
		case len(part) > 1 && part[0] == '0' && part[1]|0x20 == 'x':
			base, digits = 16, "0"+part[2:]
		case strings.HasPrefix(part, "0") && !strings.ContainsAny(part, "89"):
			base = 8
		}
		value, err := strconv.ParseUint(digits, base, 32)
		if err != nil {
			return ""
		}
		if i < len(parts)-1 {
			if value > 255 {
				return ""
			}
			address[i] = byte(value)
			continue
		}
		if value>>(8*(4-i)) != 0 {
			return ""
		}
		for k := 3; k >= i; k-- {
			address[k] = byte(value)
			value >>= 8
		}
	}
	return formatIPv4(address)
}

func formatIPv4(address [4]byte) string {
	s := make([]byte, 0, 15)
	for i, b := range address {
		if i > 0 {
			s = append(s, '.')
		}
		s = strconv.AppendUint(s, uint64(b), 10)
	}
	return string(s)
}
