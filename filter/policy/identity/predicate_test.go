package identity

import (
	"testing"

	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/config"
)

// TestPredicatesAreToldApart: those that say the same share a fact, and no others.
func TestPredicatesAreToldApart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		one, two string
		same     bool
	}{
		{`"claim":"a","equal":"7"`, `"claim":["a"],"one_of":["7"]`, true},
		{`"claim":"a","one_of":["7","8"]`, `"claim":"a","one_of":["8","7"]`, true},
		{`"claim":"a","equal":"7"`, `"claim":"a","equal":7`, false},
		{`"claim":"a","equal":"true"`, `"claim":"a","equal":true`, false},
		{`"claim":"a","equal":"7"`, `"claim":"b","equal":"7"`, false},
		{`"claim":["a","b"],"equal":"7"`, `"claim":"a","equal":"7"`, false},
		{`"claim":["a","b"],"equal":"7"`, `"claim":"b","equal":"7"`, false},
		{`"claim":["a","b"],"equal":"7"`, `"claim":"ab","equal":"7"`, false},
		{`"claim":"a","equal":"7"`, `"claim":"a","contains":"7"`, false},
		{`"claim":"a","equal":"7"`, `"claim":"a","matches":"7"`, false},
		{`"claim":"a","one_of":["7","8"]`, `"claim":"a","one_of":["7"]`, false},
		{`"claim":"a","one_of":["7","8"]`, `"claim":"a","one_of":["7\"8"]`, false},
		{`"claim":"a","one_of":["x2:\"y"]`, `"claim":"a","one_of":["x","y"]`, false},
	} {
		var p config.Problems
		var q questions
		root := config.ReadDocument([]byte(`{"claims":[{`+c.one+`},{`+c.two+`}]}`), &p)
		mask, _ := ReadPredicates(&config.Object{Node: root, Problems: &p}, new(claims.Table), &q)
		if err := p.Err(); err != nil || len(mask) != 1 {
			t.Fatalf("%v: %v", mask, err)
		}
		if same := q.count == 1; same != c.same || mask[0] != 1<<q.count-1 {
			t.Errorf("{%s} and {%s}: %d facts, want one: %t", c.one, c.two, q.count, c.same)
		}
	}
}
