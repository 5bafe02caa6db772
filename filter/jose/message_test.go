package jose

import (
	"encoding/base64"
	"strings"
	"testing"
)

const claims = `{"sub":"a"}`

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	rs := `{"alg":"RS256"}`
	good := token(rs, claims, "x")
	deep := strings.Repeat(`{"a":`, maxDepth) + "{}" + strings.Repeat("}", maxDepth)
	for _, c := range []struct{ name, token string }{
		{"empty", ""},
		{"opaque", "2YotnFZFEjr1zCsicMWpAA"},
		{"one point", b64(rs) + "." + b64(claims)},
		{"points only", ".."},
		{"many points", strings.Repeat(".", 10000)}, // CVE-2025-30204
		{"four parts", good + ".eA"},
		{"four parts, last empty", good + "."},
		{"five parts", good + ".eA.eA"}, // JWE
		{"five parts of a JWE", token(`{"alg":"dir","enc":"A128GCM"}`, "", "x") + ".eA.eA"},
		{"point in front", "." + good},
		{"no header", "." + b64(claims) + ".eA"},
		{"no payload", b64(rs) + "..eA"}, // detached, RFC 7515 appendix F
		{"no signature", b64(rs) + "." + b64(claims) + "."},
		{"too long", good + strings.Repeat("A", MaxToken)},
		{"JSON serialization", `{"payload":"e30","protected":"` + b64(rs) + `","signature":"eA"}`},
		{"JSON serialization with points", `{"payload":"e30.","protected":".` + b64(rs) + `"}`},

		{"padding", good + "="},
		{"padded header", b64(rs) + "==." + b64(claims) + ".eA"},
		{"line feed at the end", good + "\n"},
		{"line feed inside", b64(rs) + "." + b64(claims)[:4] + "\n" + b64(claims)[4:] + ".eA"},
		{"CR LF in the header", b64(rs)[:4] + "\r\n" + b64(rs)[4:] + "." + b64(claims) + ".eA"},
		{"space", good + " "},
		{"space in front", " " + good},
		{"NUL", good + "\x00"},
		{"standard alphabet", b64(rs) + "." + b64(claims) + ".+/+/"},
		{"tilde", b64(rs) + "." + b64(claims) + ".~~~~"},
		{"non-ASCII", b64(rs) + "." + b64(claims) + ".éé"},
		{"single symbol", b64(rs) + "." + b64(claims) + ".A"},
		{"trailing bits", b64(rs) + "." + b64(claims) + ".eB"},
		{"trailing bits in the payload", b64(rs) + "." + strings.TrimSuffix(b64(`{"s":1}`), "Q") + "R.eA"},

		{"no alg", token(`{"typ":"JWT"}`, claims, "x")},
		{"empty header", token(`{}`, claims, "x")},
		{"alg none", token(`{"alg":"none"}`, claims, "x")},
		{"alg None", token(`{"alg":"None"}`, claims, "x")},
		{"alg NONE, no signature", token(`{"alg":"NONE"}`, claims, "")},
		{"alg in lower case", token(`{"alg":"rs256"}`, claims, "x")},
		{"alg with a space", token(`{"alg":"RS256 "}`, claims, "x")},
		{"alg with NUL", token(`{"alg":"RS256\u0000"}`, claims, "x")},
		{"alg empty", token(`{"alg":""}`, claims, "x")},
		{"alg number", token(`{"alg":256}`, claims, "x")},
		{"alg null", token(`{"alg":null}`, claims, "x")},
		{"alg array", token(`{"alg":["RS256"]}`, claims, "x")},
		{"alg object", token(`{"alg":{"a":"RS256"}}`, claims, "x")},
		{"alg true", token(`{"alg":true}`, claims, "x")},
		{"alg of encryption", token(`{"alg":"RSA-OAEP"}`, claims, "x")},
		{"alg ES256K", token(`{"alg":"ES256K"}`, claims, "x")},
		{"name in upper case", token(`{"ALG":"RS256"}`, claims, "x")},
		{"name with a Kelvin sign", token(`{"al\u212a":"RS256"}`, claims, "x")},
		{"alg twice", token(`{"alg":"RS256","alg":"HS256"}`, claims, "x")},
		{"alg twice, once escaped", token(`{"alg":"RS256","\u0061lg":"HS256"}`, claims, "x")},
		{"unknown name twice", token(`{"alg":"RS256","x":1,"x":1}`, claims, "x")},
		{"name twice inside", token(`{"alg":"RS256","x":{"y":1,"y":1}}`, claims, "x")},

		{"crit unknown", token(`{"alg":"RS256","crit":["exp"],"exp":1}`, claims, "x")},
		{"crit empty", token(`{"alg":"RS256","crit":[]}`, claims, "x")},
		{"crit string", token(`{"alg":"RS256","crit":"alg"}`, claims, "x")},
		{"crit null", token(`{"alg":"RS256","crit":null}`, claims, "x")},
		{"crit registered", token(`{"alg":"RS256","crit":["alg"]}`, claims, "x")},
		{"crit absent name", token(`{"alg":"RS256","crit":["x"]}`, claims, "x")},
		{"b64 false", token(`{"alg":"RS256","b64":false,"crit":["b64"]}`, claims, "x")},
		{"b64 false without crit", token(`{"alg":"RS256","b64":false}`, claims, "x")},
		{"b64 true", token(`{"alg":"RS256","b64":true}`, claims, "x")},
		{"nested", token(`{"alg":"RS256","cty":"JWT"}`, claims, "x")},
		{"nested in lower case", token(`{"alg":"RS256","cty":"jwt"}`, claims, "x")},
		{"nested media type", token(`{"alg":"RS256","cty":"Application/JWT"}`, claims, "x")},
		{"cty number", token(`{"alg":"RS256","cty":1}`, claims, "x")},
		{"typ number", token(`{"alg":"RS256","typ":1}`, claims, "x")},
		{"typ null", token(`{"alg":"RS256","typ":null}`, claims, "x")},
		{"kid number", token(`{"alg":"RS256","kid":1}`, claims, "x")},
		{"kid null", token(`{"alg":"RS256","kid":null}`, claims, "x")},
		{"kid array", token(`{"alg":"RS256","kid":["a"]}`, claims, "x")},

		{"header array", token(`["alg","RS256"]`, claims, "x")},
		{"header string", token(`"RS256"`, claims, "x")},
		{"header with BOM", token("\ufeff"+rs, claims, "x")},
		{"header and more", token(rs+"{}", claims, "x")},
		{"header cut off", token(rs[:len(rs)-1], claims, "x")},
		{"header in UTF-16", token("{\x00\"\x00", claims, "x")},
		{"header with bad UTF-8", token("{\"alg\":\"RS256\",\"kid\":\"\xff\"}", claims, "x")},
		{"header with a lone surrogate", token(`{"alg":"RS256","kid":"\ud800"}`, claims, "x")},
		{"header with a control character", token("{\"alg\":\"RS256\",\"kid\":\"\n\"}", claims, "x")},
		{"header with a comment", token(`{"alg":"RS256"/**/}`, claims, "x")},
		{"header too deep", token(`{"alg":"RS256","x":`+deep+`}`, claims, "x")},

		{"payload text", token(rs, "hello", "x")},
		{"payload string", token(rs, `"hello"`, "x")},
		{"payload array", token(rs, `[{}]`, "x")},
		{"payload number", token(rs, `1`, "x")},
		{"payload null", token(rs, `null`, "x")},
		{"payload white space", token(rs, ` `, "x")},
		{"payload and more", token(rs, `{"a":1} {"a":2}`, "x")},
		{"payload with a trailing comma", token(rs, `{"a":1,}`, "x")},
		{"payload, name twice", token(rs, `{"sub":"a","sub":"admin"}`, "x")},
		{"payload, name twice, escaped", token(rs, `{"sub":"a","su\u0062":"admin"}`, "x")},
		{"payload, name twice inside", token(rs, `{"a":[{"b":1,"b":2}]}`, "x")},
		{"payload with bad UTF-8", token(rs, "{\"a\":\"\xc0\xaf\"}", "x")},
		{"payload with CESU-8", token(rs, "{\"a\":\"\xed\xa0\x80\"}", "x")},
		{"payload too deep", token(rs, `{"a":`+deep+`}`, "x")},
		{"payload deep arrays", token(rs, `{"a":`+strings.Repeat("[", 10000), "x")}, // exhausts stacks
		{"payload NaN", token(rs, `{"exp":NaN}`, "x")},
		{"payload hex", token(rs, `{"exp":0x1}`, "x")},
		{"payload leading zero", token(rs, `{"exp":01}`, "x")},
		{"payload deflated", token(`{"alg":"RS256","zip":"DEF"}`, "\xab\x56\x2a\x4e", "x")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var p Parser
			// Twice: what was remembered of a header must not open anything.
			for range 2 {
				if m, err := p.Parse(c.token); err == nil || m != nil {
					t.Fatalf("accepted %q: %v", c.token, m)
				} else if strings.Contains(err.Error(), "jsontext") || len(err.Error()) > 80 {
					t.Errorf("unfit for a log: %q", err)
				}
			}
		})
	}
}

func TestParseAccepts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, header, payload string
		want                  Message
	}{
		{"plain", `{"alg":"RS256"}`, claims, Message{Algorithm: RS256}},
		{"everything", `{"typ":"at+jwt","alg":"ES384","kid":"a/b"}`, claims, Message{Algorithm: ES384, KeyID: "a/b", HasKeyID: true, Type: "at+jwt", HasType: true}},
		{"empty kid and typ", `{"alg":"EdDSA","kid":"","typ":""}`, claims, Message{Algorithm: EdDSA, HasKeyID: true, HasType: true}},
		{"escapes", `{"\u0061lg":"RS\u003256","kid":"\u00e9\n"}`, claims, Message{Algorithm: RS256, KeyID: "é\n", HasKeyID: true}},
		{"white space", " {\r\n\t\"alg\" : \"HS512\" } ", " \n{} ", Message{Algorithm: HS512}},
		// Requirement 44: what offers a key is as unknown as the rest.
		{"offered keys", `{"alg":"PS256","jwk":{"kty":"oct","k":"AA"},"jku":"http://a","x5u":1,"x5c":[],"x5t":null,"enc":"x","zip":"DEF"}`, claims, Message{Algorithm: PS256}},
		{"other content", `{"alg":"RS256","cty":"application/json"}`, claims, Message{Algorithm: RS256}},
		{"at most as deep", `{"alg":"RS256"}`, strings.Repeat(`{"a":`, maxDepth-1) + "{}" + strings.Repeat("}", maxDepth-1), Message{Algorithm: RS256}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var p Parser
			for range 2 {
				text := token(c.header, c.payload, "signature")
				m, err := p.Parse(text)
				if err != nil {
					t.Fatal(err)
				}
				if m.Algorithm != c.want.Algorithm || m.KeyID != c.want.KeyID || m.HasKeyID != c.want.HasKeyID ||
					m.Type != c.want.Type || m.HasType != c.want.HasType {
					t.Errorf("got %+v, want %+v", m, c.want)
				}
				if string(m.Payload) != c.payload || string(m.Signature) != "signature" ||
					m.Signed != text[:strings.LastIndexByte(text, '.')] {
					t.Errorf("got %q %q %q", m.Payload, m.Signature, m.Signed)
				}
			}
		})
	}
}

// A parser remembers headers; what it says about one token must never depend
// on the tokens before it.
func TestParserForgets(t *testing.T) {
	t.Parallel()
	var used Parser
	for i := range 100 {
		for _, header := range []string{
			`{"alg":"RS256","kid":"` + strings.Repeat("x", i%20) + `"}`, `{"alg":"HS256"}`, `{"alg":"none"}`, `{"alg":"RS256","typ":"a"}`, `{"alg":"RS256"}`,
			`{"alg":"ES256","kid":"` + strings.Repeat("y", maxKeptHeader) + `"}`,
		} {
			text := token(header, claims, "x")
			var fresh Parser
			want, wantErr := fresh.Parse(text)
			got, err := used.Parse(text)
			if err != wantErr {
				t.Fatalf("%s: got %v, want %v", header, err, wantErr)
			}
			if err == nil && (got.Algorithm != want.Algorithm || got.KeyID != want.KeyID || got.HasKeyID != want.HasKeyID || got.HasType != want.HasType) {
				t.Fatalf("%s: got %+v, want %+v", header, got, want)
			}
		}
	}
	for _, h := range used.headers {
		if len(h.encoded) > maxKeptHeader {
			t.Errorf("kept %d bytes", len(h.encoded))
		}
	}
}

// Strings of a message stay valid after the next parse: a kid may be remembered.
func TestMessageOutlivesToken(t *testing.T) {
	t.Parallel()
	var p Parser
	first, err := p.Parse(token(`{"alg":"RS256","kid":"first"}`, claims, "x"))
	if err != nil {
		t.Fatal(err)
	}
	id := first.KeyID
	for range 20 {
		if _, err := p.Parse(token(`{"alg":"RS256","kid":"other"}`, claims, "x")); err != nil {
			t.Fatal(err)
		}
	}
	if id != "first" {
		t.Errorf("the kid became %q", id)
	}
}

const longClaims = `{"iss":"https://issuer.example.com/realms/main","sub":"3f1c2b9e-8a5d-4a57-9f0e-0c7b3a1d5e6f","aud":["orders","billing"],` +
	`"exp":1893456000,"iat":1893452400,"nbf":1893452400,"jti":"b0f7f3d2-9a44","scope":"openid orders:read orders:write","azp":"web"}`

const longHeader = `{"alg":"RS256","typ":"JWT","kid":"uXeQ2dJ0mJ5m4mY3K1w9yQ"}`

func TestParseAllocatesNothing(t *testing.T) {
	text := ours().private(RS256).JWS(longHeader, longClaims)
	var p Parser
	if _, err := p.Parse(text); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := p.Parse(text); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per token", n)
	}
	bad := text + "."
	if n := testing.AllocsPerRun(100, func() { p.Parse(bad) }); n != 0 {
		t.Errorf("%v allocations per refusal", n)
	}
}

// FuzzParse: there is one way to write a token (requirement 31), and what a
// message says is what the token holds.
func FuzzParse(f *testing.F) {
	seeds := []string{
		token(`{"alg":"RS256","kid":"a"}`, claims, "sig"), token(`{"alg":"none"}`, claims, ""), "a.b.c", "..", "eyJhbGciOiJIUzI1NiJ9.e30.AA", "",
		token(`{"alg":"ES256","typ":"JWT","crit":[]}`, `{"a":{"b":[1,2,{"c":"\ud83d\ude00"}]}}`, "s"), token(longHeader, longClaims, "s") + "\n",
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add(s)
	}
	var used Parser
	f.Fuzz(func(t *testing.T, text string) {
		var fresh Parser
		m, err := fresh.Parse(text)
		again, errAgain := used.Parse(text)
		if err != errAgain {
			t.Fatalf("a used parser says %v, a fresh one %v", errAgain, err)
		}
		if err != nil {
			if m != nil || again != nil {
				t.Fatal("message and error")
			}
			return
		}
		encode := base64.RawURLEncoding.EncodeToString
		header, _, _ := strings.Cut(text, ".")
		decoded, err := base64.RawURLEncoding.DecodeString(header)
		if err != nil {
			t.Fatal(err)
		}
		if rebuilt := encode(decoded) + "." + encode(m.Payload) + "." + encode(m.Signature); rebuilt != text {
			t.Fatalf("%q is written as %q", text, rebuilt)
		}
		if m.Algorithm == 0 || len(m.Signature) == 0 || !strings.HasPrefix(text, m.Signed+".") ||
			again.KeyID != m.KeyID || again.Algorithm != m.Algorithm || string(again.Payload) != string(m.Payload) {
			t.Fatalf("%+v, then %+v", m, again)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := ours().private(RS256).JWS(longHeader, longClaims)
	if len(text) < 600 || len(text) > 800 {
		b.Fatalf("the token has %d bytes", len(text))
	}
	var p Parser
	b.Run("header known", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.Parse(text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("header new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.headers = [8]header{}
			if _, err := p.Parse(text); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// TestParseParts: an encrypted token has five parts. It is opaque here, and no
// malformed JWT.
func TestParseParts(t *testing.T) {
	t.Parallel()
	var p Parser
	for _, token := range []string{"", "a", "a.b", "a.b.c.d", "a.b.c.d.e", "e30.e30.AA.AA", "e30.e30.AA.AA.AA", "a.b.c."} {
		if _, err := p.Parse(token); err != ErrParts {
			t.Errorf("%q: %v, want %v", token, err, ErrParts)
		}
	}
}
