package policy

import (
	"strconv"
	"strings"
	"time"
)

// freshness is how long a key set may be used before it is fetched again: what
// Cache-Control says (RFC 9111 sections 4.2.1, 5.2.2), within the bounds of the
// configuration. An issuer that forbids caching altogether is asked as often as
// they allow, not for each token.
func freshness(headers [][2]string, source *keySource) time.Duration {
	d := source.refresh
	for i := range headers {
		if headers[i][0] != "cache-control" {
			continue
		}
		for directive := range strings.SplitSeq(headers[i][1], ",") {
			name, value, _ := strings.Cut(trimOWS(directive), "=")
			switch strings.ToLower(name) {
			case "no-cache", "no-store":
				return source.least
			case "max-age":
				age, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
				if err == nil {
					d = time.Duration(age) * time.Second
				}
			}
		}
	}
	if age, err := strconv.ParseUint(headerValue(headers, "age"), 10, 31); err == nil {
		d -= time.Duration(age) * time.Second
	}
	return min(max(d, source.least), source.most)
}
