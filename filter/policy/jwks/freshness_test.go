package jwks

import (
	"testing"
	"time"
)

// TestFreshness: Cache-Control decides within the bounds of the configuration.
func TestFreshness(t *testing.T) {
	t.Parallel()
	source := &Source{refresh: 10 * time.Minute, minRefresh: time.Minute, maxRefresh: time.Hour}
	for _, c := range []struct {
		headers [][2]string
		want    time.Duration
	}{
		{nil, 10 * time.Minute},
		{[][2]string{{"cache-control", "public, max-age=120"}}, 2 * time.Minute},
		{[][2]string{{"cache-control", "MAX-AGE=\"120\""}}, 2 * time.Minute},
		{[][2]string{{"cache-control", "max-age=120"}, {"age", "30"}}, 90 * time.Second},
		{[][2]string{{"cache-control", "max-age=1"}}, time.Minute},
		{[][2]string{{"cache-control", "max-age=99999999"}}, time.Hour},
		{[][2]string{{"cache-control", "max-age=99999999999999999999"}}, time.Hour},
		{[][2]string{{"cache-control", "max-age=-5"}}, 10 * time.Minute},
		{[][2]string{{"cache-control", "no-cache"}}, time.Minute},
		{[][2]string{{"cache-control", "max-age=600"}, {"cache-control", "no-store"}}, time.Minute},
		{[][2]string{{"cache-control", "max-age=120"}, {"age", "4000"}}, time.Minute},
		{[][2]string{{"cache-control", "max-age=120"}, {"age", "99999999999999999999"}}, time.Minute},
		{[][2]string{{"age", "-1"}}, 10 * time.Minute},
	} {
		if got := freshness(c.headers, source); got != c.want {
			t.Errorf("%v: %s, want %s", c.headers, got, c.want)
		}
	}
}
