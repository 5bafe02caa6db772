package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/issuer"
	"bearerauth/filter/testkey"
)

const (
	listFetches = "wasmcustom.result=.=%s;.;bearerauth_revocation_fetches_total"
	lastSuccess = "wasmcustom.bearerauth_revocations_last_success_seconds"
)

// TestRevocation: a token that has just passed ends within a refresh of its revocation, in
// every worker. During an outage the last list serves until max_stale, then the answer is
// 503. When the server returns, its list decides again.
func TestRevocation(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "ES256")
	i := issuer.Run(t, key)
	const workers, maxStale = 2, 4 * time.Second
	config := func(more string) string {
		return strings.TrimSuffix(fetched(i, ""), "}") + fmt.Sprintf(
			`, "revocations": {"uri": "%s%s", "cluster": %q, "refresh": "1s"%s}}`, i.Name(), issuer.RevokedPath, i.Cluster(), more)
	}
	p, server := runWithIssuers(t, workers, []*issuer.Server{i}, listener{name: "l", config: config(fmt.Sprintf(`, "max_stale": "%s"`, maxStale))})
	addr := envoy.Address(t, p, "l")
	token := func(jti string) func() string {
		all := i.Token(key, issuer.Claims{"jti": jti})
		return func() string { return all }
	}
	stolen, other := token("stolen"), token("other")
	for range 20 {
		if r, err := attempt(addr, stolen()); err != nil || r.Status != 200 {
			t.Fatalf("%+v %v before the revocation", r, err)
		}
	}
	from := i.Requests(issuer.RevokedPath)
	i.Revoke(issuer.Claims{"iss": i.Name(), "jti": "stolen"})
	began := time.Now()
	await(t, addr, stolen, 401, 200)
	// The tick, the refresh and a slow machine, but no expiry and no cache.
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the revocation took %s", took)
	}
	if err := i.Wait(issuer.RevokedPath, from+3*workers, limit); err != nil {
		t.Fatal(err)
	}
	// Each worker has asked since, so that none lets it pass.
	gone := server.Requests()
	for range 20 {
		r, err := attempt(addr, stolen())
		if err != nil || r.Status != 401 || !strings.Contains(r.Header.Get("Www-Authenticate"), `error="invalid_token"`) {
			t.Fatalf("%+v %v after the revocation", r, err)
		}
	}
	if n := len(server.Requests()); n != len(gone) {
		t.Errorf("%d requests with a revoked token went upstream", n-len(gone))
	}
	if r, err := attempt(addr, other()); err != nil || r.Status != 200 {
		t.Fatalf("%+v %v for a token that nobody has revoked", r, err)
	}
	if i.Confirmed() == 0 {
		t.Error("no fetch was answered by 304")
	}
	// A gauge to which several workers add would be a time far off.
	value, err := p.WaitStat(lastSuccess, envoy.AtLeast(began.Unix()), limit)
	if err != nil || value > time.Now().Unix() {
		t.Errorf("the last success was at %d, it is %d: %v", value, time.Now().Unix(), err)
	}

	i.Down()
	down := time.Now()
	await(t, addr, other, 503, 200)
	// One worker's list was the older one. By max_stale after the server's end
	// every list is too old.
	time.Sleep(time.Until(down.Add(maxStale + 500*time.Millisecond)))
	for range 5 {
		if r, err := attempt(addr, other()); err != nil || r.Status != 503 || r.Header.Get("Retry-After") == "" || r.Header.Get("Www-Authenticate") != "" {
			t.Fatalf("%+v %v while nobody can know", r, err)
		}
		if r, err := attempt(addr, stolen()); err != nil || r.Status != 401 {
			t.Fatalf("%+v %v for a token of the last list", r, err)
		}
	}
	if _, err := p.WaitStat(fmt.Sprintf(listFetches, "failure"), envoy.AtLeast(1), limit); err != nil {
		t.Error(err)
	}
	i.Revoke(issuer.Claims{"iss": i.Name(), "sub": "nobody", "issued_before": time.Now().Format(time.RFC3339)})
	if err := i.Up(); err != nil {
		t.Fatal(err)
	}
	await(t, addr, other, 200, 503)
	await(t, addr, stolen, 200, 401, 503)
	// Broken lists replace nothing, and the log says what is wrong with them.
	i.Reply(issuer.RevokedPath, issuer.Say(200, `{"revoked":[{"iss":"x","JTI":"y"}]}`))
	if _, err := p.Log.Wait(`revocations stay as they are: revoked\[0\]: unknown member`, limit); err != nil {
		t.Error(err)
	}
	i.Reply(issuer.RevokedPath, issuer.Say(200, issuer.Revoked(issuer.Claims{"kid": key.ID})))
	// A worker that was still waiting out its failures when the lists broke has had
	// no good one since the outage: max_stale is shorter than that wait can be.
	await(t, addr, func() string { return i.Token(key, nil) }, 401, 200, 503)
}

// TestNoListAtStart: without a first list the answer is 503, unless the named option is
// set; requests that pass then are counted.
func TestNoListAtStart(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "ES256")
	i := issuer.Run(t, key)
	i.Reply(issuer.RevokedPath, issuer.Say(500, ""))
	config := func(more string) string {
		return strings.TrimSuffix(fetched(i, ""), "}") + fmt.Sprintf(
			`, "revocations": {"uri": "%s%s", "cluster": %q, "refresh": "1s"%s}}`, i.Name(), issuer.RevokedPath, i.Cluster(), more)
	}
	p, _ := runWithIssuers(t, 1, []*issuer.Server{i}, listener{name: "l", config: config("")},
		listener{name: "insecure", config: config(`, "insecure_pass_when_stale": true`)})
	token := i.Token(key, issuer.Claims{"jti": "a"})
	for range 3 {
		if r, err := attempt(envoy.Address(t, p, "l"), token); err != nil || r.Status != 503 || r.Header.Get("Retry-After") == "" {
			t.Fatalf("%+v %v without a list", r, err)
		}
		if r, err := attempt(envoy.Address(t, p, "insecure"), token); err != nil || r.Status != 200 {
			t.Fatalf("%+v %v where it may pass unchecked", r, err)
		}
	}
	if _, err := p.WaitStat("wasmcustom.bearerauth_revocations_unchecked_total", envoy.Exactly(3), limit); err != nil {
		t.Error(err)
	}
	i.Reply(issuer.RevokedPath, nil)
	await(t, envoy.Address(t, p, "l"), func() string { return token }, 200, 503)
	i.Revoke(issuer.Claims{"iss": i.Name(), "jti": "a"})
	for _, name := range []string{"l", "insecure"} {
		await(t, envoy.Address(t, p, name), func() string { return token }, 401, 200)
	}
}
