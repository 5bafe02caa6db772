package differential

import (
	"net/url"
	"slices"
	"strings"
)

// attempt is one request, sent to both listeners.
type attempt struct {
	token   *tokenCase // nil: none
	where   string     // the location of the token
	path    string
	method  string
	fields  [][2]string
	special string // what is special about the request
}

func (a *attempt) String() string { return a.kind() + " at " + a.path[:min(len(a.path), 40)] }

// kind is all but the path.
func (a *attempt) kind() string {
	text := a.method + " with no token"
	if a.token != nil {
		text = a.method + " with a token " + a.token.name + " in " + a.where
	}
	for _, f := range a.fields {
		text += ", " + f[0] + ": " + f[1][:min(len(f[1]), 12)]
	}
	return text
}

func (a *attempt) under(prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(a.path, p) })
}

var paths = []string{
	"/healthz", "/healthz/x", "/static/a.css", "/static", "/admin", "/admin/users", "/administration", "/v1/orders", "/v1/orders/7",
	"/v12/orders", "/v2/items", "/Report", "/rEPORT", "/x", "/xx?as=staff", "/x?as=bob", "/partner", "/partnership", "/lax", "/anybody",
	"/both", "/soft", "/maybe", "/", "/other?x=/admin",
}

// places put a token into a request.
var places = map[string]func(a *attempt, token string){
	"Authorization":              func(a *attempt, token string) { a.add("authorization", "Bearer "+token) },
	"Authorization, lower case":  func(a *attempt, token string) { a.add("authorization", "bearer "+token) },
	"Authorization, two spaces":  func(a *attempt, token string) { a.add("authorization", "Bearer  "+token) },
	"Authorization, as Basic":    func(a *attempt, token string) { a.add("authorization", "Basic "+token) },
	"Authorization, bare":        func(a *attempt, token string) { a.add("authorization", token) },
	"Authorization, behind junk": func(a *attempt, token string) { a.add("authorization", "x Bearer "+token) },
	"Authorization, twice": func(a *attempt, token string) {
		a.add("authorization", "Bearer "+token)
		a.add("authorization", "Bearer "+token)
	},
	"x-partner":             func(a *attempt, token string) { a.add("x-partner", "Token "+token) },
	"x-partner, lower case": func(a *attempt, token string) { a.add("x-partner", "token "+token) },
	"x-partner, bare":       func(a *attempt, token string) { a.add("x-partner", token) },
	"x-machine":             func(a *attempt, token string) { a.add("x-machine", token) },
	"cookie":                func(a *attempt, token string) { a.add("cookie", "a=b; partner="+token) },
	"cookie, twice":         func(a *attempt, token string) { a.add("cookie", "partner="+token+"; partner=x") },
	"query partner":         func(a *attempt, token string) { a.query("partner", token) },
	"query access_token":    func(a *attempt, token string) { a.query("access_token", token) },
}

func (a *attempt) add(name, value string) { a.fields = append(a.fields, [2]string{name, value}) }

func (a *attempt) query(name, value string) {
	separator := "?"
	if strings.Contains(a.path, "?") {
		separator = "&"
	}
	a.path += separator + name + "=" + url.QueryEscape(value)
}

// attempts are all requests of a run.
func attempts() (list []*attempt) {
	tokens := tokenCases()
	add := func(a *attempt, where string) {
		if a.token != nil {
			a.where = where
			places[where](a, a.token.token)
		}
		list = append(list, a)
	}
	for _, path := range paths {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			add(&attempt{path: path, method: method}, "")
		}
		for i := range tokens {
			add(&attempt{token: &tokens[i], path: path, method: "GET"}, "Authorization")
			if strings.Contains(path, "/orders") || path == "/maybe" {
				add(&attempt{token: &tokens[i], path: path, method: "POST"}, "Authorization")
			}
			if path == "/both" || path == "/soft" || path == "/maybe" {
				add(&attempt{token: &tokens[i], path: path, method: "GET"}, "x-machine")
			}
			if name := tokens[i].name; !strings.HasSuffix(name, " good") && !strings.HasSuffix(name, "expired") && !strings.HasPrefix(name, " junk") {
				continue
			}
			for where := range places {
				add(&attempt{token: &tokens[i], path: path, method: "GET"}, where)
			}
			preflight := [][2]string{{"origin", "https://app.example"}, {"access-control-request-method", "PUT"}}
			add(&attempt{token: &tokens[i], path: path, method: "OPTIONS", fields: slices.Clone(preflight)}, "Authorization")
			add(&attempt{token: &tokens[i], path: path, method: "OPTIONS", fields: slices.Clone(preflight[:1])}, "Authorization")
			add(&attempt{token: &tokens[i], path: path, method: "GET", fields: slices.Clone(preflight)}, "Authorization")
			add(&attempt{token: &tokens[i], path: path, method: "GET", fields: [][2]string{{"x-version", "2"}}}, "Authorization")
			add(&attempt{token: &tokens[i], path: path, method: "GET", fields: [][2]string{{"x-version", "3"}}}, "Authorization")
		}
	}
	good := map[string]*tokenCase{}
	for i := range tokens {
		if strings.HasSuffix(tokens[i].name, " good") {
			good[tokens[i].provider] = &tokens[i]
		}
	}
	for _, path := range paths {
		for i := range tokens {
			if tokens[i].provider != "machine" {
				continue
			}
			a := &attempt{token: &tokens[i], path: path, method: "GET", special: "two tokens"}
			a.add("authorization", "Bearer "+good["lax"].token)
			add(a, "x-machine")
		}
		a := &attempt{token: good["partner"], path: path, method: "GET", special: "two tokens"}
		a.add("authorization", "Bearer "+good["corp"].token)
		add(a, "x-partner")
	}
	for _, path := range []string{
		"/static/../admin", "/static/..%2fadmin", "/static/%2e%2e/admin", "/static/;/../admin", "//healthz", "/healthz;x", "/%68ealthz",
		"/static/a%00", "/static/%zz", `/static/..\admin`, "/anything/../admin", "/static/%c0%ae/x",
	} {
		for _, token := range []*tokenCase{nil, good["corp"], good["partner"]} {
			add(&attempt{token: token, path: path, method: "GET", special: "several readings"}, "Authorization")
		}
	}
	return list
}
