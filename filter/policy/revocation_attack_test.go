package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/request"
)

// TestRevocationNames: other spellings of what an entry names.
func TestRevocationNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, entry, payload, want string }{
		{"jti by an escape in the token", revokes(`"jti":"id/1"`), `"jti":"id\/1"`, "revoked"},
		{"member by an escape in the token", revokes(`"jti":"id-1"`), `"\u006ati":"id-1"`, "revoked"},
		{"jti twice", revokes(`"jti":"id-1"`), `"jti":"id-1","jti":"id-2"`, "malformed_token"},
		{"jti twice by an escape", revokes(`"jti":"id-1"`), `"jti":"id-1","\u006ati":"id-2"`, "malformed_token"},
		{"surrogates", revokes(`"jti":"😀"`), `"jti":"\ud83d\ude00"`, "revoked"},
		{"NUL", revokes(`"jti":"a\u0000b"`), `"jti":"a\u0000b"`, "revoked"},
		{"NUL cut", revokes(`"jti":"a"`), `"jti":"a\u0000b"`, "token_valid"},
		{"jti null", revokes(`"jti":"null"`), `"jti":null`, "malformed_token"},
		{"sub null", revokes(`"sub":"null","issued_before":9e9`), `"sub":null`, "malformed_token"},
		{"iat a fraction", revokes(`"sub":"alice","issued_before":1000`), `"iat":999.9999999`, "revoked"},
		{"iat a fraction later", revokes(`"sub":"alice","issued_before":1000`), `"iat":1000.0000001`, "token_valid"},
		{"the same fraction", revokes(`"sub":"alice","issued_before":1000.5`), `"iat":1000.5`, "token_valid"},
		{"before in fractions", revokes(`"sub":"alice","issued_before":"1970-01-01T00:16:40.5Z"`), `"iat":1000.4`, "revoked"},
		{"iat negative", revokes(`"sub":"alice","issued_before":0`), `"iat":-1`, "malformed_token"},
		{"iat of long ago", revokes(`"sub":"alice","issued_before":9e9`), `"iat":-1e300`, "malformed_token"},
		{"iat null", revokes(`"sub":"alice","issued_before":9e9`), `"iat":null`, "malformed_token"},
		{"iat in exponents", revokes(`"sub":"alice","issued_before":1001`), `"iat":1e3`, "revoked"},
		{"sub by an escape", revokes(`"sub":"alice","issued_before":9e9`), `"sub":"\u0061lice"`, "revoked"},
		{"sub normal forms", revokes(`"sub":"\u00e9","issued_before":9e9`), `"sub":"e\u0301"`, "token_valid"},
		{"sub empty", `{"kid":"x"}`, `"sub":""`, "token_valid"},
	} {
		payload := fmt.Sprintf(`{"iss":%q,"aud":"api","exp":%d,`, fakeIssuer, testNow.Unix()+1000)
		if !strings.Contains(c.payload, `sub"`) {
			payload += `"sub":"alice",`
		}
		token := issuerOnce().signRaw(payload + c.payload + "}")
		w := newRevocationWorld(t, fetchedRevocations)
		w.served = revokedList(c.entry)
		if l := w.fetch(); l.Failure != "" {
			t.Errorf("%s: %s", c.name, l.Failure)
		}
		for range 2 {
			if got := w.decide(token); got != c.want {
				t.Errorf("%s: %s, want %s", c.name, got, c.want)
			}
		}
	}
}

// Test304WithoutAList: a confirmation without a previous list is no list.
func Test304WithoutAList(t *testing.T) {
	t.Parallel()
	w := newRevocationWorld(t, fetchedRevocations)
	token := revocable(nil, nil)
	for _, call := range w.begin() {
		l := w.state.Learn(w.now, call, fetch.Answer{OK: true, Headers: [][2]string{{":status", "304"}, {"etag", `"x"`}}})
		if l.Failure == "" || !l.Revocations.IsZero() {
			t.Errorf("%+v", l)
		}
	}
	w.want(token, "revocations_unavailable")
	// Neither is one that did not ask by a tag, or names another.
	w = newRevocationWorld(t, fetchedRevocations)
	w.fetch()
	for i := range 2 {
		w.now = w.now.Add(time.Minute)
		for _, call := range w.begin() {
			if l := w.state.Learn(w.now, call, fetch.Answer{OK: true, Headers: [][2]string{{":status", "304"}, {"etag", `"x"`}}}); l.Failure == "" {
				t.Errorf("%d: a 304 without If-None-Match confirms: %+v", i, l)
			}
		}
	}
}

// TestRevocationWays: no way in a rule leads around the list.
func TestRevocationWays(t *testing.T) {
	t.Parallel()
	token := revocable(nil, nil)
	for rule, want := range map[string]string{
		`{"access":"optional"}`:                          "revoked",
		`{"access":"optional","providers":["other"]}`:    "missing",
		`{"providers":["other"]}`:                        "missing",
		`{"all_of":["idp","other"]}`:                     "revoked",
		`{"shadow":true}`:                                "shadow",
		`{"shadow":true,"access":"deny"}`:                "shadow",
		`{"access":"anonymous"}`:                         "anonymous",
		`{"claims":[{"claim":"nothing","exists":true}]}`: "revoked",
	} {
		for _, list := range []string{`{"entries":[` + revokes(`"jti":"id-1"`) + `]}`, fetchedRevocations} {
			config := strings.Replace(revocationConfig(t, nil, list), `"providers":{`,
				fmt.Sprintf(`"providers":{"other":{"type":"static","token_locations":[{"header":"x-other"}],"tokens":[{"sha256":%q}]},`, digestOf("fake-token")), 1)
			config = strings.TrimSuffix(config, "}") + `,"rules":[` + rule + `]}`
			p := mustParse(t, config)
			w := &revocationWorld{t: t, policy: p, state: p.NewState(Host{}), now: testNow, served: revokedList(revokes(`"jti":"id-1"`))}
			w.fetch()
			r := request.NewRequest([][2]string{{":method", "GET"}, {":path", "/"}, {"authorization", "Bearer " + token}, {"x-other", "fake-token"}})
			if !strings.Contains(rule, "all_of") {
				r = request.NewRequest([][2]string{{":method", "GET"}, {":path", "/"}, {"authorization", "Bearer " + token}})
			}
			v := p.Decide(w.state, w.now, &r)
			if got := decided(v); got != want || setHeader(v, "x-sub") != "" {
				t.Errorf("%s: %s %q, want %s", rule, got, setHeader(v, "x-sub"), want)
			}
		}
	}
}
