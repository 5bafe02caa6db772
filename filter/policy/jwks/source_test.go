package jwks

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/verdict"
)

// TestAskedKids: the memory of kids that clients make up is bounded, and has space again
// when the source has had time to publish them.
func TestAskedKids(t *testing.T) {
	t.Parallel()
	now := time.Unix(1893456000, 0)
	states := NewState(Sources{{maxStale: time.Hour, refresh: time.Hour}}, new(fetch.Jitter), nil, 0)
	st := states.states[0]
	st.keys, st.inFlight, st.started = new(jose.KeySet), true, now
	ask := func(kid string) bool {
		reason, wait := st.ask(kid, now, true)
		if !wait && reason != verdict.ReasonUnknownKey {
			t.Fatalf("%.20s: %s", kid, reason)
		}
		return wait
	}
	if ask(strings.Repeat("x", maxKidBytes+1)) {
		t.Error("a kid without a bound is remembered")
	}
	waiting := 0
	for i := range 1000 {
		if ask(strconv.Itoa(i)) {
			waiting++
		}
	}
	if waiting != maxAskedKids || len(st.kids) != maxAskedKids {
		t.Errorf("%d kids wait, %d are remembered, want %d", waiting, len(st.kids), maxAskedKids)
	}
	body := `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`
	if learned := st.learn(now, fetch.Answer{OK: true, Headers: [][2]string{{":status", "200"}}, Body: []byte(body)}); learned.Failure != "" {
		t.Fatal(learned.Failure)
	}
	if ask("late") {
		t.Error("a full memory takes a kid")
	}
	if now = now.Add(missingKidDuration); !ask("late") || len(st.kids) != 1 {
		t.Errorf("%d kids are remembered, want the new one alone", len(st.kids))
	}
}
