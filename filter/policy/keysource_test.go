package policy

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/policy/fetch"
)

// keysWorld is an issuer, a clock, and a State between them.
type keysWorld struct {
	t      *testing.T
	policy *Policy
	state  *State
	now    time.Time
	served string // the key set that the issuer serves; "" while it is down
	header [][2]string
	calls  int
}

func remoteConfig(t *testing.T, members map[string]any) string {
	all := map[string]any{
		"jwks": nil, "jwks_uri": "https://issuer.example/keys", "cluster": "issuer", "algorithms": []string{"RS256", "ES256"},
	}
	for name, value := range members {
		all[name] = value
	}
	return jwtConfig(t, all)
}

func newKeysWorld(t *testing.T, members map[string]any) *keysWorld {
	p := mustParse(t, remoteConfig(t, members))
	return &keysWorld{
		t: t, policy: p, state: p.NewState(Host{}), now: testNow,
		served: jwkSet(issuerOnce().jwk("RS256", "k1")),
	}
}

// begin makes the calls that are due, finish answers them.
func (w *keysWorld) begin() []fetch.Call { return w.state.Due(w.now) }

func (w *keysWorld) finish(calls []fetch.Call) (settled bool) {
	for len(calls) > 0 {
		call := calls[0]
		calls = calls[1:]
		w.calls++
		answer := fetch.Answer{OK: w.served != "", Headers: append([][2]string{{":status", "200"}}, w.header...), Body: []byte(w.served)}
		learned := w.state.Learn(w.now, call, answer)
		if learned.Next != nil {
			calls = append(calls, *learned.Next)
		}
		settled = settled || learned.Settled
	}
	return settled
}

func (w *keysWorld) fetch() { w.finish(w.begin()) }

// untilNext is how long after now the next fetch begins, in whole steps.
func (w *keysWorld) untilNext(step time.Duration) time.Duration {
	after := step
	for ; len(w.state.Due(w.now.Add(after))) == 0; after += step {
		if after > 10_000*step {
			w.t.Fatal("no fetch begins")
		}
	}
	return after
}

// ask sends a request with a token of a key; kid says which.
func (w *keysWorld) ask(kid, alg string) string {
	r := bearerRequest(issuerOnce().sign(map[string]any{"kid": kid, "alg": alg}, map[string]any{"exp": w.now.Unix() + 600, "iat": nil}))
	r.MayWait = true
	return decided(w.policy.Decide(w.state, w.now, r))
}

func (w *keysWorld) want(want string) {
	w.t.Helper()
	if got := w.ask("k1", "RS256"); got != want {
		w.t.Fatalf("after %s: %s, want %s", w.now.Sub(testNow), got, want)
	}
}

func TestKeysColdStart(t *testing.T) {
	t.Parallel()
	w := newKeysWorld(t, nil)
	w.want("wait")
	calls := w.begin()
	if len(calls) != 1 || calls[0].Cluster != "issuer" || calls[0].Authority != "issuer.example" || calls[0].Path != "/keys" || calls[0].Scheme != "https" {
		t.Fatalf("calls %+v", calls)
	}
	w.want("wait")
	if more := w.begin(); len(more) != 0 {
		t.Fatalf("a second fetch for the second request: %+v", more)
	}
	if !w.finish(calls) {
		t.Fatal("not settled")
	}
	w.want("token_valid")
}

// TestKeysDeadline: a request that has waited long enough gets 503.
func TestKeysDeadline(t *testing.T) {
	t.Parallel()
	w := newKeysWorld(t, nil)
	r := bearerRequest(issuerOnce().sign(nil, nil))
	r.MayWait = false
	if got := decided(w.policy.Decide(w.state, w.now, r)); got != "keys_unavailable" {
		t.Errorf("%s, want keys_unavailable", got)
	}
}

// TestKeysOutage: the last good set serves until max_stale, no longer, and what
// an issuer in trouble sends never takes its place.
func TestKeysOutage(t *testing.T) {
	t.Parallel()
	good := jwkSet(issuerOnce().jwk("RS256", "k1"))
	for name, served := range map[string]string{
		"down": "", "not JSON": "<html>", "no keys": `{"keys":[]}`, "no member": `{}`, "other keys only": `{"keys":[{"kty":"xyz"}]}`,
		"a secret": `{"keys":[{"kty":"oct","k":"` + b64([]byte(strings.Repeat("s", 64))) + `"}]}`,
		"twice":    `{"keys":[],"keys":` + good[len(`{"keys":`):len(good)-1] + `}`, "more behind it": good + "{}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newKeysWorld(t, map[string]any{"refresh": "1m", "min_refresh": "1m", "max_refresh": "1m", "max_stale": "10m"})
			w.fetch()
			w.served = served
			for range 59 {
				w.now = w.now.Add(10 * time.Second)
				w.fetch()
				w.want("token_valid")
			}
			w.now = w.now.Add(10 * time.Second)
			w.fetch()
			w.want("keys_unavailable")
			w.served = good
			w.now = w.now.Add(fetch.MaxBackoff)
			w.fetch()
			w.want("token_valid")
		})
	}
}

// TestKeysBackoff: an issuer that is down gets few calls, for any number of requests.
func TestKeysBackoff(t *testing.T) {
	t.Parallel()
	w := newKeysWorld(t, nil)
	w.served = ""
	for range 600 { // ten minutes
		w.ask("k1", "RS256")
		w.fetch()
		w.now = w.now.Add(time.Second)
	}
	// 1 + 2 + 4 + 5 + 5 …, each shortened by at most a half.
	if w.calls < 100 || w.calls > 250 {
		t.Errorf("%d calls in ten minutes without keys", w.calls)
	}
	w.served = jwkSet(issuerOnce().jwk("RS256", "k1"))
	w.now = w.now.Add(fetch.MaxBackoffWithoutKeys)
	w.fetch()
	w.served = ""
	w.calls = 0
	for range 1200 {
		w.now = w.now.Add(time.Second)
		w.fetch()
	}
	// From the refresh after ten minutes on: 1 + 2 + 4 + … + 60 + 60 ….
	if w.calls < 10 || w.calls > 30 {
		t.Errorf("%d calls in ten minutes with keys", w.calls)
	}
}

func TestKeysRotation(t *testing.T) {
	t.Parallel()
	issuer := issuerOnce()
	w := newKeysWorld(t, nil)
	w.fetch()
	w.want("token_valid")
	w.served = jwkSet(issuer.jwk("RS256", "k1"), issuer.jwk("ES256", "k2"))
	if got := w.ask("k2", "ES256"); got != "wait" {
		t.Fatalf("%s for a new key, want to wait for a fetch", got)
	}
	w.fetch()
	if got := w.ask("k2", "ES256"); got != "token_valid" {
		t.Fatalf("%s after the fetch", got)
	}
	// A key that leaves the set ends at once, though its tokens are remembered.
	w.want("token_valid")
	w.served = jwkSet(issuer.jwk("ES256", "k2"))
	w.now = w.now.Add(24 * time.Hour)
	w.fetch()
	if got := w.ask("k1", "RS256"); got != "wait" && got != "unknown_key" {
		t.Fatalf("%s under a key that has left", got)
	}
	w.fetch()
	w.want("unknown_key")
}

// TestKeysRotationDuringFetch: the answer to a fetch that began before the key existed
// proves nothing about it.
func TestKeysRotationDuringFetch(t *testing.T) {
	t.Parallel()
	issuer := issuerOnce()
	w := newKeysWorld(t, nil)
	w.fetch()
	if got := w.ask("other", "RS256"); got != "wait" {
		t.Fatal(got)
	}
	calls := w.begin()
	old := w.served
	w.now = w.now.Add(time.Second)
	if got := w.ask("k2", "ES256"); got != "wait" {
		t.Fatalf("%s beside a fetch under way", got)
	}
	w.finish(calls)
	if got := w.ask("other", "RS256"); got != "unknown_key" {
		t.Fatalf("%s for a kid that the fetch did not bring", got)
	}
	if got := w.ask("k2", "ES256"); got != "wait" {
		t.Fatalf("%s: the old answer decided", got)
	}
	w.served = strings.Replace(old, `]`, `,`+mustJSON(issuer.jwk("ES256", "k2"))+`]`, 1)
	w.fetch()
	if got := w.ask("k2", "ES256"); got != "token_valid" {
		t.Fatalf("%s after the second fetch", got)
	}
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestKeysUnknownKids: clients with made-up kids cost the issuer a few calls, and other
// clients nothing.
func TestKeysUnknownKids(t *testing.T) {
	t.Parallel()
	w := newKeysWorld(t, nil)
	w.fetch()
	w.calls = 0
	for i := range 1000 {
		got := w.ask("made-up-"+strconv.Itoa(i), "RS256")
		if got != "wait" && got != "unknown_key" {
			t.Fatalf("%s for a made-up kid", got)
		}
		w.fetch()
		w.want("token_valid")
		w.now = w.now.Add(10 * time.Millisecond)
	}
	if w.calls > 6 { // four at once, and one more every ten seconds
		t.Errorf("%d calls for a thousand kids in ten seconds", w.calls)
	}
}

// TestKeysSameKidOneFetch: the same kid causes one fetch.
func TestKeysSameKidOneFetch(t *testing.T) {
	t.Parallel()
	w := newKeysWorld(t, nil)
	w.fetch()
	w.calls = 0
	for range 90 {
		w.ask("made-up", "RS256")
		w.fetch()
		w.now = w.now.Add(100 * time.Millisecond)
	}
	if w.calls != 1 {
		t.Errorf("%d calls within nine seconds, want one", w.calls)
	}
}

// TestKeysUnknownWhileDown: with the issuer down it is unknown whether it has the key by
// now; a 401 could be wrong.
func TestKeysUnknownWhileDown(t *testing.T) {
	t.Parallel()
	w := newKeysWorld(t, nil)
	w.fetch()
	w.served = ""
	if got := w.ask("k2", "ES256"); got != "wait" {
		t.Fatal(got)
	}
	w.fetch()
	if got := w.ask("k2", "ES256"); got != "keys_unavailable" {
		t.Errorf("%s, want keys_unavailable", got)
	}
	w.want("token_valid")
}

// TestKeysRefreshAhead: a set is fetched again before its time is over, at
// moments that differ from worker to worker.
func TestKeysRefreshAhead(t *testing.T) {
	t.Parallel()
	moments := map[time.Duration]bool{}
	for i := range 8 {
		w := newKeysWorld(t, map[string]any{"refresh": "10m"})
		w.state = w.policy.NewState(Host{Random: [32]byte{16: byte(i)}})
		w.fetch()
		next := w.untilNext(time.Second)
		if next > 10*time.Minute || next < 7*time.Minute {
			t.Errorf("next fetch after %s", next)
		}
		moments[next] = true
	}
	if len(moments) < 4 {
		t.Errorf("eight workers at %d moments", len(moments))
	}
}

func TestKeysDiscovery(t *testing.T) {
	t.Parallel()
	document := func(issuer, uri string) string {
		return `{"issuer":` + mustJSON(issuer) + `,"jwks_uri":` + mustJSON(uri) + `}`
	}
	const right = "https://issuer.example"
	for _, c := range []struct{ name, document, want string }{
		{"same host", document(right, right+"/keys?x=1"), "issuer https issuer.example /keys?x=1"},
		{"configured host", document(right, "https://keys.example/k"), "keys https keys.example /k"},
		{"another host", document(right, "https://evil.example/k"), "failure"},
		{"another port", document(right, right+":8443/k"), "failure"},
		{"another scheme", document(right, "http://issuer.example/k"), "failure"},
		{"user in it", document(right, "https://issuer.example@evil.example/k"), "failure"},
		{"no URI", document(right, "/keys"), "failure"},
		{"another issuer", document("https://evil.example", right+"/keys"), "failure"},
		{"issuer with a slash", document(right+"/", right+"/keys"), "failure"},
		{"issuer twice", `{"issuer":"https://evil.example",` + document(right, right+"/keys")[1:], "failure"},
		{"not JSON", "<html>", "failure"},
	} {
		w := newKeysWorld(t, map[string]any{
			"jwks_uri": nil, "discovery": true, "jwks_clusters": map[string]string{"keys.example": "keys"},
		})
		calls := w.begin()
		if len(calls) != 1 || calls[0].Path != "/.well-known/openid-configuration" || calls[0].Cluster != "issuer" {
			t.Fatalf("calls %+v", calls)
		}
		learned := w.state.Learn(w.now, calls[0], fetch.Answer{OK: true, Headers: [][2]string{{":status", "200"}}, Body: []byte(c.document)})
		got := "failure"
		if next := learned.Next; next != nil {
			got = next.Cluster + " " + next.Scheme + " " + next.Authority + " " + next.Path
		}
		if got != c.want || (learned.Failure != "") != (c.want == "failure") {
			t.Errorf("%s: %s (%s), want %s", c.name, got, learned.Failure, c.want)
		}
		if learned.Next != nil {
			w.finish([]fetch.Call{*learned.Next})
			w.want("token_valid")
		}
	}
}

// TestKeysBadAnswers: only a whole 200 is an answer.
func TestKeysBadAnswers(t *testing.T) {
	t.Parallel()
	good := jwkSet(issuerOnce().jwk("RS256", "k1"))
	for name, a := range map[string]fetch.Answer{
		"none":       {},
		"500":        {OK: true, Headers: [][2]string{{":status", "500"}}, Body: []byte(good)},
		"redirect":   {OK: true, Headers: [][2]string{{":status", "302"}, {"location", "https://evil.example"}}, Body: []byte(good)},
		"304":        {OK: true, Headers: [][2]string{{":status", "304"}}},
		"no status":  {OK: true, Body: []byte(good)},
		"too long":   {OK: true, TooLong: true, Headers: [][2]string{{":status", "200"}}},
		"empty body": {OK: true, Headers: [][2]string{{":status", "200"}}},
	} {
		w := newKeysWorld(t, nil)
		calls := w.begin()
		if learned := w.state.Learn(w.now, calls[0], a); learned.Failure == "" || !learned.Settled {
			t.Errorf("%s: %+v", name, learned)
		}
		w.want("keys_unavailable")
	}
}

// TestClockSetBackKeys: keys are fetched again at once, and are given up in time from
// then on if the issuer is down.
func TestClockSetBackKeys(t *testing.T) {
	t.Parallel()
	w := newKeysWorld(t, map[string]any{"max_stale": "1h", "max_refresh": "30m"})
	w.fetch()
	w.now = w.now.Add(-24 * time.Hour)
	calls := w.begin()
	if len(calls) != 1 {
		t.Fatalf("%d calls after the clock was set back, want one", len(calls))
	}
	w.served = ""
	w.finish(calls)
	if got := w.ask("k1", "RS256"); got != "not_yet_valid" && got != "token_valid" {
		t.Errorf("the keys are gone at once: %s", got)
	}
	w.now = w.now.Add(61 * time.Minute)
	w.finish(w.begin())
	if got := w.ask("k1", "RS256"); got != "keys_unavailable" {
		t.Errorf("the keys still serve an hour later: %s", got)
	}
	if again := w.begin(); len(again) != 0 {
		t.Errorf("%d calls before the back-off is over", len(again))
	}
}
