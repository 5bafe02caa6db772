package credential

import "strings"

// accessToken is the query parameter of RFC 6750 section 2.3. Clients send it even
// where no provider reads it.
var accessToken = Location{Kind: Query, Name: "access_token"}

// maxRedacted bounds the paths that are searched for parameters, in bytes. The access
// log shows no query of a longer path.
const maxRedacted = 4096

// Redact returns a :path without the parameters that may contain a token, in any
// spelling, and reports whether it had any.
func (ls *Locations) Redact(target string) (string, bool) {
	if strings.IndexByte(target, '?') < 0 && strings.IndexByte(target, '#') < 0 {
		return target, false
	}
	if len(target) > maxRedacted {
		path, _, _ := strings.Cut(target, "?")
		path, _, _ = strings.Cut(path, "#")
		return path, true
	}
	parameters := Locations{List: []Location{accessToken}}
	for _, l := range ls.List {
		if l.Kind == Query && l.Name != accessToken.Name {
			parameters.List = append(parameters.List, l)
		}
	}
	all := StripMask{Named: Everywhere, Aliased: Everywhere}
	rest, fragment, _ := strings.Cut(target, "#")
	redacted := parameters.stripParameters(rest, all)
	if fragment != "" {
		// The implicit grant returns tokens in the fragment (RFC 6749 section 4.2.2).
		_, fragment, _ = strings.Cut(parameters.stripParameters("?"+fragment, all), "?")
	}
	if fragment != "" {
		redacted += "#" + fragment
	}
	return redacted, len(redacted) != len(target)
}
