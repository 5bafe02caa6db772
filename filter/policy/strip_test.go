package policy

import (
	"slices"
	"testing"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// TestTrailers: no credential is forwarded in trailers, which no rule reads.
func TestTrailers(t *testing.T) {
	t.Parallel()
	trailers := [][2]string{
		{"grpc-status", "0"}, {"authorization", "Bearer x"}, {"cookie", "session=forged"}, {"x-token", "forged"}, {"x_token", "forged"}, {"cookie", "a=b"}, {"cookies", "a"},
	}
	for location, want := range map[string][]string{
		`{"header": "authorization"}`:                {"authorization"},
		`{"header": "x-token"}`:                      {"x-token", "x_token"},
		`{"cookie": "session"}`:                      {"cookie"},
		`{"insecure_query_parameter": "a"}`:          nil,
		`{"header": "x-token"}, {"cookie": "other"}`: {"x-token", "x_token", "cookie"},
	} {
		p := mustParse(t, `{"providers": {"a": {"type": "static", "token_locations": [`+location+`], "tokens": [{"sha256": "`+digestOf("fake-token")+`"}]}}}`)
		if got := p.AppendCredentials([]string{"kept"}, trailers); got[0] != "kept" || !slices.Equal(got[1:], want) {
			t.Errorf("%s: %q go, want %q", location, got, want)
		}
	}
}

// TestStripOnly: what is taken out of a request leaves the rest as it is.
func TestStripOnly(t *testing.T) {
	t.Parallel()
	p := mustParse(t, `{"providers": {"a": {"type": "static",
		"token_locations": [{"header": "authorization"}, {"cookie": "session"}, {"cookie": "other"}, {"insecure_query_parameter": "token"}],
		"tokens": [{"sha256": "`+digestOf("fake-token")+`"}]}}, "rules": [{"access": "anonymous"}]}`)
	for _, c := range []struct{ path, cookie, wantPath, wantCookie string }{
		{"/?a&token=x&b", "a=1; session=x; b=2", "/?a&b", "a=1; b=2"},
		{"/?token=x", "session=x", "/", ""},
		{"/?a=1;token=x;b=2#f", "session=x;;a=1; ", "/?a=1;b=2#f", "a=1"},
		{"/?&&a&&token=x&&", "other=y;a", "/?&&a", "a"},
		{"/?token=x&a#token=x", "session=x; session=y;a=1", "/?a#token=x", "a=1"},
		{"/?a&token[]=x", "a=1;SESSION=x", "/?a", "a=1"},
		{"/?token=x", "a=x session y; session=z", "/", "a=x session y"},
		{"/?token=x", "a=session; session=x session=y; b=session", "/", "a=session; b=session"},
		{"/?a&b", "a=1;;b", "", ""}, // not touched
		{"/?a&toke=x", "sessions=1", "", ""},
	} {
		r := request.NewRequest([][2]string{{":method", "GET"}, {":path", c.path}, {"cookie", c.cookie}})
		v := p.Decide(p.NewState(Host{}), testNow, &r)
		a, ok := v.(*verdict.Allow)
		if !ok {
			t.Fatalf("%+v: %s", c, decided(v))
		}
		if got := setHeader(v, ":path"); got != c.wantPath {
			t.Errorf("%q becomes %q, want %q", c.path, got, c.wantPath)
		}
		if got := setHeader(v, "cookie"); got != c.wantCookie || slices.Contains(a.Remove, "cookie") != (c.wantPath != "") {
			t.Errorf("%q becomes %q, want %q; removed: %q", c.cookie, got, c.wantCookie, a.Remove)
		}
	}
}

// TestPlusInParameter: a reader of a query as a form takes a plus for a space.
func TestPlusInParameter(t *testing.T) {
	t.Parallel()
	p := mustParse(t, `{"providers": {"a": {"type": "static", "token_locations": [{"insecure_query_parameter": "token"}], "tokens": [{"sha256": "`+digestOf("fake+token")+`"}]}}}`)
	for query, want := range map[string]string{"token=fake+token": "malformed", "token=fake%2Btoken": "token_valid", "token=fake%20token": "malformed"} {
		r := request.NewRequest([][2]string{{":method", "GET"}, {":path", "/?" + query}})
		if got := decided(p.Decide(p.NewState(Host{}), testNow, &r)); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}
