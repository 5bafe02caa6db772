package explain

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/testkey"
)

var update = flag.Bool("update", false, "write what is said now into testdata")

var now = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

const configuration = `{
  "subject_header": "x-auth-subject", "payload_header": "x-auth-payload",
  "providers": {
    "people": {"type": "jwt", "issuer": "https://issuer.example", "audiences": ["orders"], "algorithms": ["EdDSA"],
      "jwks_uri": "https://issuer.example/keys", "cluster": "issuer"},
    "machines": {"type": "jwt", "issuer": "https://machines.example", "audiences": ["orders"], "algorithms": ["RS256"],
      "discovery": true, "cluster": "machines"},
    "partners": {"type": "introspection", "introspection_uri": "https://partners.example/introspect", "cluster": "partners",
      "client_id": "gate", "client_secret": "fake-secret", "token_prefix": "opq_"},
    "clients": {"type": "static", "tokens": [
      {"sha256": "b1c57c5cbcfb8e1d4e85bd3e9e80e8f2b7a1d2ba9d0e9b5d7ea0b0b5d1e7a111", "subject": "acme"}]}
  },
  "rules": [
    {"match": {"path": "/healthz"}, "access": "anonymous"},
    {"name": "admin", "match": {"path_prefix": "/admin", "methods": ["POST", "DELETE"]}, "scopes": ["admin"], "claims": [{"claim": ["realm", "role"], "equal": "operator"}]},
    {"match": {"path_prefix": "/orders", "headers": [{"name": "x-tenant", "equal": "fake-tenant"}]}, "providers": ["people"]}
  ]
}`

func noVariables(string) (string, bool) { return "", false }

// TestExplain compares whole explanations with files that a person has read.
func TestExplain(t *testing.T) {
	t.Parallel()
	key, other := testkey.New("k1", "EdDSA"), testkey.New("k1", "EdDSA")
	claims := func(more testkey.Members) testkey.Members {
		all := testkey.Members{"iss": "https://issuer.example", "aud": "orders", "sub": "alice", "exp": now.Unix() + 300, "scope": "read"}
		for name, value := range more {
			all[name] = value
		}
		return all
	}
	header := testkey.Members{"alg": "EdDSA", "kid": "k1", "typ": "at+jwt"}
	good := key.JWT(header, claims(nil))
	for name, c := range map[string]struct {
		request string // of curl, without the token
		token   string
		files   Files
		show    bool
	}{
		"good":          {request: "curl https://api.example/", token: good},
		"good_shown":    {request: "curl https://api.example/", token: good, show: true},
		"missing":       {request: "curl https://api.example/orders"},
		"anonymous":     {request: "curl https://api.example/healthz"},
		"readings":      {request: "curl https://api.example/x/..%2fadmin/users -X DELETE", token: good},
		"audience":      {request: "curl https://api.example/", token: key.JWT(header, claims(testkey.Members{"aud": []string{"billing", "mail"}}))},
		"issuer":        {request: "curl https://api.example/", token: key.JWT(header, claims(testkey.Members{"iss": "https://issuer.example/"}))},
		"expired":       {request: "curl https://api.example/", token: key.JWT(header, claims(testkey.Members{"exp": now.Unix() - 180}))},
		"not_yet":       {request: "curl https://api.example/", token: key.JWT(header, claims(testkey.Members{"nbf": now.Unix() + 3600}))},
		"forged":        {request: "curl https://api.example/", token: other.JWT(header, claims(nil))},
		"kid":           {request: "curl https://api.example/", token: key.JWT(testkey.Members{"alg": "EdDSA", "kid": "k9"}, claims(nil))},
		"algorithm":     {request: "curl https://api.example/", token: key.JWT(testkey.Members{"alg": "ES256", "kid": "k1"}, claims(nil))},
		"none":          {request: "curl https://api.example/", token: key.JWT(testkey.Members{"alg": "none"}, claims(nil))},
		"type":          {request: "curl https://api.example/", token: key.JWT(testkey.Members{"alg": "EdDSA", "kid": "k1", "typ": "logout+jwt"}, claims(nil))},
		"scope":         {request: "curl https://api.example/admin/users -X POST", token: good},
		"provider":      {request: "curl https://api.example/orders/1 -H 'x-tenant: fake-tenant'", token: "opq_fake-token", files: Files{Introspection: []byte(`{"active": true, "sub": "bob"}`)}},
		"inactive":      {request: "curl https://api.example/", token: "opq_fake-token", files: Files{Introspection: []byte(`{"active": false}`)}},
		"no_answer":     {request: "curl https://api.example/", token: "opq_fake-token"},
		"unknown":       {request: "curl https://api.example/", token: "fake-token"},
		"two":           {request: "curl https://api.example/ -H 'authorization: Basic ZmFrZTpmYWtl'", token: good},
		"query":         {request: "curl 'https://api.example/?access_token=" + good + "'"},
		"control_bytes": {request: "curl https://api.example/", token: key.JWT(header, claims(testkey.Members{"aud": "a\nallowed: b\x1b[31m"}))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := FromCurl(c.request)
			if err != nil {
				t.Fatal(err)
			}
			if c.token != "" {
				r.Headers = append(r.Headers, [2]string{"authorization", "Bearer " + c.token})
			}
			c.files.Keys = []byte(testkey.Set(key))
			e, err := Explain(Input{Configuration: []byte(configuration), Environment: noVariables, Request: r, At: now, Server: c.files.Serve(nil), ShowToken: c.show})
			if err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			if err := e.WriteText(&text); err != nil {
				t.Fatal(err)
			}
			raw, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			got := text.String()
			for part := range strings.SplitSeq(c.token+"."+good, ".") {
				if !c.show && len(part) > 6 && (strings.Contains(got, part) || bytes.Contains(raw, []byte(part))) {
					t.Errorf("a part of the token is shown: %s\n%s", part, got)
				}
				// Keys are random, and so are tokens.
				if c.show && len(part) > 6 {
					got = strings.ReplaceAll(got, part, "TOKEN")
				}
			}
			for _, secret := range []string{"fake-secret", "fake-tenant", "fake-token"} {
				if strings.Contains(got, secret) || bytes.Contains(raw, []byte(secret)) {
					t.Errorf("%s is shown", secret)
				}
			}
			if strings.ContainsAny(got, "\x1b\r\x00") {
				t.Errorf("a control character: %q", got)
			}
			golden(t, name+".txt", got)
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s(go test ./explain -update writes it: read the diff)", got, want)
	}
}

func TestFromCurl(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		`curl https://api.example/a?b=c`:                                                  `GET api.example /a?b=c []`,
		`curl -sS -X PUT -H 'Authorization: Bearer abc' "https://api.example"`:            `PUT api.example / [[authorization Bearer abc]]`,
		"curl 'http://api.example:8080/%2e%2e/a' \\\n  -H 'X-A: b' \\\n  --data-raw '{}'": `POST api.example:8080 /%2e%2e/a [[x-a b]]`,
		`curl -XDELETE -H"Host: other.example" https://1.2.3.4/x -k -o /dev/null`:         `DELETE other.example /x []`,
		`curl -u user:pass api.example/x -d a=b -G`:                                       `GET api.example /x?a=b [[authorization Basic dXNlcjpwYXNz]]`,
		`curl --oauth2-bearer abc --url=https://api.example/x -I --max-time 3`:            `HEAD api.example /x [[authorization Bearer abc]]`,
		`curl https://api.example/x -H $'x-b: c' -b 'a=1' --compressed`:                   `GET api.example /x [[x-b c] [cookie a=1]]`,
		`curl https://api.example/x -H "authorization: Bearer $TOKEN"`:                    `the command has the variable $TOKEN`,
		"curl https://api.example/x -H \"authorization: Bearer `cat token`\"":             `without substitutions`,
		`curl https://api.example/x 'https://b.example'`:                                  `want one URL`,
		`curl -H 'x: y'`:                        `want a URL`,
		`curl 'https://api.example`:             `not closed`,
		`curl https://api.example/x -H nothing`: `want a header`,
	} {
		r, err := FromCurl(command)
		got := r.Method + " " + r.Authority + " " + r.Path + " " + strings.ReplaceAll(strings.Trim(strings.ReplaceAll(mustJSON(r.Headers), `"`, ""), ""), ",", " ")
		if r.Headers == nil {
			got = r.Method + " " + r.Authority + " " + r.Path + " []"
		}
		if err != nil {
			got = err.Error()
		}
		if got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s\ngot  %s\nwant %s", command, got, want)
		}
	}
}

func mustJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestFromAccessLog(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`[2030-01-01T11:59:00.123Z] "GET /orders?x=1 HTTP/1.1" 401 - bearerauth_denied{expired} - "-" 0 40 1 - "10.0.0.1" "curl/8" "0a1b2c3d-0000-4000-8000-000000000000" "api.example" "-" - -`: `GET api.example /orders?x=1 401 bearerauth_denied{expired} 2030-01-01T11:59:00.123Z`,
		`[2030-01-01T11:59:00.123Z] "POST /a HTTP/2" 200 - 0 0 0 - "-" "curl/8" "0a1b2c3d-0000-4000-8000-000000000000" "b.example:8443" "10.0.0.2:80"`:                                           `POST b.example:8443 /a 200 2030-01-01T11:59:00.123Z`,
		`{"start_time":"2030-01-01T11:59:00Z","method":"GET","path":"/a","authority":"c.example","response_code":403,"response_code_details":"bearerauth_denied{insufficient_scope}"}`:           `GET c.example /a 403 bearerauth_denied{insufficient_scope} 2030-01-01T11:59:00Z`,
		`nonsense`:            `want a line such as`,
		`[x] "GET" 401`:       `want "METHOD PATH PROTOCOL"`,
		`{"message":"hello"}`: `want "method" and "path"`,
		`{`:                   `the line is not JSON`,
	} {
		r, err := FromAccessLog(line)
		got := r.Method + " " + r.Authority + " " + r.Path + " " + r.Logged + " " + r.At.Format(time.RFC3339Nano)
		if err != nil {
			got = err.Error()
		}
		if got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s\ngot  %s\nwant %s", line, got, want)
		}
	}
}
