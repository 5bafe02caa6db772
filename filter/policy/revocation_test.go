package policy

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// revocationWorld is a policy that fetches a list, its server, and a clock.
type revocationWorld struct {
	t      *testing.T
	policy *Policy
	state  *State
	now    time.Time
	served string // the list; "" while the server is down
	tag    string
	header [][2]string
	calls  []fetch.Call // all that were made
}

const fakeIssuer = "https://issuer.example"

// revocationConfig has one provider of JWTs, and revocations.
func revocationConfig(t testing.TB, provider map[string]any, revocations string) string {
	config := jwtConfig(t, provider)
	return strings.TrimSuffix(config, "}") + `,"revocations":` + revocations + `}`
}

const fetchedRevocations = `{"uri":"https://lists.example/revoked?x=1","cluster":"lists","refresh":"1m","max_stale":"10m"}`

func newRevocationWorld(t *testing.T, revocations string) *revocationWorld {
	t.Helper()
	p := mustParse(t, revocationConfig(t, nil, revocations))
	return &revocationWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow, served: `{"revoked":[]}`}
}

func (w *revocationWorld) begin() []fetch.Call {
	calls := w.state.Due(w.now)
	w.calls = append(w.calls, calls...)
	return calls
}

func (w *revocationWorld) finish(calls []fetch.Call) (learned fetch.Learned) {
	for _, call := range calls {
		headers := append([][2]string{{":status", "200"}}, w.header...)
		body := w.served
		if w.tag != "" {
			headers = append(headers, [2]string{"etag", w.tag})
			if fetch.HeaderValue(call.Headers, "if-none-match") == w.tag {
				headers[0][1], body = "304", ""
			}
		}
		learned = w.state.Learn(w.now, call, fetch.Answer{OK: w.served != "", Headers: headers, Body: []byte(body)})
	}
	return learned
}

func (w *revocationWorld) fetch() fetch.Learned { return w.finish(w.begin()) }

// after fetches once the time has come for it.
func (w *revocationWorld) after(d time.Duration) {
	w.now = w.now.Add(d)
	w.fetch()
}

func (w *revocationWorld) decide(token string) string {
	r := bearerRequest(token)
	r.MayWait = true
	return decided(w.policy.Decide(w.state, w.now, r))
}

func (w *revocationWorld) want(token, want string) {
	w.t.Helper()
	if got := w.decide(token); got != want {
		w.t.Fatalf("after %s: %s, want %s", w.now.Sub(testNow), got, want)
	}
}

// revocable signs a token that lives long.
func revocable(header, claims map[string]any) string {
	all := map[string]any{"exp": testNow.Unix() + 1<<20, "iat": testNow.Unix() - 100, "jti": "id-1"}
	for name, value := range claims {
		all[name] = value
	}
	return issuerOnce().sign(header, all)
}

func revokedList(entries ...string) string { return `{"revoked":[` + strings.Join(entries, ",") + `]}` }

func revokes(format string, arguments ...any) string {
	return fmt.Sprintf(`{"iss":"`+fakeIssuer+`",`+format+`}`, arguments...)
}

// TestRevocationMatches: which entry ends which token.
func TestRevocationMatches(t *testing.T) {
	t.Parallel()
	issued := testNow.Unix() - 100
	none := map[string]any{}
	unnamed := issuerOnce().jwk("RS256", "k1")
	delete(unnamed, "kid")
	for _, c := range []struct {
		name, entry    string
		header, claims map[string]any
		provider       map[string]any
		want           string
	}{
		{"jti", revokes(`"jti":"id-1"`), none, none, none, "revoked"},
		{"jti with an escape", revokes(`"jti":"\u0069d-1"`), none, none, none, "revoked"},
		{"members in another order", `{"jti":"id-1","iss":"` + fakeIssuer + `"}`, none, none, none, "revoked"},
		{"another jti", revokes(`"jti":"id-2"`), none, none, none, "token_valid"},
		{"a longer jti", revokes(`"jti":"id-11"`), none, none, none, "token_valid"},
		{"jti in another case", revokes(`"jti":"ID-1"`), none, none, none, "token_valid"},
		{"jti of another issuer", `{"iss":"https://issuer.example/","jti":"id-1"}`, none, none, none, "token_valid"},
		{"the border between issuer and jti", `{"iss":"https://issuer.examplei","jti":"d-1"}`, none, none, none, "token_valid"},
		{"no jti", revokes(`"jti":"id-1"`), none, map[string]any{"jti": nil}, none, "token_valid"},
		{"a jti that is a number", revokes(`"jti":"7"`), none, map[string]any{"jti": 7}, none, "malformed_token"},
		{"a jti that is the subject", revokes(`"jti":"alice"`), none, none, none, "token_valid"},
		{"a subject that is the jti", revokes(`"sub":"id-1","issued_before":9999999999`), none, none, none, "token_valid"},
		{"a kid that is the jti", revokes(`"kid":"id-1"`), none, none, none, "token_valid"},

		{"subject", revokes(`"sub":"alice","issued_before":%d`, issued+1), none, none, none, "revoked"},
		{"subject, issued at that time", revokes(`"sub":"alice","issued_before":%d`, issued), none, none, none, "token_valid"},
		{"subject, a fraction earlier", revokes(`"sub":"alice","issued_before":%d.5`, issued), none, none, none, "revoked"},
		{"subject, with an exponent", revokes(`"sub":"alice","issued_before":9e9`), none, none, none, "revoked"},
		{"subject, a date", revokes(`"sub":"alice","issued_before":%q`, time.Unix(issued+1, 0).UTC().Format(time.RFC3339)), none, none, none, "revoked"},
		{"subject, that date", revokes(`"sub":"alice","issued_before":%q`, time.Unix(issued, 0).UTC().Format(time.RFC3339)), none, none, none, "token_valid"},
		{"subject, in another zone", revokes(`"sub":"alice","issued_before":%q`, time.Unix(issued+1, 0).In(time.FixedZone("", 7200)).Format(time.RFC3339)), none, none, none, "revoked"},
		{"another subject", revokes(`"sub":"bob","issued_before":9999999999`), none, none, none, "token_valid"},
		{"no subject", revokes(`"sub":"alice","issued_before":9999999999`), none, map[string]any{"sub": nil}, none, "token_valid"},
		{"no iat", revokes(`"sub":"alice","issued_before":0`), none, map[string]any{"iat": nil}, none, "revoked"},
		{"the later of two", revokes(`"sub":"alice","issued_before":%d`, issued+1) + "," + revokes(`"sub":"alice","issued_before":1`), none, none, none, "revoked"},

		{"kid", revokes(`"kid":"k1"`), none, none, none, "revoked"},
		{"kid of every issuer", `{"kid":"k1"}`, none, none, none, "revoked"},
		{"another kid", revokes(`"kid":"k2"`), none, none, none, "token_valid"},
		{"kid of another issuer", `{"iss":"https://other.example","kid":"k1"}`, none, none, none, "token_valid"},
		// A thief with the key can write any value into the header.
		{"kid left out", revokes(`"kid":"k1"`), map[string]any{"kid": nil}, none, none, "revoked"},
		{"kid of every issuer left out", `{"kid":"k1"}`, map[string]any{"kid": nil}, none, none, "revoked"},
		{"a key without a kid", revokes(`"kid":"k9"`), map[string]any{"kid": "k9"}, none, map[string]any{"jwks": raw(jwkSet(unnamed))}, "revoked"},
		{
			"an issuer made up", `{"kid":"k1"}`, none,
			map[string]any{"iss": "https://made-up.example"},
			map[string]any{"issuer": nil},
			"revoked",
		},
		{"no issuer", `{"kid":"k1"}`, none, map[string]any{"iss": nil}, map[string]any{"issuer": nil}, "revoked"},
		{"no issuer, by jti", revokes(`"jti":"id-1"`), none, map[string]any{"iss": nil}, map[string]any{"issuer": nil}, "token_valid"},

		// Other faults of a token are reported first.
		{"expired", revokes(`"jti":"id-1"`), none, map[string]any{"exp": testNow.Unix() - 100}, none, "expired"},
		{"forged", revokes(`"jti":"id-1"`), map[string]any{"alg": "ES256"}, none, none, "algorithm"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			token := revocable(c.header, c.claims)
			p := mustParse(t, revocationConfig(t, c.provider, fetchedRevocations))
			w := &revocationWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow, served: revokedList(c.entry)}
			if l := w.fetch(); l.Failure != "" {
				t.Fatal(l.Failure)
			}
			w.want(token, c.want)
			w.want(token, c.want) // now remembered
			// The same entry in the configuration.
			if strings.Contains(c.entry, "other.example") || strings.Contains(c.name, "another issuer") || strings.Contains(c.name, "border") {
				return
			}
			p = mustParse(t, revocationConfig(t, c.provider, `{"entries":[`+c.entry+`]}`))
			w = &revocationWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow}
			w.want(token, c.want)
			w.want(token, c.want)
		})
	}
}

// TestRevocationOfARememberedToken: a list takes effect at once, and so does one
// without the entry.
func TestRevocationOfARememberedToken(t *testing.T) {
	t.Parallel()
	w := newRevocationWorld(t, fetchedRevocations)
	token, other := revocable(nil, nil), revocable(nil, map[string]any{"jti": "id-2"})
	w.fetch()
	for range 3 {
		w.want(token, "token_valid")
	}
	w.served = revokedList(revokes(`"jti":"id-1"`))
	w.want(token, "token_valid")
	w.after(time.Minute)
	for range 3 {
		w.want(token, "revoked")
		w.want(other, "token_valid")
	}
	w.served = revokedList()
	w.after(time.Minute)
	w.want(token, "token_valid")
}

// TestRevocationAnswer: outside it is one of the refusals of a bad token.
func TestRevocationAnswer(t *testing.T) {
	t.Parallel()
	config := strings.TrimSuffix(revocationConfig(t, nil, `{"entries":[`+revokes(`"jti":"id-1"`)+`]}`), "}") +
		`,"rules":[{"scopes":["admin"]}]}`
	p := mustParse(t, config)
	s := p.NewState(Host{})
	want, _ := p.Decide(s, testNow, bearerRequest("a.b.c")).(*verdict.Deny)
	got, _ := p.Decide(s, testNow, bearerRequest(revocable(nil, nil))).(*verdict.Deny)
	if got == nil || want == nil || got.Reason != verdict.ReasonRevoked || got.Status != 401 || got.Identity != nil ||
		!slices.Equal(got.Headers, want.Headers) || string(got.Body) != string(want.Body) {
		t.Errorf("%+v, want it as %+v: validity comes before scopes", got, want)
	}
}

// TestRevocationsColdStart: requests wait for the first list, one fetch serves all of
// them, and a request that may not wait gets 503.
func TestRevocationsColdStart(t *testing.T) {
	t.Parallel()
	w := newRevocationWorld(t, fetchedRevocations)
	token := revocable(nil, nil)
	w.want("a.b.c", "malformed_token") // waits for nothing
	w.want(token, "wait")
	calls := w.begin()
	if len(calls) != 1 || calls[0].Cluster != "lists" || calls[0].Authority != "lists.example" || calls[0].Path != "/revoked?x=1" ||
		calls[0].Scheme != "https" || calls[0].Method != "GET" || calls[0].Body != nil || !(calls[0].For.Kind == fetch.ErrandRevocations) || (calls[0].For.Kind == fetch.ErrandToken) {
		t.Fatalf("calls %+v", calls)
	}
	w.want(token, "wait")
	if more := w.begin(); len(more) != 0 {
		t.Fatalf("a second fetch: %+v", more)
	}
	r := bearerRequest(token)
	d, _ := w.policy.Decide(w.state, w.now, r).(*verdict.Deny)
	if d == nil || d.Reason != verdict.ReasonRevocationsUnavailable || d.Status != 503 || fetch.HeaderValue(d.Headers, "retry-after") == "" || fetch.HeaderValue(d.Headers, "www-authenticate") != "" {
		t.Fatalf("%+v for who may not wait", d)
	}
	wait, _ := w.policy.Decide(w.state, w.now, func() *request.Request { r.MayWait = true; return r }()).(*verdict.Wait)
	learned := w.finish(calls)
	if wait == nil || !learned.Settled || learned.For != wait.For || learned.Revocations != testNow {
		t.Fatalf("%+v for %+v", learned, wait)
	}
	w.want(token, "token_valid")
}

// TestRevocationsFirstFetchFails: during the back-off no request waits.
func TestRevocationsFirstFetchFails(t *testing.T) {
	t.Parallel()
	w := newRevocationWorld(t, fetchedRevocations)
	token := revocable(nil, nil)
	w.want(token, "wait")
	w.served = ""
	if l := w.fetch(); l.Failure == "" || l.Kept || !l.Settled || !l.Revocations.IsZero() {
		t.Fatalf("%+v", l)
	}
	w.want(token, "revocations_unavailable")
	w.now = w.now.Add(fetch.MaxBackoffWithoutKeys)
	w.want(token, "wait")
	w.served = revokedList()
	w.fetch()
	w.want(token, "token_valid")
}

// TestRevocationsOutage: the last good list serves until max_stale and no longer,
// and what comes in place of a list never takes its place.
func TestRevocationsOutage(t *testing.T) {
	t.Parallel()
	good := revokedList(revokes(`"jti":"id-1"`))
	for name, served := range map[string]string{
		"down": "", "HTML": "<html>", "nothing": " ", "no member": `{}`, "an array": `[]`, "null": `null`, "revoked null": `{"revoked":null}`,
		"revoked an object": `{"revoked":{}}`, "revoked a string": `{"revoked":""}`, "Revoked": `{"Revoked":[]}`,
		"one member more": `{"revoked":[],"x":1}`, "twice": `{"revoked":[],"revoked":[]}`, "twice by an escape": `{"revoked":[],"\u0072evoked":[]}`,
		"more behind it": `{"revoked":[]}{}`, "cut off": good[:len(good)-2], "no UTF-8": "{\"revoked\":[{\"iss\":\"\xff\",\"jti\":\"a\"}]}",
		"too long":        `{"revoked":[]` + strings.Repeat(" ", fetch.MaxAnswerBytes) + `}`,
		"too deep":        `{"revoked":[` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `]}`,
		"too many":        revokedList(slices.Repeat([]string{`{"kid":"a"}`}, mostRevocations+1)...),
		"no object":       `{"revoked":["id-1"]}`,
		"null entry":      `{"revoked":[null]}`,
		"empty entry":     `{"revoked":[{}]}`,
		"no issuer":       `{"revoked":[{"jti":"a"}]}`,
		"issuer alone":    `{"revoked":[{"iss":"a"}]}`,
		"empty issuer":    `{"revoked":[{"iss":"","jti":"a"}]}`,
		"empty jti":       revokedList(revokes(`"jti":""`)),
		"jti a number":    revokedList(revokes(`"jti":7`)),
		"jti null":        revokedList(revokes(`"jti":null`)),
		"jti and sub":     revokedList(revokes(`"jti":"a","sub":"b","issued_before":1`)),
		"jti and time":    revokedList(revokes(`"jti":"a","issued_before":1`)),
		"kid and time":    revokedList(revokes(`"kid":"a","issued_before":1`)),
		"kid and jti":     revokedList(revokes(`"kid":"a","jti":"b"`)),
		"sub without":     revokedList(revokes(`"sub":"a"`)),
		"unknown member":  revokedList(revokes(`"jti":"a","exp":1`)),
		"JTI":             revokedList(revokes(`"JTI":"a"`)),
		"jti twice":       revokedList(revokes(`"jti":"a","jti":"b"`)),
		"time negative":   revokedList(revokes(`"sub":"a","issued_before":-1`)),
		"milliseconds":    revokedList(revokes(`"sub":"a","issued_before":1893553445000`)),
		"time as text":    revokedList(revokes(`"sub":"a","issued_before":"1893553445"`)),
		"a date alone":    revokedList(revokes(`"sub":"a","issued_before":"2030-01-02"`)),
		"no such date":    revokedList(revokes(`"sub":"a","issued_before":"2030-02-30T00:00:00Z"`)),
		"before 1970":     revokedList(revokes(`"sub":"a","issued_before":"1969-12-31T23:59:59Z"`)),
		"time null":       revokedList(revokes(`"sub":"a","issued_before":null`)),
		"one wrong entry": revokedList(revokes(`"jti":"a"`), revokes(`"jti":"b"`), `{}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newRevocationWorld(t, fetchedRevocations)
			revoked, other := revocable(nil, nil), revocable(nil, map[string]any{"jti": "id-2"})
			w.served = good
			w.fetch()
			w.served = served
			for range 59 {
				w.after(10 * time.Second)
				w.want(revoked, "revoked")
				w.want(other, "token_valid")
			}
			if len(w.calls) < 8 {
				t.Errorf("%d fetches in ten minutes", len(w.calls))
			}
			w.now = w.now.Add(10 * time.Second)
			w.want(revoked, "revoked")
			if got := w.decide(other); got == "token_valid" {
				t.Fatal("a list that is too old let a token pass")
			}
			w.fetch()
			w.want(other, "revocations_unavailable")
			w.served = good
			w.after(fetch.MaxBackoff)
			w.want(revoked, "revoked")
			w.want(other, "token_valid")
		})
	}
}

// TestRevocationFailuresAreShort: what a server sends fills no log.
func TestRevocationFailuresAreShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 100_000)
	for _, served := range []string{
		revokedList(revokes(`%q:"b"`, long)), revokedList(revokes(`"\u000a%s":"b"`, long)), revokedList(revokes(`"sub":"a","issued_before":%q`, long)), long, `{"` + long + `":[]}`,
	} {
		w := newRevocationWorld(t, fetchedRevocations)
		w.served = served
		if l := w.fetch(); l.Failure == "" || len(l.Failure) > 300 || strings.Contains(l.Failure, "\n") {
			t.Errorf("%d bytes: %.300s", len(l.Failure), l.Failure)
		}
	}
}

// TestRevocationStatuses: only 200 is accepted, and a 304 to a conditional request.
func TestRevocationStatuses(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"", "201", "204", "206", "301", "302", "304", "401", "404", "429", "500", "503"} {
		w := newRevocationWorld(t, fetchedRevocations)
		calls := w.begin()
		l := w.state.Learn(w.now, calls[0], fetch.Answer{OK: true, Headers: [][2]string{{":status", status}}, Body: []byte(revokedList())})
		if l.Failure == "" {
			t.Errorf("status %q: taken for a list", status)
		}
		w.want(revocable(nil, nil), "revocations_unavailable")
	}
}

// TestRevocationETag: a 304 confirms the list that its tag belongs to, and keeps
// it from becoming old.
func TestRevocationETag(t *testing.T) {
	t.Parallel()
	w := newRevocationWorld(t, fetchedRevocations)
	token := revocable(nil, nil)
	w.served, w.tag = revokedList(revokes(`"jti":"id-1"`)), `"v1"`
	for range 60 {
		w.after(time.Minute)
		w.want(token, "revoked")
		w.want(revocable(nil, map[string]any{"jti": "x"}), "token_valid")
	}
	if got := fetch.HeaderValue(w.calls[0].Headers, "if-none-match"); got != "" {
		t.Errorf("the first fetch has if-none-match %q", got)
	}
	if got := fetch.HeaderValue(w.calls[len(w.calls)-1].Headers, "if-none-match"); got != `"v1"` {
		t.Errorf("if-none-match %q", got)
	}
	w.served, w.tag = revokedList(), `W/"v2"`
	w.after(time.Minute)
	w.want(token, "token_valid")
	// Also when the list had become too old meanwhile.
	w.served = ""
	for range 12 {
		w.after(time.Minute)
	}
	w.want(token, "revocations_unavailable")
	w.served = revokedList()
	w.after(time.Minute)
	w.want(token, "token_valid")
	if got := fetch.HeaderValue(w.calls[len(w.calls)-1].Headers, "if-none-match"); got != `W/"v2"` {
		t.Errorf("if-none-match %q after an outage", got)
	}
	// A broken document does not take the tag of the good one.
	w.served, w.tag = `{"revoked":[{}]}`, `"v3"`
	w.after(time.Minute)
	w.served, w.tag = revokedList(revokes(`"jti":"id-1"`)), `"v3"`
	w.after(time.Minute)
	w.want(token, "revoked")
}

// TestRevocationSlowAnswer: a list is as old as the question, not as the answer.
func TestRevocationSlowAnswer(t *testing.T) {
	t.Parallel()
	w := newRevocationWorld(t, fetchedRevocations)
	calls := w.begin()
	w.now = w.now.Add(time.Minute)
	if l := w.finish(calls); l.Revocations != testNow {
		t.Errorf("%+v", l)
	}
	w.now = testNow.Add(10*time.Minute - time.Second)
	w.want(revocable(nil, nil), "token_valid")
	w.now = testNow.Add(10 * time.Minute)
	if got := w.decide(revocable(nil, nil)); got == "token_valid" {
		t.Error("older than max_stale")
	}
}

// TestRevocationListFromACache: what lay in a cache is as old as that.
func TestRevocationListFromACache(t *testing.T) {
	t.Parallel()
	w := newRevocationWorld(t, fetchedRevocations)
	w.header = [][2]string{{"age", "590"}}
	w.fetch()
	w.want(revocable(nil, nil), "token_valid")
	w.now = w.now.Add(10 * time.Second)
	w.want(revocable(nil, nil), "wait")
	if calls := w.begin(); len(calls) != 1 {
		t.Fatalf("%d fetches for a request that waits", len(calls))
	} else if w.finish(calls).Revocations != w.now.Add(-590*time.Second) {
		t.Error("the time of the list is not its own")
	}
	w.header[0][1] = "86400"
	w.after(time.Minute)
	if got := w.decide(revocable(nil, nil)); got == "token_valid" {
		t.Error("a list of yesterday let a token pass")
	}
}

// TestRevocationSchedule: fetched ahead of time, not at the same moment by all
// workers, and not hammered while the server is down.
func TestRevocationSchedule(t *testing.T) {
	t.Parallel()
	moments := map[time.Duration]bool{}
	for seed := range byte(20) {
		w := newRevocationWorld(t, fetchedRevocations)
		host := Host{}
		host.Random[16] = seed
		w.state = w.policy.NewState(host)
		w.fetch()
		for len(w.calls) == 1 {
			w.after(time.Second)
		}
		d := w.now.Sub(testNow)
		if d < 45*time.Second || d > time.Minute {
			t.Errorf("fetched again after %s", d)
		}
		moments[d] = true
	}
	if len(moments) < 3 {
		t.Errorf("20 workers fetch at %v", moments)
	}
	w := newRevocationWorld(t, fetchedRevocations)
	w.served = ""
	for range 600 {
		w.decide(revocable(nil, nil))
		w.after(time.Second)
	}
	if len(w.calls) < 100 || len(w.calls) > 250 {
		t.Errorf("%d fetches in ten minutes without a list", len(w.calls))
	}
}

// TestRevocationsInsecure: the named option allows tokens of unknown status and marks
// them. A token that is known to be revoked stays revoked.
func TestRevocationsInsecure(t *testing.T) {
	t.Parallel()
	config := strings.TrimSuffix(fetchedRevocations, "}") + `,"insecure_pass_when_stale":true}`
	w := newRevocationWorld(t, config)
	unchecked := func(token string) bool {
		t.Helper()
		r := bearerRequest(token)
		r.MayWait = true
		a, ok := w.policy.Decide(w.state, w.now, r).(*verdict.Allow)
		if !ok {
			t.Fatalf("after %s: %s, want it to pass", w.now.Sub(testNow), w.decide(token))
		}
		return a.Unchecked
	}
	revoked, other := revocable(nil, nil), revocable(nil, map[string]any{"jti": "id-2"})
	w.want(other, "wait") // the first list is worth waiting for
	w.served = ""
	w.fetch()
	if !unchecked(other) || !unchecked(revoked) {
		t.Error("not told")
	}
	w.now = w.now.Add(fetch.MaxBackoffWithoutKeys)
	if !unchecked(other) {
		t.Error("not told after the back-off: nobody waits for each attempt of an outage")
	}
	w.served = revokedList(revokes(`"jti":"id-1"`))
	w.fetch()
	if unchecked(other) {
		t.Error("told although the list is there")
	}
	w.want(revoked, "revoked")
	w.now = w.now.Add(time.Hour)
	if !unchecked(other) {
		t.Error("not told of a list that is too old")
	}
	w.want(revoked, "revoked")
}

// TestRequireJTI: what no entry could name does not pass.
func TestRequireJTI(t *testing.T) {
	t.Parallel()
	p := mustParse(t, revocationConfig(t, map[string]any{"issuer": nil}, `{"entries":[{"kid":"k9"}],"require_jti":true}`))
	w := &revocationWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow}
	for range 2 {
		w.want(revocable(nil, nil), "token_valid")
		w.want(revocable(nil, map[string]any{"jti": nil}), "wrong_claim")
		w.want(revocable(nil, map[string]any{"jti": ""}), "wrong_claim")
		w.want(revocable(nil, map[string]any{"iss": nil}), "wrong_claim")
	}
}

// TestRevocationsInlineAndFetched: entries of the configuration are in force with any
// fetched list, and before the first.
func TestRevocationsInlineAndFetched(t *testing.T) {
	t.Parallel()
	w := newRevocationWorld(t, `{"entries":[`+revokes(`"jti":"id-1"`)+`],`+fetchedRevocations[1:])
	w.want(revocable(nil, nil), "revoked")
	w.want(revocable(nil, map[string]any{"jti": "id-2"}), "wait")
	w.served = revokedList(revokes(`"jti":"id-2"`))
	w.fetch()
	w.want(revocable(nil, nil), "revoked")
	w.want(revocable(nil, map[string]any{"jti": "id-2"}), "revoked")
	w.want(revocable(nil, map[string]any{"jti": "id-3"}), "token_valid")
	w.served = revokedList()
	w.after(time.Minute)
	w.want(revocable(nil, nil), "revoked")
	w.want(revocable(nil, map[string]any{"jti": "id-2"}), "token_valid")
}

// TestStaticTokensAreNotRevoked: the list concerns only JWTs, and its absence stops no
// other tokens.
func TestStaticTokensAreNotRevoked(t *testing.T) {
	t.Parallel()
	config := strings.Replace(revocationConfig(t, nil, fetchedRevocations), `"providers":{`,
		fmt.Sprintf(`"providers":{"static":{"type":"static","tokens":[{"sha256":%q}]},`, digestOf("fake-token")), 1)
	p := mustParse(t, config)
	w := &revocationWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow}
	w.want("fake-token", "token_valid")
	w.want(revocable(nil, nil), "wait")
}

// TestRevocationBeforeIntrospection: a revoked token is not introspected, and an answer
// does not make it valid again.
func TestRevocationBeforeIntrospection(t *testing.T) {
	t.Parallel()
	config := revocationConfig(t, map[string]any{"introspect_after_verify": "server"}, `{"entries":[`+revokes(`"jti":"id-1"`)+`]}`)
	config = strings.Replace(config, `"providers":{`, `"providers":{"server":{"type":"introspection","introspection_uri":"https://issuer.example/introspect",
		"cluster":"issuer","client_id":"gate","client_secret":"fake-secret","only_after_verify":true},`, 1)
	p := mustParse(t, config)
	w := &revocationWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow}
	w.want(revocable(nil, nil), "revoked")
	if calls := w.begin(); len(calls) != 0 {
		t.Errorf("asked about a revoked token: %+v", calls)
	}
	w.want(revocable(nil, map[string]any{"jti": "id-2"}), "wait")
	if calls := w.begin(); len(calls) != 1 || !(calls[0].For.Kind == fetch.ErrandToken) || (calls[0].For.Kind == fetch.ErrandRevocations) {
		t.Errorf("%+v", calls)
	}
}

// TestRevocationsAgree: over random histories of lists and outages, a State with
// memory, one without, and a plain reading of the list give the same verdict.
func TestRevocationsAgree(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(11, 11))
	reasons := map[string]int{}
	type token struct {
		text, jti, sub, kid string
		iat                 int64
	}
	var tokens []token
	for range 30 {
		k := token{jti: "id-" + strconv.Itoa(r.IntN(8)), sub: pick(r, "alice", "bob"), kid: pick(r, "k1", "k2", ""), iat: testNow.Unix() - r.Int64N(1000)}
		k.text = revocable(map[string]any{"kid": any(k.kid)}, map[string]any{"jti": k.jti, "sub": k.sub, "iat": k.iat})
		if k.kid == "" {
			k.text, k.kid = revocable(map[string]any{"kid": nil}, map[string]any{"jti": k.jti, "sub": k.sub, "iat": k.iat}), "k1"
		}
		tokens = append(tokens, k)
	}
	for round := range 10 {
		provider := map[string]any{"algorithms": []string{"RS256"}, "jwks": raw(jwkSet(issuerOnce().jwk("RS256", "k1"), issuerOnce().jwk("RS256", "k2")))}
		p, q := mustParse(t, revocationConfig(t, provider, fetchedRevocations)), mustParse(t, revocationConfig(t, provider, fetchedRevocations))
		q.cacheBytes = 0
		if round%3 == 0 {
			p.cacheBytes = 4096
		}
		with := &revocationWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow}
		without := &revocationWorld{t: t, policy: q, state: q.NewState(Host{}), now: testNow}
		// This is the oracle: the times of the fetches, and the tokens that each list revokes.
		var list, serving []func(k token) bool
		var known time.Time
		with.served, without.served = revokedList(), revokedList()
		version := 0
		for range 600 {
			switch r.IntN(14) {
			case 0:
				var entries []string
				serving = nil
				for range r.IntN(5) {
					jti, sub, kid, before := "id-"+strconv.Itoa(r.IntN(8)), pick(r, "alice", "bob"), pick(r, "k1", "k2"), testNow.Unix()-r.Int64N(1000)
					switch r.IntN(3) {
					case 0:
						entries = append(entries, revokes(`"jti":%q`, jti))
						serving = append(serving, func(k token) bool { return k.jti == jti })
					case 1:
						entries = append(entries, revokes(`"sub":%q,"issued_before":%d`, sub, before))
						serving = append(serving, func(k token) bool { return k.sub == sub && k.iat < before })
					default:
						if r.IntN(4) == 0 {
							entries = append(entries, revokes(`"kid":%q`, kid))
							serving = append(serving, func(k token) bool { return k.kid == kid })
						}
					}
				}
				version++
				with.served, without.served = revokedList(entries...), revokedList(entries...)
				with.tag, without.tag = fmt.Sprintf(`"%d"`, version), fmt.Sprintf(`"%d"`, version)
			case 1:
				with.served, without.served = "", ""
			case 2, 3:
				step := time.Duration(r.IntN(240)) * time.Second
				with.now, without.now = with.now.Add(step), without.now.Add(step)
				calls := with.begin()
				if more := without.begin(); len(calls) != len(more) {
					t.Fatal("they fetch at different times")
				} else {
					without.finish(more)
				}
				if with.finish(calls); len(calls) > 0 && with.served != "" {
					list, known = serving, with.now
				}
			case 4:
				with.state.Sweep(with.now)
			}
			k := tokens[r.IntN(len(tokens))]
			request := bearerRequest(k.text)
			a, b := decided(with.policy.Decide(with.state, with.now, request)), decided(without.policy.Decide(without.state, without.now, request))
			want := "token_valid"
			if known.IsZero() || with.now.Sub(known) >= 10*time.Minute {
				want = "revocations_unavailable"
			}
			for _, ends := range list {
				if ends(k) {
					want = "revoked"
				}
			}
			if a != want || b != want {
				t.Fatalf("round %d after %s: %s with memory, %s without, want %s for %+v", round, with.now.Sub(testNow), a, b, want, k)
			}
			reasons[want]++
		}
	}
	for _, reason := range []string{"token_valid", "revoked", "revocations_unavailable"} {
		if reasons[reason] < 100 {
			t.Errorf("%s came up %d times: the property says little of it", reason, reasons[reason])
		}
	}
}

// TestInlineRevocationsAreBounded: as those of a list are.
func TestInlineRevocationsAreBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		count int
		want  string
	}{
		{mostRevocations, ""},
		{mostRevocations + 1, "configuration: 1 problem\n  revocations.entries: want at most 32768 entries"},
	} {
		entries := strings.Join(slices.Repeat([]string{`{"kid":"a"}`}, c.count), ",")
		_, err := Parse([]byte(revocationConfig(t, nil, `{"entries":[`+entries+`]}`)))
		if err == nil && c.want != "" || err != nil && err.Error() != c.want {
			t.Errorf("%d entries: %v", c.count, err)
		}
	}
}

// mostRevocations is how many entries a list may have.
const mostRevocations = 32768

// TestRevocationMemory: the largest list takes a bounded share of memory.
func TestRevocationMemory(t *testing.T) {
	w, other := newRevocationWorld(t, fetchedRevocations), newRevocationWorld(t, fetchedRevocations)
	var entries []string
	for i := range mostRevocations - 1 {
		entries = append(entries, `{"iss":"a","jti":"`+strconv.FormatInt(int64(i), 36)+`"}`)
	}
	entries = append(entries, revokes(`"jti":"last"`))
	w.served = revokedList(entries...)
	if len(w.served) > fetch.MaxAnswerBytes {
		t.Fatalf("%d entries take %d bytes", len(entries), len(w.served))
	}
	other.served = w.served
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	w.fetch()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 2<<20 {
		t.Errorf("a list of %d entries takes %d bytes", len(entries), grown)
	}
	other.fetch()
	for _, w := range []*revocationWorld{w, other} {
		w.want(revocable(nil, map[string]any{"jti": "last"}), "revoked")
	}
}

// TestQuickRevocations: Quick allows nothing that Decide would not.
func TestQuickRevocations(t *testing.T) {
	config := strings.Replace(revocationConfig(t, nil, strings.TrimSuffix(fetchedRevocations, "}")+`,"insecure_pass_when_stale":true}`), `"subject_header":"x-sub",`, "", 1)
	config = strings.Replace(config, `,"subject_header":"x-sub"`, "", 1)
	config = strings.Replace(config, `"claim_headers":[{"claim":"tier","header":"x-tier"}],`, "", 1)
	p := mustParse(t, config)
	if !p.OnlyCredential() {
		t.Fatal("this configuration is not for Quick")
	}
	w := &revocationWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow, served: revokedList()}
	token := revocable(nil, nil)
	authorization := "Bearer " + token
	quick := func() bool { return p.Quick(w.state, w.now, authorization, "/") != nil }
	w.want(token, "wait")
	if quick() {
		t.Error("quick without a list")
	}
	w.fetch()
	w.want(token, "token_valid")
	if !quick() {
		t.Error("not quick with a list")
	}
	if n := testing.AllocsPerRun(100, func() { quick() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	w.served = revokedList(revokes(`"jti":"id-1"`))
	w.after(time.Minute)
	if quick() {
		t.Error("quick for a revoked token")
	}
	w.served = revokedList()
	w.after(time.Minute)
	w.now = w.now.Add(time.Hour)
	w.want(token, "token_valid")
	if quick() {
		t.Error("quick for what passes unchecked, so that nobody counts it")
	}
}
