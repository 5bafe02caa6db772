//go:build wasm

package filter

import (
	"time"

	"bearerauth/filter/internal/sdk"
	"bearerauth/filter/policy/fetch"
)

// fetch begins the outbound calls that are due. They belong to the plugin, so
// that it does not matter which request wanted them and whether it is still
// there.
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

func (p *plugin) begin(call fetch.Call) {
	// Until the host has taken it, a panic among other things is a refusal. The tick
	// learns of it, not the callback of a request that waits for it.
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
	call.Headers, call.Body = nil, nil // secrets and tokens, which are not needed any longer
	p.calls[id] = call
}

// onCallResponse takes the answer to a call.
func (p *plugin) onCallResponse(id uint32, headers, bodySize int) {
	call, ok := p.calls[id]
	if !ok {
		return
	}
	delete(p.calls, id)
	learned := false
	defer func() {
		if !learned {
			// A panic: the source must not wait for this answer for ever.
			p.refused = append(p.refused, call)
		}
	}()
	answer := fetch.Answer{OK: headers > 0, TooLong: bodySize > fetch.MaxAnswerBytes}
	if answer.OK {
		answer.Headers, answer.OK = callHeaders()
	}
	if answer.OK && !answer.TooLong {
		answer.Body, answer.OK = callBody(bodySize)
	}
	at := now()
	l := p.state.Learn(at, call, answer)
	learned = true
	p.follow(call, l)
	p.work(at)
}

// follow carries out what follows from an answer.
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

// learnRefused tells the policy of calls that the host would not even begin, or
// whose answer was lost.
func (p *plugin) learnRefused(at time.Time) {
	for n := len(p.refused); n > 0; n-- {
		call := p.refused[0]
		p.refused = p.refused[1:]
		p.follow(call, p.state.Learn(at, call, fetch.Answer{}))
	}
}
