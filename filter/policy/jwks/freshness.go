package jwks

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/syntax"
)

// Freshness is how long a key set may be used before it is fetched again: what
// Cache-Control says (RFC 9111 sections 4.2.1, 5.2.2), within the bounds of the
// configuration. An issuer that forbids caching altogether is asked as often as
// they allow, not for each token.
func Freshness(headers [][2]string, source *Source) time.Duration {
	d := source.Refresh
	for i := range headers {
		if headers[i][0] != "cache-control" {
			continue
		}
		for directive := range strings.SplitSeq(headers[i][1], ",") {
			name, value, _ := strings.Cut(syntax.TrimOWS(directive), "=")
			switch strings.ToLower(name) {
			case "no-cache", "no-store":
				return source.MinRefresh
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
	return min(max(d, source.MinRefresh), source.MaxRefresh)
}

// deltaSeconds reads a number of seconds; what is too great for that is 2^31
// (RFC 9111 section 1.2.2), so that an absurd Age makes an answer old, not new.
func deltaSeconds(s string) (time.Duration, bool) {
	seconds, err := strconv.ParseUint(s, 10, 31)
	if errors.Is(err, strconv.ErrRange) {
		seconds, err = 1<<31, nil
	}
	return time.Duration(seconds) * time.Second, err == nil
}
