//go:build wasm

package filter

import (
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"

	"bearerauth/filter/policy"
)

// metrics counts decisions by reason. A host call costs more than the decision:
// the counters are summed here and told to the host on the tick.
type metrics struct {
	counters    [policy.NumReasons]proxywasm.MetricCounter
	pending     [policy.NumReasons]uint64
	fetches     [2]proxywasm.MetricCounter // failed, succeeded
	fetched     [2]uint64
	lookups     [2]proxywasm.MetricCounter // failed, succeeded
	lookedUp    [2]uint64
	shadows     map[shadowed]*shadowCounter
	revocations revocationMetrics
	defined     bool
}

// shadowed is what a rule in shadow would have refused, and why: closed sets
// both, but so many pairs of them that each is defined when it first occurs.
type shadowed struct {
	rule   string
	reason policy.Reason
}

type shadowCounter struct {
	counter proxywasm.MetricCounter
	pending uint64
	defined bool
}

// define declares one counter per reason. Their names carry labels in Istio's
// notation, which Envoy's stats_tags turn into Prometheus labels.
func (m *metrics) define() {
	for reason := range policy.Reason(policy.NumReasons) {
		m.counters[reason] = proxywasm.DefineCounterMetric(
			"decision=.=" + reason.Decision() + ";.;reason=.=" + reason.String() + ";.;bearerauth_requests_total")
	}
	for i, result := range []string{"failure", "success"} {
		m.fetches[i] = proxywasm.DefineCounterMetric("result=.=" + result + ";.;bearerauth_key_fetches_total")
		m.lookups[i] = proxywasm.DefineCounterMetric("result=.=" + result + ";.;bearerauth_introspections_total")
	}
	m.defined = true
}

func (m *metrics) countFetch(success bool)  { m.fetched[indexOf(success)]++ }
func (m *metrics) countLookup(success bool) { m.lookedUp[indexOf(success)]++ }

func indexOf(success bool) int {
	if success {
		return 1
	}
	return 0
}

func (m *metrics) count(reason policy.Reason) {
	if int(reason) >= policy.NumReasons {
		reason = policy.ReasonInternal
	}
	m.pending[reason]++
}

func (m *metrics) countShadow(rule string, reason policy.Reason) {
	at := shadowed{rule, reason}
	c := m.shadows[at]
	if c == nil {
		if m.shadows == nil {
			m.shadows = map[shadowed]*shadowCounter{}
		}
		c = &shadowCounter{}
		m.shadows[at] = c
	}
	c.pending++
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
	for at, c := range m.shadows {
		if !c.defined {
			c.counter = proxywasm.DefineCounterMetric(
				"rule=.=" + at.rule + ";.;reason=.=" + at.reason.String() + ";.;bearerauth_shadow_denials_total")
			c.defined = true
		}
		if c.pending > 0 {
			c.counter.Increment(c.pending)
			c.pending = 0
		}
	}
	for i := range m.fetched {
		if n := m.fetched[i]; n > 0 {
			m.fetched[i] = 0
			m.fetches[i].Increment(n)
		}
		if n := m.lookedUp[i]; n > 0 {
			m.lookedUp[i] = 0
			m.lookups[i].Increment(n)
		}
	}
	m.revocations.flush()
}
