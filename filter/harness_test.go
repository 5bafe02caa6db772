package filter_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"bearerauth/filter/internal/wasmhost"
)

// modulePath is $MODULE in the repository, else the standard build. (No variable:
// go test would not see that a verdict in its cache is on another module.)
func modulePath() string {
	return filepath.Join("..", cmp.Or(os.Getenv("MODULE"), "bearerauth.wasm"))
}

// isSmall reports whether the module under test is TinyGo's.
func isSmall() bool { return strings.Contains(modulePath(), "small") }

// module is compiled once for all tests; each has its own VM.
var module = sync.OnceValues(func() (*wasmhost.Module, error) {
	wasm, err := os.ReadFile(modulePath())
	if err != nil {
		return nil, fmt.Errorf("want the built module, run make first: %w", err)
	}
	return wasmhost.Compile(context.Background(), wasm)
})

func startVM(t *testing.T, options wasmhost.Options) *wasmhost.VM {
	t.Helper()
	m, err := module()
	if err != nil {
		t.Fatal(err)
	}
	return m.StartVM(t, options)
}

func startPlugin(t *testing.T, vm *wasmhost.VM, config string) *wasmhost.Plugin {
	t.Helper()
	p, ok := vm.NewPlugin([]byte(config))
	if !ok {
		t.Fatalf("the plugin refused to start: %v", vm.Logs())
	}
	return p
}

// oneToken is a configuration in which one token opens everything.
func oneToken(token, subject string) string {
	return fmt.Sprintf(`{
		"subject_header": "x-auth-subject",
		"providers": {"clients": {"type": "static", "tokens": [{"sha256": "%x", "subject": %q}]}},
		"rules": [{"match": {"path": "/open"}, "access": "anonymous"}]
	}`, sha256.Sum256([]byte(token)), subject)
}

func request(path, authorization string, more ...[2]string) [][2]string {
	pairs := [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "test.example"}, {":path", path}}
	if authorization != "" {
		pairs = append(pairs, [2]string{"authorization", authorization})
	}
	return append(pairs, more...)
}

func header(pairs [][2]string, name string) string {
	var values []string
	for _, pair := range pairs {
		if pair[0] == name {
			values = append(values, pair[1])
		}
	}
	return strings.Join(values, " | ")
}

func wantReply(t *testing.T, s *wasmhost.Stream, status int, reason string) {
	t.Helper()
	wantDetails(t, s, status, "bearerauth_denied{"+reason+"}")
}

// wantFailed: the module panicked over this request, and the VM goes on.
func wantFailed(t *testing.T, vm *wasmhost.VM, s *wasmhost.Stream) {
	t.Helper()
	if err := vm.Trapped(); err != nil {
		t.Fatalf("the VM ended: %v", err)
	}
	wantReply(t, s, 500, "internal")
}

// wantTrapped: the VM ended, and nothing went upstream.
func wantTrapped(t *testing.T, vm *wasmhost.VM, s *wasmhost.Stream) {
	t.Helper()
	if vm.Trapped() == nil || s.Upstream() != nil {
		t.Fatalf("trapped: %v, %s; want a trap, and nothing upstream", vm.Trapped(), s.Outcome())
	}
}

func wantDetails(t *testing.T, s *wasmhost.Stream, status int, details string) {
	t.Helper()
	if s.Outcome() != wasmhost.Replied || s.Reply() == nil {
		t.Fatalf("%s, want a reply with %d %s", s.Outcome(), status, details)
	}
	if s.Upstream() != nil {
		t.Fatal("the request went upstream, too")
	}
	if r := s.Reply(); r.Status != status || r.Details != details {
		t.Fatalf("got %d %s, want %d %s", r.Status, r.Details, status, details)
	}
}
