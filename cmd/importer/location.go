package importer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	jwtauthn "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
)

// place is a location and its path in the input.
type place struct {
	location
	path string
}

// look says where a provider of Envoy's looks for tokens.
func (n *native) look(m *jwtauthn.JwtProvider) (list []place) {
	for i, h := range m.FromHeaders {
		list = append(list, place{headerLocation(h.Name, h.ValuePrefix), fmt.Sprintf("%s.from_headers[%d]", n.path, i)})
		if h.ValuePrefix != "" {
			n.prefixes = append(n.prefixes, prefix{strings.ToLower(h.Name), h.ValuePrefix})
		}
	}
	for i, name := range m.FromCookies {
		list = append(list, place{location{Cookie: name}, fmt.Sprintf("%s.from_cookies[%d]", n.path, i)})
	}
	for i, name := range m.FromParams {
		list = append(list, place{location{Query: name}, fmt.Sprintf("%s.from_params[%d]", n.path, i)})
	}
	for _, l := range list {
		n.looks = append(n.looks, l.location)
	}
	if len(list) == 0 {
		n.everyday = true
		n.looks = []location{{Header: "authorization"}}
		n.prefixes = append(n.prefixes, prefix{"authorization", "Bearer "})
	}
	return list
}

// overlooks names a place where some provider of the input looks and none of the
// configuration: a bad token there is no missing one.
func (r *reader) overlooks() (string, bool) {
	for _, name := range sortedKeys(r.natives) {
		for _, l := range r.natives[name].looks {
			if !slices.Contains(r.places, l) {
				return l.Header + l.Cookie + l.Query, true
			}
		}
	}
	return "", false
}

// prefix is the text before a token in a header.
type prefix struct{ header, text string }

// hidden are the locations where Envoy finds a token and the filter does not: a query
// parameter that is read by default, and a prefix that is not at the beginning of its
// header. Where a token is optional, a bad token there would count as none, so the request
// is denied.
func (r *reader) hidden(c candidate) (list []candidate) {
	deny := func(m match, what, instead string) {
		denial := candidate{path: c.path, match: c.match.with(m), wide: c.wide, need: requirement{}}
		denial.note = &Left{c.path, what + " is found by Envoy and not by the filter, so a rule before this rule denies the request", instead}
		list = append(list, denial)
	}
	var prefixes []prefix
	everyday := false
	for _, name := range sortedKeys(r.natives) {
		n := r.natives[name]
		everyday = everyday || n.everyday
		prefixes = append(prefixes, n.prefixes...)
	}
	if everyday && !slices.Contains(r.places, location{Query: "access_token"}) {
		deny(match{Query: []condition{{Name: "access_token", Present: true}}}, "a token in the query parameter access_token", "")
	}
	slices.SortFunc(prefixes, func(a, b prefix) int { return strings.Compare(a.header+a.text, b.header+b.text) })
	for _, p := range slices.Compact(prefixes) {
		deny(match{Headers: []condition{{Name: p.header, Regex: `(?s).+` + regexp.QuoteMeta(p.text) + `.*`}}},
			"a token in "+p.header+" after other text and "+strings.TrimSpace(p.text),
			"delete that rule if clients send more than 4 KiB in this header, which is more than an expression reads and is denied, too")
	}
	return list
}

// placed says that a provider is carried over, and so looked for at its places.
func (r *reader) placed(p *provider) {
	if p.TokenLocations == nil {
		r.places = append(r.places, location{Header: "authorization"})
	}
	r.places = append(r.places, p.TokenLocations...)
}

// locate gives a provider those of its locations that the filter reads. No
// location at all in the input is the usual one.
func (r *reader) locate(p *provider, list []place) error {
	for _, l := range list {
		if err := r.probeLocation(p, l.location); err != nil {
			r.leave(l.path, "no token is read there: "+lastLine(err), "another header or prefix")
			continue
		}
		if !slices.Contains(p.TokenLocations, l.location) {
			p.TokenLocations = append(p.TokenLocations, l.location)
		}
	}
	switch {
	case len(list) == 0:
	case len(p.TokenLocations) == 0:
		return fmt.Errorf("no token is read at any of its locations")
	case len(p.TokenLocations) == 1 && p.TokenLocations[0] == (location{Header: "authorization"}):
		p.TokenLocations = nil // that is the default
	}
	return nil
}

// bareAuthorization is a prefix that the filter never has for a location.
const bareAuthorization = "no prefix"

// headerLocation: of Authorization the filter reads Bearer credentials only.
func headerLocation(name, prefix string) location {
	name = strings.ToLower(name)
	if name == "authorization" {
		switch strings.TrimRight(prefix, " ") {
		case "Bearer", "bearer":
			prefix = ""
		case "":
			prefix = bareAuthorization
		}
	}
	return location{Header: name, Prefix: prefix}
}
