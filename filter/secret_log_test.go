package filter_test

import (
	"fmt"
	"strings"
	"testing"

	"bearerauth/filter/internal/wasmhost"
)

// TestSecretsAreNotLogged: the log of a start that is refused is kept and sent on.
// filter/policy tries every member; here it is what the module logs.
func TestSecretsAreNotLogged(t *testing.T) {
	t.Parallel()
	const secret = "Fake.S3CRET/kQ7+xJ2=="
	for _, provider := range []string{
		`{"type": "static", "tokens": [{"sha256": %q}]}`,
		`{"type": "static", "tokens": [{%q: "alice"}]}`,
		`{"type": "jwt", "issuer": "i", "algorithms": ["HS256"], "secret_environment": %q}`,
		`{"type": "jwt", "issuer": "i", "algorithms": ["HS256"], "secret": %q}`,
		`{"type": "jwt", "issuer": "i", "jwks": {"keys": [{"kty": "oct", "alg": "HS256", "k": %q}]}}`,
		`{"type": "introspection", "cluster": "c", "introspection_uri": "https://as.example/i", "client_id": "gate", "client_secret_environment": %q}`,
		`{"type": "introspection", "cluster": "c", "introspection_uri": "https://as.example/i", "client_id": "gate", "client_secret": [%q]}`,
		`{"type": "introspection", "cluster": "c", "introspection_uri": "https://as.example/i", "client_id": "gate", "client_authentication": "private_key_jwt", "private_key": %q}`,
	} {
		vm := startVM(t, wasmhost.Options{LogLevel: wasmhost.Trace})
		if _, ok := vm.NewPlugin([]byte(`{"providers": {"p": ` + fmt.Sprintf(provider, secret) + `}}`)); ok {
			t.Errorf("%s is accepted", provider)
		}
		if len(vm.Logs()) == 0 {
			t.Errorf("%s: nothing is logged", provider)
		}
		for _, log := range vm.Logs() {
			if strings.Contains(log.Message, "S3CRET") {
				t.Errorf("%s: %s", provider, log.Message)
			}
		}
	}
}
