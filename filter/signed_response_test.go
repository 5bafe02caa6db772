package filter_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/testkey"
)

const signedMedia = "application/token-introspection+jwt"

// signedResponse takes more members of signed_response, where the keys are.
func signedResponse(more string) string {
	return introspected(`, "positive_ttl": "10s", "signed_response": {"issuer": "` + testkey.Issuer + `"` + more + `}`)
}

const fetchedKeys = `, "algorithms": ["EdDSA"], "jwks_uri": "https://issuer.example/keys", "cluster": "keys"`

// signAnswer is what a server signs of an active token of alice's (RFC 9701
// section 5), but for some members of header and payload.
func signAnswer(k *testkey.Key, now time.Time, header, payload members) string {
	h := members{"typ": "token-introspection+jwt"}
	maps.Copy(h, header)
	all := members{"iss": testkey.Issuer, "aud": "gate", "iat": now.Unix(), "token_introspection": members{"active": true, "sub": "alice"}}
	maps.Copy(all, payload)
	return k.JWT(h, all)
}

// answerSigned answers the call under way as a server that signs does.
func (f *fetching) answerSigned(body string) {
	f.t.Helper()
	call := f.call()
	f.vm.Advance(time.Millisecond)
	call.Answer([][2]string{{":status", "200"}, {"content-type", signedMedia}}, []byte(body), nil)
}

// TestSignedResponses: by each algorithm, with a host that verifies and with one
// that does not.
func TestSignedResponses(t *testing.T) {
	t.Parallel()
	keys := testkey.All()
	for _, host := range []wasmhost.ForeignFunction{nil, envoyVerifies} {
		for _, key := range keys {
			vm := startVM(t, wasmhost.Options{AllowHeadersStopIteration: true})
			if host != nil {
				vm.ForeignFunctions["verify_signature"] = host
			}
			f := &fetching{t, vm, startPlugin(t, vm, signedResponse(`, "jwks": `+testkey.Set(key)))}
			s := send(f.plugin, "opaque")
			f.wantWaiting(s)
			if got := f.call().Header("accept"); got != signedMedia {
				t.Errorf("asked for %q", got)
			}
			f.answerSigned(signAnswer(key, f.vm.Now(), nil, nil))
			wantSubject(t, s, "alice")
			wantSubject(t, send(f.plugin, "opaque"), "alice")
			f.wantNoCall()
			bad := send(f.plugin, "bad")
			f.answerSigned(testkey.Forged(signAnswer(key, f.vm.Now(), nil, nil)))
			f.wantNotIntrospected(bad)
		}
	}
}

// TestHostileSignedResponses: no request passes by a bad answer, it is counted and logged,
// and the next good answer ends the fault.
func TestHostileSignedResponses(t *testing.T) {
	t.Parallel()
	key, stranger := testkey.New("k1", "EdDSA"), testkey.New("k1", "EdDSA")
	f := startIntrospecting(t, signedResponse(`, "jwks": `+testkey.Set(key)))
	plain := send(f.plugin, "opaque-json")
	f.answer("200", activeAlice) // as application/json
	f.wantNotIntrospected(plain)
	now := f.vm.Now()
	good := signAnswer(key, now, nil, nil)
	for name, body := range map[string]string{
		"nothing": "", "plain": activeAlice, "zeros": strings.Repeat("\x00", 1000), "points": strings.Repeat(".", 5000),
		"huge": strings.Repeat("x", 2<<20), "large": signAnswer(key, now, nil, members{"x": strings.Repeat("x", 16<<10)}),
		"newline": good + "\n", "two": good + good, "cut": good[:len(good)-10], "encrypted": "e30.e30.e30.e30.e30",
		"stranger": signAnswer(stranger, now, nil, nil), "old": signAnswer(key, now.Add(-time.Minute), nil, nil),
		"access": signAnswer(key, now, members{"typ": "at+jwt"}, nil), "audience": signAnswer(key, now, nil, members{"aud": "other"}),
		"issuer": signAnswer(key, now, nil, members{"iss": "other"}), "outside": signAnswer(key, now, nil, members{"token_introspection": 1, "active": true}),
	} {
		s := send(f.plugin, "opaque-"+name)
		f.wantWaiting(s)
		f.answerSigned(body)
		f.wantNotIntrospected(s)
		s.End()
	}
	if err := f.vm.Trapped(); err != nil {
		t.Fatal(err)
	}
	s := send(f.plugin, "opaque-json")
	f.answerSigned(signAnswer(key, f.vm.Now(), nil, nil))
	wantSubject(t, s, "alice")
	f.after(time.Second)
	if got := f.vm.Metric("result=.=failure;.;bearerauth_introspections_total"); got != 17 {
		t.Errorf("%d failures counted, want 17", got)
	}
	if got := warnings(f.vm); len(got) != 1 || !strings.Contains(got[0], "want the content-type "+signedMedia) {
		t.Errorf("warnings %q", got)
	}
}

// TestSignedResponseKeys: they are fetched ahead, waited for where none have come
// yet, and fetched again for an answer under another kid.
func TestSignedResponseKeys(t *testing.T) {
	t.Parallel()
	key, rotated := testkey.New("k1", "EdDSA"), testkey.New("k2", "EdDSA")
	f := startIntrospecting(t, signedResponse(fetchedKeys))
	f.wantNoCall()
	s := send(f.plugin, "opaque")
	f.wantWaiting(s)
	f.after(50 * time.Millisecond)
	if call := f.call(); call.Cluster != "keys" || call.Header(":path") != "/keys" || len(call.Body) != 0 {
		t.Fatalf("%+v", call)
	}
	f.serve(key)
	f.wantWaiting(s)
	f.after(50 * time.Millisecond)
	f.answerSigned(signAnswer(key, f.vm.Now(), nil, nil))
	wantSubject(t, s, "alice")

	s = send(f.plugin, "opaque-2")
	f.answerSigned(signAnswer(rotated, f.vm.Now(), nil, nil))
	f.wantNotIntrospected(s)
	if call := f.call(); call.Cluster != "keys" { // without a tick
		t.Fatalf("%+v", call)
	}
	f.serve(key, rotated)
	s = send(f.plugin, "opaque-2")
	f.answerSigned(signAnswer(rotated, f.vm.Now(), nil, nil))
	wantSubject(t, s, "alice")
	if got := len(warnings(f.vm)); got != 1 {
		t.Errorf("warnings %q", warnings(f.vm))
	}
}

// TestSignedResponseKeysOutage: without keys the answer is 503, at once.
func TestSignedResponseKeysOutage(t *testing.T) {
	t.Parallel()
	f := startIntrospecting(t, signedResponse(fetchedKeys))
	waiting := send(f.plugin, "opaque")
	f.after(50 * time.Millisecond)
	f.call().Fail()
	f.wantNotIntrospected(waiting)
	f.wantNotIntrospected(send(f.plugin, "opaque"))
	f.wantNoCall()
	f.after(2 * time.Second)
	key := testkey.New("k1", "EdDSA")
	f.serve(key)
	s := send(f.plugin, "opaque")
	f.answerSigned(signAnswer(key, f.vm.Now(), nil, nil))
	wantSubject(t, s, "alice")
}
