package policy

import (
	"fmt"
	"testing"
	"time"
)

// TestLeewayKeepsNoAnswer: an answer is not kept beyond the exp in it (RFC 7662
// section 4), whatever clocks may differ by, and not in an outage either.
func TestLeewayKeepsNoAnswer(t *testing.T) {
	t.Parallel()
	w := newIntrospectionWorld(t, map[string]any{"positive_ttl": "1m", "stale_if_error": "1h"}, "")
	began := testNow.Truncate(time.Second)
	body := fmt.Sprintf(`{"active":true,"exp":%d}`, began.Unix()+10)
	w.want("/", "good", "wait")
	w.answer("200", jsonType, body)
	w.now = began.Add(10*time.Second - time.Millisecond)
	w.want("/", "good", "token_valid")
	w.now = began.Add(10 * time.Second)
	w.want("/", "good", "wait")
	w.answer("500", "", "")
	w.want("/", "good", "introspection_unavailable")
	w.now = began.Add(20 * time.Second)
	w.want("/", "good", "wait")
	w.answer("200", jsonType, body) // its clock is behind
	w.want("/", "good", "token_valid")
	w.now = w.now.Add(time.Millisecond)
	w.want("/", "good", "wait")
	w.answer("200", jsonType, `{"active":false}`)
	w.want("/", "good", "inactive")
}
