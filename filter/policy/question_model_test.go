package policy

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// TestQuestionHistories plays random histories and compares them with a model: a token
// passes only by an answer that called it active, for as long as that is valid.
func TestQuestionHistories(t *testing.T) {
	t.Parallel()
	const positive, negative, stale = 10 * time.Second, 5 * time.Second, 20 * time.Second
	r := rand.New(rand.NewPCG(6, 6))
	passed, refused := 0, 0
	for range 60 {
		w := newIntrospectionWorld(t, map[string]any{
			"max_calls": 4, "positive_ttl": "10s", "negative_ttl": "5s", "stale_if_error": "20s", "leeway": "0s", "timeout": "2s",
			"cache_bytes": 64 << 10,
		}, "")
		type belief struct {
			active  bool
			at, exp time.Time
		}
		server := map[string]bool{}
		said := map[string]belief{}
		for range 400 {
			token := fmt.Sprint("token-", r.IntN(12))
			switch r.IntN(10) {
			case 0:
				server[token] = !server[token]
			case 1, 2:
				w.now = w.now.Add(time.Duration(r.IntN(4000)) * time.Millisecond)
			case 3, 4, 5:
				if len(w.calls) == 0 {
					continue
				}
				asked := tokenOf(w.calls[0])
				switch {
				case r.IntN(3) == 0:
					w.answer([]string{"", "500", "401"}[r.IntN(3)], jsonType, `{"active":true}`)
				case server[asked]:
					exp := w.now.Add(time.Duration(1+r.IntN(40)) * time.Second)
					exp = exp.Truncate(time.Second)
					w.answer("200", jsonType, fmt.Sprintf(`{"active":true,"exp":%d}`, exp.Unix()))
					said[asked] = belief{true, w.now, exp}
				default:
					w.answer("200", jsonType, `{"active":false}`)
					said[asked] = belief{false, w.now, time.Time{}}
				}
			case 6:
				w.state.Sweep(w.now)
			default:
				request := request.NewRequest([][2]string{{":method", "GET"}, {":path", "/"}, {"authorization", "Bearer " + token}})
				request.MayWait = r.IntN(3) > 0
				request.KnownMayWait = request.MayWait || r.IntN(2) > 0
				v := w.policy.Decide(w.state, w.now, &request)
				explained(t, w.state, w.now, &request, v, token)
				w.due()
				b := said[token]
				switch v := v.(type) {
				case *verdict.Allow:
					passed++
					if !b.active || !w.now.Before(b.exp) || w.now.Sub(b.at) >= positive+stale {
						t.Fatalf("%s passes at %s by %+v", token, w.now, b)
					}
				case *verdict.Deny:
					refused++
					if v.Reason == verdict.ReasonInactive && (b.active || w.now.Sub(b.at) >= negative && !w.now.Equal(b.at)) {
						t.Fatalf("%s is inactive at %s by %+v", token, w.now, b)
					}
				case *verdict.Wait:
					if v.Until.Sub(w.now) != 3*time.Second {
						t.Fatalf("%s waits until %s", token, v.Until)
					}
				}
			}
			if len(w.calls) > 4 {
				t.Fatalf("%d calls under way", len(w.calls))
			}
		}
	}
	if passed < 500 || refused < 500 {
		t.Errorf("%d passed and %d were refused: the histories say little", passed, refused)
	}
}
