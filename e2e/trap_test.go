package e2e_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/issuer"
	"bearerauth/e2e/wire"
	"bearerauth/filter/testkey"
)

// TestPanic: the host gives no time, and the filter panics over each request.
func TestPanic(t *testing.T) {
	t.Parallel()
	config := strings.Replace(oneToken("fake-token", "alice"), `"subject"`, `"expires": "2100-01-01T00:00:00Z", "subject"`, 1)
	g := runGateway(t, listener{config: config, module: edited(t, withoutTime)}, envoy.Options{Concurrency: 1})
	for range 3 {
		got := g.http1(t, wire.Request{Fields: bearer("fake-token")})
		if got.Status != 500 {
			t.Errorf("status %d, want 500", got.Status)
		}
	}
	if n := len(g.upstream.Requests()); n > 0 {
		t.Errorf("%d requests went upstream", n)
	}
	if reloaded := reloads(t, g.Process); reloaded > 0 {
		t.Errorf("%d reloads", reloaded)
	}
}

// TestTrap: the VM ends while a request waits in it. Envoy forgets that one until
// its stream_idle_timeout; later ones find a fresh VM.
func TestTrap(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "ES256")
	i := issuer.Run(t, key)
	i.Hold()
	config := withGoodClient(fetched(i, ""))
	p, server := runWithIssuers(t, 1, []*issuer.Server{i}, listener{name: "gateway", config: config, hcm: "stream_idle_timeout: 3s", module: edited(t, trapIn("proxy_on_http_call_response"))})
	addr := envoy.Address(t, p, "gateway")
	if got := send(t, wire.HTTP1, addr, wire.Request{Path: "/good", Fields: bearer("fake-good-client")}); got.Status != 200 {
		t.Fatalf("status %d before the trap", got.Status)
	}
	time.AfterFunc(500*time.Millisecond, i.Release)
	if got := send(t, wire.HTTP1, addr, wire.Request{Path: "/waiting", Fields: bearer(i.Token(key, nil))}); got.Status < 500 {
		t.Errorf("status %d for the request that waited", got.Status)
	}
	// A fresh VM fetches keys and traps, too. A request that went upstream before can get 503
	// as its answer, so the number of requests proves nothing.
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		got := send(t, wire.HTTP1, addr, wire.Request{Path: "/good", Fields: bearer("fake-good-client")})
		if got.Status == 200 {
			break
		}
		if got.Status != 503 || time.Now().After(deadline) {
			t.Fatalf("status %d after the trap, want 503 and then 200", got.Status)
		}
	}
	for _, r := range server.Requests() {
		if r.Target != "/good" {
			t.Errorf("went upstream: %s %s %v", r.Method, r.Target, r.Header)
		}
	}
}

func reloads(t *testing.T, p *envoy.Process) (n int) {
	t.Helper()
	stats, err := p.Admin("/stats?filter=vm_reload_success")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(stats) {
		_, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		var one int
		fmt.Sscan(value, &one)
		n += one
	}
	return n
}

// edited is the path of the module with one section changed.
func edited(t *testing.T, edit func(id byte, body []byte) []byte) string {
	t.Helper()
	root, err := envoy.Root()
	if err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile(filepath.Join(root, envoy.Module()))
	if err != nil {
		t.Fatal(err)
	}
	out := append([]byte(nil), module[:8]...)
	for rest := module[8:]; len(rest) > 0; {
		id := rest[0]
		size, n := binary.Uvarint(rest[1:])
		if n <= 0 || size > uint64(len(rest)-1-n) {
			t.Fatal(errors.New("want a WebAssembly module"))
		}
		body := edit(id, rest[1+n:1+n+int(size)])
		rest = rest[1+n+int(size):]
		out = append(out, id)
		out = binary.AppendUvarint(out, uint64(len(body)))
		out = append(out, body...)
	}
	path := filepath.Join(t.TempDir(), "edited.wasm")
	if err := os.WriteFile(path, out, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const importSection = 2

// withoutTime replaces the function that reads the time by an import that takes the
// pointer for a context that does not exist, and fails.
func withoutTime(id byte, body []byte) []byte {
	if id != importSection {
		return body
	}
	return []byte(strings.Replace(string(body), "\x22proxy_get_current_time_nanoseconds", "\x1bproxy_set_effective_context", 1))
}

const (
	exportSection = 7
	codeSection   = 10
)

// trapIn makes the function of an export trap.
func trapIn(export string) func(byte, []byte) []byte {
	var imported, index uint64
	return func(id byte, body []byte) []byte {
		count, n := binary.Uvarint(body)
		switch id {
		case importSection:
			imported = count // functions all
		case exportSection:
			_, at, _ := bytes.Cut(body, append([]byte{byte(len(export))}, export...))
			index, _ = binary.Uvarint(at[1:])
		case codeSection:
			out, rest := slices.Clone(body[:n]), body[n:]
			for i := range count {
				size, n := binary.Uvarint(rest)
				code := rest[:n+int(size)]
				rest = rest[n+int(size):]
				if i == index-imported {
					code = []byte("\x03\x00\x00\x0b") // three bytes: no locals, unreachable, end
				}
				out = append(out, code...)
			}
			return out
		}
		return body
	}
}
