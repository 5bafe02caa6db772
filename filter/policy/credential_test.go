package policy

import (
	"strings"
	"testing"
)

func TestReadCredential(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", maxTokenBytes)
	for _, c := range []struct {
		name  string
		lines []string
		path  string
		kind  credentialKind
		token string
	}{
		{"no header", nil, "/", credentialNone, ""},
		{"plain", []string{"Bearer abc"}, "/", credentialBearer, "abc"},
		{"lower case", []string{"bearer abc"}, "/", credentialBearer, "abc"},
		{"mixed case", []string{"bEARER abc"}, "/", credentialBearer, "abc"},
		{"several spaces", []string{"Bearer   abc"}, "/", credentialBearer, "abc"},
		{"outer white space", []string{" \tBearer abc\t "}, "/", credentialBearer, "abc"},
		{"every character", []string{"Bearer AZaz09-._~+/=="}, "/", credentialBearer, "AZaz09-._~+/=="},
		{"longest", []string{"Bearer " + long}, "/", credentialBearer, long},
		{"too long", []string{"Bearer " + long + "a"}, "/", credentialMalformed, ""},
		{"scheme alone", []string{"Bearer"}, "/", credentialNone, ""},
		{"scheme and spaces", []string{"Bearer   "}, "/", credentialNone, ""},
		{"empty", []string{""}, "/", credentialNone, ""},
		{"basic", []string{"Basic YWxhZGRpbg=="}, "/", credentialNone, ""},
		{"digest with commas", []string{`Digest username="a", realm="b"`}, "/", credentialNone, ""},
		{"another scheme that starts alike", []string{"BearerX abc"}, "/", credentialNone, ""},
		{"Kelvin-like fold", []string{"Bea\u017fer abc"}, "/", credentialMalformed, ""},
		{"no-break space in front", []string{"\xa0Bearer abc"}, "/", credentialMalformed, ""},
		{"joined, odd space in front", []string{"Basic YTpi,\x85Bearer abc"}, "/", credentialMalformed, ""},
		{"tab as separator", []string{"Bearer\tabc"}, "/", credentialMalformed, ""},
		{"tab after space", []string{"Bearer \tabc"}, "/", credentialMalformed, ""},
		{"no separator", []string{"Bearer=abc"}, "/", credentialMalformed, ""},
		{"inner space", []string{"Bearer abc def"}, "/", credentialMalformed, ""},
		{"padding first", []string{"Bearer =abc"}, "/", credentialMalformed, ""},
		{"only padding", []string{"Bearer =="}, "/", credentialMalformed, ""},
		{"padding inside", []string{"Bearer ab=c"}, "/", credentialMalformed, ""},
		{"quoted", []string{`Bearer "abc"`}, "/", credentialMalformed, ""},
		{"control byte", []string{"Bearer ab\x01c"}, "/", credentialMalformed, ""},
		{"control byte as separator", []string{"Bearer\x00abc"}, "/", credentialMalformed, ""},
		{"newline", []string{"Bearer abc\n"}, "/", credentialMalformed, ""},
		{"non-ASCII", []string{"Bearer abcé"}, "/", credentialMalformed, ""},
		{"no-break space", []string{"Bearer\u00a0abc"}, "/", credentialMalformed, ""},
		{"joined with comma", []string{"Bearer abc,Bearer def"}, "/", credentialSeveral, ""},
		{"joined, second empty", []string{"Bearer abc,"}, "/", credentialSeveral, ""},
		{"joined, basic first", []string{"Basic YTpi,Bearer abc"}, "/", credentialSeveral, ""},
		{"joined, basic first, tab", []string{"Basic YTpi,\tbearer\tabc"}, "/", credentialSeveral, ""},
		{"joined, scheme alone", []string{"Basic YTpi, Bearer"}, "/", credentialSeveral, ""},
		{"joined inside quotes", []string{`Digest a="x, Bearer y"`}, "/", credentialSeveral, ""},
		{"joined, alike first", []string{"BearerX a, Bearer b"}, "/", credentialSeveral, ""},
		{"two lines", []string{"Bearer abc", "Bearer abc"}, "/", credentialSeveral, ""},
		{"two lines, none Bearer", []string{"Basic a", "Basic b"}, "/", credentialSeveral, ""},
		{"two lines, one empty", []string{"", "Bearer abc"}, "/", credentialSeveral, ""},
		{"query beside header", []string{"Bearer abc"}, "/x?access_token=abc", credentialSeveral, ""},
		{"query beside header, later", []string{"Bearer abc"}, "/x?a=b&access_token", credentialSeveral, ""},
		{"query beside header, escaped", []string{"Bearer abc"}, "/x?%61ccess_toke%6E=abc", credentialSeveral, ""},
		{"query beside header, semicolon", []string{"Bearer abc"}, "/x?a=b;access_token=abc", credentialSeveral, ""},
		{"another parameter", []string{"Bearer abc"}, "/x?my_access_token=abc&access_tokens=", credentialBearer, "abc"},
		{"parameter's value", []string{"Bearer abc"}, "/x?a=access_token", credentialBearer, "abc"},
		{"query alone", nil, "/x?access_token=abc", credentialNone, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pairs := [][2]string{{":method", "GET"}, {":path", c.path}}
			for _, line := range c.lines {
				pairs = append(pairs, [2]string{"authorization", line})
			}
			r := NewRequest(pairs)
			got := readCredential(&r, hasQueryToken(r.Path))
			if got.kind != c.kind || got.token != c.token {
				t.Errorf("got kind %d token %q, want kind %d token %q", got.kind, got.token, c.kind, c.token)
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
		r := NewRequest([][2]string{{":path", "/"}, {name, "Bearer abc"}})
		if got := readCredential(&r, hasQueryToken(r.Path)); got.kind != credentialNone {
			t.Errorf("%s: got kind %d, want none", name, got.kind)
		}
	}
}

// FuzzReadCredential: a token is only ever taken from a value that is exactly
// scheme, spaces and token, and whatever names the scheme is marked for removal.
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
		r := NewRequest([][2]string{{":path", "/"}, {"authorization", value}})
		c := readCredential(&r, hasQueryToken(r.Path))
		trimmed := strings.Trim(value, " \t")
		if c.kind == credentialBearer {
			scheme, rest, _ := strings.Cut(trimmed, " ")
			if strings.ToLower(scheme) != "bearer" || strings.TrimLeft(rest, " ") != c.token || c.token == "" ||
				strings.ContainsFunc(c.token, func(c rune) bool { return c <= ' ' || c > '~' || c == ',' || c == '"' }) {
				t.Fatalf("took %q from %q", c.token, value)
			}
		} else if c.token != "" {
			t.Fatalf("kind %d with a token", c.kind)
		}
		if len(trimmed) >= 7 && strings.ToLower(trimmed[:7]) == "bearer " && !c.named {
			t.Fatalf("%q does not name the scheme", value)
		}
	})
}
