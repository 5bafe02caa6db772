package policy

import (
	"strings"
	"testing"
)

func TestRedacted(t *testing.T) {
	p := mustParse(t, `{"providers": {"clients": {"type": "static", "tokens": [{"sha256": "0000000000000000000000000000000000000000000000000000000000000000"}],
		"token_locations": [{"header": "authorization"}, {"insecure_query_parameter": "key"}]}}}`)
	for target, want := range map[string]string{
		"":                                 "",
		"/":                                "/",
		"/a?b=c&d":                         "/a?b=c&d",
		"/a?accesstoken=x":                 "/a?accesstoken=x",
		"/a?access_token=x":                "/a",
		"/a?access_token=x&b=c":            "/a?b=c",
		"/a?b=c&access_token=x":            "/a?b=c",
		"/a?b;access_token=x;c":            "/a?b;c",
		"/a?access_token=x&access_token=y": "/a",
		"/a?%61ccess_token=x":              "/a",
		"/a?access_token[]=x":              "/a",
		"/a?access.token=x":                "/a",
		"/a?+access_token=x":               "/a",
		"/a?key=x&b":                       "/a?b",
		"/a?key%5B%5D=x&b":                 "/a?b",
		"/a?b#access_token=x":              "/a?b",
		"/a#access_token=x&state=1":        "/a#state=1",
		"/a?b=c#part":                      "/a?b=c#part",
		"*":                                "*",
		"//a//?access_token=x":             "//a//",
		"/a?" + strings.Repeat("b&", 3000): "/a",
	} {
		got, had := p.Redacted(target)
		if got != want || had != (want != target) {
			t.Errorf("%q: %q %v, want %q", target, got, had, want)
		}
	}
}
