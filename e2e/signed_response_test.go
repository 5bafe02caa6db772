package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/issuer"
	"bearerauth/filter/testkey"
)

// signedBy takes the answers that the issuer signs; its keys come from it, too.
func signedBy(i *issuer.Server, more string) string {
	return fmt.Sprintf(`, "signed_response": {"issuer": %q, "algorithms": ["RS256", "ES256", "EdDSA"], "jwks_uri": "%s/keys", "cluster": %q%s}`,
		i.Name(), i.Name(), i.Cluster(), more)
}

// TestSignedIntrospection: signed answers of several algorithms, and of a key that
// the server has begun to use before it was fetched.
func TestSignedIntrospection(t *testing.T) {
	t.Parallel()
	i, in := runIntrospection(t)
	keys := []*testkey.Key{testkey.New("rsa", "RS256"), testkey.New("ec", "ES256"), testkey.New("ed", "EdDSA")}
	i.Publish(keys...)
	in.Sign(keys[0], i.Name(), "gate")
	p, server := runWithIssuers(t, 1, []*issuer.Server{i},
		listener{name: "signed", config: introspecting(i, issuer.IntrospectionPath, signedBy(i, ""))},
		listener{name: "other", config: introspecting(i, issuer.IntrospectionPath, signedBy(i, `, "audience": "other"`))},
		listener{name: "plain", config: introspecting(i, issuer.IntrospectionPath, "")})
	addr := envoy.Address(t, p, "signed")
	for _, key := range keys {
		in.Sign(key, i.Name(), "gate")
		token := "opaque-" + key.ID
		in.Activate(token, issuer.Claims{"sub": token, "scope": "read"})
		for range 2 {
			wantStatus(t, addr, token, 200)
			if got := lastRequest(t, server).Header.Get("X-Auth-Subject"); got != token {
				t.Errorf("the subject is %q, want %q", got, token)
			}
		}
		wantStatus(t, addr, "opaque-unknown-"+key.ID, 401)
		if n := in.Asked(token); n != 1 {
			t.Errorf("asked %d times about one token", n)
		}
	}
	wantStatus(t, envoy.Address(t, p, "other"), "opaque-rsa", 503)
	wantStatus(t, envoy.Address(t, p, "plain"), "opaque-rsa", 200)

	fresh := testkey.New("fresh", "ES256")
	fetches := i.Requests(issuer.KeysPath)
	i.Publish(append(keys, fresh)...)
	in.Sign(fresh, i.Name(), "gate")
	in.Activate("opaque-fresh", issuer.Claims{"sub": "alice"})
	await(t, addr, func() string { return "opaque-fresh" }, 200, 503)
	if n := i.Requests(issuer.KeysPath) - fetches; n != 1 {
		t.Errorf("%d fetches for one new key", n)
	}
}

// TestSignedIntrospectionFaults: with a bad answer no request passes, the client gets 503
// and not 401, and the failure is counted.
func TestSignedIntrospectionFaults(t *testing.T) {
	t.Parallel()
	i, in := runIntrospection(t)
	key, stranger := testkey.New("k1", "ES256"), testkey.New("k1", "ES256")
	i.Publish(key)
	in.Sign(key, i.Name(), "gate")
	in.Activate("opaque", issuer.Claims{"sub": "alice"})
	p, server := runWithIssuers(t, 1, []*issuer.Server{i}, listener{name: "l", config: introspecting(i, issuer.IntrospectionPath, signedBy(i, ""))})
	addr := envoy.Address(t, p, "l")
	faults := issuer.WrongSigned(key, stranger, i.Name(), "gate")
	for name, fault := range faults {
		i.Reply(issuer.IntrospectionPath, fault)
		if r := wantStatus(t, addr, "opaque", 503); strings.Contains(r.Body, "mallory") {
			t.Errorf("%s: %q repeats the answer", name, r.Body)
		}
		if n := len(server.Requests()); n > 0 {
			t.Fatalf("%s: %d requests went upstream", name, n)
		}
	}
	i.Reply(issuer.IntrospectionPath, in.ServeHTTP)
	wantStatus(t, addr, "opaque", 200)
	const failures = "wasmcustom.result=.=failure;.;bearerauth_introspections_total"
	if _, err := p.WaitStat(failures, envoy.Exactly(int64(len(faults))), limit); err != nil {
		t.Error(err)
	}
	if log := p.Log.String(); strings.Contains(log, "mallory") || strings.Count(log, "introspection by provider server") != 1 {
		t.Error("the log repeats answers, or has more than one line a minute")
	}
}

// TestSignedIntrospectionWithoutKeys: before the keys arrive the answer is 503, never "not
// active"; with the keys tokens pass.
func TestSignedIntrospectionWithoutKeys(t *testing.T) {
	t.Parallel()
	i, in := runIntrospection(t)
	key := testkey.New("k1", "ES256")
	i.Publish(key)
	in.Sign(key, i.Name(), "gate")
	in.Activate("opaque", issuer.Claims{"sub": "alice"})
	i.Reply(issuer.KeysPath, issuer.Say(503, ""))
	p, server := runWithIssuers(t, 1, []*issuer.Server{i}, listener{name: "l", config: introspecting(i, issuer.IntrospectionPath, signedBy(i, ""))})
	addr := envoy.Address(t, p, "l")
	wantStatus(t, addr, "opaque", 503)
	if n := in.Asked("opaque"); n != 0 || len(server.Requests()) > 0 {
		t.Errorf("%d questions whose answers nobody could verify", n)
	}
	i.Reply(issuer.KeysPath, nil)
	await(t, addr, func() string { return "opaque" }, 200, 503)
}
