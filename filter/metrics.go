//go:build wasm

package filter

import (
	"bearerauth/filter/internal/sdk"
	"bearerauth/filter/policy/verdict"
)

// metrics counts decisions by reason. A host call costs more than a decision, so the
// counters are summed here and flushed on the tick.
type metrics struct {
	counters    [verdict.NumReasons]sdk.MetricCounter
	pending     [verdict.NumReasons]uint64
	fetches     results // fetches of keys
	lookups     results // introspections
	shadows     map[shadowKey]*shadowCounter
	revocations revocationMetrics
	defined     bool
}

// shadowKey is the rule in shadow and the reason for which it would have refused.
// Both are closed sets, but with so many pairs that a counter is defined when its
// pair first occurs.
type shadowKey struct {
	rule   string
	reason verdict.Reason
}

type shadowCounter struct {
	counter sdk.MetricCounter
	pending uint64
	defined bool
}

// define declares one counter per reason. The names have labels in Istio's notation,
// which Envoy's stats_tags turn into Prometheus labels.
func (m *metrics) define() {
	for reason := range verdict.Reason(verdict.NumReasons) {
		m.counters[reason] = sdk.DefineCounterMetric(
			"decision=.=" + reason.Decision() + ";.;reason=.=" + reason.String() + ";.;bearerauth_requests_total")
	}
	m.fetches.define("bearerauth_key_fetches_total")
	m.lookups.define("bearerauth_introspections_total")
	m.defined = true
}

// results counts outbound calls by result: failure, success.
type results struct {
	counters [2]sdk.MetricCounter
	pending  [2]uint64
}

func (r *results) define(name string) {
	for i, result := range []string{"failure", "success"} {
		r.counters[i] = sdk.DefineCounterMetric("result=.=" + result + ";.;" + name)
	}
}

func (r *results) count(success bool) {
	if success {
		r.pending[1]++
	} else {
		r.pending[0]++
	}
}

func (r *results) flush() {
	for i, n := range r.pending {
		if n > 0 {
			r.pending[i] = 0
			add(r.counters[i], n)
		}
	}
}

func (m *metrics) count(reason verdict.Reason) {
	if int(reason) >= verdict.NumReasons {
		reason = verdict.ReasonInternal
	}
	m.pending[reason]++
}

func (m *metrics) countShadow(rule string, reason verdict.Reason) {
	at := shadowKey{rule, reason}
	c := m.shadows[at]
	if c == nil {
		if m.shadows == nil {
			m.shadows = map[shadowKey]*shadowCounter{}
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
			add(m.counters[reason], n)
		}
	}
	for at, c := range m.shadows {
		if !c.defined {
			c.counter = sdk.DefineCounterMetric(
				"rule=.=" + at.rule + ";.;reason=.=" + at.reason.String() + ";.;bearerauth_shadow_denials_total")
			c.defined = true
		}
		if c.pending > 0 {
			add(c.counter, c.pending)
			c.pending = 0
		}
	}
	m.fetches.flush()
	m.lookups.flush()
	m.revocations.flush()
}
