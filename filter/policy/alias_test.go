package policy

import (
	"strings"
	"testing"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// TestAliases: a value that some upstream reads under a location's name is no token and
// never reaches it, for every kind of verification; similar names do.
func TestAliases(t *testing.T) {
	t.Parallel()
	p := mustParse(t, `{"forward_authorization": true, "providers": {"a": {"type": "static",
		"token_locations": [{"header": "authorization"}, {"header": "x-token", "prefix": "Token "}, {"cookie": "my_session"}, {"insecure_query_parameter": "access_token"}],
		"tokens": [{"sha256": "`+digestOf("fake-token")+`"}]}},
		"rules": [{"match": {"path": "/open"}, "access": "anonymous", "insecure_forward_unverified_token": true}, {"match": {"path": "/optional"}, "access": "optional"}]}`)
	cookies := []string{
		"\xa0my_session=forged", "my_session\x85=forged", "\x1cmy_session=forged", "\u00a0my_session=forged", // Starlette, Django, Rust
		"a my_session=forged", "z=9 my_session = forged", "z=9\x0bmy_session=forged", // Python's SimpleCookie
		",my_session=forged", "$Version=1, my_session=forged", "z=9,my_session=forged", // Netty, RFC 2965
		"my.session=forged", "my%20session=forged", "%20my%2esession=forged", "my[session=forged", "my_session[]=forged", "my_session%00x=forged", // PHP
		"My_Session=forged", "MY.session=forged", // ASP.NET
		"my%255fsession=forged", "my%u005fsession=forged", "my_\xffsession=forged",
	}
	parameters := []string{
		"access.token=forged", "access+token=forged", "%20access_token=forged", "+access_token=forged", "access%5btoken=forged",
		"access_token[]=forged", "access_token%5B0%5D=forged", "access_token%00x=forged", "access_token%20=forged", "?access_token=forged",
		"ACCESS_TOKEN=forged", "[access_token]=forged", "access_token]=forged", "access_token:string=forged", "!access_token=forged",
		"access%255Ftoken=forged", "%u0061ccess_token=forged", "%EF%BB%BFaccess_token=forged", "access_%ADtoken=forged",
	}
	others := []string{"a=1", "my_sessions=2", "my_session.sig=3", "xmy_session=4", "b=my_session", "b=my session", "access_tokens=5", "access_token.x=6", "b=access_token"}
	check := func(pairs ...[2]string) {
		t.Helper()
		for _, path := range []string{"/", "/open", "/optional"} {
			for _, authorization := range []string{"", "Bearer fake-token"} {
				sent := [][2]string{{":method", "GET"}, {":path", path}}
				for _, pair := range pairs {
					if pair[0] == ":path" {
						sent[1][1] += pair[1]
					} else {
						sent = append(sent, pair)
					}
				}
				if authorization != "" {
					sent = append(sent, [2]string{"authorization", authorization})
				}
				r := request.NewRequest(sent)
				a, ok := p.Decide(p.NewState(Host{}), testNow, &r).(*verdict.Allow)
				if ok != (path != "/" || authorization != "") {
					t.Fatalf("%q passes: %v", sent, ok)
				}
				if !ok {
					continue
				}
				target := sent[1][1]
				if changed := setHeader(a, ":path"); changed != "" {
					target = changed
				}
				after := applyTo(sent[2:], a)
				got := target + " " + header(after, "cookie")
				if strings.Contains(got, "forged") || header(after, "authorization") != authorization {
					t.Errorf("%q: the upstream gets %q and %q", sent, got, after)
				}
				for _, other := range others {
					if strings.Contains(sent[1][1]+header(sent, "cookie"), other) && !strings.Contains(got, other) {
						t.Errorf("%q: %q is gone", sent, other)
					}
				}
			}
		}
	}
	for _, c := range cookies {
		check([2]string{"cookie", strings.Join(others, "; ") + ";" + c + "; c=2"})
		check([2]string{"cookie", c})
	}
	for _, c := range parameters {
		check([2]string{":path", "?" + c + "&" + strings.Join(others[4:], "&")})
		check([2]string{":path", "?a=1&" + c})
	}
	check([2]string{":path", "?a=1&access_token[]=forged"}, [2]string{"cookie", "my.session=forged"})

	// It is beside the token itself, which is good and is forwarded.
	r := request.NewRequest([][2]string{{":method", "GET"}, {":path", "/"}, {"cookie", "my_session=fake-token; my.session=forged"}})
	if got := setHeader(p.Decide(p.NewState(Host{}), testNow, &r), "cookie"); got != "my_session=fake-token" {
		t.Errorf("the upstream gets the cookies %q", got)
	}
}

// TestPrefixAliases: a header's prefix that some upstream finds is not passed over.
func TestPrefixAliases(t *testing.T) {
	t.Parallel()
	for prefix, values := range map[string]map[string]string{
		"Token ": {
			"Token fake-token": "token_valid", "token  fake-token": "token_valid", "Token\tfake-token": "malformed", "Token": "missing", "Token ": "missing",
			"Basic x, Token fake-token": "several_credentials", "Basic x,Token\tfake-token": "several_credentials", "Token=fake-token": "malformed",
			"Token fake-token, Basic x": "malformed", "Basic x": "none", "Tokens fake-token": "none", `Digest a="Token x"`: "none", "": "none",
		},
		"key=": {"key=fake-token": "token_valid", "KEY=fake-token": "token_valid", "a, key=fake-token": "several_credentials", "key": "none", "keys=fake-token": "none"},
	} {
		p := mustParse(t, `{"providers": {"a": {"type": "static", "token_locations": [{"header": "x-token", "prefix": "`+prefix+`"}], "tokens": [{"sha256": "`+digestOf("fake-token")+`"}]}},
			"rules": [{"match": {"path": "/open"}, "access": "anonymous"}]}`)
		for value, want := range values {
			sent := [][2]string{{":method", "GET"}, {":path", "/"}, {"x-token", value}}
			r := request.NewRequest(sent)
			if got := decided(p.Decide(p.NewState(Host{}), testNow, &r)); got != strings.Replace(want, "none", "missing", 1) {
				t.Errorf("%q: %s, want %s", value, got, want)
			}
			sent[1][1] = "/open"
			r = request.NewRequest(sent)
			a, ok := p.Decide(p.NewState(Host{}), testNow, &r).(*verdict.Allow)
			if !ok {
				t.Fatalf("%q does not pass where it may", value)
			}
			if kept := header(applyTo(sent, a), "x-token") == value; kept != (want == "none") && value != "" {
				t.Errorf("%q stays: %v", value, kept)
			}
		}
	}
}
