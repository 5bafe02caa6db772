//go:build wasm

package filter

import (
	"time"

	"bearerauth/filter/internal/sdk"
	"bearerauth/filter/policy/verdict"
)

// explain logs a verdict and what decided it.
func (p *plugin) explain(at time.Time, v verdict.Verdict) {
	var text string
	switch v := v.(type) {
	case *verdict.Allow:
		text = "allowed: " + v.Reason.String()
	case *verdict.Deny:
		text = "denied: " + v.Reason.String()
	case *verdict.Reply:
		text = "answered: " + v.Reason.String()
	case *verdict.Wait:
		text = "waits for " + p.policy.Awaited(v.For)
	}
	if line := p.policy.Findings(p.state, at, &p.request, v).Line(); line != "" {
		text += ": " + line
	}
	sdk.LogDebug(text)
}
