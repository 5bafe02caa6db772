package filter_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/testkey"
)

// TestSoak: memory stays bounded under any mix and number of requests. $SOAK is the number
// of requests (`make soak` takes a million); the default is small.
func TestSoak(t *testing.T) {
	t.Parallel()
	requests := 40_000
	if n, err := strconv.Atoi(os.Getenv("SOAK")); err == nil {
		requests = n
	}
	vm := startVM(t, wasmhost.Options{LogLevel: wasmhost.Info})
	key, stranger := testkey.New("k1", "HS256"), testkey.New("k1", "HS256")
	plugin := startPlugin(t, vm, soakConfig(key))
	kept := make([]string, 64)
	var took []time.Duration
	var early, late int
	began := time.Now()
	for i := range requests {
		if i%1000 == 0 {
			vm.Forget()
			vm.Advance(time.Second)
			plugin.Tick()
		}
		if i%100_000 == 0 {
			for n := range kept {
				kept[n] = key.Token(vm.Now(), members{"jti": fmt.Sprint("kept ", i, n), "scope": "a b"})
			}
		}
		if i == requests/2 {
			early = len(vm.Memory())
		}
		pairs, want := soakRequest(i, vm.Now(), key, stranger, kept)
		s := plugin.NewStream()
		at := time.Now()
		s.RequestHeaders(pairs, true)
		took = append(took, time.Since(at))
		if s.Outcome() != want {
			t.Fatalf("request %d: %s, want %s: %+v", i, s.Outcome(), want, s.Reply())
		}
		s.End()
	}
	late = len(vm.Memory())
	slices.Sort(took)
	t.Logf("%d requests in %s: half %s, 99 %% %s, 99.9 %% %s, all below %s; %d KiB of memory after half of them, %d at the end", requests, time.Since(began).Round(time.Millisecond),
		took[len(took)/2], took[len(took)*99/100], took[len(took)*999/1000], took[len(took)-1], early>>10, late>>10)
	// The heap of the standard build breathes by an eighth: what leaks in a million
	// requests is more than a quarter.
	if late > early+early/4 {
		t.Errorf("memory grew from %d to %d KiB in the second half", early>>10, late>>10)
	}
	if err := vm.Trapped(); err != nil {
		t.Error(err)
	}
}

func soakConfig(key *testkey.Key) string {
	return fmt.Sprintf(`{
		"token_cache_bytes": 1048576, "subject_header": "x-auth-subject",
		"claim_headers": [{"claim": "jti", "header": "x-auth-jti"}],
		"providers": {
			"clients": {"type": "static", "tokens": [{"sha256": "%x", "subject": "static"}]},
			"idp": {"type": "jwt", "issuer": %q, "jwks": %s}
		},
		"rules": [{"match": {"path": "/open"}, "access": "anonymous"}, {"match": {"path_prefix": "/scoped"}, "scopes": ["a"]}]
	}`, sha256.Sum256([]byte(soakToken)), testkey.Issuer, testkey.Set(key))
}

const soakToken = "fake-token"

// soakRequest is the i-th of the mix: static tokens, remembered JWTs, new JWTs, and all
// kinds of refusals.
func soakRequest(i int, now time.Time, key, stranger *testkey.Key, kept []string) ([][2]string, wasmhost.Outcome) {
	more := [][2]string{{"user-agent", "soak"}, {"accept", "*/*"}, {"x-request-id", strconv.Itoa(i)}, {"x_auth_subject", "root"}}
	switch i % 10 {
	case 0, 1, 2:
		return request("/items/"+strconv.Itoa(i), "Bearer "+soakToken, more...), wasmhost.Continued
	case 3, 4:
		return request("/scoped/"+strconv.Itoa(i), "Bearer "+kept[i%len(kept)], more...), wasmhost.Continued
	case 5:
		return request("/scoped", "Bearer "+key.Token(now, members{"jti": strconv.Itoa(i), "scope": "a", "roles": []string{"x", strconv.Itoa(i)}}), more...), wasmhost.Continued
	case 6:
		return request("/", "Bearer "+key.Token(now, members{"jti": strconv.Itoa(i), "exp": now.Unix() - 600}), more...), wasmhost.Replied
	case 7:
		return request("/", "Bearer "+stranger.Token(now, members{"jti": strconv.Itoa(i)}), more...), wasmhost.Replied
	case 8:
		return request("/"+strings.Repeat("a/%2e%2e/", i%20), "Bearer unknown-"+strconv.Itoa(i), more...), wasmhost.Replied
	}
	return request("/open", "", more...), wasmhost.Continued
}
