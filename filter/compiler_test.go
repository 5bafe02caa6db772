package filter_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/testkey"
)

// What the language leaves to compilers, and what a module must not leave to luck.

// smallStack is the stack that build/tinygo.mk asks for, in front of all memory: an
// overflow is a trap. Without that it would be silent.
const smallStack = 2 << 20

// TestStack: what nests deepest leaves more than half of the stack. The standard
// compiler's stacks grow; there it only has to pass.
func TestStack(t *testing.T) {
	t.Parallel()
	nested := func(open, middle, closing string, n int) string {
		return strings.Repeat(open, n) + middle + strings.Repeat(closing, n)
	}
	vm := startVM(t, wasmhost.Options{})
	var keys []*testkey.Key
	for _, alg := range []string{"RS512", "PS512", "ES512", "ES384", "EdDSA", "HS512"} {
		keys = append(keys, testkey.New(alg, alg))
	}
	for _, open := range []string{"(", "(?:b|", "(?i:b", "b{0,1}("} {
		for _, closing := range []string{")", ")*", ")?c", "){0,1}"} {
			vm.NewPlugin([]byte(withPattern(nested(open, "a", closing, 300)))) // RE2's own bound is a height of 1000
		}
	}
	startPlugin(t, vm, withPattern(nested("(", "a{1,30}", ")", 900)))
	for _, n := range []int{20, 1000, 100_000} {
		for _, config := range []string{nested("[", "", "]", n), `{"providers": ` + nested(`{"a":`, "1", "}", n) + "}"} {
			if _, ok := vm.NewPlugin([]byte(config)); ok || vm.Trapped() != nil {
				t.Fatalf("nested %d: started %v, trapped: %v", n, ok, vm.Trapped())
			}
		}
	}
	plugin := startPlugin(t, vm, inlineConfig(keys...))
	for _, k := range keys {
		wantSubject(t, send(plugin, k.Token(vm.Now(), nil)), "alice")
		wantReply(t, send(plugin, testkey.Forged(k.Token(vm.Now(), nil))), 401, "bad_signature")
		wantSubject(t, send(plugin, k.Token(vm.Now(), members{"deep": json.RawMessage(nested("[", "", "]", 30))})), "alice")
		wantReply(t, send(plugin, k.Token(vm.Now(), members{"deep": json.RawMessage(nested("[", "", "]", 10_000))})), 400, "malformed")
	}
	if err := vm.Trapped(); err != nil {
		t.Fatal(err)
	}
	if isSmall() {
		// It grows downwards from its end, over zeros.
		untouched := smallStack - len(bytes.TrimLeft(vm.Memory()[:smallStack], "\x00"))
		t.Logf("%d KiB of %d were used", (smallStack-untouched)>>10, smallStack>>10)
		if untouched == smallStack || untouched < smallStack/2 {
			t.Errorf("%d octets of the stack were never used, want at least half of %d", untouched, smallStack)
		}
	}
}

// TestMemoryExhausted: a request for which there is no memory is refused, and later ones
// find all of it again. The standard build's runtime ends the VM.
func TestMemoryExhausted(t *testing.T) {
	t.Parallel()
	if !isSmall() {
		t.Skip("make small-test runs this")
	}
	wasm, err := os.ReadFile(modulePath())
	if err != nil {
		t.Fatal(err)
	}
	const pages = 1024
	limited, err := wasmhost.CompileWithin(context.Background(), wasm, pages)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { limited.Close() })
	vm := limited.StartVM(t, wasmhost.Options{})
	plugin := startPlugin(t, vm, oneToken("fake-token", "alice"))
	for range 20 {
		wantReply(t, send(plugin, strings.Repeat("x", pages<<16)), 500, "internal")
		wantSubject(t, send(plugin, "fake-token"), "alice")
	}
	if err := vm.Trapped(); err != nil {
		t.Fatal(err)
	}
}

func withPattern(pattern string) string {
	return fmt.Sprintf(`{"providers": {"clients": {"type": "static", "tokens": [{"sha256": "%064d"}]}},
		"rules": [{"match": {"path_regex": %q}, "access": "deny"}]}`, 0, pattern)
}

// TestPatternBeyondBounds: package regexp panics over its bounds and recovers. TinyGo's
// code cannot, and the whole start fails.
func TestPatternBeyondBounds(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{
		strings.Repeat("(", 1100) + strings.Repeat(")", 1100), strings.Repeat("(", 50_000) + strings.Repeat(")", 50_000),
		"((a{100}){100}){100}",
	} {
		vm := startVM(t, wasmhost.Options{})
		if _, ok := vm.NewPlugin([]byte(withPattern(pattern))); ok || vm.Trapped() != nil {
			t.Errorf("%.20s…: started %v, trapped: %v", pattern, ok, vm.Trapped())
		}
	}
}

// TestRandomness: what must be secret in a VM comes from its host's random
// numbers. It is not to be seen from outside, but the times of fetches are made
// from the same numbers.
func TestRandomness(t *testing.T) {
	t.Parallel()
	refetched := func(seed byte) time.Duration {
		key := testkey.New("k1", "EdDSA")
		vm := startVM(t, wasmhost.Options{Random: rand.NewChaCha8([32]byte{seed})})
		f := &fetching{t, vm, startPlugin(t, vm, fetchedConfig(""))}
		f.after(50 * time.Millisecond)
		f.serve(key)
		for waited := time.Duration(0); waited < 24*time.Hour; waited += time.Second {
			if len(f.plugin.Callouts()) > 0 {
				return waited
			}
			f.after(time.Second)
		}
		t.Fatal("the keys are never fetched again")
		return 0
	}
	times := map[time.Duration]bool{}
	for seed := range byte(8) {
		at := refetched(seed)
		if again := refetched(seed); again != at {
			t.Errorf("the same numbers lead to %s and to %s", at, again)
		}
		times[at] = true
	}
	if len(times) < 4 {
		t.Errorf("eight VMs have %d different seeds", len(times))
	}
}
