package match

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestLateQueriesLoseNothing: of a query behind an escaped `?` only what is new is
// read for each reading of the path, and yet a condition binds as if each reading
// had all of it.
func TestLateQueriesLoseNothing(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 8))
	text := func(pieces ...string) string {
		var b strings.Builder
		for range r.IntN(7) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		return b.String()
	}
	bound, late := 0, 0
	for range 20_000 {
		target := "/p" + text("%3f", "%253f", "a", "b", "=", "&", "%26", ";", "/", "#", "%23") + "?" + text("a", "b", "=", "&", "&", ";", "?", "#", "%61", "+")
		v := viewOf(target)
		name, value, kind := []string{"a", "b", "ab", "a?a"}[r.IntN(4)], "", conditionKind(1+r.IntN(2))
		if kind == conditionEqual {
			value = []string{"", "a", "b", "a?b", "?a"}[r.IntN(5)]
		}
		c := queryCondition(t, name, kind, value)
		_, query, _ := strings.Cut(target, "?")
		plain, _, _ := strings.Cut(query, "#")
		all := []string{plain}
		if strings.Contains(target, "#") {
			all = append(all, query)
		}
		for _, reading := range v.Readings() {
			if _, behind, ok := strings.Cut(reading, "?"); ok {
				all = append(all, behind, behind+"?"+query)
				late++
			}
		}
		want := false
		for _, query := range all {
			one := newView(v.Request)
			one.query.read = true
			one.query.add(query)
			binds, _ := c.parameter(&one)
			want = want || binds
		}
		if got, opens := c.parameter(v); got != want || opens && (len(all) > 1 || !got) {
			t.Fatalf("%q: %+v binds %v, want %v, opens %v", target, c, got, want, opens)
		}
		if want {
			bound++
		}
	}
	if bound < 1000 || late < 1000 {
		t.Errorf("%d bound, %d late queries: the property says nothing", bound, late)
	}
}
