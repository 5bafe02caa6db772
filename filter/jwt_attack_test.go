package filter_test

import (
	"fmt"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/testkey"
)

// TestOneCheckPerRequest: one request costs one check of its token's signature, for every
// verdict (requirement 101), also where the filter reads two headers first.
func TestOneCheckPerRequest(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "ES256")
	checks := 0
	vm := startVM(t, wasmhost.Options{AllowHeadersStopIteration: true})
	vm.ForeignFunctions["verify_signature"] = func(argument []byte) ([]byte, wasmhost.Status) {
		checks++
		return envoyVerifies(argument)
	}
	p := startPlugin(t, vm, fmt.Sprintf(`{"providers": {"idp": {"type": "jwt", "issuer": %q, "jwks": %s}}}`, testkey.Issuer, testkey.Set(key)))
	for name, c := range map[string]struct {
		token, reason string
	}{
		"good":          {key.Token(vm.Now(), nil), ""},
		"expired":       {key.Token(vm.Now(), members{"exp": vm.Now().Unix() - 3600, "iat": vm.Now().Unix() - 7200}), "expired"},
		"bad signature": {testkey.Forged(key.Token(vm.Now(), nil)), "bad_signature"},
	} {
		for i := range 2 {
			before := checks
			s := send(p, c.token)
			if c.reason != "" {
				wantReply(t, s, 401, c.reason)
			}
			if n := checks - before; n > 1 {
				t.Errorf("%s, request %d: %d checks", name, i, n)
			}
		}
	}
}

// TestDisconnectedClientsKeepNoKids: kids of disconnected clients do not keep a new key out.
func TestDisconnectedClientsKeepNoKids(t *testing.T) {
	t.Parallel()
	key, fresh := testkey.New("k1", "EdDSA"), testkey.New("k2", "EdDSA")
	f := startWithKeys(t, fetchedConfig(`, "refresh": "1h"`), key)
	f.after(time.Hour)
	f.call() // the scheduled one
	f.vm.Advance(time.Millisecond)
	for i := range 300 {
		k := *key
		k.ID = fmt.Sprint("x", i)
		f.send(&k).End()
	}
	f.serve(key)
	f.after(30 * time.Second)
	s := f.send(fresh)
	f.wantWaiting(s)
	f.after(50 * time.Millisecond)
	f.serve(key, fresh)
	wantSubject(t, s, "alice")
}

// TestClockGoesBack: if the host's clock is set back, no request waits for ever, and no
// key is trusted for longer.
func TestClockGoesBack(t *testing.T) {
	t.Parallel()
	key, fresh := testkey.New("k1", "EdDSA"), testkey.New("k2", "EdDSA")
	f := startWithKeys(t, fetchedConfig(`, "refresh": "1m", "max_refresh": "1m", "max_stale": "5m"`), key)
	f.vm.SetTime(f.vm.Now().Add(-time.Hour))
	s := f.send(fresh)
	f.wantWaiting(s)
	f.after(50 * time.Millisecond)
	f.serve(key, fresh)
	wantSubject(t, s, "alice")
	f.after(2 * time.Minute)
	f.call()
}

// TestForgedTokenCost: a forged token without a kid costs one check for each key
// that may have signed it, of which the configuration bounds the number, and
// nearly nothing when it is sent again. The module checks EdDSA itself, so this
// is the work of the build under test, as a multiple of one check.
func TestForgedTokenCost(t *testing.T) {
	const most = 17 // as the README says
	config := func(keys []*testkey.Key) string {
		return fmt.Sprintf(`{"providers": {"idp": {"type": "jwt", "issuer": %q, "audiences": ["api"], "jwks": %s}}}`, testkey.Issuer, testkey.Set(keys...))
	}
	keys := make([]*testkey.Key, most+1)
	for i := range keys {
		keys[i] = testkey.New("", "EdDSA")
	}
	stranger, serial := testkey.New("", "EdDSA"), 0
	cost := func(n int) (first, again time.Duration) {
		vm := startVM(t, wasmhost.Options{AllowHeadersStopIteration: true})
		p := startPlugin(t, vm, config(keys[:n]))
		ask := func(token string) time.Duration {
			began := time.Now()
			s := send(p, token)
			took := time.Since(began)
			wantReply(t, s, 401, "bad_signature")
			return took
		}
		first, again = time.Hour, time.Hour
		for range 12 {
			serial++
			token := stranger.Token(vm.Now(), members{"jti": fmt.Sprint(serial), "aud": "api"})
			first = min(first, ask(token))
			again = min(again, ask(token))
		}
		return first, again
	}
	one, again := cost(1)
	all, allAgain := cost(most)
	check := (all - one) / (most - 1)
	t.Logf("a forged token: %.1f checks with %d keys, %.1f with one; sent again %.2f and %.2f", float64(all)/float64(check), most, float64(one)/float64(check), float64(allAgain)/float64(check), float64(again)/float64(check))
	if all > 2*(most+2)*check || allAgain > all/8 {
		t.Errorf("with %d keys %v, again %v; with one %v, again %v", most, all, allAgain, one, again)
	}
	if _, ok := startVM(t, wasmhost.Options{AllowHeadersStopIteration: true}).NewPlugin([]byte(config(keys))); ok {
		t.Errorf("%d keys are accepted", len(keys))
	}
}
