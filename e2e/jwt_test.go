package e2e_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/issuer"
	"bearerauth/e2e/wire"
	"bearerauth/filter/testkey"
)

// TestJWTAlgorithms: every algorithm, with Envoy's own verify_signature where it
// has it, over both versions.
func TestJWTAlgorithms(t *testing.T) {
	t.Parallel()
	const name = "https://issuer.example"
	keys, strangers := testkey.All(), testkey.All()
	g := runGateway(t, listener{config: fmt.Sprintf(`{
		"subject_header": "x-auth-subject", "claim_headers": [{"claim": "tier", "header": "x-tier"}],
		"rules": [{"match": {"path": "/admin"}, "scopes": ["admin"]}],
		"providers": {"idp": {"type": "jwt", "issuer": %q, "audiences": ["api"], "jwks": %s}}}`, name, testkey.Set(keys...))}, envoy.Options{})
	now := time.Now().Unix()
	good := issuer.Claims{"aud": "api", "tier": "gold", "scope": "read"}
	for i, key := range keys {
		stranger := strangers[i]
		with := func(name string, value any) issuer.Claims {
			return issuer.Claims{"aud": "api", name: value}
		}
		for _, c := range []struct {
			what, path, token string
			status            int
			says              string // in the challenge
		}{
			{"good", "/", issuer.Token(key, name, good), 200, ""},
			{"good, again", "/", issuer.Token(key, name, good), 200, ""},
			{"forged", "/", testkey.Forged(issuer.Token(key, name, good)), 401, "The access token is invalid"},
			{"by a stranger", "/", issuer.Token(stranger, name, good), 401, "The access token is invalid"},
			{"expired", "/", issuer.Token(key, name, with("exp", now-100)), 401, "The access token expired"},
			{"of another issuer", "/", issuer.Token(key, "https://evil.example", good), 401, "The access token is invalid"},
			{"for others", "/", issuer.Token(key, name, with("aud", "others")), 401, "The access token is invalid"},
			{"without the scope", "/admin", issuer.Token(key, name, good), 403, `scope="admin"`},
		} {
			for version, how := range map[string]sender{"HTTP1": wire.HTTP1, "HTTP2": wire.HTTP2} {
				r := send(t, how, g.addr, wire.Request{Path: c.path, Fields: bearer(c.token)})
				if r.Status != c.status || !strings.Contains(r.Header.Get("Www-Authenticate"), c.says) {
					t.Errorf("%s %s %s: %d %v", version, key.Algorithm, c.what, r.Status, r.Header)
				}
				if c.status != 200 {
					continue
				}
				var upstream struct{ Header map[string][]string }
				if err := json.Unmarshal([]byte(r.Body), &upstream); err != nil {
					t.Fatal(err)
				}
				if got := upstream.Header; len(got["X-Auth-Subject"]) != 1 || got["X-Auth-Subject"][0] != "alice" || got["X-Tier"][0] != "gold" || got["Authorization"] != nil {
					t.Errorf("%s %s: the upstream saw %v", version, key.Algorithm, got)
				}
			}
		}
	}
	// The filter warns of a host whose verify_signature is wrong; Envoy's is not.
	if log := g.Log.String(); strings.Contains(log, "verify_signature") {
		t.Errorf("the self-test did not pass:\n%s", log)
	}
}

// TestBadJWTConfigurationAtStart: Envoy does not start, and says why.
func TestBadJWTConfigurationAtStart(t *testing.T) {
	t.Parallel()
	log := refusedAtStart(t, `{"providers": {
		"a": {"type": "jwt", "jwks_uri": "https://issuer.example/keys", "algorithms": ["none", "HS256"], "leeway": "1h"},
		"b": {"type": "jwt", "issuer": "x", "algorithms": ["HS256"], "secret_environment": "BEARERAUTH_NO_SUCH_VARIABLE"}}}`).String()
	for _, says := range []string{
		`providers.a.issuer: want issuer or audiences`,
		`providers.a.algorithms\[0\]: want one of RS256`,
		`providers.a.cluster: want`,
		`providers.a.leeway: want`,
		`providers.b.secret_environment: want the name of an environment variable`,
	} {
		if !regexp.MustCompile(says).MatchString(log) {
			t.Errorf("the log does not say %s:\n%s", says, log)
		}
	}
}
