//go:build wasm

package filter

import (
	"time"

	"bearerauth/filter/internal/sdk"
)

// revocationMetrics are defined only where a list is fetched: a time of the last
// success that stays zero would raise alarms.
type revocationMetrics struct {
	fetches          results
	lastSuccess      sdk.MetricGauge
	pendingSuccess   time.Time // the value to flush to lastSuccess; zero: none
	unchecked        sdk.MetricCounter
	pendingUnchecked uint64 // the count to flush to unchecked
	defined          bool
}

func (m *revocationMetrics) define() {
	m.fetches.define("bearerauth_revocation_fetches_total")
	m.lastSuccess = sdk.DefineGaugeMetric("bearerauth_revocations_last_success_seconds")
	m.unchecked = sdk.DefineCounterMetric("bearerauth_revocations_unchecked_total")
	m.defined = true
}

// count counts a fetch. last is the time of the list, zero after a failure.
func (m *revocationMetrics) count(last time.Time) {
	m.fetches.count(!last.IsZero())
	if !last.IsZero() {
		m.pendingSuccess = last
	}
}

func (m *revocationMetrics) flush() {
	if !m.defined {
		return
	}
	m.fetches.flush()
	if m.pendingUnchecked > 0 {
		add(m.unchecked, m.pendingUnchecked)
		m.pendingUnchecked = 0
	}
	if !m.pendingSuccess.IsZero() && setGauge(uint32(m.lastSuccess), uint64(max(0, m.pendingSuccess.Unix()))) {
		m.pendingSuccess = time.Time{}
	}
}
