//go:build wasm

package filter

import (
	"time"

	"bearerauth/filter/internal/sdk"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/fetch"
)

// fetch begins the outbound calls that are due. They belong to the plugin and not to
// the request that needed them, which may have ended.
func (p *plugin) fetch(at time.Time) {
	p.due = append(p.due, p.state.Due(at)...)
	for len(p.due) > 0 && takeTurn() {
		call := p.due[0]
		p.due[0] = fetch.Call{}
		p.due = p.due[1:]
		p.begin(call)
	}
	p.tickSooner()
}

// begin makes one call.
func (p *plugin) begin(call fetch.Call) {
	// A call counts as refused until the host has accepted it, so also after a panic. The
	// tick reports it to the policy, and not the callback of a request that waits for it.
	p.refused = append(p.refused, refusedCall{call, false})
	id, status := httpCall(call.Cluster, append([][2]string{
		{":method", call.Method},
		{":scheme", call.Scheme},
		{":authority", call.Authority},
		{":path", call.Path},
		{"user-agent", "bearerauth"},
	}, call.Headers...), call.Body, call.Timeout)
	if status == statusBadArgument {
		// Envoy knows all headers that it needs, so it does not know the cluster.
		p.refused[len(p.refused)-1].noCluster = true
	}
	if !accepted(status) {
		return
	}
	p.refused = p.refused[:len(p.refused)-1]
	call.Headers, call.Body = nil, nil // they hold secrets and tokens and are no longer needed
	p.calls[id] = call
}

// onCallResponse receives the answer to a call.
func (p *plugin) onCallResponse(id uint32, headers, bodySize int) {
	call, ok := p.calls[id]
	if !ok {
		return
	}
	delete(p.calls, id)
	learned := false
	attempt("call response", func() {
		at, l := p.learn(call, headers, bodySize)
		learned = true
		p.follow(call, l)
		p.work(at)
	})
	if !learned {
		// The policy must not wait for this answer for ever.
		p.refused = append(p.refused, refusedCall{call, false})
	}
}

// learn gives the policy the answer to a call.
func (p *plugin) learn(call fetch.Call, headers, bodySize int) (time.Time, fetch.Learned) {
	answer := fetch.Answer{OK: headers > 0, TooLong: bodySize > fetch.MaxAnswerBytes}
	if answer.OK {
		answer.Headers, answer.OK = callHeaders()
	}
	if answer.OK && !answer.TooLong {
		answer.Body, answer.OK = callBody(bodySize)
	}
	at := now()
	return at, p.state.Learn(at, call, answer)
}

// follow carries out the effects of an answer.
func (p *plugin) follow(call fetch.Call, learned fetch.Learned) {
	switch {
	case call.For.Kind == fetch.ErrandToken:
		p.followLookup(call, learned)
	case call.For.Kind == fetch.ErrandRevocations:
		p.metrics.revocations.count(learned.Revocations)
		p.logFailure("revocations", learned)
	case learned.Settled:
		p.metrics.fetches.count(learned.Failure == "")
		subject := "keys of provider " + call.Provider
		p.logFailure(subject, learned)
		if learned.Keys != "" {
			sdk.LogInfo(subject + ": " + learned.Keys)
		}
		for _, warning := range learned.Warnings {
			logSeldom(p.id, levelWarn, warning, subject, ": ", warning)
		}
	}
	if learned.Next != nil {
		p.due = append(p.due, *learned.Next)
	}
	if learned.Settled {
		p.waiting.settle(learned.For, learned.Failure != "")
	}
}

// followLookup counts and logs an introspection.
func (p *plugin) followLookup(call fetch.Call, learned fetch.Learned) {
	if !learned.Settled {
		return
	}
	p.metrics.lookups.count(learned.Failure == "")
	if learned.Failure == "" {
		return
	}
	level := levelWarn
	if learned.Misconfigured {
		level = levelError
	}
	subject := "introspection by provider " + call.Provider
	logSeldom(p.id, level, subject, subject, ": ", learned.Failure)
}

// logFailure logs why keys or revocations could not be fetched.
func (p *plugin) logFailure(subject string, learned fetch.Learned) {
	if learned.Failure == "" {
		return
	}
	state := " are not there yet: "
	if learned.Kept {
		state = " stay as they are: "
	}
	logSeldom(p.id, levelWarn, subject+learned.Failure, subject, state, learned.Failure)
}

// refusedCall is a call that the host did not begin, or whose answer was lost.
type refusedCall struct {
	fetch.Call
	noCluster bool
}

// learnRefused reports to the policy the calls that the host did not begin, or whose
// answer was lost.
func (p *plugin) learnRefused(at time.Time) {
	for n := len(p.refused); n > 0; n-- {
		call := p.refused[0]
		p.refused = p.refused[1:]
		answer := fetch.Answer{}
		if call.noCluster {
			answer.Failure = "no cluster " + config.Quote(call.Cluster) + " in Envoy"
		}
		p.follow(call.Call, p.state.Learn(at, call.Call, answer))
	}
}
