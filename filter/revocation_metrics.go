//go:build wasm

package filter

import "time"

// revocationMetrics are defined only where a list is fetched: a time of the last
// success that stays zero would raise alarms.
type revocationMetrics struct {
	fetches          results
	lastSuccess      uint32
	pendingSuccess   time.Time // the value to flush to lastSuccess; zero: none
	unchecked        uint32
	pendingUnchecked uint64 // the count to flush to unchecked
	defined          bool
}

func (m *revocationMetrics) define() bool {
	if !m.fetches.define("bearerauth_revocation_fetches_total") {
		return false
	}
	if m.lastSuccess, m.defined = defineMetric(metricGauge, "bearerauth_revocations_last_success_seconds"); m.defined {
		m.unchecked, m.defined = defineMetric(metricCounter, "bearerauth_revocations_unchecked_total")
	}
	return m.defined
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
	if !m.pendingSuccess.IsZero() && setGauge(m.lastSuccess, uint64(max(0, m.pendingSuccess.Unix()))) {
		m.pendingSuccess = time.Time{}
	}
}
