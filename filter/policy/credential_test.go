package policy

import (
	"strings"
	"testing"

	"bearerauth/filter/policy/credential"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
)

func TestReadCredential(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", syntax.MaxTokenBytes)
	for _, c := range []struct {
		name  string
		lines []string
		path  string
		kind  credential.Kind
		token string
	}{
		{"no header", nil, "/", credential.None, ""},
		{"plain", []string{"Bearer abc"}, "/", credential.Bearer, "abc"},
		{"lower case", []string{"bearer abc"}, "/", credential.Bearer, "abc"},
		{"mixed case", []string{"bEARER abc"}, "/", credential.Bearer, "abc"},
		{"several spaces", []string{"Bearer   abc"}, "/", credential.Bearer, "abc"},
		{"outer white space", []string{" \tBearer abc\t "}, "/", credential.Bearer, "abc"},
		{"every character", []string{"Bearer AZaz09-._~+/=="}, "/", credential.Bearer, "AZaz09-._~+/=="},
		{"longest", []string{"Bearer " + long}, "/", credential.Bearer, long},
		{"too long", []string{"Bearer " + long + "a"}, "/", credential.Malformed, ""},
		{"scheme alone", []string{"Bearer"}, "/", credential.None, ""},
		{"scheme and spaces", []string{"Bearer   "}, "/", credential.None, ""},
		{"empty", []string{""}, "/", credential.None, ""},
		{"basic", []string{"Basic YWxhZGRpbg=="}, "/", credential.None, ""},
		{"digest with commas", []string{`Digest username="a", realm="b"`}, "/", credential.None, ""},
		{"another scheme that starts alike", []string{"BearerX abc"}, "/", credential.None, ""},
		{"Kelvin-like fold", []string{"Bea\u017fer abc"}, "/", credential.Malformed, ""},
		{"no-break space in front", []string{"\xa0Bearer abc"}, "/", credential.Malformed, ""},
		{"joined, odd space in front", []string{"Basic YTpi,\x85Bearer abc"}, "/", credential.Malformed, ""},
		{"tab as separator", []string{"Bearer\tabc"}, "/", credential.Malformed, ""},
		{"tab after space", []string{"Bearer \tabc"}, "/", credential.Malformed, ""},
		{"no separator", []string{"Bearer=abc"}, "/", credential.Malformed, ""},
		{"inner space", []string{"Bearer abc def"}, "/", credential.Malformed, ""},
		{"padding first", []string{"Bearer =abc"}, "/", credential.Malformed, ""},
		{"only padding", []string{"Bearer =="}, "/", credential.Malformed, ""},
		{"padding inside", []string{"Bearer ab=c"}, "/", credential.Malformed, ""},
		{"quoted", []string{`Bearer "abc"`}, "/", credential.Malformed, ""},
		{"control byte", []string{"Bearer ab\x01c"}, "/", credential.Malformed, ""},
		{"control byte as separator", []string{"Bearer\x00abc"}, "/", credential.Malformed, ""},
		{"newline", []string{"Bearer abc\n"}, "/", credential.Malformed, ""},
		{"non-ASCII", []string{"Bearer abcé"}, "/", credential.Malformed, ""},
		{"no-break space", []string{"Bearer\u00a0abc"}, "/", credential.Malformed, ""},
		{"joined with comma", []string{"Bearer abc,Bearer def"}, "/", credential.Several, ""},
		{"joined, second empty", []string{"Bearer abc,"}, "/", credential.Several, ""},
		{"joined, basic first", []string{"Basic YTpi,Bearer abc"}, "/", credential.Several, ""},
		{"joined, basic first, tab", []string{"Basic YTpi,\tbearer\tabc"}, "/", credential.Several, ""},
		{"joined, scheme alone", []string{"Basic YTpi, Bearer"}, "/", credential.Several, ""},
		{"joined inside quotes", []string{`Digest a="x, Bearer y"`}, "/", credential.Several, ""},
		{"joined, alike first", []string{"BearerX a, Bearer b"}, "/", credential.Several, ""},
		{"two lines", []string{"Bearer abc", "Bearer abc"}, "/", credential.Several, ""},
		{"two lines, none Bearer", []string{"Basic a", "Basic b"}, "/", credential.Several, ""},
		{"two lines, one empty", []string{"", "Bearer abc"}, "/", credential.Several, ""},
		{"query beside header", []string{"Bearer abc"}, "/x?access_token=abc", credential.Several, ""},
		{"query beside header, later", []string{"Bearer abc"}, "/x?a=b&access_token", credential.Several, ""},
		{"query beside header, escaped", []string{"Bearer abc"}, "/x?%61ccess_toke%6E=abc", credential.Several, ""},
		{"query beside header, semicolon", []string{"Bearer abc"}, "/x?a=b;access_token=abc", credential.Several, ""},
		{"another parameter", []string{"Bearer abc"}, "/x?my_access_token=abc&access_tokens=", credential.Bearer, "abc"},
		{"parameter's value", []string{"Bearer abc"}, "/x?a=access_token", credential.Bearer, "abc"},
		{"query alone", nil, "/x?access_token=abc", credential.None, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pairs := [][2]string{{":method", "GET"}, {":path", c.path}}
			for _, line := range c.lines {
				pairs = append(pairs, [2]string{"authorization", line})
			}
			r := request.NewRequest(pairs)
			got := credential.Read(&r, credential.HasQueryToken(r.Path))
			if got.Kind != c.kind || got.Token != c.token {
				t.Errorf("got kind %d token %q, want kind %d token %q", got.Kind, got.Token, c.kind, c.token)
			}
		})
	}
}

// Only the Authorization header counts.
func TestReadCredentialElsewhere(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"proxy-authorization", "x-authorization", "x-forwarded-authorization", "cookie", "authorization_", ":authorization",
	} {
		r := request.NewRequest([][2]string{{":path", "/"}, {name, "Bearer abc"}})
		if got := credential.Read(&r, credential.HasQueryToken(r.Path)); got.Kind != credential.None {
			t.Errorf("%s: got kind %d, want none", name, got.Kind)
		}
	}
}

// FuzzReadCredential: a token is taken only from a value that is exactly scheme, spaces
// and token, and every value that names the scheme is marked for removal.
func FuzzReadCredential(f *testing.F) {
	seeds := []string{
		"Bearer abc", "bearer  abc==", "Basic x,Bearer y", "Bearer", "Bearer a b", "Bearer \x00", "\tBearer x ",
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r := request.NewRequest([][2]string{{":path", "/"}, {"authorization", value}})
		c := credential.Read(&r, credential.HasQueryToken(r.Path))
		trimmed := strings.Trim(value, " \t")
		if c.Kind == credential.Bearer {
			scheme, rest, _ := strings.Cut(trimmed, " ")
			if strings.ToLower(scheme) != "bearer" || strings.TrimLeft(rest, " ") != c.Token || c.Token == "" ||
				strings.ContainsFunc(c.Token, func(c rune) bool { return c <= ' ' || c > '~' || c == ',' || c == '"' }) {
				t.Fatalf("took %q from %q", c.Token, value)
			}
		} else if c.Token != "" {
			t.Fatalf("kind %d with a token", c.Kind)
		}
		if len(trimmed) >= 7 && strings.ToLower(trimmed[:7]) == "bearer " && !c.Named {
			t.Fatalf("%q does not name the scheme", value)
		}
	})
}
