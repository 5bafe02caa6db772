package identity

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/syntax"
)

// TestSize: the size counts what an identity holds, with the headers that it could have
// had: a token that says nothing of a hundred claims takes the memory of a hundred headers.
func TestSize(t *testing.T) {
	t.Parallel()
	var silent []claimHeader
	for i := range 100 {
		silent = append(silent, claimHeader{claim: 1, target: target{header: fmt.Sprint("x-c", i)}})
	}
	source := &Source{
		Subject: "alice", Payload: strings.Repeat("p", 8000), Scopes: []claims.ScopeClaim{{Claim: 2}},
		Values: []jose.Value{jose.Value(`"` + strings.Repeat("b", 6000) + `"`), nil, jose.Value(`"` + strings.Repeat("s ", 1000) + `"`)},
	}
	for name, p := range map[string]*Propagation{
		"texts": {
			subject: target{header: "x-sub", state: "sub"}, payload: target{"x-payload", "payload"}, scope: target{state: "scope"},
			claimHeaders: []claimHeader{{target: target{header: "x-big"}, maxBytes: syntax.MaxTokenBytes}},
		},
		"silence": {claimHeaders: silent},
	} {
		var id Identity
		p.Identify(&id, source)
		held := len(id.Subject) + 8*len(id.Facts) + int(unsafe.Sizeof([2]string{}))*(cap(id.Headers)+cap(id.State))
		for _, pair := range append(append([][2]string{}, id.Headers...), id.State...) {
			held += len(pair[1])
		}
		if want := map[string]int{"texts": 6000 + 2*8000 + 1999, "silence": 3200}[name]; held < want {
			t.Errorf("%s: %d bytes are held, want at least %d: %+.200v", name, held, want, id)
		}
		if size := id.Size(); size < held || size > held+1000 {
			t.Errorf("%s: %d bytes are counted, %d are held", name, size, held)
		}
	}
}
