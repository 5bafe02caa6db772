//go:build hosts

package hosts_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"bearerauth/e2e/issuer"
	"bearerauth/filter/testkey"
)

const issuerName = "https://issuer.example"

// TestCosts measures one callback in Wasmtime, where the host verifies nothing, as in
// Google Cloud Service Extensions (docs/hosts.md), with a thousand requests open. The
// figures are printed; the test holds only what no busy machine changes.
func TestCosts(t *testing.T) {
	h := startWasmtime(t)
	for _, algorithm := range []string{"RS256", "ES256", "EdDSA"} {
		key := testkey.New("k", algorithm)
		words, answer := h.ask("start", "bare", fmt.Sprintf(
			`{"subject_header": "x-auth-subject", "providers": {"idp": {"type": "jwt", "issuer": %q, "jwks": %s}}}`, issuerName, testkey.Set(key)))
		if words[0] != "started" {
			t.Fatal(answer)
		}
		token := func(n int) string {
			return issuer.Token(key, issuerName, issuer.Claims{"sub": "alice", "jti": n, "exp": time.Now().Unix() + 600, "scope": "orders:read orders:write"})
		}
		kept := token(-1)
		var fresh, again, forged []time.Duration
		for n := range 1000 {
			fresh = append(fresh, h.time(t, "open", "Bearer "+token(n), "continued"))
			again = append(again, h.time(t, "request", "Bearer "+kept, "continued"))
			forged = append(forged, h.time(t, "request", "Bearer "+testkey.Forged(token(n)), "replied"))
		}
		t.Logf("%s: new %s; forged %s; remembered %s; %d KiB of memory", algorithm, spread(fresh), spread(forged), spread(again[1:]), h.memory>>10)
		if h.memory >= 16<<20 {
			t.Errorf("%s: %d KiB of memory", algorithm, h.memory>>10)
		}
		if slices.Min(again) >= time.Millisecond {
			t.Errorf("%s: a remembered token takes %s", algorithm, slices.Min(again))
		}
	}
}

// time sends a request and returns how long its callback took.
func (h *host) time(t *testing.T, command, authorization, want string) time.Duration {
	t.Helper()
	pairs := [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "api.example"}, {":path", "/orders/1"}, {"authorization", authorization}}
	for i := range 12 {
		pairs = append(pairs, [2]string{fmt.Sprint("x-header-", i), "of the length that many headers have, some 60 octets or more"})
	}
	outcome, answer := h.send(command, pairs)
	if outcome != want {
		t.Fatalf("%s %q, want %s", outcome, answer[outcome], want)
	}
	var err error
	if h.memory, err = strconv.Atoi(answer["memory"][0]); err != nil {
		t.Fatal(err)
	}
	took, err := strconv.Atoi(answer["took"][0])
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(took)
}

func spread(took []time.Duration) string {
	slices.Sort(took)
	us := func(d time.Duration) int64 { return d.Microseconds() }
	return fmt.Sprintf("%d/%d/%d/%d us (least, half, 99 %%, most)", us(took[0]), us(took[len(took)/2]), us(took[len(took)*99/100]), us(took[len(took)-1]))
}
