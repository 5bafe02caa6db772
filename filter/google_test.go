package filter_test

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/pages"
	"bearerauth/filter/testkey"
)

// The profile of Google Cloud Service Extensions (docs/hosts.md): what its hosts refuse,
// and how much memory a VM may have.
const googleMemory = 16 << 20

var googleRefuses = []string{
	"proxy_set_tick_period_milliseconds", "proxy_define_metric", "proxy_increment_metric", "proxy_record_metric",
	"proxy_get_shared_data", "proxy_set_shared_data", "proxy_http_call", "proxy_call_foreign_function",
	"proxy_set_property", "proxy_continue_stream",
}

func startGoogle(t *testing.T, config string) (*wasmhost.VM, *wasmhost.Plugin) {
	t.Helper()
	return withoutTimer(t, config, googleRefuses...)
}

// googleConfig has each source of keys that needs no call.
func googleConfig(rs, es, ed *testkey.Key, more string) string {
	der, err := x509.MarshalPKIXPublicKey(es.Private.(crypto.Signer).Public())
	if err != nil {
		panic(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return fmt.Sprintf(`{"subject_header": "x-auth-subject", %s "providers": {
		"clients": {"type": "static", "tokens": [{"sha256": "%x", "subject": "alice"}]},
		"rs": {"type": "jwt", "issuer": "https://rs.example", "jwks": %s},
		"es": {"type": "jwt", "issuer": "https://es.example", "pem": %q},
		"ed": {"type": "jwt", "issuer": "https://ed.example", "jwks": %s}},
		"rules": [{"match": {"path": "/open"}, "access": "anonymous"}, {"match": {"path_prefix": "/scoped"}, "scopes": ["a"]}]}`,
		more, sha256.Sum256([]byte("fake-token")), testkey.Set(rs), text, testkey.Set(ed))
}

// TestGoogle: static tokens, jwks and pem work within what Google's hosts allow, with
// a thousand requests open at once. No answer is a bare pause, which they ignore.
func TestGoogle(t *testing.T) {
	t.Parallel()
	rs, es, ed := testkey.New("rs", "RS256"), testkey.New("", "ES256"), testkey.New("ed", "EdDSA")
	signers := []*testkey.Key{rs, es, ed}
	issuers := []string{"https://rs.example", "https://es.example", "https://ed.example"}
	for _, cache := range []int{0, 1 << 20, 4 << 20} {
		t.Run(fmt.Sprint("cache ", cache), func(t *testing.T) {
			t.Parallel()
			vm, plugin := startGoogle(t, googleConfig(rs, es, ed, fmt.Sprintf(`"token_cache_bytes": %d,`, cache)))
			started := len(vm.Memory())
			token := func(n int, claims members) string {
				all := members{"iss": issuers[n%3], "jti": fmt.Sprint(n), "scope": "a b", "roles": []string{"x", fmt.Sprint(n)}}
				for name, value := range claims {
					all[name] = value
				}
				return signers[n%3].Token(vm.Now(), all)
			}
			for n, c := range []struct {
				path, authorization string
				status              int
				reason              string
			}{
				{"/", "Bearer fake-token", 200, ""},
				{"/open", "", 200, ""},
				{"/", "Bearer " + token(0, nil), 200, ""},
				{"/", "Bearer " + token(1, nil), 200, ""},
				{"/scoped", "Bearer " + token(2, nil), 200, ""},
				{"/", "", 401, "missing"},
				{"/", "Bearer wrong", 401, "unknown_token"},
				{"/", "Bearer " + testkey.Forged(token(0, nil)), 401, "bad_signature"},
				{"/", "Bearer " + testkey.Forged(token(1, nil)), 401, "bad_signature"},
				{"/", "Bearer " + testkey.Forged(token(2, nil)), 401, "bad_signature"},
				{"/", "Bearer " + token(0, members{"exp": vm.Now().Unix() - 600}), 401, "expired"},
				{"/", "Bearer " + token(0, members{"iss": "https://es.example"}), 401, "algorithm"},
				{"/scoped", "Bearer " + token(1, members{"scope": "b"}), 403, "insufficient_scope"},
				{"/open/..%2f", "Basic x", 401, "missing"},
			} {
				s := plugin.NewStream()
				s.RequestHeaders(request(c.path, c.authorization), true)
				if c.status != 200 {
					wantReply(t, s, c.status, c.reason)
				} else if s.Outcome() != wasmhost.Continued {
					t.Errorf("%d: %s %+v", n, s.Outcome(), s.Reply())
				}
				s.End()
			}
			var open []*wasmhost.Stream
			for n := range 3000 {
				s := plugin.NewStream()
				pairs := request(fmt.Sprintf("/scoped/%d?q=%0200d", n, n), "Bearer "+token(n, nil))
				for i := range 15 {
					pairs = append(pairs, [2]string{fmt.Sprint("x-header-", i), fmt.Sprintf("%0100d", n)})
				}
				s.RequestHeaders(pairs, true)
				wantSubject(t, s, "alice")
				if open = append(open, s); len(open) > 1000 {
					open[0].End()
					open = open[1:]
				}
				if n%100 == 0 {
					vm.Forget()
					vm.Advance(time.Second)
				}
			}
			memory := len(vm.Memory())
			t.Logf("%d KiB of memory at the start, %d after 3000 new tokens with 1000 requests open", started>>10, memory>>10)
			if memory >= googleMemory && isSmall() {
				t.Errorf("%d KiB of memory, want less than 16 MiB", memory>>10)
			}
		})
	}
}

// TestGoogleDocs: the configurations of docs/hosts.md start there.
func TestGoogleDocs(t *testing.T) {
	t.Parallel()
	page, err := pages.Read("..", "docs/hosts.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := pages.Blocks([]pages.Page{page}, "json")
	if len(blocks) == 0 {
		t.Fatal("docs/hosts.md shows no configuration")
	}
	for _, block := range blocks {
		_, plugin := startGoogle(t, block.Text)
		wantReply(t, send(plugin, "wrong"), 401, "unknown_token")
	}
}
