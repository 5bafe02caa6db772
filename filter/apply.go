//go:build wasm

package filter

import (
	"bearerauth/filter/internal/sdk"
	"bearerauth/filter/policy/verdict"
)

// apply turns a verdict into host calls. No other function does.
func apply(id uint32, s stream, v verdict.Verdict) action {
	if w, ok := v.(*verdict.Wait); ok && w != nil {
		return park(id, s, w)
	}
	allow, local, refusal := settle(v)
	if allow == nil {
		s.plugin.redact(s.plugin.request.Path)
	}
	if refusal != nil {
		// The identity is for the access log only: refuse even if the host rejects it.
		_ = s.plugin.publishIdentity(refusal.Identity)
		return deny(id, s, refusal)
	}
	if local != nil {
		return answered(id, s, local.Reason, reply(local.Reason, local.Status, local.Headers, local.Body, -1))
	}
	if !s.plugin.publishIdentity(allow.Identity) || !s.plugin.publish(allow.State) || !change(allow) {
		s.plugin.redact(s.plugin.request.Path)
		return fail(id, s)
	}
	s.plugin.metrics.count(allow.Reason)
	if allow.Unchecked {
		s.plugin.metrics.revocations.pendingUnchecked++
	}
	if allow.Shadowed != nil {
		s.plugin.shadow(allow)
	}
	s.progress = allowed
	s.keep(id)
	return actionContinue
}

// change edits the request's headers. Removals come first, so that no header of the
// client remains under a name that the filter sets.
func change(a *verdict.Allow) bool {
	for _, name := range a.Remove {
		if !removeHeader(name) {
			return false
		}
	}
	for _, h := range a.Set {
		if !setHeader(h[0], h[1]) {
			return false
		}
	}
	return true
}

// redact removes a token from the path of a request that ends here, since access logs
// show the path. The request is refused even if the host rejects the change.
func (p *plugin) redact(path string) {
	if path, had := p.policy.Redacted(path); had {
		_ = setHeader(":path", path)
	}
}

// shadow counts and logs what a rule in shadow would have answered.
func (p *plugin) shadow(a *verdict.Allow) {
	p.metrics.countShadow(a.Rule, a.Shadowed.Reason)
	if p.debug {
		sdk.LogDebug("shadow: " + a.Rule + " would have denied: " + a.Shadowed.Reason.String())
	}
}
