//go:build wasm

package filter

import (
	"time"

	"bearerauth/filter/internal/sdk"
)

// revocationMetrics are there only where a list is fetched: a time of the last
// success that is zero for good would raise alarms.
type revocationMetrics struct {
	fetches   results
	success   sdk.MetricGauge
	last      time.Time // that the gauge has not been told yet
	unchecked sdk.MetricCounter
	passed    uint64 // unchecked
	defined   bool
}

func (m *revocationMetrics) define() {
	m.fetches.define("bearerauth_revocation_fetches_total")
	m.success = sdk.DefineGaugeMetric("bearerauth_revocations_last_success_seconds")
	m.unchecked = sdk.DefineCounterMetric("bearerauth_revocations_unchecked_total")
	m.defined = true
}

// count takes the time of a list, zero after a failure.
func (m *revocationMetrics) count(last time.Time) {
	m.fetches.count(!last.IsZero())
	if !last.IsZero() {
		m.last = last
	}
}

func (m *revocationMetrics) flush() {
	if !m.defined {
		return
	}
	m.fetches.flush()
	if m.passed > 0 {
		add(m.unchecked, m.passed)
		m.passed = 0
	}
	if !m.last.IsZero() && setGauge(uint32(m.success), uint64(max(0, m.last.Unix()))) {
		m.last = time.Time{}
	}
}
