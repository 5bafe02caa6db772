//go:build wasm

package filter

import (
	"time"

	"bearerauth/filter/internal/sdk"
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
	p.refused = append(p.refused, call)
	id, ok := httpCall(call.Cluster, append([][2]string{
		{":method", call.Method},
		{":scheme", call.Scheme},
		{":authority", call.Authority},
		{":path", call.Path},
		{"user-agent", "bearerauth"},
	}, call.Headers...), call.Body, call.Timeout)
	if !ok {
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
		p.refused = append(p.refused, call)
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
		if learned.Log {
			sdk.LogWarn("revocations stay as they are: " + learned.Failure)
		}
	case learned.Settled:
		p.metrics.fetches.count(learned.Failure == "")
		if learned.Failure != "" {
			sdk.LogWarn("keys of provider " + call.Provider + " stay as they are: " + learned.Failure)
		}
		for _, warning := range learned.Warnings {
			sdk.LogWarn("keys of provider " + call.Provider + ": " + warning)
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
	if !learned.Log {
		return
	}
	text := "introspection by provider " + call.Provider + ": " + learned.Failure
	if learned.Misconfigured {
		sdk.LogError(text)
	} else {
		sdk.LogWarn(text)
	}
}

// learnRefused reports to the policy the calls that the host did not begin, or whose
// answer was lost.
func (p *plugin) learnRefused(at time.Time) {
	for n := len(p.refused); n > 0; n-- {
		call := p.refused[0]
		p.refused = p.refused[1:]
		p.follow(call, p.state.Learn(at, call, fetch.Answer{}))
	}
}
