package policy

import "strings"

// accessTokenParameter is the parameter of RFC 6750 section 2.3. Clients send it also where
// no provider reads it.
var accessTokenParameter = location{kind: locationQuery, name: "access_token"}

// maxRedacted bounds what is searched for parameters. Of a longer path the access
// log shows no query.
const maxRedacted = 4096

// Redacted is a :path without the parameters that may hold a token, in whatever
// spelling, and reports whether it had any. A refused request goes nowhere, but
// access logs show its path.
func (p *Policy) Redacted(target string) (string, bool) {
	if strings.IndexByte(target, '?') < 0 && strings.IndexByte(target, '#') < 0 {
		return target, false
	}
	if len(target) > maxRedacted {
		path, _, _ := strings.Cut(target, "?")
		path, _, _ = strings.Cut(path, "#")
		return path, true
	}
	parameters := locations{list: []location{accessTokenParameter}}
	for _, l := range p.locations.list {
		if l.kind == locationQuery && l.name != accessTokenParameter.name {
			parameters.list = append(parameters.list, l)
		}
	}
	all := gone{named: everyPlace, aliased: everyPlace}
	rest, fragment, _ := strings.Cut(target, "#")
	redacted := parameters.stripParameters(rest, all)
	if fragment != "" {
		// OAuth's implicit grant put tokens there (RFC 6749 section 4.2.2).
		_, fragment, _ = strings.Cut(parameters.stripParameters("?"+fragment, all), "?")
	}
	if fragment != "" {
		redacted += "#" + fragment
	}
	return redacted, len(redacted) != len(target)
}
