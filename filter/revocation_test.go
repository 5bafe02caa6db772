package filter_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/testkey"
)

// revokingConfig has its keys inline and its revocations at a server; more are
// members of revocations, each with a comma before it.
func revokingConfig(key *testkey.Key, more string) string {
	return fmt.Sprintf(`{"subject_header": "x-auth-subject", "providers": {"idp": {
		"type": "jwt", "issuer": %q, "algorithms": ["EdDSA"], "jwks": %s}},
		"revocations": {"uri": "https://lists.example/revoked", "cluster": "lists", "refresh": "1m", "max_stale": "1h"%s}}`,
		testkey.Issuer, testkey.Set(key), more)
}

func revoked(jti ...string) string {
	list := []members{}
	for _, id := range jti {
		list = append(list, members{"iss": testkey.Issuer, "jti": id})
	}
	return string(mustJSON(members{"revoked": list}))
}

// lasting is a token that outlives these tests.
func (f *fetching) lasting(key *testkey.Key, jti string) string {
	return key.Token(f.vm.Now(), members{"jti": jti, "exp": f.vm.Now().Unix() + 1<<20})
}

func wantMetric(t *testing.T, vm *wasmhost.VM, name string, want uint64) {
	t.Helper()
	if got := vm.Metric(name); got != want {
		t.Errorf("%s is %d, want %d", name, got, want)
	}
}

const (
	lastSuccess = "bearerauth_revocations_last_success_seconds"
	listFetched = "result=.=success;.;bearerauth_revocation_fetches_total"
	listFailed  = "result=.=failure;.;bearerauth_revocation_fetches_total"
)

// TestRevocation: the list is fetched before the first request, ends a token that has just
// passed, and the gauge shows the time of the newest success.
func TestRevocation(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	f := startFetching(t, revokingConfig(key, `, "timeout": "2s"`))
	f.wantNoCall() // not at the start: a canary VM must not make calls
	token, other := f.lasting(key, "a"), f.lasting(key, "b")
	f.after(50 * time.Millisecond)
	first := f.vm.Now()
	call := f.call()
	if call.Cluster != "lists" || call.Timeout != 2*time.Second || len(call.Body) != 0 ||
		call.Header(":method") != "GET" || call.Header(":authority") != "lists.example" || call.Header(":path") != "/revoked" || call.Header("if-none-match") != "" {
		t.Errorf("%+v", call)
	}
	s := send(f.plugin, token)
	f.wantWaiting(s)
	f.answer("200", revoked(), [2]string{"etag", `"one"`})
	wantSubject(t, s, "alice")
	wantSubject(t, send(f.plugin, token), "alice")
	f.after(time.Second)
	f.wantNoCall()
	wantMetric(t, f.vm, lastSuccess, uint64(first.Unix()))
	wantMetric(t, f.vm, listFetched, 1)

	f.after(time.Minute)
	if got := f.call().Header("if-none-match"); got != `"one"` {
		t.Errorf("if-none-match %q", got)
	}
	second := f.vm.Now()
	f.answer("200", revoked("a"), [2]string{"etag", `"two"`})
	wantReply(t, send(f.plugin, token), 401, "revoked")
	wantSubject(t, send(f.plugin, other), "alice")
	f.after(time.Second)
	wantMetric(t, f.vm, lastSuccess, uint64(second.Unix()))

	f.after(time.Minute)
	third := f.vm.Now()
	f.answer("304", "", [2]string{"etag", `"two"`})
	wantReply(t, send(f.plugin, token), 401, "revoked")
	f.after(time.Second)
	wantMetric(t, f.vm, lastSuccess, uint64(third.Unix()))
	wantMetric(t, f.vm, listFetched, 3)
	wantMetric(t, f.vm, listFailed, 0)
	wantMetric(t, f.vm, "decision=.=deny;.;reason=.=revoked;.;bearerauth_requests_total", 2)
}

// TestRevocationOutage: the last list serves until max_stale, then the answer is 503; the
// first good answer ends the outage.
func TestRevocationOutage(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	f := startFetching(t, revokingConfig(key, ""))
	f.after(0)
	began := f.vm.Now()
	f.answer("200", revoked("a"))
	token, ended := f.lasting(key, "b"), f.lasting(key, "a")
	down := 0
	for f.vm.Now().Sub(began) < time.Hour-time.Second {
		f.after(time.Second)
		if len(f.plugin.Callouts()) > 0 {
			down++
			switch down % 4 {
			case 0:
				f.fail()
			case 1:
				f.answer("200", `{"revoked":[{"issuer":"x"}]}`)
			case 2:
				f.answer("304", "")
			default:
				f.answer("503", "")
			}
		}
		wantSubject(t, send(f.plugin, token), "alice")
		wantReply(t, send(f.plugin, ended), 401, "revoked")
	}
	if down < 20 || down > 200 {
		t.Errorf("%d fetches in an hour", down)
	}
	f.after(5 * time.Second)
	if len(f.plugin.Callouts()) > 0 {
		f.fail()
	}
	s := send(f.plugin, token)
	wantReply(t, s, 503, "revocations_unavailable")
	if s.Reply().Header("retry-after") == "" || s.Reply().Header("www-authenticate") != "" {
		t.Errorf("headers %v", s.Reply().Headers)
	}
	wantReply(t, send(f.plugin, ended), 401, "revoked")
	wantReply(t, send(f.plugin, "not.a.jwt"), 401, "malformed_token")
	got := strings.Join(warnings(f.vm), "\n")
	if !strings.Contains(got, "revocations stay as they are: ") || !strings.Contains(got, "revoked[0].issuer: unknown member") || strings.Contains(got, `"x"`) {
		t.Errorf("warnings %q", got)
	}
	wantMetric(t, f.vm, lastSuccess, uint64(began.Unix()))
	f.after(time.Minute)
	waiting := send(f.plugin, token)
	f.wantWaiting(waiting)
	f.answer("200", revoked())
	wantSubject(t, waiting, "alice")
	wantSubject(t, send(f.plugin, ended), "alice")
}

// TestRevocationDeadline: with a server that never answers no request hangs, and no
// request passes.
func TestRevocationDeadline(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	f := startFetching(t, revokingConfig(key, `, "timeout": "2s"`))
	f.after(0)
	s := send(f.plugin, f.lasting(key, "a"))
	f.wantWaiting(s)
	f.after(2 * time.Second) // the server never answers
	wantReply(t, s, 503, "revocations_unavailable")
}

// TestRevocationsAndKeys: a request that needs both waits for both, and a fetch of the
// list does not delay the keys.
func TestRevocationsAndKeys(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	config := strings.TrimSuffix(fetchedConfig(""), "}") + `, "revocations": {"uri": "https://lists.example/revoked", "cluster": "lists"}}`
	for _, first := range []string{"issuer", "lists"} {
		f := startFetching(t, config)
		f.after(0)
		calls := f.plugin.Callouts()
		if len(calls) != 2 {
			t.Fatalf("%d fetches", len(calls))
		}
		slices.SortFunc(calls, func(a, b *wasmhost.Callout) int {
			if a.Cluster == first {
				return -1
			}
			return 1
		})
		good, bad := send(f.plugin, f.lasting(key, "b")), send(f.plugin, f.lasting(key, "a"))
		for _, call := range calls {
			f.wantWaiting(good)
			f.vm.Advance(time.Millisecond)
			body := testkey.Set(key)
			if call.Cluster == "lists" {
				body = revoked("a")
			}
			call.Answer([][2]string{{":status", "200"}}, []byte(body), nil)
		}
		wantSubject(t, good, "alice")
		wantReply(t, bad, 401, "revoked")
	}
}

// TestRevocationsInsecure: what passes unchecked is counted.
func TestRevocationsInsecure(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	f := startFetching(t, revokingConfig(key, `, "insecure_pass_when_stale": true`))
	f.after(0)
	s := send(f.plugin, f.lasting(key, "a"))
	f.wantWaiting(s)
	f.fail()
	wantSubject(t, s, "alice")
	for range 3 {
		wantSubject(t, send(f.plugin, f.lasting(key, "a")), "alice")
	}
	f.after(time.Minute)
	wantMetric(t, f.vm, "bearerauth_revocations_unchecked_total", 4)
	wantMetric(t, f.vm, lastSuccess, 0)
	f.answer("200", revoked("a"))
	wantReply(t, send(f.plugin, f.lasting(key, "a")), 401, "revoked")
	wantSubject(t, send(f.plugin, f.lasting(key, "b")), "alice")
	f.after(time.Second)
	wantMetric(t, f.vm, "bearerauth_revocations_unchecked_total", 4)
}

// TestNoRevocations: without a list to fetch there is no gauge that would be
// zero for ever.
func TestNoRevocations(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	for _, more := range []string{"", fmt.Sprintf(`, "revocations": {"entries": [{"iss": %q, "jti": "a"}]}`, testkey.Issuer)} {
		f := startWithKeys(t, strings.TrimSuffix(fetchedConfig(""), "}")+more+"}", key)
		f.after(time.Second)
		f.wantNoCall()
		for name := range f.vm.Metrics() {
			if strings.Contains(name, "bearerauth_revocation") {
				t.Errorf("metric %s", name)
			}
		}
		s := send(f.plugin, f.lasting(key, "a"))
		if more == "" {
			wantSubject(t, s, "alice")
		} else {
			wantReply(t, s, 401, "revoked")
		}
	}
}
