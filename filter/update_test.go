package filter_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/testkey"
)

// TestUpdates: a configuration that replaces another leaves nothing of it in the VM, after
// any number of updates. In Envoy each worker's VM has the new configuration before the
// old one ends. $SOAK takes one update for each thousand (`make soak`: a thousand).
func TestUpdates(t *testing.T) {
	t.Parallel()
	updates := 80
	if n, err := strconv.Atoi(os.Getenv("SOAK")); err == nil {
		updates = n / 1000
	}
	vm := startVM(t, wasmhost.Options{LogLevel: wasmhost.Info})
	key := testkey.New("k1", "HS256")
	config := func(n int) string {
		var rules strings.Builder
		for i := range 40 {
			fmt.Fprintf(&rules, `{"match": {"path_prefix": "/version-%d/%d"}, "scopes": ["scope-%d"]},`, n, i, i)
		}
		return strings.Replace(soakConfig(key), `"rules": [`, `"rules": [`+rules.String(), 1)
	}
	old := startPlugin(t, vm, config(0))
	early := 0
	for n := 1; n <= updates; n++ {
		next := startPlugin(t, vm, config(n))
		vm.Advance(time.Second)
		for range 3 {
			next.Tick()
			old.Tick()
			s := next.NewStream()
			s.RequestHeaders(request("/orders", "Bearer "+key.Token(vm.Now(), members{"jti": fmt.Sprint(n), "scope": "a b"})), true)
			if s.Outcome() != wasmhost.Continued {
				t.Fatalf("update %d: %s %+v", n, s.Outcome(), s.Reply())
			}
			s.End()
		}
		if !old.Delete() {
			t.Fatal("the old configuration does not end")
		}
		old = next
		vm.Forget()
		if n == updates/4 {
			early = len(vm.Memory())
		}
	}
	late := len(vm.Memory())
	t.Logf("%d KiB of memory after %d updates, %d after %d", early>>10, updates/4, late>>10, updates)
	if late > early+early/8 {
		t.Errorf("memory grew from %d to %d KiB", early>>10, late>>10)
	}
}
