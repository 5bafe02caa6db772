package policy

import (
	"testing"
	"time"
)

// TestClockSetBack: an answer and a list of revocations are not valid longer because the
// clock was set back, and are fetched again at once.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	back := testNow.Add(-time.Hour)
	i := newIntrospectionWorld(t, map[string]any{"positive_ttl": "10s", "negative_ttl": "10s", "stale_if_error": "20s"}, "")
	i.want("/", "good", "wait")
	i.answer("200", jsonType, `{"active":true}`)
	i.want("/", "bad", "wait")
	i.answer("200", jsonType, `{"active":false}`)
	i.want("/", "failed", "wait")
	i.answer("200", jsonType, `{"active":true}`)
	i.now = testNow.Add(11 * time.Second)
	i.want("/", "failed", "wait")
	i.answer("500", "", "")
	i.now = back
	for _, token := range []string{"good", "bad", "failed"} {
		i.want("/", token, "wait")
		i.answer("", "", "")
		i.want("/", token, "introspection_unavailable")
		i.now = i.now.Add(time.Second)
	}
	i.now = i.now.Add(5 * time.Second)
	i.want("/", "good", "wait")
	i.answer("200", jsonType, `{"active":false}`)
	i.want("/", "good", "inactive")

	w := newRevocationWorld(t, fetchedRevocations)
	token := revocable(nil, map[string]any{"iat": testNow.Unix() - 7200})
	w.fetch()
	w.want(token, "token_valid")
	w.now = back.Add(5 * time.Minute)
	w.served = revokedList(revokes(`"jti":"id-1"`))
	if calls := w.begin(); len(calls) != 1 {
		t.Errorf("%d fetches after the clock was set back", len(calls))
	} else {
		w.want(token, "wait")
		w.finish(calls)
	}
	w.want(token, "revoked")
	// This holds also if the server does not answer: the age of that list is unknown.
	w = newRevocationWorld(t, fetchedRevocations)
	w.fetch()
	w.served, w.now = "", back
	w.fetch()
	for range 30 {
		w.after(10 * time.Second)
		if got := w.decide(token); got == "token_valid" {
			t.Fatalf("%s after the clock was set back by an hour", w.now.Sub(back))
		}
	}
}
