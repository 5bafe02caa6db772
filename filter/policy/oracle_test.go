package policy

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"bearerauth/filter/policy/request"
)

// The oracle is the policy of docs/rules.md said again, slowly and by other means: it
// lists the worlds that an upstream may take a request for, looks up the first
// rule that matches in each as if there were no other, and lets the request pass
// only if every one of those rules would. It calls nothing of the code under
// test.

type modelToken struct {
	text, provider, subject string
	scopes                  []string
	tier                    string
	notBefore, expires      int64 // seconds, 0: no bound
}

type modelCondition struct{ Name, Kind, Value string }

// modelPredicate is asked of the claim tier.
type modelPredicate struct {
	Kind   string
	Values []any
}

type modelRule struct {
	kind, path     string // of the path: "", or the member of match
	methods, hosts []string
	headers, query []modelCondition
	access         string
	providers      []string
	scopes         []string
	anyScopes      []string
	claims         []modelPredicate
	anyOf          []modelRule // only what they ask of a token
	forward        *bool
	unverified     bool
	dead           bool // refused as unreachable, so no world may reach it
}

type modelConfig struct {
	realm, format, subjectHeader, tokenHeader, claimHeader string
	providerHeader, claimMissing                           string
	forward, reject                                        bool
	tokens                                                 []modelToken
	rules                                                  []modelRule
}

// world is one way to read a request: one path, one host, one value of each
// header and each parameter.
type world struct {
	hasPath             bool
	method, path, host  string
	headers, parameters map[string]string
}

func (c *modelConfig) forwards(r *modelRule) bool {
	if r.forward != nil {
		return *r.forward
	}
	return c.forward
}

func (r *modelRule) matches(w *world) bool {
	return r.matchesPath(w) &&
		(len(r.methods) == 0 || slices.Contains(r.methods, w.method)) &&
		(len(r.hosts) == 0 || slices.ContainsFunc(r.hosts, func(pattern string) bool {
			if rest, ok := strings.CutPrefix(pattern, "*"); ok {
				return strings.HasSuffix(w.host, rest) && w.host != rest
			}
			return w.host == pattern
		})) &&
		holdAll(r.headers, w.headers) && (len(r.query) == 0 || w.hasPath && holdAll(r.query, w.parameters))
}

func (r *modelRule) matchesPath(w *world) bool {
	if r.kind == "" {
		return true
	}
	if !w.hasPath || !strings.HasPrefix(w.path, "/") {
		return false
	}
	switch r.kind {
	case "path":
		return w.path == r.path
	case "path_prefix":
		return w.path == r.path || strings.HasPrefix(w.path, strings.TrimSuffix(r.path, "/")+"/")
	case "path_template":
		expression := strings.NewReplacer("/**", "(/.*)?", "/*", "/[^/]+").Replace(r.path)
		return compiled("(?s)^" + expression + "$").MatchString(w.path)
	}
	at := compiled(r.path)
	at.Longest()
	return at.FindString(w.path) == w.path
}

var compiledOnce sync.Map // of expressions

func compiled(expression string) *regexp.Regexp {
	if have, ok := compiledOnce.Load(expression); ok {
		return have.(*regexp.Regexp)
	}
	e := regexp.MustCompile(expression)
	compiledOnce.Store(expression, e)
	return e
}

func holdAll(conditions []modelCondition, values map[string]string) bool {
	for _, c := range conditions {
		value, ok := values[c.Name]
		if !ok || c.Kind == "equal" && value != c.Value ||
			c.Kind == "regex" && !compiled("^("+c.Value+")$").MatchString(value) {
			return false
		}
	}
	return true
}

// first is the rule that counts in a world: nil, where none matches.
func (c *modelConfig) first(w *world) *modelRule {
	for i := range c.rules {
		if c.rules[i].matches(w) {
			return &c.rules[i]
		}
	}
	return nil
}

var (
	oracleBearer = regexp.MustCompile(`^[Bb][Ee][Aa][Rr][Ee][Rr] +([0-9A-Za-z._~+/-]+=*)$`)
	oracleEmpty  = regexp.MustCompile(`^([Bb][Ee][Aa][Rr][Ee][Rr] *)?$`)
	oracleNamed  = regexp.MustCompile("(^|,)[ \t]*[Bb][Ee][Aa][Rr][Ee][Rr]([^-!#$%&'*+.^_`|~0-9A-Za-z]|$)")
	oracleOdd    = regexp.MustCompile(`[^\t -~]`)
)

// credentials are "none", "bad", or "bearer" and a token.
func credentials(headers [][2]string, target string) (kind, token string) {
	var lines []string
	for _, h := range headers {
		if h[0] == "authorization" {
			lines = append(lines, strings.Trim(h[1], " \t"))
		}
	}
	if len(lines) == 0 {
		return "none", ""
	}
	found := oracleBearer.FindStringSubmatch(lines[0])
	switch {
	case len(lines) > 1 || oracleOdd.MatchString(lines[0]):
		return "bad", ""
	case oracleEmpty.MatchString(lines[0]):
		return "none", ""
	case found == nil && oracleNamed.MatchString(lines[0]), found != nil && len(found[1]) > 16384:
		return "bad", ""
	case found == nil:
		return "none", ""
	}
	_, query, _ := strings.Cut(target, "?")
	values, _ := url.ParseQuery(query)
	if values.Has("access_token") {
		return "bad", ""
	}
	return "bearer", found[1]
}

// says is what a rule answers: 200 or a status, and the reason's word.
func (c *modelConfig) says(r *modelRule, kind, text string, now time.Time) (status int, reason string, token *modelToken) {
	if r == nil {
		r = &modelRule{access: "token"}
	}
	switch {
	case r.access == "deny":
		return 403, "forbidden", nil
	case r.access == "anonymous":
		return 200, "anonymous", nil
	case r.access == "optional" && kind == "none":
		return 200, "optional_missing", nil
	case kind == "none":
		return 401, "missing", nil
	case kind == "bad":
		return 400, "", nil // two reasons share it
	case r.access == "insecure_presence_only":
		return 200, "presence_only", nil
	}
	i := slices.IndexFunc(c.tokens, func(t modelToken) bool { return t.text == text })
	if i < 0 {
		return 401, "unknown_token", nil
	}
	token = &c.tokens[i]
	switch {
	case token.notBefore != 0 && now.Unix() < token.notBefore:
		return 401, "not_yet_valid", nil
	case token.expires != 0 && now.Unix() >= token.expires:
		return 401, "expired", nil
	}
	if reason = r.lacks(token); reason != "" {
		return 403, reason, token
	}
	if len(r.anyOf) > 0 {
		var all []string
		for i := range r.anyOf {
			all = append(all, r.anyOf[i].lacks(token))
		}
		for _, reason := range []string{"insufficient_scope", "insufficient_claims", "other_provider"} {
			if slices.Contains(all, reason) && !slices.Contains(all, "") {
				return 403, reason, token
			}
		}
	}
	if c.claimHeader != "" && c.claimMissing == "deny" && token.tier == "" {
		return 403, "insufficient_claims", token
	}
	return 200, "token_valid", token
}

// lacks is why a good token does not do, "" where it does.
func (r *modelRule) lacks(token *modelToken) string {
	if len(r.providers) > 0 && !slices.Contains(r.providers, token.provider) {
		return "other_provider"
	}
	for _, scope := range r.scopes {
		if !slices.Contains(token.scopes, scope) {
			return "insufficient_scope"
		}
	}
	if len(r.anyScopes) > 0 && !slices.ContainsFunc(r.anyScopes, func(s string) bool { return slices.Contains(token.scopes, s) }) {
		return "insufficient_scope"
	}
	for _, p := range r.claims {
		if !p.holds(token.tier) {
			return "insufficient_claims"
		}
	}
	return ""
}

// holds says what a predicate makes of an attribute, "" where there is none.
func (p *modelPredicate) holds(tier string) bool {
	switch p.Kind {
	case "equal", "one_of":
		return tier != "" && slices.Contains(p.Values, any(tier))
	case "matches":
		return tier != "" && compiled("^("+p.Values[0].(string)+")$").MatchString(tier)
	case "exists":
		return tier != ""
	}
	return false // an attribute is no array
}

// worlds are all readings of a request. One world alone is a request that all servers read
// alike.
func worlds(r *request.Request) []world {
	all := []world{{hasPath: r.HasPath, method: r.Method, headers: map[string]string{}, parameters: map[string]string{}}}
	split := func(values []string, set func(*world, string)) {
		var next []world
		for _, w := range all {
			for _, value := range values {
				other := w
				other.headers, other.parameters = copyOf(w.headers), copyOf(w.parameters)
				set(&other, value)
				next = append(next, other)
			}
		}
		all = next
	}
	if r.HasPath {
		split(oraclePaths(r.Path), func(w *world, s string) { w.path = s })
	}
	split(oracleHosts(r.Authority), func(w *world, s string) { w.host = s })
	headers, names := map[string][]string{}, []string{}
	for _, h := range r.Headers {
		if strings.HasPrefix(h[0], "x-tier") {
			names = append(names, h[0])
			headers[h[0]] = append(headers[h[0]], h[1])
		}
	}
	for _, name := range distinct(names) {
		split(distinct(headers[name]), func(w *world, s string) { w.headers[name] = s })
	}
	parameters := oracleParameters(r.Path)
	if decoded := strings.ReplaceAll(r.Path, "%3f", "?"); decoded != r.Path {
		parameters = oracleParameters(decoded)
	}
	for _, name := range distinct(keys(parameters)) {
		split(distinct(parameters[name]), func(w *world, s string) { w.parameters[name] = s })
	}
	return all
}

var oracleEscapes = strings.NewReplacer("%2f", "/", "%2F", "/", "%5c", `\`, "%5C", `\`)

// oraclePaths reads the path in every order of what docs/rules.md lists, with
// escapes decoded twice at most.
func oraclePaths(target string) []string {
	path, _, _ := strings.Cut(target, "?")
	type reading struct {
		path    string
		decoded int
	}
	list := []reading{{path, 0}}
	for i := 0; i < len(list) && i < 400; i++ {
		s, n := list[i].path, list[i].decoded
		before, _, _ := strings.Cut(s, "#")
		next := []reading{
			{before, n},
			{strings.ReplaceAll(s, `\`, "/"), n},
			{resolveSegments(s), n},
			{oracleEscapes.Replace(s), n},
		}
		if strings.Contains(s, ";") {
			next = append(next, reading{segmentParameters.ReplaceAllString(s, ""), n})
		}
		if strings.Contains(s, "//") {
			next = append(next, reading{slashRuns.ReplaceAllString(s, "/"), n})
		}
		if u, err := url.PathUnescape(s); err == nil && n < 2 {
			next = append(next, reading{u, n + 1})
		}
		for _, r := range next {
			if !slices.Contains(list, r) {
				list = append(list, r)
			}
		}
	}
	var paths []string
	for _, r := range list {
		paths = append(paths, r.path)
	}
	return distinct(paths)
}

// oracleHosts cuts at the signs that some cut at and others do not.
func oracleHosts(authority string) []string {
	list := []string{}
	for _, part := range append(strings.Split(authority, "@"), authority) {
		host, _, _ := strings.Cut(part, ":")
		list = append(list, strings.ToLower(strings.TrimRight(host, ".")))
	}
	return distinct(list)
}

func oracleParameters(target string) map[string][]string {
	_, query, _ := strings.Cut(target, "?")
	before, _, _ := strings.Cut(query, "#")
	values := map[string][]string{}
	for _, text := range []string{before, strings.ReplaceAll(before, ";", "&")} {
		for _, pair := range strings.Split(text, "&") {
			name, value, _ := strings.Cut(pair, "=")
			if name == "" {
				continue
			}
			for _, decode := range []func(string) (string, error){url.PathUnescape, url.QueryUnescape} {
				n, err := decode(name)
				v, err2 := decode(value)
				if err == nil && err2 == nil {
					values[n] = append(values[n], v)
				}
			}
		}
	}
	return values
}

func copyOf(m map[string]string) map[string]string {
	other := map[string]string{}
	for k, v := range m {
		other[k] = v
	}
	return other
}

func keys(m map[string][]string) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	return names
}

func distinct(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

var (
	segmentParameters = regexp.MustCompile(`;[^/]*`)
	slashRuns         = regexp.MustCompile(`/+`)
)

// resolveSegments is RFC 3986 section 5.2.4 word by word, for a path that begins with a
// slash: from an input buffer to an output buffer. (The upstreams of package match have a
// stack instead, so a mistake in one is not in the other.)
func resolveSegments(in string) string {
	if !strings.HasPrefix(in, "/") {
		return in
	}
	var out string
	up := func() { out = out[:max(0, strings.LastIndexByte(out, '/'))] }
	for in != "" {
		switch {
		case strings.HasPrefix(in, "/./"):
			in = in[2:]
		case in == "/.":
			in = "/"
		case strings.HasPrefix(in, "/../"):
			in = in[3:]
			up()
		case in == "/..":
			in = "/"
			up()
		default:
			end := len(in)
			if next := strings.IndexByte(in[1:], '/'); next >= 0 {
				end = next + 1
			}
			out, in = out+in[:end], in[end:]
		}
	}
	return out
}
