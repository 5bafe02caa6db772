package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/upstream"
	"bearerauth/e2e/wire"
)

// TestMemoryOfUpdates: configurations that come by LDS and go leave no memory
// behind. $UPDATES is how many come.
func TestMemoryOfUpdates(t *testing.T) {
	t.Parallel()
	updates := 60
	if n, err := strconv.Atoi(os.Getenv("UPDATES")); err == nil {
		updates = n
	}
	binary := envoy.Need(t)
	server := upstream.Run(t)
	with := func(n int) envoy.Listener {
		return listener{name: "l", config: oneToken(fmt.Sprint("fake-token-", n), "alice")}.envoy()
	}
	file, err := envoy.NewListenerFile(t.TempDir(), with(0))
	if err != nil {
		t.Fatal(err)
	}
	config := envoy.Bootstrap{Members: file.Members(), Clusters: []envoy.Cluster{upstreamAt(server.Port())}}
	p := envoy.Run(t, envoy.Options{Binary: binary, Config: config.String(), Concurrency: 2})
	early := 0
	for n := 1; n <= updates; n++ {
		if err := file.Write(with(n)); err != nil {
			t.Fatal(err)
		}
		if _, err := p.WaitStat("listener_manager.lds.update_success", envoy.AtLeast(int64(n+1)), limit); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
			r, err := wire.HTTP1(t.Context(), envoy.Address(t, p, "l"), wire.Request{Fields: bearer(fmt.Sprint("fake-token-", n))})
			if err == nil && r.Status == 200 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("configuration %d never came: %+v %v", n, r, err)
			}
		}
		if n == updates/3 {
			early = residentKB(t, p)
		}
	}
	late := residentKB(t, p)
	t.Logf("%d KB resident after %d updates, %d after %d", early, updates/3, late, updates)
	if late > early+early/8 {
		t.Errorf("Envoy's memory grew from %d to %d KB", early, late)
	}
}

func residentKB(t *testing.T, p *envoy.Process) (kb int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if os.IsNotExist(err) {
		t.Skip("no /proc on this system")
	}
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(status, []byte("VmRSS:"))
	if _, err := fmt.Sscan(string(rest), &kb); err != nil {
		t.Fatal(err)
	}
	return kb
}
