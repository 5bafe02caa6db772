package policy

import (
	"net/url"
	"strings"
	"testing"

	"bearerauth/filter/policy/request"
)

// queryAliases are spellings under which some upstream reads the parameter debug
// with the value 1.
var queryAliases = []string{
	"debug=1", "debug[]=1", "debug%5B%5D=1", "debug%5b0%5d=1", "debug[x]=1", "debug[x][y]=1", "debug[=1", "debug%5B=1", // PHP, Rack, qs
	"+debug=1", "%20debug=1", "%09debug=1", "++debug=1", "debug%00=1", "debug%00x=1", "debug%20=1", "debug+=1", "debug%20[]=1",
	"[debug]=1", "[debug=1", "debug]=1", "%5Bdebug%5D=1", "[]debug=1", // Rack, qs
	"debug.x=1", "debug.=1", "debug%2ex=1", "debug.x.y=1", // Spring, qs, ASP.NET
	"?debug=1", "%3Fdebug=1", "x=1&?debug=1", // URLSearchParams
	";debug=1", "x;debug=1", "x=1;debug=1;y", "x&amp;debug=1", "&&debug=1&", ";;debug=1",
	"Debug=1", "DEBUG=1", "dEbUg[]=1", "%44ebug=1", // ASP.NET
	"%EF%BB%BFdebug=1", "\uFEFFdebug=1", "debug%EF%BB%BF=1", "\u00a0debug=1", "debug%c2%a0=1", "de%c2%adbug=1", "de%ffbug=1", "de%0dbug=1", // decoders that drop bytes
	"%64ebug=1", "%2564ebug=1", "%252564ebug=1", "de%62u%67=1", "%u0064ebug=1", "%25%36%34ebug=1", "%%36%34ebug=1",
	"!debug=1", "debug:int=1", "debug%3aint=1", "'debug'=1", "[%27debug%27]=1", // Spring, Zope, OGNL
	"debug=0&debug=1", "debug=1&debug=0", "debug=0,1", "debug=1,0", "debug=0, 1", "debug=0&debug[]=1", // first, last, list
	"debug=%31", "debug=%2531", "debug=%u0031", "debug=+1", "debug=1+", "debug=1%20", "debug=%091", "debug=1%00", "debug=1%00x", "debug=1%0a",
	"x=1%26debug=1", "x=1%26debug%3D1", "debug%3D1", "debug%3d1", "x%3bdebug=1", "x%3Bdebug%3D1", "x=%2526debug%253d1", "x=1%u0026debug=1", "x=%2f%3fa%3d1%26debug%3d1", // decoded before they are split
	"debug=1#x", "x#&debug=1",
}

// TestQueryAliases: a condition on a parameter is not passed by another spelling of
// its name or value, and a spelling opens nothing.
func TestQueryAliases(t *testing.T) {
	t.Parallel()
	for _, asks := range []string{`"equal": "1"`, `"regex": "1|yes"`, `"present": true`} {
		rules := `{"providers": {"a": {"type": "static", "tokens": [{"sha256": "` + digestOf("fake-token") + `"}]}},
			"rules": [{"match": {"path_prefix": "/", "query": [{"name": "debug", ` + asks + `}]}, "access": "`
		denies := mustParse(t, rules+`deny"}, {"access": "anonymous"}]}`)
		opens := mustParse(t, rules+`anonymous"}]}`)
		decide := func(p *Policy, query string) string {
			r := request.NewRequest([][2]string{{":method", "GET"}, {":path", "/a?" + query}})
			return decided(p.Decide(p.NewState(Host{}), testNow, &r))
		}
		for _, query := range queryAliases {
			if got := decide(denies, query); got != "forbidden" {
				t.Errorf("%s: %q passes: %s", asks, query, got)
			}
			strict, err := url.ParseQuery(query)
			plain := err == nil && len(strict["debug"]) > 0 && strings.HasPrefix(strings.Trim(query, "&"), "debug=") && !strings.ContainsAny(query, "#")
			for _, value := range strict["debug"] {
				plain = plain && (strings.Contains(asks, "present") || value == "1")
			}
			plain = plain && len(strict) == 1
			if got := decide(opens, query); got != "missing" && !plain {
				t.Errorf("%s: %q opens: %s", asks, query, got)
			}
		}
		for _, query := range []string{"", "debugger=1", "xdebug=1", "x-debug=1", "_debug=1", "de.bug=1", "de_bug=1", "de%20bug=1", "ebug=1", "x=debug", "x=debug=1", "debu=1", "d=1&ebug=1", "x[debug]=1", "x.debug=1", "debug-x=1", "x=1&y=2", "filter[name]=debug", "x=%26", "x=%2f%3fdebug%3d1", "x=1%26debugger%3d1"} {
			if got := decide(denies, query); got != "anonymous" {
				t.Errorf("%s: %q is %s", asks, query, got)
			}
		}
		for _, query := range []string{"debug=0", "debug=11", "debug=01", "debug=2,3", "debug="} {
			want := "anonymous"
			if strings.Contains(asks, "present") {
				want = "forbidden"
			}
			if got := decide(denies, query); got != want {
				t.Errorf("%s: %q is %s", asks, query, got)
			}
		}
		for _, query := range []string{"debug=1", "x=2&debug=1&y", "debug=%31", "debug=1&next=%2fa%3fb%3d1%26c%3d2"} {
			if got := decide(opens, query); got != "anonymous" {
				t.Errorf("%s: %q does not open: %s", asks, query, got)
			}
		}
	}
}
