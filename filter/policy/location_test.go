package policy

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

func locationsPolicy(t testing.TB) *Policy {
	return mustParse(t, `{"providers": {"a": {"type": "static",
		"token_locations": [{"header": "authorization"}, {"header": "x-token", "prefix": "Token "}, {"cookie": "session"}, {"insecure_query_parameter": "access_token"}],
		"tokens": [{"sha256": "`+digestOf("fake-token")+`"}]}},
		"rules": [{"match": {"path": "/open"}, "access": "anonymous"}]}`)
}

// TestStripProperty: for any request, no reader of the standard library finds an
// unverified token behind an opening, nor a verified token that is not forwarded. Values
// that are no tokens stay unchanged.
func TestStripProperty(t *testing.T) {
	t.Parallel()
	p := locationsPolicy(t)
	r := rand.New(rand.NewPCG(1, 2))
	cookies := []string{"session=fake-token", "session=forged", "a=1", "sessio%6e=forged", "session", "session =forged", "Session=x", `b="session=q"`, "", "xsession=2", "c=session"}
	parameters := []string{"access_token=fake-token", "access_token=forged", "a=1", "access%5Ftoken=forged", "access_token", "b=%20", "xaccess_token=2", "c=access_token", ""}
	headers := [][2]string{
		{"x-token", "Token fake-token"},
		{"x_token", "Token forged"},
		{"x.token", "Token forged"},
		{"x-token", "token forged"},
		{"x-token", "Basic x"},
		{"authorization", "Bearer fake-token"},
		{"authorization", "bearer forged"},
		{"authorization", "Basic x"},
		{"x-other", "Token x"},
	}
	some := func(list []string, n int, separator string) string {
		var picked []string
		for range r.IntN(n) {
			picked = append(picked, list[r.IntN(len(list))])
		}
		return strings.Join(picked, separator)
	}
	passed := map[verdict.Reason]int{}
	for range 20000 {
		pairs := [][2]string{{":method", "GET"}, {":authority", "test.example"}}
		path := pick(r, "/", "/open")
		if query := some(parameters, 4, pick(r, "&", ";")); query != "" {
			path += "?" + query
		}
		pairs = append(pairs, [2]string{":path", path})
		for range r.IntN(3) {
			pairs = append(pairs, headers[r.IntN(len(headers))])
		}
		for range r.IntN(3) {
			pairs = append(pairs, [2]string{"cookie", some(cookies, 4, pick(r, "; ", ";"))})
		}
		request := request.NewRequest(pairs)
		a, ok := p.Decide(p.NewState(Host{}), testNow, &request).(*verdict.Allow)
		if !ok {
			continue
		}
		passed[a.Reason]++
		after := applyTo(pairs, a)
		read := http.Header{}
		target := ""
		for _, pair := range after {
			if pair[0] == ":path" {
				target = pair[1]
			}
			read.Add(strings.NewReplacer("_", "-", ".", "-").Replace(pair[0]), pair[1])
		}
		u, err := url.ParseRequestURI(strings.ReplaceAll(target, ";", "&"))
		if err != nil {
			t.Fatal(err)
		}
		if u.Query().Has("access_token") {
			t.Fatalf("%q: the query %q has a token", pairs, target)
		}
		for _, value := range read.Values("Authorization") {
			if !strings.HasPrefix(value, "Basic") {
				t.Fatalf("%q: %q goes on", pairs, value)
			}
		}
		for _, value := range read.Values("X-Token") {
			if strings.HasPrefix(strings.ToLower(value), "token") {
				t.Fatalf("%q: %q goes on", pairs, value)
			}
		}
		before := http.Header{}
		for _, pair := range pairs {
			before.Add(pair[0], pair[1])
		}
		var want, got []string
		for _, c := range (&http.Request{Header: before}).Cookies() {
			if name, err := url.PathUnescape(c.Name); err == nil && !strings.EqualFold(name, "session") {
				want = append(want, c.String())
			}
		}
		for _, c := range (&http.Request{Header: read}).Cookies() {
			got = append(got, c.String())
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q: cookies %q go on, want %q", pairs, got, want)
		}
		if !strings.Contains(path, "ccess") && target != path {
			t.Fatalf("%q: the target became %q", pairs, target)
		}
	}
	if passed[verdict.ReasonTokenValid] < 100 || passed[verdict.ReasonAnonymous] < 1000 {
		t.Errorf("%v passed: the property says little", passed)
	}
}

// TestRouteByAlias: a spelling of a token's header is removed before Envoy chooses the
// route again, so the route that it chose decides about no request.
func TestRouteByAlias(t *testing.T) {
	t.Parallel()
	p := mustParse(t, `{"providers": {"a": {"type": "static", "token_locations": [{"header": "x-token"}], "tokens": [{"sha256": "`+digestOf("fake-token")+`"}]}},
		"rules": [{"match": {"route_names": ["public"]}, "access": "anonymous"}, {"match": {"route_names": ["admin"]}, "access": "deny"}]}`)
	for _, c := range []struct{ header, route, want string }{
		{"x-other", "public", "anonymous"}, {"x-token", "public", "anonymous"}, {"x_token", "public", "forbidden"}, {"x_token", "other", "forbidden"}, {"x.token", "public", "forbidden"}, {"x-token", "other", "token_valid"},
	} {
		r := request.NewRequest([][2]string{{":method", "GET"}, {":path", "/"}, {c.header, "fake-token"}})
		r.Properties = []request.Property{{Value: c.route, OK: true}}
		if got := decided(p.Decide(p.NewState(Host{}), testNow, &r)); got != c.want {
			t.Errorf("%s by route %s: %s, want %s", c.header, c.route, got, c.want)
		}
	}
}

// TestAllOfQuery: access_token beside Authorization is a second method only to
// rules that look at both and want one.
func TestAllOfQuery(t *testing.T) {
	t.Parallel()
	p := mustParse(t, `{"providers": {
		"user": {"type": "static", "tokens": [{"sha256": "`+digestOf("fake-user")+`"}]},
		"link": {"type": "static", "token_locations": [{"insecure_query_parameter": "access_token"}], "tokens": [{"sha256": "`+digestOf("fake-link")+`"}]}},
		"rules": [{"match": {"path": "/both"}, "all_of": ["user", "link"]}, {"match": {"path": "/user"}, "providers": ["user"]},
			{"match": {"path": "/optional"}, "access": "optional"}, {"match": {"path": "/presence"}, "access": "insecure_presence_only"}]}`)
	for target, want := range map[string]string{
		"/both?access_token=fake-link": "token_valid", "/both?access_token=forged": "unknown_token", "/both": "missing",
		"/both?access_token=fake-link&access_token=": "several_credentials", "/user?access_token=forged": "token_valid",
		"/?access_token=fake-link": "several_credentials", "/?access_token=forged": "several_credentials",
		"/optional?access_token=forged": "several_credentials", "/presence?access_token=forged": "several_credentials",
	} {
		pairs := [][2]string{{":method", "GET"}, {":path", target}, {"authorization", "Bearer fake-user"}}
		r := request.NewRequest(pairs)
		v := p.Decide(p.NewState(Host{}), testNow, &r)
		if got := decided(v); got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
		path, _, _ := strings.Cut(target, "?")
		if want == "token_valid" && setHeader(v, ":path") != path {
			t.Errorf("%s: the upstream gets %q", target, setHeader(v, ":path"))
		}
	}
}

// TestRememberedAnywhere: a JWT costs one signature check, at any location.
func TestRememberedAnywhere(t *testing.T) {
	t.Parallel()
	issuer := issuerOnce()
	token := issuer.sign(nil, nil)
	p := mustParse(t, jwtConfig(t, map[string]any{"token_locations": []map[string]string{
		{"header": "authorization"}, {"header": "x-token"}, {"cookie": "session"}, {"insecure_query_parameter": "access_token"},
	}}))
	for _, pairs := range [][][2]string{
		{{":path", "/"}, {"authorization", "Bearer " + token}},
		{{":path", "/"}, {"authorization", "Bearer   " + token}},
		{{":path", "/"}, {"x-token", token}},
		{{":path", "/"}, {"cookie", "a=b; session=" + token}},
		{{":path", "/?access_token=" + token}},
	} {
		s := p.NewState(Host{})
		var first *verdict.Identity
		for range 2 {
			r := request.NewRequest(append([][2]string{{":method", "GET"}}, pairs...))
			a, ok := p.Decide(s, testNow, &r).(*verdict.Allow)
			if !ok || first != nil && a.Identity != first {
				t.Fatalf("%.40q: verified again", pairs)
			}
			first = a.Identity
		}
	}
}

// TestAllOfJWT: each provider's token is verified, from its own place only, and
// one that waits for keys makes the request wait.
func TestAllOfJWT(t *testing.T) {
	t.Parallel()
	issuer := issuerOnce()
	keys := jwkSet(issuer.jwk("RS256", "k1"))
	p := mustParse(t, `{"subject_header": "x-sub", "providers": {
		"user": {"type": "jwt", "issuer": "https://issuer.example", "audiences": ["api"], "jwks": `+keys+`},
		"device": {"type": "jwt", "issuer": "https://devices.example", "audiences": ["api"], "jwks": `+keys+`, "token_locations": [{"header": "x-device"}]},
		"remote": {"type": "jwt", "issuer": "https://remote.example", "audiences": ["api"], "algorithms": ["RS256"], "jwks_uri": "https://remote.example/k", "cluster": "c", "token_locations": [{"header": "x-remote"}]}},
		"rules": [{"match": {"path": "/remote"}, "all_of": ["user", "remote"]}, {"all_of": ["user", "device"]}]}`)
	user := issuer.sign(nil, map[string]any{"sub": "alice"})
	other := issuer.sign(nil, map[string]any{"sub": "bob", "aud": "x"})
	device := issuer.sign(nil, map[string]any{"iss": "https://devices.example", "sub": "d1"})
	forged := newTestIssuer().sign(nil, map[string]any{"iss": "https://devices.example"})
	remote := issuer.sign(nil, map[string]any{"iss": "https://remote.example"})
	for _, c := range []struct {
		path, user, place, second, want string
	}{
		{"/", user, "x-device", device, "token_valid"},
		{"/", user, "x-device", "", "missing"},
		{"/", "", "x-device", device, "missing"},
		{"/", other, "x-device", device, "wrong_audience"},
		{"/", user, "x-device", user, "wrong_location"},
		{"/", device, "x-device", device, "wrong_location"},
		{"/", device, "x-device", user, "wrong_location"},
		{"/", user, "x-device", forged, "bad_signature"},
		{"/", user, "x-remote", device, "missing"},
		{"/remote", user, "x-remote", remote, "wait"},
		{"/remote", other, "x-remote", remote, "wrong_audience"},
	} {
		pairs := [][2]string{{":method", "GET"}, {":path", c.path}}
		if c.user != "" {
			pairs = append(pairs, [2]string{"authorization", "Bearer " + c.user})
		}
		if c.second != "" {
			pairs = append(pairs, [2]string{c.place, c.second})
		}
		s := p.NewState(Host{})
		for range 2 { // the second time from memory
			r := request.NewRequest(pairs)
			r.MayWait = true
			v := p.Decide(s, testNow, &r)
			got := decided(v)
			if _, ok := v.(*verdict.Wait); ok {
				got = "wait"
			}
			if got != c.want {
				t.Errorf("%s %s: %s, want %s", c.path, c.place, got, c.want)
			}
			if got == "token_valid" && setHeader(v, "x-sub") != "alice" {
				t.Errorf("the request is %s's", setHeader(v, "x-sub"))
			}
		}
	}
}

// TestKeyIDs: a provider gets the tokens of its kids only, and no other's keys
// are tried.
func TestKeyIDs(t *testing.T) {
	t.Parallel()
	one, two := issuerOnce(), newTestIssuer()
	config := func(common string) string {
		return `{"providers": {
			"one": {"type": "jwt", ` + common + `, "audiences": ["api"], "key_ids": ["k1"], "jwks": ` + jwkSet(one.jwk("RS256", "k1"), one.jwk("RS256", "k3")) + `},
			"two": {"type": "jwt", ` + common + `, "audiences": ["api"], "key_ids": ["k2"], "jwks": ` + jwkSet(two.jwk("RS256", "k2"), two.jwk("RS256", "k1")) + `}},
			"rules": [{"match": {"path": "/two"}, "providers": ["two"]}]}`
	}
	type m = map[string]any
	for name, p := range map[string]*Policy{
		"one issuer": mustParse(t, config(`"issuer": "https://issuer.example"`)),
		"any issuer": mustParse(t, config(`"leeway": "30s"`)),
	} {
		for _, c := range []struct{ name, path, token, want string }{
			{"first", "/", one.sign(m{"kid": "k1"}, nil), "token_valid"},
			{"second", "/", two.sign(m{"kid": "k2"}, nil), "token_valid"},
			{"second, where it is asked for", "/two", two.sign(m{"kid": "k2"}, nil), "token_valid"},
			{"first, where the second is asked for", "/two", one.sign(m{"kid": "k1"}, nil), "other_provider"},
			{"second's key under first's kid", "/", two.sign(m{"kid": "k1"}, nil), "bad_signature"},
			{"a kid of the set that is not listed", "/", one.sign(m{"kid": "k3"}, nil), "unknown_key"},
			{"no kid", "/", one.sign(m{"kid": nil}, nil), "unknown_key"},
			{"another audience", "/", two.sign(m{"kid": "k2"}, m{"aud": "x"}), "wrong_audience"},
		} {
			s := p.NewState(Host{})
			for range 2 {
				r := request.NewRequest([][2]string{{":method", "GET"}, {":path", c.path}, {"authorization", "Bearer " + c.token}})
				if got := decided(p.Decide(s, testNow, &r)); got != c.want {
					t.Errorf("%s: %s: %s, want %s", name, c.name, got, c.want)
				}
			}
		}
	}
}
