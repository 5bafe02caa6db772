package filter_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/testkey"
)

// linesAbout are the log lines that contain a text.
func linesAbout(vm *wasmhost.VM, text string) (lines []string) {
	for _, log := range vm.Logs() {
		if strings.Contains(log.Message, text) {
			lines = append(lines, log.Message)
		}
	}
	return lines
}

func wantLine(t *testing.T, vm *wasmhost.VM, want string) {
	t.Helper()
	if got := linesAbout(vm, want); len(got) != 1 {
		t.Errorf("%d lines with %q: %v", len(got), want, vm.Logs())
	}
}

// TestLogOfKeys: the log says what is in force, which keys came, and why none came.
func TestLogOfKeys(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1\nforged: line", "EdDSA")
	f := startFetching(t, fetchedConfig(`, "max_stale": "10m"`))
	wantLine(t, f.vm, `in force: provider idp (jwt, keys of https://issuer.example by cluster "issuer"); 0 rules; upstreams get x-auth-subject`)
	refusal := f.vm.RefuseNth("proxy_http_call", 0, wasmhost.BadArgument)
	f.after(50 * time.Millisecond)
	wantLine(t, f.vm, `keys of provider idp are not there yet: no cluster "issuer" in Envoy`)
	refusal.Lift()
	f.after(2 * time.Second)
	f.serve(key, testkey.New("k2", "ES256"))
	wantLine(t, f.vm, `keys of provider idp: 2 in force, kid "k1\nforged: line", "k2"`)
	for _, log := range f.vm.Logs() {
		if strings.ContainsAny(log.Message, "\n\r\x00") {
			t.Errorf("a line with a control character: %q", log.Message)
		}
	}
}

// TestLogOfFailures: the log distinguishes Envoy's own answer from the server's, and repeated warnings
// come once a minute with their number.
func TestLogOfFailures(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	f := startWithKeys(t, fetchedConfig(`, "refresh": "1s", "min_refresh": "1s", "max_refresh": "1s", "max_stale": "1h"`), key)
	f.after(2 * time.Second)
	f.answer("503", "no healthy upstream")
	wantLine(t, f.vm, `keys of provider idp stay as they are: want status 200, got "503" by Envoy itself, which does not reach the server: no healthy upstream`)
	for range 300 {
		f.after(time.Second)
		if len(f.plugin.Callouts()) > 0 {
			f.answer("503", "upstream connect error or disconnect/reset before headers. reset reason: connection timeout", [2]string{"server", "envoy"})
		}
	}
	lines := linesAbout(f.vm, "stay as they are")
	if len(lines) < 4 || len(lines) > 7 || !strings.Contains(strings.Join(lines, "\n"), `"503" by Envoy or the server (and `) {
		t.Errorf("lines %q", lines)
	}
	f.after(time.Minute)
	before := len(f.vm.Logs())
	f.after(2 * time.Minute)
	for _, log := range f.vm.Logs()[before:] {
		t.Errorf("nothing happened, and the log has %q", log.Message)
	}
}

// TestDebugLine: a line names the rule, the provider, and what was expected against what
// was received. It has no token, and a client cannot forge a line or fill the log.
func TestDebugLine(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	f := startWithKeys(t, fetchedConfig(`, "audiences": ["api"], "types": ["at+jwt"]`), key)
	f.vm.SetLogLevel(wasmhost.Debug)
	f.after(time.Second)
	long := strings.Repeat("é", 400)
	for _, c := range []struct {
		header, claims members
		want           []string
	}{
		{nil, members{"aud": "other\nallowed: forged"}, []string{"denied: wrong_type: rule default rule: token; provider idp: takes the token", `; token typ: want "at+jwt", got "JWT"`, `; token aud: want "api", got "other\nallowed: forged"`}},
		{members{"typ": "at+jwt"}, members{"iss": "https://other.example\x00\x1b[31m"}, []string{"denied: wrong_issuer", `; token iss: want "https://issuer.example", got "https://other.example\x00\x1b[31m"`}},
		{members{"typ": "at+jwt"}, members{"iss": long}, []string{"denied: wrong_issuer", "…"}},
		{members{"typ": long}, members{"aud": []string{long, long, long, long, long, long, long, long, long, long}}, []string{"denied: wrong_type", "…"}},
		{members{"typ": "at+jwt"}, members{"exp": f.vm.Now().Unix() - 180}, []string{"denied: expired: rule default rule: token; provider idp: takes the token"}},
		{members{"typ": "at+jwt"}, nil, []string{"allowed: token_valid"}},
	} {
		header := members{"alg": "EdDSA", "kid": "k1", "typ": "JWT"}
		maps.Copy(header, c.header)
		claims := members{"iss": testkey.Issuer, "sub": "alice", "aud": "api", "exp": f.vm.Now().Unix() + 300}
		maps.Copy(claims, c.claims)
		token := key.JWT(header, claims)
		before := len(f.vm.Logs())
		send(f.plugin, token).End()
		logs := f.vm.Logs()[before:]
		if len(logs) != 1 {
			t.Fatalf("%d lines: %v", len(logs), logs)
		}
		line := logs[0].Message
		for _, want := range c.want {
			if !strings.Contains(line, want) {
				t.Errorf("%q lacks %q", line, want)
			}
		}
		if len(line) > 1200 || strings.ContainsAny(line, "\n\x00\x1b") {
			t.Errorf("%d bytes: %q", len(line), line)
		}
		for part := range strings.SplitSeq(token, ".") {
			if strings.Contains(line, part) {
				t.Errorf("a part of the token in %q", line)
			}
		}
	}
}

// TestLogOfPanics: a fault at every request fills no log.
func TestLogOfPanics(t *testing.T) {
	t.Parallel()
	vm := startVM(t, wasmhost.Options{})
	plugin := startPlugin(t, vm, strings.Replace(oneToken("fake-token", "alice"), `"subject":`, `"expires": "2999-01-01T00:00:00Z", "subject":`, 1))
	refusal := vm.RefuseNth("proxy_get_current_time_nanoseconds", 0, wasmhost.InternalFailure)
	for range 500 {
		s := send(plugin, "fake-token")
		wantReply(t, s, 500, "internal")
		s.End()
	}
	refusal.Lift()
	if lines := linesAbout(vm, "internal fault"); len(lines) != 1 || lines[0] != "internal fault, request headers: the host gives no time" {
		t.Errorf("lines %q", lines)
	}
	vm.Advance(time.Minute)
	plugin.Tick()
	lines := linesAbout(vm, "internal fault")
	if want := "internal fault, request headers: the host gives no time (and 498 more since the last such line)"; len(lines) != 2 || lines[1] != want {
		t.Errorf("lines %q, want %q", lines, want)
	}
}
