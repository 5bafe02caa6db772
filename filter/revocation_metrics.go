//go:build wasm

package filter

import (
	"time"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
)

// revocationMetrics are there only where a list is fetched: a time of the last
// success that is zero for good would raise alarms.
type revocationMetrics struct {
	fetches   [2]proxywasm.MetricCounter // failed, succeeded
	fetched   [2]uint64
	success   proxywasm.MetricGauge
	last      time.Time // that the gauge has not been told yet
	unchecked proxywasm.MetricCounter
	passed    uint64 // unchecked
	defined   bool
}

func (m *revocationMetrics) define() {
	for i, result := range []string{"failure", "success"} {
		m.fetches[i] = proxywasm.DefineCounterMetric("result=.=" + result + ";.;bearerauth_revocation_fetches_total")
	}
	m.success = proxywasm.DefineGaugeMetric("bearerauth_revocations_last_success_seconds")
	m.unchecked = proxywasm.DefineCounterMetric("bearerauth_revocations_unchecked_total")
	m.defined = true
}

// count takes the time of a list, zero after a failure.
func (m *revocationMetrics) count(last time.Time) {
	m.fetched[indexOf(!last.IsZero())]++
	if !last.IsZero() {
		m.last = last
	}
}

func (m *revocationMetrics) flush() {
	if !m.defined {
		return
	}
	for i := range m.fetched {
		if n := m.fetched[i]; n > 0 {
			m.fetched[i] = 0
			m.fetches[i].Increment(n)
		}
	}
	if m.passed > 0 {
		m.unchecked.Increment(m.passed)
		m.passed = 0
	}
	if !m.last.IsZero() && setGauge(uint32(m.success), uint64(max(0, m.last.Unix()))) {
		m.last = time.Time{}
	}
}
