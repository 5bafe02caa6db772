package config

import (
	"math"
	"strconv"
	"time"

	"bearerauth/filter/policy/syntax"
)

// Duration reads a member such as "30s": digits and one of ms, s, m, h. It returns
// byDefault where the member is absent or wrong.
func (o *Object) Duration(name string, byDefault, least, most time.Duration) time.Duration {
	n := o.Get(name)
	if n == nil {
		return byDefault
	}
	want := "want a duration from " + formatDuration(least) + " to " + formatDuration(most) + ` such as "`
	if n.Kind != '"' && n.Kind != '0' {
		o.Problems.Add(n.Path, want+formatDuration(example(byDefault, least, most))+`", got `+KindName(n.Kind))
		return byDefault
	}
	d, ok := parseDuration(n.Text)
	if !ok || n.Kind == '0' || d < least || d > most {
		// A number is probably meant in seconds, or a text without a unit.
		seconds := example(byDefault, least, most)
		if s, ok := parseDuration(n.Text + "s"); ok && isNumber(n.Text) && s >= least && s <= most {
			seconds = s
		}
		got := KindName(n.Kind)
		if n.Kind == '"' {
			got = Quote(n.Text)
		}
		o.Problems.Add(n.Path, want+formatDuration(seconds)+`", got `+got)
		return byDefault
	}
	return d
}

// example returns a duration that is no bound, if possible.
func example(byDefault, least, most time.Duration) time.Duration {
	if byDefault > 0 {
		return byDefault
	}
	return max(least, min(most, 30*time.Second))
}

var durationUnits = []struct {
	suffix string
	unit   time.Duration
}{{"ms", time.Millisecond}, {"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}}

func parseDuration(s string) (time.Duration, bool) {
	digits := 0
	for digits < len(s) && syntax.IsDigit(s[digits]) {
		digits++
	}
	if digits == 0 || digits > 9 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:digits], 10, 32)
	if err != nil {
		return 0, false
	}
	for _, u := range durationUnits {
		if s[digits:] == u.suffix {
			if n > uint64(math.MaxInt64/u.unit) {
				return 0, false // the product would overflow
			}
			return time.Duration(n) * u.unit, true
		}
	}
	return 0, false
}

func formatDuration(d time.Duration) string {
	for i := len(durationUnits) - 1; i >= 0; i-- {
		if u := durationUnits[i]; d%u.unit == 0 && (d > 0 || u.suffix == "s") {
			return strconv.FormatInt(int64(d/u.unit), 10) + u.suffix
		}
	}
	return d.String()
}
