package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"bearerauth/filter/policy/request"
)

// dice makes choices out of bytes, so that a fuzzer can steer them.
type dice []byte

func (d *dice) roll(n int) int {
	if len(*d) == 0 {
		return 0
	}
	b := (*d)[0]
	*d = (*d)[1:]
	return int(b) % n
}

func (d *dice) pick(options ...string) string { return options[d.roll(len(options))] }

func (d *dice) some(options ...string) []string {
	var list []string
	for _, option := range options {
		if d.roll(2) == 1 {
			list = append(list, option)
		}
	}
	return list
}

const decideNow = 1893456000

// The tokens are words that no refusal has by chance.
func modelTokens() []modelToken {
	return []modelToken{
		{text: "QZX-one.fake", provider: "ops", subject: "alice", scopes: []string{"read", "admin"}, tier: "gold"},
		{text: "QZX-two/fake==", provider: "apps", subject: "bob", scopes: []string{"read"}},
		{text: "QZX~three", provider: "apps"},
		{text: "QZX-past", provider: "ops", subject: "carol", expires: decideNow},
		{text: "QZX-future", provider: "ops", subject: "dave", notBefore: decideNow + 1},
		{text: "QZX-edge", provider: "ops", subject: "erin", notBefore: decideNow, expires: decideNow + 1},
	}
}

func (d *dice) config() *modelConfig {
	return &modelConfig{
		realm: d.pick("demo", `a "b" \c`, "x, error=y"), format: d.pick("json", "text", "problem"),
		subjectHeader: d.pick("x-auth-subject", "", "x_auth_subject"), tokenHeader: d.pick("", "x-auth-token"),
		claimHeader: d.pick("x-auth-tier", ""), claimMissing: d.pick("omit", "omit", "omit", "default", "deny"), providerHeader: d.pick("", "x-auth-provider"), forward: d.roll(3) == 1, reject: d.roll(8) == 1, tokens: modelTokens(),
	}
}

func (d *dice) rule() modelRule {
	r := modelRule{access: d.pick("token", "token", "deny", "optional", "anonymous", "anonymous", "insecure_presence_only")}
	switch r.kind = d.pick("path_prefix", "", "path", "path_template", "path_regex"); r.kind {
	case "path_prefix":
		r.path = d.pick("/a", "/pub", "/a/b", "/", "/a/", "/adm")
	case "path":
		r.path = d.pick("/a", "/a/", "/pub/a", "/", "/adm")
	case "path_template":
		r.path = d.pick("/*/a", "/a/**", "/*", "/pub/*/**", "/**")
	case "path_regex":
		r.path = d.pick("/a.*", "/(pub|adm)", "/[a-z]+/b", "/a|/adm", ".*")
	}
	if d.roll(4) == 1 {
		r.methods = [][]string{{"GET"}, {"POST", "GET"}, {"CONNECT"}}[d.roll(3)]
	}
	if d.roll(4) == 1 {
		r.hosts = [][]string{{"a.test"}, {"*.w.test"}, {"b.test", "a.test"}}[d.roll(3)]
	}
	condition := func(name string) []modelCondition {
		kind := d.pick("present", "equal", "regex")
		return []modelCondition{{name, kind, map[string]string{"equal": "gold", "regex": "g.*|lead"}[kind]}}
	}
	if d.roll(5) == 1 {
		r.headers = condition("x-tier")
	}
	if d.roll(5) == 1 {
		r.query = condition("q")
	}
	if r.access == "token" || r.access == "optional" {
		alternatives := max(d.roll(6)-2, 0)
		if alternatives == 0 || d.roll(3) == 0 {
			r.demand(d)
		}
		for range alternatives {
			alternative := modelRule{}
			alternative.demand(d)
			if len(r.providers) > 0 && len(alternative.providers) > 0 {
				alternative.providers = r.providers[:1] // one of the rule's own
			}
			everyToken := len(alternative.providers) == 0 || len(alternative.providers) == 2 || len(r.providers) == 1
			if len(alternative.scopes)+len(alternative.anyScopes)+len(alternative.claims) == 0 && everyToken {
				alternative.scopes = []string{"admin"}
			}
			r.anyOf = append(r.anyOf, alternative)
		}
	}
	if forward := d.roll(4); forward < 2 && r.access != "deny" {
		is := forward == 1
		r.forward = &is
	}
	r.unverified = d.roll(4) == 1 && (r.access == "anonymous" || r.access == "insecure_presence_only")
	return r
}

// demand is what a rule, or an alternative of it, asks of a token.
func (r *modelRule) demand(d *dice) {
	r.providers, r.scopes = d.some("ops", "apps"), d.some("read", "admin")
	if d.roll(3) == 1 {
		r.anyScopes = [][]string{{"read"}, {"write", "admin"}, {"rea", "READ"}}[d.roll(3)]
	}
	for range max(d.roll(4)-1, 0) {
		r.claims = append(r.claims, []modelPredicate{
			{"equal", []any{"gold"}},
			{"one_of", []any{"gold", 7, true}},
			{"matches", []any{"g.*|lead"}},
			{"exists", []any{true}},
			{"contains", []any{"gold"}},
			{"one_of", []any{true, "Gold"}},
			{"matches", []any{"gol"}},
		}[d.roll(7)])
	}
}

// json writes the configuration, without the rules that were refused.
func (c *modelConfig) json() []byte {
	object := map[string]any{
		"realm": c.realm, "body_format": c.format, "forward_authorization": c.forward,
		"non_canonical_paths": map[bool]string{false: "judge", true: "reject"}[c.reject],
		"details":             map[string]string{"missing_token": `No "token"`},
	}
	set := func(o map[string]any, name string, value any, is bool) {
		if is {
			o[name] = value
		}
	}
	set(object, "subject_header", c.subjectHeader, c.subjectHeader != "")
	set(object, "token_header", c.tokenHeader, c.tokenHeader != "")
	set(object, "provider_header", c.providerHeader, c.providerHeader != "")
	told := map[string]any{"claim": "tier", "header": c.claimHeader}
	set(told, "missing", c.claimMissing, c.claimMissing != "default")
	set(told, "default", "none", c.claimMissing == "default")
	set(object, "claim_headers", []any{told}, c.claimHeader != "")
	providers := map[string][]any{}
	for _, t := range c.tokens {
		digest := sha256.Sum256([]byte(t.text))
		o := map[string]any{"sha256": hex.EncodeToString(digest[:])}
		set(o, "subject", t.subject, t.subject != "")
		set(o, "scopes", t.scopes, t.scopes != nil)
		set(o, "attributes", map[string]string{"tier": t.tier}, t.tier != "")
		set(o, "not_before", time.Unix(t.notBefore, 0).UTC().Format(time.RFC3339), t.notBefore != 0)
		set(o, "expires", time.Unix(t.expires, 0).UTC().Format(time.RFC3339), t.expires != 0)
		providers[t.provider] = append(providers[t.provider], o)
	}
	object["providers"] = map[string]any{
		"ops":  map[string]any{"type": "static", "tokens": providers["ops"]},
		"apps": map[string]any{"type": "static", "tokens": providers["apps"]},
	}
	var rules []any
	for _, r := range c.rules {
		if !r.dead {
			rules = append(rules, r.json(set))
		}
	}
	set(object, "rules", rules, rules != nil)
	text, _ := json.Marshal(object)
	return text
}

func (r *modelRule) json(set func(map[string]any, string, any, bool)) map[string]any {
	conditions := func(list []modelCondition) (all []any) {
		for _, c := range list {
			o := map[string]any{"name": c.Name, c.Kind: c.Value}
			set(o, "present", true, c.Kind == "present")
			all = append(all, o)
		}
		return all
	}
	match := map[string]any{}
	set(match, r.kind, r.path, r.kind != "")
	set(match, "methods", r.methods, r.methods != nil)
	set(match, "hosts", r.hosts, r.hosts != nil)
	set(match, "headers", conditions(r.headers), r.headers != nil)
	set(match, "query", conditions(r.query), r.query != nil)
	o := map[string]any{}
	set(o, "access", r.access, r.access != "")
	set(o, "match", match, len(match) > 0)
	set(o, "providers", r.providers, r.providers != nil)
	set(o, "scopes", r.scopes, r.scopes != nil)
	set(o, "any_scopes", r.anyScopes, r.anyScopes != nil)
	var claims []any
	for _, p := range r.claims {
		value := any(p.Values)
		if p.Kind != "one_of" {
			value = p.Values[0]
		}
		claims = append(claims, map[string]any{"claim": "tier", p.Kind: value})
	}
	set(o, "claims", claims, claims != nil)
	var alternatives []any
	for i := range r.anyOf {
		alternatives = append(alternatives, r.anyOf[i].json(set))
	}
	set(o, "any_of", alternatives, alternatives != nil)
	set(o, "forward_authorization", r.forward, r.forward != nil)
	set(o, "insecure_forward_unverified_token", true, r.unverified)
	return o
}

func (d *dice) request() *request.Request {
	path := ""
	odd := d.roll(2) == 1
	for range 1 + d.roll(3) {
		path += "/" + d.pick("a", "b", "pub", "adm")
		if odd {
			path += d.pick("", "/..", "/%2e%2e", "%2f", "%5c..", `\`, ";x", "//", "/..;y", "/%252e.", "/..%2fadm", "%00", "%zz", "/.", "#")
		}
	}
	path += d.pick("", "", "/", "?q=gold", "?q=lead", "?q=gold&q=x", "?x=1&q=gold;q=z", "?%71=gold", "?access_token=QZX-one.fake", "?q", "?q=%67old", "%3fq=gold", "%3fq=lead?q=gold")
	token := d.pick("QZX-one.fake", "QZX-two/fake==", "QZX~three", "QZX-past", "QZX-future", "QZX-edge", "QZX-strange")
	pairs := [][2]string{
		{":method", d.pick("GET", "GET", "POST", "get", "CONNECT")},
		{":authority", d.pick("a.test", "A.Test:80", "x.w.test", "w.test", "b.test:8080", "a.test@b.test", "a.test.", "b.test:80:90", "c.test")},
	}
	if d.roll(10) != 9 {
		pairs = append(pairs, [2]string{":path", path})
	}
	for range d.roll(3) {
		pairs = append(pairs, [2]string{d.pick("x-tier", "x-tier", "x_tier"), d.pick("gold", "lead", "gold,x", "g", "")})
	}
	for range d.roll(4) {
		name := d.pick("x-auth-subject", "x_auth_subject", "x-auth_subject", "x-auth-token", "x_auth-tier", "X-Auth-Subject", "x-auth-provider", "accept")
		pairs = append(pairs, [2]string{name, "forged"})
	}
	if d.roll(4) == 1 {
		pairs = append(pairs, [2]string{"content-type", d.pick("application/grpc", "application/grpc+proto", "application/json", "application/grpc-web")})
	}
	for range 1 + d.roll(9)/8 {
		value := d.pick("Bearer ", "Bearer ", "Bearer ", "bEARER   ", "-", "Bearer", "Bearer\t", "Basic ", "Basic x,Bearer ", "Bearer x,", "\xa0Bearer ",
			" Bearer ", "Bearer=", "Bearer \x01", "Bearerx ", `Digest a="Bearer `, "\x0bBearer ", "Basic x,\x85Bearer ", ",")
		if value != "-" {
			pairs = append(pairs, [2]string{"authorization", value + d.pick(token, token, token, "", token+",x", token+" x", token+"é")})
		}
	}
	r := request.NewRequest(pairs)
	return &r
}
