package jwks

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/syntax"
)

// freshness returns how long a key set is used before it is fetched again: the time of
// Cache-Control (RFC 9111 sections 4.2.1, 5.2.2), within the bounds of the
// configuration. With no-store or no-cache the set is fetched each min_refresh, and not
// for each token.
func freshness(headers [][2]string, source *Source) time.Duration {
	d := source.refresh
	for i := range headers {
		if headers[i][0] != "cache-control" {
			continue
		}
		for directive := range strings.SplitSeq(headers[i][1], ",") {
			name, value, _ := strings.Cut(syntax.TrimOWS(directive), "=")
			switch strings.ToLower(name) {
			case "no-cache", "no-store":
				return source.minRefresh
			case "max-age":
				if age, ok := deltaSeconds(strings.Trim(value, `"`)); ok {
					d = age
				}
			}
		}
	}
	if age, ok := deltaSeconds(fetch.HeaderValue(headers, "age")); ok {
		d -= age
	}
	return min(max(d, source.minRefresh), source.maxRefresh)
}

// deltaSeconds reads a number of seconds. A number that is too large counts as 2^31
// (RFC 9111 section 1.2.2): an absurd Age must make an answer old, not new.
func deltaSeconds(s string) (time.Duration, bool) {
	seconds, err := strconv.ParseUint(s, 10, 31)
	if errors.Is(err, strconv.ErrRange) {
		seconds, err = 1<<31, nil
	}
	return time.Duration(seconds) * time.Second, err == nil
}
