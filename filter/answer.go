//go:build wasm

package filter

import (
	"bearerauth/filter/internal/sdk"
	"bearerauth/filter/policy/verdict"
)

// guard runs a function that decides over a request. A panic in it denies the request. If
// that panics, too, only the end of this VM answers the client.
func guard(where string, id uint32, s stream, run func(uint32, stream) action) action {
	a, ok := attemptStream(where, id, s, run)
	if ok {
		return a
	}
	attemptStream(where, id, s, redactPath)
	s = latest(id, s)
	if _, ok := attemptStream(where, id, s, fail); !ok && !latest(id, s).isAnswered() {
		panic("the request cannot be answered")
	}
	return actionPause
}

// redactPath takes a token out of the path of the current request, wherever the panic
// came.
func redactPath(_ uint32, s stream) action {
	if s.plugin == nil || s.plugin.policy == nil {
		return actionPause
	}
	if path, ok := getHeader(":path"); ok {
		s.plugin.redact(path)
	}
	return actionPause
}

// fail refuses a request because the filter itself failed. A panic can come after the
// answer: with a second one Envoy ends.
func fail(id uint32, s stream) action {
	if s.isAnswered() {
		return actionPause
	}
	return deny(id, s, verdict.Internal)
}

// deny refuses a request with a local reply.
func deny(id uint32, s stream, d *verdict.Deny) action {
	if p := s.plugin; p != nil && p.debug && d.Reason == verdict.ReasonInternal {
		sdk.LogDebug("denied: the host refused what the filter needs, or the filter failed")
	}
	return answered(id, s, d.Reason, refuse(d))
}

// answered ends a stream with a local reply. The request stays paused whether the
// host accepted the reply or not. Nothing can panic before that is written down.
func answered(id uint32, s stream, reason verdict.Reason, status int32) action {
	p := s.plugin
	s.progress = replied
	if status != statusOK {
		if p == nil || !p.ticks() {
			// No tick sends it again, and a host without timers may not pause a request
			// either. Only the end of this VM keeps the request from the upstream.
			panic("the host takes no reply")
		}
		s.progress = unsent
		p.unsent = append(p.unsent, id)
	}
	s.keep(id)
	_ = accepted(status)
	if p != nil {
		p.metrics.count(reason)
		p.tickSooner()
	}
	return actionPause
}

// refuse sends a refusal.
func refuse(d *verdict.Deny) (status int32) {
	return reply(d.Reason, d.Status, d.Headers, d.Body, d.GRPCStatus)
}

// reply sends a local reply and returns the status of the host call. grpcStatus is -1 for
// a request that is not gRPC.
func reply(reason verdict.Reason, code uint32, headers [][2]string, body []byte, grpcStatus int32) (status int32) {
	return sendReply(code, replyDetails(reason), headers, body, grpcStatus)
}

// details are the response code details of each reason.
var details = func() (all [verdict.NumReasons]string) {
	for reason := range verdict.Reason(verdict.NumReasons) {
		all[reason] = "bearerauth_denied{" + reason.String() + "}"
		if reason.Answers() {
			all[reason] = "bearerauth_answered{" + reason.String() + "}"
		}
	}
	return all
}()

// replyDetails returns %RESPONSE_CODE_DETAILS% of a local reply.
func replyDetails(reason verdict.Reason) string {
	if int(reason) >= len(details) {
		reason = verdict.ReasonInternal
	}
	return details[reason]
}
