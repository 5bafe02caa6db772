package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/upstream"
	"bearerauth/e2e/wire"
)

func TestMain(m *testing.M) { os.Exit(envoy.Main(m)) }

const wait = 5 * time.Minute

func TestFaults(t *testing.T) {
	ok := example{"/", "Bearer x", 200, `{"token":"x"}`, ""}
	missing := example{"/", "", 401, notAuthenticated, ""}
	wrong := example{"/", "Bearer x", 401, notAuthenticated, "invalid_token"}
	expired := example{"/", "Bearer x", 401, notAuthenticated, "invalid_token: b"}
	scope := example{"/", "Bearer x", 403, notAuthenticated, "insufficient_scope"}
	tests := []struct {
		name       string
		example    example
		status     int
		body       string
		challenges []string
		wanted     string // a part of the one fault, "" for none
	}{
		{"as wanted", ok, 200, `{"token": "x"}`, nil, ""},
		{"another status", ok, 201, `{"token":"x"}`, nil, "wanted status 200"},
		{"another body", ok, 200, `{"token":"y"}`, nil, "wanted body"},
		{"more in the body", ok, 200, `{"token":"x","a":1}`, nil, "wanted body"},
		{"two bodies", ok, 200, `{"token":"x"}{"token":"x"}`, nil, "wanted body"},
		{"a challenge with 200", ok, 200, `{"token":"x"}`, []string{`Bearer realm="a"`}, "wanted no WWW-Authenticate"},
		{"refused as wanted", missing, 401, notAuthenticated, []string{`Bearer realm="a"`}, ""},
		{"no challenge", missing, 401, notAuthenticated, nil, "wanted one WWW-Authenticate"},
		{"a bare challenge", missing, 401, notAuthenticated, []string{"Bearer"}, "wanted one WWW-Authenticate"},
		{"an empty realm", missing, 401, notAuthenticated, []string{`Bearer realm=""`}, "wanted one WWW-Authenticate"},
		{"two challenges", missing, 401, notAuthenticated, []string{`Bearer realm="a"`, `Bearer realm="a"`}, "wanted one WWW-Authenticate"},
		{"a code too many", missing, 401, notAuthenticated, []string{`Bearer realm="a", error="invalid_token"`}, "wanted error code"},
		{"with its code", wrong, 401, notAuthenticated, []string{`Bearer realm="a", error="invalid_token", error_description="b"`}, ""},
		{"with its description", expired, 401, notAuthenticated, []string{`Bearer realm="a", error="invalid_token", error_description="b"`}, ""},
		{"another description", expired, 401, notAuthenticated, []string{`Bearer realm="a", error="invalid_token", error_description="c"`}, "wanted the description"},
		{"a scope as wanted", scope, 403, notAuthenticated, []string{`Bearer realm="a", error="insufficient_scope"`}, ""},
		{"a scope without a challenge", scope, 403, notAuthenticated, nil, "wanted one WWW-Authenticate"},
		{"without its code", wrong, 401, notAuthenticated, []string{`Bearer realm="a", error_description="b"`}, "wanted error code"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.example.faults(&wire.Response{
				Status: tt.status, Body: tt.body, Header: http.Header{"Www-Authenticate": tt.challenges},
			})
			if tt.wanted == "" && len(got) != 0 || tt.wanted != "" && (len(got) != 1 || !strings.Contains(got[0], tt.wanted)) {
				t.Errorf("wanted %q, got %q", tt.wanted, got)
			}
		})
	}
}

// This is the table as a reader sees it, with a server that allows every request.
func TestReport(t *testing.T) {
	t.Parallel()
	server := upstream.Run(t)
	server.Reply(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{\"a\":\n1}")) })
	answers := ask(t.Context(), server.Addr(), []example{
		{"/a", "Bearer x", 200, `{"a":1}`, ""},
		{"/bc", "", 401, `{"b":2}`, ""},
	})
	if failed(answers) != 1 {
		t.Errorf("wanted one failure, got %d", failed(answers))
	}
	refused := answer{
		example: example{"/d", "Bearer ", 401, notAuthenticated, "invalid_token"},
		got: &wire.Response{
			Status: 401, Body: notAuthenticated,
			Header: http.Header{"Www-Authenticate": {`Bearer realm="a", error="invalid_token"`}},
		},
	}
	var got bytes.Buffer
	report(&got, "A title", append(answers, refused))
	want := `A title
✓ /a   Bearer x   200  {"a": 1}
✗ /bc  none       200  {"a": 1}
    ✗ wanted status 401, got 200
    ✗ wanted body {"b":2}, got "{\"a\":\n1}"
    ✗ wanted one WWW-Authenticate: Bearer realm="…", got []
✓ /d   "Bearer "  401  Not authenticated                   invalid_token

`
	if got.String() != want {
		t.Errorf("wanted\n%s got\n%s", want, &got)
	}
	if header := server.Requests()[0].Header.Get("Authorization"); header != "Bearer x" {
		t.Errorf("wanted the header of the example, got %q", header)
	}
}

// needModule also keeps `go test` from a cached verdict on an older module.
func needModule(t *testing.T) {
	t.Helper()
	if b := envoy.Need(t); !b.AtLeast(1, neededMinor) {
		t.Skipf("the demo needs Envoy 1.%d, this is %s", neededMinor, b.Version)
	}
	root, err := envoy.Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{envoy.Module(), "envoy.yaml"} {
		if _, err := os.ReadFile(filepath.Join(root, name)); err != nil {
			t.Fatalf("wanted what the demo runs (`make` builds the module): %v", err)
		}
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	needModule(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out screen
	type result struct {
		bad int
		err error
	}
	ended := make(chan result, 1)
	go func() {
		bad, err := run(ctx, &out, mode{stay: true})
		ended <- result{bad, err}
	}()
	address := ""
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(wait); address == ""; <-tick.C {
		if m := regexp.MustCompile(`Envoy stays at http://(\S+), [^\n]*\nPress Ctrl-C[^\n]*\n`).FindStringSubmatch(out.String()); m != nil {
			address = m[1]
		}
		select {
		case r := <-ended:
			t.Fatalf("wanted the demo to stay, got %v after:\n%s", r.err, out.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("wanted the demo to be ready within %v, got:\n%s", wait, out.String())
		}
	}
	examples := []example{}
	for _, g := range groups {
		examples = append(examples, g.examples...)
	}
	if !strings.Contains(out.String(), "\ndemo: "+verdict(len(examples), 0)) {
		t.Errorf("wanted %s, got:\n%s", verdict(len(examples), 0), out.String())
	}
	for _, name := range []string{"TOKEN", "ADMIN"} {
		if !strings.Contains(out.String(), "\n"+name+"="+tokens()[name]+"\n") {
			t.Errorf("wanted the token %s to try, got:\n%s", name, out.String())
		}
	}
	for line := range strings.Lines(out.String()) {
		if width := utf8.RuneCountInString(line) - 1; width > 100 && !strings.Contains(line, "=eyJ") {
			t.Errorf("wanted at most 100 columns, got %d: %s", width, line)
		}
	}
	shown := len(out.String())
	for _, e := range examples {
		got, err := wire.HTTP2(ctx, address, wire.Request{Path: e.path, Host: address, Fields: e.authorizationField()})
		if err != nil {
			t.Errorf("%s over HTTP/2: %v", e.curl(address), err)
			continue
		}
		if faults := e.faults(got); len(faults) > 0 {
			t.Errorf("%s over HTTP/2: %s", e.curl(address), strings.Join(faults, "; "))
		}
	}
	for deadline := time.Now().Add(wait); strings.Count(out.String()[shown:], "\nGET /jwt/admin 403 ") == 0; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("wanted the access log, got:\n%s", out.String()[shown:])
		}
	}
	if n := strings.Count(out.String(), "GET /jwt/admin 403 "); n != 1 {
		t.Errorf("wanted the access log of later requests alone, got %d lines of one", n)
	}
	cancel()
	select {
	case r := <-ended:
		if r.err != nil || r.bad != 0 {
			t.Errorf("wanted a clean end, got %d failed, %v", r.bad, r.err)
		}
	case <-time.After(wait):
		t.Fatalf("wanted the demo to end within %v", wait)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Errorf("wanted no Envoy at %s after the end", address)
	}
}

// screen is a terminal that may be read while the demo writes.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}
