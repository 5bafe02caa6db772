package filter_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/testkey"
)

// fail is a fetch without an answer.
func (f *fetching) fail() {
	f.t.Helper()
	call := f.call()
	f.vm.Advance(time.Millisecond)
	call.Fail()
}

// TestOutage: the last good set serves until max_stale, then the answer is 503; the first
// good answer ends the outage.
func TestOutage(t *testing.T) {
	t.Parallel()
	key, unknown := testkey.New("k1", "EdDSA"), testkey.New("k2", "EdDSA")
	f := startWithKeys(t, fetchedConfig(`, "refresh": "1m", "max_refresh": "1m", "max_stale": "1h"`), key)
	learned := f.vm.Now()
	token := key.Token(f.vm.Now(), members{"exp": f.vm.Now().Unix() + 86400})
	down := 0
	var gaps []time.Duration
	last := f.vm.Now()
	for f.vm.Now().Sub(learned) < time.Hour-time.Second {
		f.after(time.Second)
		if len(f.plugin.Callouts()) == 0 {
			continue
		}
		gaps, last = append(gaps, f.vm.Now().Sub(last)), f.vm.Now()
		f.fail()
		down++
		wantSubject(t, send(f.plugin, token), "alice")
		// This kid may be of a key that could not be fetched.
		f.wantUnavailable(f.send(unknown))
	}
	if down < 20 || down > 200 {
		t.Errorf("%d fetches in an hour without an answer", down)
	}
	for i := 2; i < len(gaps); i++ {
		if gaps[i] > time.Minute+time.Second || i > 8 && gaps[i] < 30*time.Second {
			t.Errorf("fetch %d came %s after the one before: the gaps are %v", i, gaps[i], gaps)
			break
		}
	}
	if len(gaps) > 3 && gaps[1] > 3*time.Second {
		t.Errorf("the first retry came after %s", gaps[1])
	}
	f.after(5 * time.Second)
	if len(f.plugin.Callouts()) > 0 {
		f.fail()
	}
	f.wantUnavailable(send(f.plugin, token))
	f.after(time.Minute)
	s := send(f.plugin, token)
	f.wantWaiting(s)
	f.serve(key)
	wantSubject(t, s, "alice")
	f.after(time.Minute)
	lines, failures := 0, 0
	for _, line := range warnings(f.vm) {
		lines, failures = lines+1, failures+1
		if _, more, found := strings.Cut(line, "(and "); found {
			n, _ := strconv.Atoi(strings.Fields(more)[0])
			failures += n
		}
	}
	if lines > 64 || failures < down {
		t.Errorf("%d warnings about %d of %d failures in an hour", lines, failures, down)
	}
}

// TestOutageAtStart: requests get 503 soon, not after a deadline each.
func TestOutageAtStart(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	f := startFetching(t, fetchedConfig(""))
	f.after(0)
	early := f.send(key)
	f.wantWaiting(early)
	f.fail()
	f.wantUnavailable(early)
	f.wantUnavailable(f.send(key))
	f.wantNoCall()
	wantReply(t, send(f.plugin, "not.a.jwt"), 401, "malformed_token")
	wantReply(t, send(f.plugin, key.Token(f.vm.Now(), members{"iss": "https://other.example"})), 401, "wrong_issuer")
	f.after(time.Second)
	f.answer("503", "")
	f.wantUnavailable(f.send(key))
	f.after(2 * time.Second)
	s := f.send(key)
	f.wantWaiting(s)
	f.serve(key)
	wantSubject(t, s, "alice")
}

// TestBrokenDocuments: what is no usable set never takes the place of one.
func TestBrokenDocuments(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "EdDSA")
	good := testkey.Set(key)
	for name, c := range map[string]struct {
		status, body string
	}{
		"server error":           {"500", good},
		"unavailable":            {"503", ""},
		"not found":              {"404", good},
		"not modified":           {"304", ""},
		"redirect":               {"302", good},
		"partial":                {"206", good},
		"no status":              {"", good},
		"nothing":                {"200", ""},
		"HTML":                   {"200", "<!doctype html><title>Sign in</title>"},
		"broken":                 {"200", good[:len(good)-2]},
		"more behind it":         {"200", good + "{}"},
		"not a set":              {"200", string(mustJSON(key.JWK()))},
		"no keys":                {"200", `{"keys": []}`},
		"list of another type":   {"200", `{"keys": {}}`},
		"two lists":              {"200", `{"keys": [], ` + good[1:]},
		"only a secret":          {"200", testkey.Set(testkey.New("k1", "HS256"))},
		"only for encryption":    {"200", strings.Replace(good, `"alg"`, `"use":"enc","alg"`, 1)},
		"too long":               {"200", `{"pad": "` + strings.Repeat("x", 1<<20) + `", ` + good[1:]},
		"too many":               {"200", testkey.Set(append(make257(), key)...)},
		"an array":               {"200", "[" + good + "]"},
		"null":                   {"200", "null"},
		"invalid UTF-8":          {"200", `{"x": "` + "\xff" + `", ` + good[1:]},
		"deep":                   {"200", `{"x": ` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `, ` + good[1:]},
		"keys that are no keys":  {"200", `{"keys": [1, null, "x", []]}`},
		"another kind of escape": {"200", `{"keys": [], "\u006beys": []}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startWithKeys(t, fetchedConfig(""), key)
			f.after(10 * time.Minute)
			before := len(warnings(f.vm))
			if c.status == "" {
				f.call().Answer([][2]string{{"x", "y"}}, []byte(c.body), nil)
			} else {
				f.answer(c.status, c.body)
			}
			wantSubject(t, f.send(key), "alice")
			got := warnings(f.vm)[before:]
			if len(got) != 1 || !strings.Contains(got[0], "idp") || len(got[0]) > 2000 {
				t.Errorf("warnings %.3000q, want one that names the provider", got)
			}
			f.plugin.Tick()
			if got := f.vm.Metric("result=.=failure;.;bearerauth_key_fetches_total"); got != 1 {
				t.Errorf("%d failures counted", got)
			}
		})
	}
}

func make257() (keys []*testkey.Key) {
	one := testkey.New("filler", "EdDSA")
	for i := range 257 {
		k := *one
		k.ID = fmt.Sprint(i)
		keys = append(keys, &k)
	}
	return keys
}

// TestKeyLeaves: its tokens end with it, although they were remembered.
func TestKeyLeaves(t *testing.T) {
	t.Parallel()
	old, fresh, again := testkey.New("k1", "EdDSA"), testkey.New("k2", "EdDSA"), testkey.New("k1", "EdDSA")
	f := startWithKeys(t, fetchedConfig(""), old, fresh)
	tokens := map[*testkey.Key]string{}
	for _, k := range []*testkey.Key{old, fresh, again} {
		tokens[k] = k.Token(f.vm.Now(), members{"exp": f.vm.Now().Unix() + 86400})
	}
	for range 2 {
		wantSubject(t, send(f.plugin, tokens[old]), "alice")
		wantReply(t, send(f.plugin, tokens[again]), 401, "bad_signature")
	}
	f.after(10 * time.Minute)
	f.serve(fresh)
	wantSubject(t, send(f.plugin, tokens[fresh]), "alice")
	gone := send(f.plugin, tokens[old])
	f.wantWaiting(gone) // it may have come back
	f.serve(fresh)
	wantReply(t, gone, 401, "unknown_key")
	f.after(10 * time.Minute)
	f.serve(old, fresh)
	wantReply(t, send(f.plugin, tokens[again]), 401, "bad_signature")
	// The same name for other material: the refusal is forgotten with the key, too.
	f.vm.Advance(time.Second)
	f.send(testkey.New("k9", "EdDSA")).End()
	f.serve(fresh, again)
	wantSubject(t, send(f.plugin, tokens[again]), "alice")
	wantReply(t, send(f.plugin, tokens[old]), 401, "bad_signature")
	f.after(10 * time.Minute)
	f.serve(fresh, old)
	wantSubject(t, send(f.plugin, tokens[old]), "alice")
	wantReply(t, send(f.plugin, tokens[again]), 401, "bad_signature")
}

// TestDiscovery: where the keys are comes from a document that is the issuer's
// own; other hosts need a cluster of their own.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	document := func(issuer, uri string) string {
		return string(mustJSON(members{"issuer": issuer, "jwks_uri": uri, "x": []int{1}}))
	}
	const clusters = `, "jwks_clusters": {"keys.example:8443": "others"}`
	for _, c := range []struct {
		name, config, status, body string
		cluster, host, path        string // of the second call; "" for none
	}{
		{"own host", "", "200", document(testkey.Issuer, testkey.Issuer+"/keys?v=1"), "issuer", "issuer.example", "/keys?v=1"},
		{"own host, no path", "", "200", document(testkey.Issuer, testkey.Issuer), "issuer", "issuer.example", "/"},
		{"another host", "", "200", document(testkey.Issuer, "https://keys.example:8443/"), "", "", ""},
		{"another host with a cluster", clusters, "200", document(testkey.Issuer, "https://keys.example:8443/k"), "others", "keys.example:8443", "/k"},
		{"another port", clusters, "200", document(testkey.Issuer, "https://keys.example/k"), "", "", ""},
		{"own host without TLS", "", "200", document(testkey.Issuer, "http://issuer.example/keys"), "", "", ""},
		{"user in the URI", "", "200", document(testkey.Issuer, "https://issuer.example@evil.example/"), "", "", ""},
		{"a file", "", "200", document(testkey.Issuer, "file:///etc/keys"), "", "", ""},
		{"a line break", "", "200", document(testkey.Issuer, "https://issuer.example/\r\nx: y"), "", "", ""},
		{"another issuer", "", "200", document("https://evil.example", testkey.Issuer+"/keys"), "", "", ""},
		{"a slash more", "", "200", document(testkey.Issuer+"/", testkey.Issuer+"/keys"), "", "", ""},
		{"no issuer", "", "200", `{"jwks_uri": "https://issuer.example/keys"}`, "", "", ""},
		{"two issuers", "", "200", `{"issuer": "https://evil.example", ` + document(testkey.Issuer, testkey.Issuer+"/keys")[1:], "", "", ""},
		{"no keys", "", "200", document(testkey.Issuer, ""), "", "", ""},
		{"not found", "", "404", document(testkey.Issuer, testkey.Issuer+"/keys"), "", "", ""},
		{"HTML", "", "200", "<html>", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			key := testkey.New("k1", "EdDSA")
			f := startFetching(t, discoveredConfig(c.config))
			f.after(0)
			if call := f.call(); call.Cluster != "issuer" || call.Header(":authority") != "issuer.example" || call.Header(":path") != "/.well-known/openid-configuration" {
				t.Fatalf("%+v", call)
			}
			s := f.send(key)
			f.answer(c.status, c.body)
			if c.cluster == "" {
				f.wantNoCall()
				f.wantUnavailable(s)
				if got := warnings(f.vm); len(got) != 1 || !strings.Contains(got[0], "discovery") {
					t.Errorf("warnings %q", got)
				}
				return
			}
			if call := f.call(); call.Cluster != c.cluster || call.Header(":authority") != c.host || call.Header(":path") != c.path || call.Header(":scheme") != "https" {
				t.Fatalf("%+v", call)
			}
			f.wantWaiting(s)
			f.serve(key)
			wantSubject(t, s, "alice")
		})
	}
}

// TestTwoIssuersInOneVM: the calls and tokens of one plugin are nothing to another.
func TestTwoIssuersInOneVM(t *testing.T) {
	t.Parallel()
	one, two := testkey.New("k1", "EdDSA"), testkey.New("k1", "EdDSA")
	a := startFetching(t, fetchedConfig(""))
	b := &fetching{t, a.vm, startPlugin(t, a.vm, strings.ReplaceAll(fetchedConfig(""), `"issuer",`, `"other",`))}
	c := startPlugin(t, a.vm, strings.Replace(inlineConfig(two), "issuer.example", "inline.example", 1))
	a.after(0)
	b.after(0)
	if a.call().Cluster != "issuer" || b.call().Cluster != "other" {
		t.Fatalf("clusters %q and %q", a.call().Cluster, b.call().Cluster)
	}
	token := map[*fetching]string{a: one.Token(a.vm.Now(), nil), b: two.Token(a.vm.Now(), members{"sub": "bob"})}
	xa, xb := send(a.plugin, token[b]), send(b.plugin, token[a])
	sa, sb := send(a.plugin, token[a]), send(b.plugin, token[b])
	b.serve(two)
	a.wantWaiting(sa)
	a.wantWaiting(xa)
	wantSubject(t, sb, "bob")
	wantReply(t, xb, 401, "bad_signature")
	a.serve(one)
	wantSubject(t, sa, "alice")
	wantReply(t, xa, 401, "bad_signature")
	// Remembered by one is not remembered by the other.
	wantReply(t, send(a.plugin, token[b]), 401, "bad_signature")
	wantReply(t, send(b.plugin, token[a]), 401, "bad_signature")
	wantReply(t, send(c, token[b]), 401, "wrong_issuer")
	waiting := a.send(testkey.New("k9", "EdDSA"))
	under := a.call()
	waiting.End()
	a.plugin.Delete()
	if under.Answer([][2]string{{":status", "200"}}, []byte(testkey.Set(two)), nil) {
		t.Error("a deleted plugin took an answer")
	}
	wantSubject(t, send(b.plugin, token[b]), "bob")
	if err := a.vm.Trapped(); err != nil {
		t.Error(err)
	}
}
