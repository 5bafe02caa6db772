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
)

const configCorpus = "../../testdata/config"

var update = flag.Bool("update", false, "write what the parser says now into testdata/config/invalid/*.err")

// fakeSecret begins the secrets of the corpus, in base64url.
const fakeSecret = "dGhpcy1pcy1ub3QtYS1zZWNyZXQt"

// corpusEnvironment is what the corpus finds in the environment.
func corpusEnvironment(name string) (string, bool) {
	value, ok := map[string]string{
		"BEARERAUTH_TEST_SECRET": strings.Repeat("not a secret ... ", 4),
		"BEARERAUTH_TEST_SHORT":  "not a secret",
		"BEARERAUTH_TEST_EMPTY":  "",
	}[name]
	return value, ok
}

// configFiles returns the corpus' files; a test over none of them tests nothing.
func configFiles(tb testing.TB, pattern string) map[string][]byte {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(configCorpus, pattern))
	if err != nil {
		tb.Fatal(err)
	}
	if len(paths) == 0 {
		tb.Fatalf("no %s in %s", pattern, configCorpus)
	}
	files := make(map[string][]byte, len(paths))
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		files[path] = content
	}
	return files
}

func TestParseValid(t *testing.T) {
	t.Parallel()
	for path, config := range configFiles(t, "valid/*.json") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			if p, err := ParseWith(config, corpusEnvironment); err != nil || p == nil {
				t.Error(err)
			}
		})
	}
}

// The whole text of each error is part of the corpus: it is what an operator
// has to find the mistake by.
func TestParseInvalid(t *testing.T) {
	t.Parallel()
	for path, config := range configFiles(t, "invalid/*.json") {
		golden := strings.TrimSuffix(path, ".json") + ".err"
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			p, err := ParseWith(config, corpusEnvironment)
			if err == nil || p != nil {
				t.Fatalf("accepted, policy %v", p)
			}
			got := err.Error() + "\n"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err, " (go test ./filter/policy -run TestParseInvalid -update, then read it)")
			}
			if got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			// Who puts the token itself where its digest belongs must not find it in a log.
			if strings.Contains(got, "fake-token") || strings.Contains(got, fakeSecret) {
				t.Errorf("the error repeats a token or a secret:\n%s", got)
			}
		})
	}
}

// A golden whose configuration is gone would be read as still true.
func TestParseGoldensBelong(t *testing.T) {
	t.Parallel()
	for golden := range configFiles(t, "invalid/*.err") {
		if _, err := os.Stat(strings.TrimSuffix(golden, ".err") + ".json"); err != nil {
			t.Error(err)
		}
	}
}

func TestParseTooLong(t *testing.T) {
	t.Parallel()
	config := append([]byte(minimalConfig), strings.Repeat(" ", maxConfigBytes-len(minimalConfig))...)
	if _, err := Parse(config); err != nil {
		t.Errorf("%d bytes: %v", len(config), err)
	}
	_, err := Parse(append(config, ' '))
	if want := "configuration: 1 problem\n  want at most 16777216 bytes, got 16777217"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// unreachedMessages are those that no configuration brings about, and why.
var unreachedMessages = map[string]string{
	"want a string that is not empty":                       "every list of strings refuses the empty one by its own check",
	"want no value where presence is asked":                 "the parser gives none",
	"want a condition that is one of present, equal, regex": "the parser knows no other kind",
	"want a number that a Struct can hold exactly, a whole one below 2^53: this one may be another than was written": "needs a Struct; TestStructNumbers has one",
	"want a JWK Set of at most 1 MiB":               "needs 1 MiB; filter/jose tests it",
	"want the issuer ":                              "the issuer's answer is wrong, not the configuration",
	": want a cluster for it in jwks_clusters":      "the issuer's answer is wrong, not the configuration",
	"jwks_uri: want https, as the issuer has it":    "the issuer's answer is wrong, not the configuration",
	"want HS256, HS384 or HS512 for a secret, got ": "the parser asks for such an algorithm first",
}

// TestParseEveryMessage looks for each message of the parser's source in the
// goldens: a check without a case would be one that nobody has seen work.
func TestParseEveryMessage(t *testing.T) {
	t.Parallel()
	var goldens strings.Builder
	for _, golden := range configFiles(t, "invalid/*.err") {
		goldens.Write(golden)
	}
	found := 0
	for _, file := range []string{
		"config.go", "match_config.go", "fields.go", "object.go", "document.go", "static.go",
		"condition.go", "pattern.go", "host.go", "key_config.go", "jwt_config.go", "matcher.go", "duration.go", "discovery.go",
		"resource.go", "resource_document.go", "revocation_config.go", "location_config.go", "cors.go", "route.go", "negotiate.go",
		"claim_ref.go", "claim_header.go", "identity.go", "predicate.go", "scope.go", "introspection_config.go", "token_policy.go",
		"../jose/jwk.go", "../jose/key.go", "../jose/set.go", "../jose/pem.go", "../jose/signer.go",
	} {
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
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
			if !strings.Contains(text, "want ") && !strings.Contains(text, "duplicate") && !strings.Contains(text, "nested ") {
				return true
			}
			found++
			seen := strings.Contains(goldens.String(), text)
			if _, listed := unreachedMessages[text]; listed == seen {
				t.Errorf("%s: %q: in the goldens %t, in unreachedMessages %t", file, text, seen, listed)
			}
			return true
		})
	}
	if found < 50 {
		t.Errorf("found %d messages only", found)
	}
}

const minimalConfig = `{"providers":{"clients":{"type":"static","tokens":[` +
	`{"sha256":"9f1d2c3b4a5968778695a4b3c2d1e0f00f1e2d3c4b5a69788796a5b4c3d2e1f0"}]}}}`

// hostileRequests are what a stranger can send, credentials left out.
func hostileRequests() []Request {
	paths := []string{
		"/", "/a", "/a/b/", "//", "/a//b", "/a/../b", "/..%2f", "/%2e%2e/a", "/a;x=/b", "/a%00", "/%zz", "/%25%32%66",
		"/\xff", "/a?b=c", "/a?b=%zz&b=\x00#b", "/?access_token=fake", "", "a", "*", "http://a/b", "?", "/#", "/a\\b",
		"/" + strings.Repeat("%2f..", 400), strings.Repeat("/a", 5000), "/" + strings.Repeat("%25", 300) + "2f",
	}
	authorities := []string{"", "a", "example.com:443", "A.Example.COM.", "[::1]:80", "[", "]:", "a@b:c:d", "\xff", "a%2eb"}
	methods := []string{"GET", "POST", "CONNECT", "OPTIONS", "get", "", "\x00"}
	var requests []Request
	for i, path := range paths {
		for k, authority := range authorities {
			requests = append(requests, Request{
				Method: methods[(i+k)%len(methods)], Scheme: "http", Authority: authority, Path: path, HasPath: true,
				Headers: [][2]string{{":path", path}, {"x-a", "1"}, {"x_a", "2"}, {"x-a", ""}, {"", ""}, {"host", "a"}, {"x-auth-subject", "root"}},
			})
		}
	}
	for _, method := range methods {
		requests = append(requests, Request{Method: method, Authority: "example.com:443"})
	}
	return append(requests, Request{})
}

// The shortest configuration there is protects everything.
func TestMinimalProtectsEverything(t *testing.T) {
	t.Parallel()
	p, err := Parse([]byte(minimalConfig))
	if err != nil {
		t.Fatal(err)
	}
	state := p.NewState(Host{})
	refused := func(r *Request, statuses ...uint32) {
		t.Helper()
		d, ok := p.Decide(state, time.Unix(1893456000, 0), r).(*Deny)
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
			refused(&Request{Method: method, Path: path, HasPath: true}, 401)
		}
		refused(&Request{Method: method, Authority: "example.com:443"}, 401)
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

// FuzzParse: no configuration makes the parser panic, and what it accepts
// decides over every request: a missing verdict would be nobody's decision.
func FuzzParse(f *testing.F) {
	seeds := 0
	for _, pattern := range []string{"valid/*.json", "invalid/*.json"} {
		for _, config := range configFiles(f, pattern) {
			if len(config) < 16<<10 {
				f.Add(config)
				seeds++
			}
		}
	}
	if seeds == 0 {
		f.Fatal("no seeds")
	}
	requests := hostileRequests()
	values := []string{"", "Bearer fake-token", "bearer  fake-token", "Bearer a,Bearer b", "Basic x", "Bearer \xff", "Bearer " + strings.Repeat("a", maxTokenBytes+1)}
	f.Fuzz(func(t *testing.T, config []byte) {
		p, err := Parse(config)
		if err != nil {
			problems := err.(*ConfigError).Problems
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
			case *Allow:
				if v == nil || !v.Reason.Allows() {
					t.Fatalf("%+v for %+v", v, r)
				}
			case *Deny:
				if v == nil || v.Reason.Allows() || v.Status < 400 {
					t.Fatalf("%+v for %+v", v, r)
				}
			case *Reply:
				if v == nil || !v.Reason.Answers() || v.Reason.Allows() || v.Status < 200 {
					t.Fatalf("%+v for %+v", v, r)
				}
			default:
				t.Fatalf("%v for %+v", v, r)
			}
		}
	})
}
