package introspection

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/policy/cache"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/identity"
)

// newTestState asks one server with max_calls 4.
func newTestState() (*State, *serverState) {
	server := &Server{
		timeout: 2 * time.Second, positiveTTL: 10 * time.Second, negativeTTL: 5 * time.Second, staleIfError: 20 * time.Second,
		maxCalls: 4, cacheBytes: 64 << 10, shape: tokenShape{maxLength: 1 << 20},
	}
	server.AllowNoExpiry = true
	s := NewState(Servers{server}, new(claims.Table), new(identity.Propagation), nil, nil, cache.NewKey([16]byte{}))
	return s, s.servers[0]
}

func count[V any](g *cache.Generations[V]) (n int) {
	g.Sweep(func(V) bool { n++; return false })
	return n
}

// checkQueues compares the counts with the questions that exist.
func checkQueues(t *testing.T, st *serverState, calls int) {
	t.Helper()
	asked, underWay := 0, 0
	for i := range st.queues {
		queue := &st.queues[i]
		bytes := 0
		for _, q := range st.questions {
			if queueOf(q.known) == i {
				bytes += len(q.token)
			}
		}
		if queue.questions != len(queue.waiting)+queue.inFlight || queue.bytes != bytes || queue.inFlight < 0 {
			t.Fatalf("queue %d: %d questions, %d waiting, %d in flight, %d bytes of %d", i, queue.questions, len(queue.waiting), queue.inFlight, queue.bytes, bytes)
		}
		if queue.questions > maxQuestions || queue.bytes > maxQuestionBytes {
			t.Fatalf("queue %d: %d questions of %d bytes", i, queue.questions, queue.bytes)
		}
		asked += queue.questions
		underWay += queue.inFlight
	}
	if asked != len(st.questions) || underWay != st.inFlight || underWay != calls || underWay > st.server.maxCalls || st.queues[0].inFlight > st.server.maxCalls*3/4 {
		t.Fatalf("%d questions of %d, %d in flight of %d, %d calls", asked, len(st.questions), underWay, st.inFlight, calls)
	}
}

// TestQueueHistories plays random histories: what is counted is there, and nothing is
// left when all requests have gone.
func TestQueueHistories(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(6, 7))
	waited := 0
	for range 60 {
		s, st := newTestState()
		now := time.Unix(1893456000, 0)
		var calls []fetch.Call
		for range 400 {
			switch r.IntN(10) {
			case 0, 1:
				now = now.Add(time.Duration(r.IntN(4000)) * time.Millisecond)
			case 2, 3, 4:
				if len(calls) == 0 {
					continue
				}
				body := []string{`{"active":true}`, fmt.Sprintf(`{"active":true,"exp":%d}`, now.Unix()+r.Int64N(40)), `{"active":false}`, "x"}[r.IntN(4)]
				answer := fetch.Answer{OK: r.IntN(4) > 0, Headers: [][2]string{{":status", "200"}, {"content-type", "application/json"}}, Body: []byte(body)}
				at := r.IntN(len(calls))
				if learned := s.Learn(now, calls[at].For, answer); !learned.Settled {
					t.Fatalf("%+v", learned)
				}
				calls = append(calls[:at], calls[at+1:]...)
			case 5:
				s.Sweep(fetch.Seconds(now))
			case 6:
				calls = s.Due(calls, now)
			default:
				token := fmt.Sprint("token-", r.IntN(12))
				m := fetch.Moment{Now: now, Patience: []fetch.Patience{fetch.Wait, fetch.WaitIfKnown, fetch.AskAhead, fetch.StaleOK}[r.IntN(4)]}
				key := s.hash.Sum(token)
				v := s.IntrospectVerified(st.server, key, token, m)
				if r.IntN(4) > 0 {
					v, _ = s.Introspect(st.server, key, token, m)
				}
				if v.Wait != nil {
					waited++
					if _, ok := st.questions[v.Wait.Token]; !ok {
						t.Fatalf("%s waits for a question that is not there", token)
					}
				}
			}
			checkQueues(t, st, len(calls))
		}
		for _, call := range calls {
			s.Learn(now, call.For, fetch.Answer{})
		}
		now = now.Add(time.Hour)
		s.Due(nil, now)
		s.Sweep(fetch.Seconds(now))
		if checkQueues(t, st, 0); len(st.questions) != 0 || count(st.good)+count(st.bad) != 0 {
			t.Fatalf("%d questions, %d good answers and %d bad ones are left", len(st.questions), count(st.good), count(st.bad))
		}
	}
	if waited < 1000 {
		t.Errorf("%d requests waited: the histories say little", waited)
	}
}

// TestQueueBounds: questions are bounded in number and in bytes, and those that no
// request waits for make space.
func TestQueueBounds(t *testing.T) {
	t.Parallel()
	for name, token := range map[string]string{"short": "t", "long": strings.Repeat("x", 4000)} {
		s, st := newTestState()
		now := time.Unix(1893456000, 0)
		ask := func(token string) bool {
			v, _ := s.Introspect(st.server, s.hash.Sum(token), token, fetch.Moment{Now: now, Patience: fetch.Wait})
			checkQueues(t, st, 0)
			return v.Wait != nil
		}
		waiting := 0
		for i := range 2000 {
			if ask(fmt.Sprint(token, i)) {
				waiting++
			}
		}
		if waiting != len(st.questions) || waiting < 200 || name == "short" && waiting != maxQuestions {
			t.Errorf("%s: %d wait, %d questions", name, waiting, len(st.questions))
		}
		if now = now.Add(st.server.timeout); !ask(token+"late") || len(st.questions) != 1 {
			t.Errorf("%s: %d questions are left, want the new one alone", name, len(st.questions))
		}
	}
}
