//go:build wasm

package filter

import (
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"

	"bearerauth/filter/policy"
)

// metrics counts decisions by reason. A host call costs more than the decision:
// the counters are summed here and told to the host on the tick.
type metrics struct {
	counters [policy.NumReasons]proxywasm.MetricCounter
	pending  [policy.NumReasons]uint64
	fetches  [2]proxywasm.MetricCounter // failed, succeeded
	fetched  [2]uint64
	defined  bool
}

// define declares one counter per reason. Their names carry labels in Istio's
// notation, which Envoy's stats_tags turn into Prometheus labels.
func (m *metrics) define() {
	for reason := range policy.Reason(policy.NumReasons) {
		decision := "deny"
		if reason.Allows() {
			decision = "allow"
		}
		m.counters[reason] = proxywasm.DefineCounterMetric(
			"decision=.=" + decision + ";.;reason=.=" + reason.String() + ";.;bearerauth_requests_total")
	}
	for i, result := range []string{"failure", "success"} {
		m.fetches[i] = proxywasm.DefineCounterMetric("result=.=" + result + ";.;bearerauth_key_fetches_total")
	}
	m.defined = true
}

func (m *metrics) countFetch(success bool) {
	if success {
		m.fetched[1]++
	} else {
		m.fetched[0]++
	}
}

func (m *metrics) count(reason policy.Reason) {
	if int(reason) >= policy.NumReasons {
		reason = policy.ReasonInternal
	}
	m.pending[reason]++
}

func (m *metrics) flush() {
	if !m.defined {
		return
	}
	for reason := range m.pending {
		if n := m.pending[reason]; n > 0 {
			m.pending[reason] = 0
			m.counters[reason].Increment(n)
		}
	}
	for i := range m.fetched {
		if n := m.fetched[i]; n > 0 {
			m.fetched[i] = 0
			m.fetches[i].Increment(n)
		}
	}
}
