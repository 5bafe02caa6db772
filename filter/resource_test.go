package filter_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
)

const (
	metadataPath = "/.well-known/oauth-protected-resource/mcp"
	withMetadata = `{"protected_resources":{"mcp":{"resource":"https://api.example/mcp"}},`
)

// TestMetadataStopsTheRequest: an answered request does not pass with any body or
// trailers, and a host that refuses the answer does not get the request.
func TestMetadataStopsTheRequest(t *testing.T) {
	t.Parallel()
	for _, config := range []string{
		oneToken("fake-token", "alice"),
		// Without rules and own headers, good tokens have a way of their own.
		fmt.Sprintf(`{"providers":{"a":{"type":"static","tokens":[{"sha256":"%x"}]}}}`, sha256.Sum256([]byte("fake-token"))),
	} {
		for _, refused := range []bool{false, true} {
			vm := startVM(t, wasmhost.Options{Now: time.Now()})
			plugin := startPlugin(t, vm, withMetadata+strings.TrimSpace(config)[1:])
			s := plugin.NewStream()
			refusal := (*wasmhost.Refusal)(nil)
			if refused {
				refusal = vm.RefuseNth("proxy_send_local_response", 0, wasmhost.InternalFailure)
			}
			pairs := request(metadataPath, "Bearer fake-token")
			pairs[0][1] = "POST"
			s.RequestHeaders(pairs, false)
			s.RequestBody([]byte("body"), false)
			s.RequestTrailers([][2]string{{"a", "b"}})
			if s.Upstream() != nil {
				t.Fatal("the request went upstream")
			}
			if !refused {
				wantDetails(t, s, 405, "bearerauth_answered{metadata}")
				s.End()
				continue
			}
			if refusal.Count() != 1 {
				t.Fatalf("%d replies refused", refusal.Count())
			}
			refusal.Lift()
			vm.Advance(2 * time.Second)
			plugin.Tick()
			wantReply(t, s, 500, "internal")
			s.End()
		}
	}
}
