package policy

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"bearerauth/filter/corpus"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
	"bearerauth/filter/policy/verdict"
)

const configCorpus = "../../testdata/config"

var update = flag.Bool("update", false, "write what the parser says now into testdata/config/invalid")

// fakeSecret begins the secrets of the corpus, in base64url.
const fakeSecret = "dGhpcy1pcy1ub3QtYS1zZWNyZXQt"

func TestParseValid(t *testing.T) {
	t.Parallel()
	for _, c := range corpus.Valid(t, configCorpus) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if p, err := ParseWith(c.Config, corpus.Environment); err != nil || p == nil {
				t.Error(err)
			}
		})
	}
}

// The whole text of each error is part of the corpus: it is what an operator
// has to find the mistake by. With -update the archives get the parser's errors.
func TestParseInvalid(t *testing.T) {
	t.Parallel()
	for _, archive := range corpus.Invalid(t, configCorpus) {
		t.Run(archive.Topic, func(t *testing.T) {
			t.Parallel()
			for i, c := range archive.Cases {
				t.Run(c.Name, func(t *testing.T) { archive.Cases[i].Error = wantRefused(t, c) })
			}
			if *update {
				if err := archive.Write(configCorpus); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// wantRefused compares the error of a case, and returns it as an archive has it.
func wantRefused(t *testing.T, c corpus.Case) string {
	p, err := ParseWith(c.Config, corpus.Environment)
	if err == nil || p != nil {
		t.Errorf("accepted, policy %v", p)
		return c.Error
	}
	got := err.Error() + "\n"
	if got != c.Error && !*update {
		t.Errorf("got\n%swant\n%s(go test ./filter/policy -run TestParseInvalid -update writes it: read the diff)", got, c.Error)
	}
	// A token in place of its digest must not reach a log.
	if strings.Contains(got, "fake-token") || strings.Contains(got, fakeSecret) {
		t.Errorf("the error repeats a token or a secret:\n%s", got)
	}
	return got
}

func TestParseHostile(t *testing.T) {
	t.Parallel()
	_, err := Parse([]byte(strings.Repeat("[", 100_000)))
	if want := "configuration: 1 problem\n  not valid JSON: nested deeper than 16 levels"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestParseTooLong(t *testing.T) {
	t.Parallel()
	config := append([]byte(minimalConfig), strings.Repeat(" ", 16<<20-len(minimalConfig))...)
	if _, err := Parse(config); err != nil {
		t.Errorf("%d bytes: %v", len(config), err)
	}
	_, err := Parse(append(config, ' '))
	if want := "configuration: 1 problem\n  want at most 16777216 bytes, got 16777217"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

const (
	ofAnswer = "an answer is wrong, not the configuration"
	ofToken  = "a token is wrong, not the configuration"
)

// unreachedMessages are those that no configuration brings about, and why.
var unreachedMessages = map[string]string{
	"want a string that is not empty":                                               "every list of strings refuses the empty one by its own check",
	"want no value with present":                                                    "the parser gives none",
	"want a condition that is one of present, equal, regex":                         "the parser knows no other kind",
	"want a whole number below 2^53: a Struct cannot represent this number exactly": "needs a Struct; TestStructNumbers has one",
	"want a JWK Set of at most 1 MiB":                                               "needs 1 MiB; filter/jose tests it",
	"want HS256, HS384 or HS512 for a secret, got ":                                 "the parser asks for such an algorithm first",

	"want the issuer ":                                 ofAnswer,
	": want a cluster for it in jwks_clusters":         ofAnswer,
	"jwks_uri: want https, as in the issuer":           ofAnswer,
	"want at most 1 MiB":                               ofAnswer,
	"want at most 64 KiB":                              ofAnswer,
	"want status 200, got ":                            ofAnswer,
	"want the content-type ":                           ofAnswer,
	"want active to be true or false":                  ofAnswer,
	"want claims of the types in RFC 7662 section 2.2": ofAnswer,
	": want a client_id, client_secret or private_key of a client that may introspect": ofAnswer,
	": want another introspection_uri":                                                 ofAnswer,
	`want an object with the array "revoked" and nothing else`:                         ofAnswer,
	"want a signed JWT: ":                                                       ofAnswer,
	"want a JWT with the typ ":                                                  ofAnswer,
	"want a JWT with an alg of ":                                                ofAnswer,
	"want a signature by one of the server's fetched keys":                      ofAnswer,
	"want a signature that one of the server's keys verifies":                   ofAnswer,
	"want claims of the types in RFC 7519 section 4.1":                          ofAnswer,
	"want the iss ":                                                             ofAnswer,
	"want the aud ":                                                             ofAnswer,
	"want an answer that is valid now, by its iat, nbf and exp":                 ofAnswer,
	"want token_introspection to be an object":                                  ofAnswer,
	"want an iat that is not before the request, except for leeway and max_age": ofAnswer,

	"want three parts: header, payload, signature": ofToken,
	"want a known signature algorithm":             ofToken,
	"want claims, not a token inside the token":    ofToken,
	"want at most 16384 bytes":                     ofToken,
	"want no empty part":                           ofToken,
	"want base64url without padding":               ofToken,
	"want alg, kid, typ and cty to be strings":     ofToken,
	"want an alg in the header":                    ofToken,
	"want valid UTF-8":                             ofToken,
	"nested too deep":                              ofToken,
}

// TestParseEveryMessage looks for each message of the parser's source in the
// corpus: a check without a case has never been seen to work.
func TestParseEveryMessage(t *testing.T) {
	t.Parallel()
	var seen strings.Builder
	for _, archive := range corpus.Invalid(t, configCorpus) {
		for _, c := range archive.Cases {
			seen.WriteString(c.Error)
		}
	}
	found := 0
	for _, root := range []string{".", "../jose"} {
		err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			for _, text := range messages(t, path) {
				found++
				_, listed := unreachedMessages[text]
				if reached := strings.Contains(seen.String(), text); listed == reached {
					t.Errorf("%s: %q: in the corpus %t, in unreachedMessages %t", path, text, reached, listed)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 50 {
		t.Errorf("found %d messages only", found)
	}
}

// messages are the string literals of a source file that say what is wanted.
func messages(t *testing.T, path string) (texts []string) {
	source, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(source, func(n ast.Node) bool {
		literal, ok := n.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, "want ") || strings.Contains(text, "duplicate") || strings.Contains(text, "nested ") {
			texts = append(texts, text)
		}
		return true
	})
	return texts
}

const minimalConfig = `{"providers":{"clients":{"type":"static","tokens":[` +
	`{"sha256":"9f1d2c3b4a5968778695a4b3c2d1e0f00f1e2d3c4b5a69788796a5b4c3d2e1f0"}]}}}`

// hostileRequests are what a stranger can send, credentials left out.
func hostileRequests() []request.Request {
	paths := []string{
		"/", "/a", "/a/b/", "//", "/a//b", "/a/../b", "/..%2f", "/%2e%2e/a", "/a;x=/b", "/a%00", "/%zz", "/%25%32%66",
		"/\xff", "/a?b=c", "/a?b=%zz&b=\x00#b", "/?access_token=fake", "", "a", "*", "http://a/b", "?", "/#", "/a\\b",
		"/" + strings.Repeat("%2f..", 400), strings.Repeat("/a", 5000), "/" + strings.Repeat("%25", 300) + "2f",
	}
	authorities := []string{"", "a", "example.com:443", "A.Example.COM.", "[::1]:80", "[", "]:", "a@b:c:d", "\xff", "a%2eb"}
	methods := []string{"GET", "POST", "CONNECT", "OPTIONS", "get", "", "\x00"}
	var requests []request.Request
	for i, path := range paths {
		for k, authority := range authorities {
			requests = append(requests, request.Request{
				Method: methods[(i+k)%len(methods)], Authority: authority, Path: path, HasPath: true,
				Headers: [][2]string{{":path", path}, {"x-a", "1"}, {"x_a", "2"}, {"x-a", ""}, {"", ""}, {"host", "a"}, {"x-auth-subject", "root"}},
			})
		}
	}
	for _, method := range methods {
		requests = append(requests, request.Request{Method: method, Authority: "example.com:443"})
	}
	return append(requests, request.Request{})
}

// The shortest configuration there is protects everything.
func TestMinimalProtectsEverything(t *testing.T) {
	t.Parallel()
	p, err := Parse([]byte(minimalConfig))
	if err != nil {
		t.Fatal(err)
	}
	state := p.NewState(Host{})
	refused := func(r *request.Request, statuses ...uint32) {
		t.Helper()
		d, ok := p.Decide(state, time.Unix(1893456000, 0), r).(*verdict.Deny)
		if !ok {
			t.Fatalf("let through: %+v", r)
		}
		for _, status := range statuses {
			if d.Status == status {
				return
			}
		}
		t.Errorf("%d (%s), want %d: %+v", d.Status, d.Reason, statuses, r)
	}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI", ""} {
		for _, path := range []string{"/", "/healthz", "/favicon.ico", "/.well-known/x", "*", "/a?b"} {
			refused(&request.Request{Method: method, Path: path, HasPath: true}, 401)
		}
		refused(&request.Request{Method: method, Authority: "example.com:443"}, 401)
	}
	for _, r := range hostileRequests() {
		// A path with too many readings is 400.
		refused(&r, 401, 400)
		for _, value := range []string{"Bearer fake-token", "Basic ZmFrZTpmYWtl", "Bearer ", "Bearer"} {
			with := r
			with.Headers = append(with.Headers[:len(with.Headers):len(with.Headers)], [2]string{"authorization", value})
			refused(&with, 401, 400)
		}
	}
}

// FuzzParse: no configuration makes the parser panic, and an accepted configuration
// decides about every request: a missing verdict would be a decision by chance.
func FuzzParse(f *testing.F) {
	for _, c := range corpus.Valid(f, configCorpus) {
		f.Add(c.Config)
	}
	for _, archive := range corpus.Invalid(f, configCorpus) {
		for _, c := range archive.Cases {
			if len(c.Config) < 16<<10 {
				f.Add(c.Config)
			}
		}
	}
	requests := hostileRequests()
	values := []string{"", "Bearer fake-token", "bearer  fake-token", "Bearer a,Bearer b", "Basic x", "Bearer \xff", "Bearer " + strings.Repeat("a", syntax.MaxTokenBytes+1)}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse(text)
		if err != nil {
			problems := err.(*config.ConfigError).Problems
			if p != nil || len(problems) == 0 {
				t.Fatalf("policy %v, problems %v", p, problems)
			}
			if !utf8.ValidString(err.Error()) {
				t.Errorf("an error that is not UTF-8: %q", err)
			}
			return
		}
		state := p.NewState(Host{})
		for i, r := range requests {
			if value := values[i%len(values)]; value != "" {
				r.Headers = append(r.Headers[:len(r.Headers):len(r.Headers)], [2]string{"authorization", value})
			}
			switch v := p.Decide(state, time.Unix(1893456000, 0), &r).(type) {
			case *verdict.Allow:
				if v == nil || !v.Reason.Allows() {
					t.Fatalf("%+v for %+v", v, r)
				}
			case *verdict.Deny:
				if v == nil || v.Reason.Allows() || v.Status < 400 {
					t.Fatalf("%+v for %+v", v, r)
				}
			case *verdict.Reply:
				if v == nil || !v.Reason.Answers() || v.Reason.Allows() || v.Status < 200 {
					t.Fatalf("%+v for %+v", v, r)
				}
			default:
				t.Fatalf("%v for %+v", v, r)
			}
		}
	})
}
