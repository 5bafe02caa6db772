package importer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	jwtauthn "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
)

// place is a location and where it stands in the input.
type place struct {
	location
	path string
}

func (r *reader) readLocations(p *provider, n *native, m *jwtauthn.JwtProvider, path string) error {
	var list []place
	for i, h := range m.FromHeaders {
		list = append(list, place{headerLocation(h.Name, h.ValuePrefix), fmt.Sprintf("%s.from_headers[%d]", path, i)})
	}
	for i, name := range m.FromCookies {
		list = append(list, place{location{Cookie: name}, fmt.Sprintf("%s.from_cookies[%d]", path, i)})
	}
	for i, name := range m.FromParams {
		list = append(list, place{location{Query: name}, fmt.Sprintf("%s.from_params[%d]", path, i)})
	}
	for _, h := range m.FromHeaders {
		if h.ValuePrefix != "" {
			n.prefixes = append(n.prefixes, prefix{strings.ToLower(h.Name), h.ValuePrefix})
		}
	}
	if len(list) == 0 {
		n.everyday = true
		n.prefixes = append(n.prefixes, prefix{"authorization", "Bearer "})
		r.leave(path, "a token in the query parameter access_token is no credential", `token_locations with {"insecure_query_parameter": "access_token"}`)
	}
	return r.locate(p, list)
}

// prefix is what stands before a token in a header.
type prefix struct{ header, text string }

// hidden are the places where Envoy finds a token and the filter does not. Where
// a token may be missing, a bad one there would pass for none, so it is denied:
// a query parameter that is read by default, and a prefix that does not stand at
// the beginning of its header.
func (r *reader) hidden(c candidate) (list []candidate) {
	deny := func(m match, what, instead string) {
		denial := candidate{path: c.path, match: c.match.with(m), wide: c.wide, need: requirement{}}
		denial.note = &Left{c.path, what + " is found by Envoy and not by the filter, so a rule before this one denies the request", instead}
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
		deny(match{Query: []condition{{Name: "access_token", Present: true}}}, "a token in the query parameter access_token", "nothing")
	}
	slices.SortFunc(prefixes, func(a, b prefix) int { return strings.Compare(a.header+a.text, b.header+b.text) })
	for _, p := range slices.Compact(prefixes) {
		deny(match{Headers: []condition{{Name: p.header, Regex: `(?s).+` + regexp.QuoteMeta(p.text) + `.*`}}},
			"a token in "+p.header+" behind other text and "+strings.TrimSpace(p.text),
			"delete that rule if clients send more than 4 KiB in this header, which is more than an expression reads and is denied, too")
	}
	return list
}

// locate gives a provider those of its locations that the filter reads. No
// location at all in the input is the usual one.
func (r *reader) locate(p *provider, list []place) error {
	for _, l := range list {
		if err := r.probeLocation(l.location); err != nil {
			r.leave(l.path, "no token is read there: "+lastLine(err), "another header or prefix")
			continue
		}
		if !slices.Contains(p.TokenLocations, l.location) {
			p.TokenLocations = append(p.TokenLocations, l.location)
			r.places = append(r.places, l.location)
		}
	}
	switch {
	case len(list) == 0:
		r.places = append(r.places, location{Header: "authorization"})
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
