//go:build wasm

package filter

import (
	"bearerauth/filter/policy/verdict"
)

// metrics counts decisions by reason. A host call costs more than a decision, so the
// counters are summed here and flushed on the tick.
type metrics struct {
	// atOnce flushes each count: there are no ticks.
	atOnce      bool
	counters    [verdict.NumReasons]uint32
	pending     [verdict.NumReasons]uint64
	fetches     results // fetches of keys
	lookups     results // introspections
	shadows     map[shadowKey]*shadowCounter
	revocations revocationMetrics
	defined     bool // else the host has no metrics, and nothing is flushed
}

// shadowKey is the rule in shadow and the reason for which it would have refused.
// Both are closed sets, but with so many pairs that a counter is defined when its
// pair first occurs.
type shadowKey struct {
	rule   string
	reason verdict.Reason
}

type shadowCounter struct {
	counter uint32
	pending uint64
	defined bool
}

// define declares one counter per reason. The names have labels in Istio's notation,
// which Envoy's stats_tags turn into Prometheus labels. If the host refuses a metric,
// none is used.
func (m *metrics) define(revocations bool) bool {
	for reason := range verdict.Reason(verdict.NumReasons) {
		id, ok := defineMetric(metricCounter,
			"decision=.="+reason.Decision()+";.;reason=.="+reason.String()+";.;bearerauth_requests_total")
		if !ok {
			return false
		}
		m.counters[reason] = id
	}
	m.defined = m.fetches.define("bearerauth_key_fetches_total") &&
		m.lookups.define("bearerauth_introspections_total") &&
		(!revocations || m.revocations.define())
	return m.defined
}

// results counts outbound calls by result: failure, success.
type results struct {
	counters [2]uint32
	pending  [2]uint64
}

func (r *results) define(name string) bool {
	for i, result := range []string{"failure", "success"} {
		id, ok := defineMetric(metricCounter, "result=.="+result+";.;"+name)
		if !ok {
			return false
		}
		r.counters[i] = id
	}
	return true
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
	if m.atOnce {
		m.flush()
	}
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
	if m.atOnce {
		m.flush()
	}
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
			c.counter, c.defined = defineMetric(metricCounter,
				"rule=.="+at.rule+";.;reason=.="+at.reason.String()+";.;bearerauth_shadow_denials_total")
		}
		if c.defined && c.pending > 0 {
			add(c.counter, c.pending)
			c.pending = 0
		}
	}
	m.fetches.flush()
	m.lookups.flush()
	m.revocations.flush()
}
