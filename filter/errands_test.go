package filter_test

import (
	"fmt"
	"testing"
	"time"

	"bearerauth/filter/testkey"
)

// errandsConfig sends a JWT on all three errands: for its keys, for the list of
// revocations, and to the server.
func errandsConfig() string {
	return fmt.Sprintf(`{"subject_header": "x-auth-subject", "providers": {
		"idp": {"type": "jwt", "issuer": %q, "algorithms": ["EdDSA"], "jwks_uri": "https://issuer.example/keys", "cluster": "issuer", "introspect_after_verify": "server"},
		"server": {"type": "introspection", "cluster": "server", "introspection_uri": "https://issuer.example/introspect", "client_id": "gate", "client_secret": "fake-secret", "only_after_verify": true}},
		"revocations": {"uri": "https://lists.example/revoked", "cluster": "lists"}}`, testkey.Issuer)
}

// answerAt answers the one call to a cluster.
func (f *fetching) answerAt(cluster, body string) {
	f.t.Helper()
	f.vm.Advance(time.Millisecond)
	for _, call := range f.plugin.Callouts() {
		if call.Cluster == cluster {
			call.Answer([][2]string{{":status", "200"}, {"content-type", "application/json"}}, []byte(body), nil)
			return
		}
	}
	f.t.Fatalf("no call to %s", cluster)
}

func (f *fetching) callsTo(cluster string) (n int) {
	for _, call := range f.plugin.Callouts() {
		if call.Cluster == cluster {
			n++
		}
	}
	return n
}

// TestErrands: in any order of answers, a token is sent to the server only after it has
// verified and is on no list, and one timeout covers all errands.
func TestErrands(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	for _, order := range [][]string{{"issuer", "lists"}, {"lists", "issuer"}} {
		f := startFetching(t, errandsConfig())
		f.after(0)
		good, ended, forged := send(f.plugin, f.lasting(key, "b")), send(f.plugin, f.lasting(key, "a")), send(f.plugin, f.lasting(testkey.New("k1", "EdDSA"), "b"))
		for _, cluster := range order {
			f.wantWaiting(good)
			if n := f.callsTo("server"); n != 0 {
				t.Fatalf("%d questions before the %s have come", n, cluster)
			}
			body := testkey.Set(key)
			if cluster == "lists" {
				body = revoked("a")
			}
			f.answerAt(cluster, body)
		}
		wantReply(t, ended, 401, "revoked")
		wantReply(t, forged, 401, "bad_signature")
		f.wantWaiting(good)
		f.after(50 * time.Millisecond)
		if n := f.callsTo("server"); n != 1 {
			t.Fatalf("%d questions, want one", n)
		}
		f.answerAt("server", activeAlice)
		wantSubject(t, good, "alice")
	}
	// The list comes late; the server then does not answer in what is left.
	f := startFetching(t, errandsConfig())
	f.after(0)
	s := send(f.plugin, f.lasting(key, "b"))
	f.answerAt("issuer", testkey.Set(key))
	f.after(4900 * time.Millisecond)
	f.wantWaiting(s)
	f.answerAt("lists", revoked())
	f.wantWaiting(s)
	f.after(100 * time.Millisecond)
	wantReply(t, s, 503, "introspection_unavailable")
}

// TestAnswerAfterTheEnd: an answer that arrives after the end of its plugin, or for a
// second plugin with the same token, has no effect.
func TestAnswerAfterTheEnd(t *testing.T) {
	t.Parallel()
	f := startIntrospecting(t, introspected(""))
	other := startPlugin(t, f.vm, introspected(""))
	s := send(f.plugin, "opaque")
	theirs := send(other, "opaque")
	call := f.call()
	call.Answer([][2]string{{":status", "200"}, {"content-type", "application/json"}}, []byte(activeAlice), nil)
	wantSubject(t, s, "alice")
	f.wantWaiting(theirs)
	last := send(f.plugin, "opaque-2")
	late := f.call()
	last.End()
	s.End()
	f.plugin.Delete()
	late.Answer([][2]string{{":status", "200"}, {"content-type", "application/json"}}, []byte(activeAlice), nil)
	f.wantWaiting(theirs)
	other.Callouts()[0].Answer([][2]string{{":status", "200"}, {"content-type", "application/json"}}, []byte(inactive), nil)
	wantReply(t, theirs, 401, "inactive")
}
