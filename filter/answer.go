//go:build wasm

package filter

import (
	"bearerauth/filter/internal/sdk"
	"bearerauth/filter/policy/verdict"
)

// fail refuses a request because the filter itself failed.
func fail(id uint32, s stream) action {
	return deny(id, s, verdict.Internal)
}

// deny refuses a request with a local reply.
func deny(id uint32, s stream, d *verdict.Deny) action {
	if p := s.plugin; p != nil && p.debug {
		sdk.LogDebug("denied: " + d.Reason.String())
	}
	return answered(id, s, d.Reason, refuse(d))
}

// answered ends a stream with a local reply. The request stays paused whether the
// host accepted the reply or not; sent reports whether it did.
func answered(id uint32, s stream, reason verdict.Reason, sent bool) action {
	p := s.plugin
	if p != nil {
		p.metrics.count(reason)
	}
	s.progress = replied
	if !sent {
		if p == nil || !p.ticks() {
			// No tick sends it again, and a host without timers may not pause a request
			// either. Only the end of this VM keeps the request from the upstream.
			panic("the host takes no reply")
		}
		s.progress = unsent
		p.unsent = append(p.unsent, id)
		p.tickSooner()
	}
	s.keep(id)
	return actionPause
}

// refuse sends a refusal.
func refuse(d *verdict.Deny) bool {
	return reply(d.Reason, d.Status, d.Headers, d.Body, d.GRPCStatus)
}

// reply sends a local reply. grpcStatus is -1 for a request that is not gRPC.
func reply(reason verdict.Reason, status uint32, headers [][2]string, body []byte, grpcStatus int32) bool {
	return sendReply(status, replyDetails(reason), headers, body, grpcStatus)
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
