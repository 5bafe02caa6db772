package filter_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/testkey"
)

// countingModule is the module with an export that counts its allocations.
func countingModule(t *testing.T) *wasmhost.Module {
	t.Helper()
	dir := t.TempDir()
	raw, stripped := filepath.Join(dir, "raw.wasm"), filepath.Join(dir, "stripped.wasm")
	run := func(environment []string, arguments ...string) {
		t.Helper()
		command := exec.Command("go", arguments...)
		command.Dir, command.Env = "..", append(os.Environ(), environment...)
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", arguments, err, out)
		}
	}
	run([]string{"GOOS=wasip1", "GOARCH=wasm"},
		"build", "-tags", "heapobjects", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", raw, ".")
	run(nil, "run", "./build/exports", raw, stripped, "heap_objects")
	wasm, err := os.ReadFile(stripped)
	if err != nil {
		t.Fatal(err)
	}
	m, err := wasmhost.Compile(context.Background(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// TestNoGarbage: a request that a remembered token opens allocates nothing, so
// that the garbage collector of the standard Go build has nothing to do for it.
func TestNoGarbage(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a module of its own")
	}
	m := countingModule(t)
	key := testkey.New("k1", "ES256")
	token := key.Token(m.StartVM(t, wasmhost.Options{}).Now(), members{"scope": "orders:read", "tier": "gold", "org": "acme"})
	const demanding = `
		"claim_headers": [{"claim": "tier", "header": "x-auth-tier"}, {"claim": "org", "header": "x-auth-org"}],
		"rules": [
			{"match": {"path": "/exact"}, "access": "anonymous"}, {"match": {"hosts": ["*.tenant.example"]}},
			{"match": {"path_regex": "/pattern/[0-9]+/(items|lines)"}}, {"match": {"path_prefix": "/admin"}, "scopes": ["admin"]},
			{"match": {"methods": ["PUT"]}}, {"match": {"path_prefix": "/"}, "scopes": ["orders:read"]}
		],`
	jwt := fmt.Sprintf(`"providers": {"issuer": {"type": "jwt", "issuer": "https://issuer.example", "jwks": %s}}`, testkey.Set(key))
	static := `"providers": {"clients": {"type": "static", "tokens": [{"sha256": "%x", "subject": "alice", "scopes": ["orders:read"],
		"attributes": {"tier": "gold", "org": "acme"}}]}}`
	static = fmt.Sprintf(static, sha256.Sum256([]byte("fake-token")))
	plain := `"forward_authorization": true, "subject_filter_state": false,`
	for name, c := range map[string]struct{ config, token string }{
		"static, least":     {plain + static, "fake-token"},
		"static, default":   {static, "fake-token"},
		"static, demanding": {demanding + static, "fake-token"},
		"JWT, least":        {plain + jwt, token},
		"JWT, default":      {jwt, token},
		"JWT, demanding":    {demanding + jwt, token},
	} {
		t.Run(name, func(t *testing.T) {
			vm := m.StartVM(t, wasmhost.Options{LogLevel: wasmhost.Info})
			plugin := startPlugin(t, vm, "{"+c.config+"}")
			requests := func(n int) {
				for range n {
					s := send(plugin, c.token)
					s.End()
					if s.Outcome() != wasmhost.Continued {
						t.Fatal(s.Outcome())
					}
				}
			}
			requests(100) // until the buffers have grown
			before := vm.Export("heap_objects")
			if before < 1000 {
				t.Fatalf("%d allocations for all that a start takes: what is counted?", before)
			}
			requests(10_000)
			if n := vm.Export("heap_objects") - before; n != 0 {
				t.Errorf("%d allocations in 10,000 requests", n)
			}
		})
	}
}
