//go:build wasm

package filter

import (
	"bearerauth/filter/internal/sdk"
	"bearerauth/filter/policy/verdict"
)

// apply is the one place where a verdict becomes host calls.
func apply(id uint32, s stream, v verdict.Verdict) action {
	if w, ok := v.(*verdict.Wait); ok && w != nil {
		return park(id, s, w)
	}
	allow, local, refusal := settle(v)
	if allow == nil {
		s.plugin.redact()
	}
	if refusal != nil {
		// Who it was is for the access log only: the refusal stands without it.
		_ = publishIdentity(refusal.Identity)
		return deny(id, s, refusal)
	}
	if local != nil {
		return answered(id, s, local.Reason, reply(local.Reason, local.Status, local.Headers, local.Body, -1))
	}
	if !publishIdentity(allow.Identity) || !publish(allow.State) || !change(allow) {
		s.plugin.redact()
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

// change edits the request's headers. Removals come first, so that what the
// filter sets is the only header of its name.
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

// redact takes a token out of the path of a request that ends here: access logs
// show it. Where the host refuses, the request ends all the same.
func (p *plugin) redact() {
	if path, had := p.policy.Redacted(p.request.Path); had {
		_ = setHeader(":path", path)
	}
}

// shadow makes known what a rule in shadow would have answered.
func (p *plugin) shadow(a *verdict.Allow) {
	p.metrics.countShadow(a.Rule, a.Shadowed.Reason)
	if p.debug {
		sdk.LogDebug("shadow: " + a.Rule + " would have denied: " + a.Shadowed.Reason.String())
	}
}

func publishIdentity(id *verdict.Identity) bool { return id == nil || publish(id.State) }

// publish makes filter state: the property bearerauth.sub becomes
// wasm.bearerauth.sub. Each name is one path element: the host joins several
// with NUL, and nothing can read that.
func publish(state [][2]string) bool {
	for _, s := range state {
		if !setProperty(s[0], s[1]) {
			return false
		}
	}
	return true
}

var details = func() (all [verdict.NumReasons]string) {
	for reason := range verdict.Reason(verdict.NumReasons) {
		all[reason] = "bearerauth_denied{" + reason.String() + "}"
		if reason.Answers() {
			all[reason] = "bearerauth_answered{" + reason.String() + "}"
		}
	}
	return all
}()

// replyDetails is what %RESPONSE_CODE_DETAILS% shows of a local reply.
func replyDetails(reason verdict.Reason) string {
	if int(reason) >= len(details) {
		reason = verdict.ReasonInternal
	}
	return details[reason]
}
