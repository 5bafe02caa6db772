package introspection

import (
	"strings"
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/syntax"
	"bearerauth/filter/policy/verdict"
)

// maxAnswerBytes bounds the description of a token.
const maxAnswerBytes = 64 << 10

// answerFailure is the reason why an answer does not count; the zero value is none. It
// contains no text of the server, which may repeat the token.
type answerFailure struct {
	why     string
	mistake bool // of the configuration; false: an outage
}

// readAnswer judges an answer. Only one with "active": true, without duplicate members,
// accepts the token (RFC 7662 section 2.2). The reason is ReasonTokenValid exactly if a
// goodAnswer is returned.
func (st *serverState) readAnswer(s *State, q *question, answer fetch.Answer, now time.Time) (*goodAnswer, verdict.Reason, answerFailure) {
	if failure := clientFailure(s, answer); failure.why != "" {
		return nil, verdict.ReasonIntrospectionUnavailable, failure
	}
	failed := func(why string) (*goodAnswer, verdict.Reason, answerFailure) {
		return nil, verdict.ReasonIntrospectionUnavailable, answerFailure{why: why}
	}
	if why := fetch.BadAnswerWithin(answer, maxAnswerBytes, "want at most 64 KiB"); why != "" {
		return failed(why)
	}
	if media := st.server.mediaType(); !hasContentType(answer, media) {
		return failed("want the content-type " + media)
	}
	document := answer.Body
	if st.server.signed != nil {
		var want string
		if document, want = st.server.openSigned(s, q.started, answer.Body, now); want != "" {
			return failed(want)
		}
	}
	members, err := s.reader.Object(document)
	if err != nil {
		return failed(err.Error())
	}
	active, access := byte(0), true
	for _, m := range members {
		switch syntax.Borrow(m.Name) {
		case "active":
			active = m.Value.Kind()
		case "token_type", "token_use":
			access = access && namesAccessToken(m.Value)
		}
	}
	switch {
	case active == 'f':
		return nil, verdict.ReasonInactive, answerFailure{}
	case active == 't' && !access:
		return nil, verdict.ReasonWrongType, answerFailure{}
	case active == 't':
		return s.judge(st.server, members)
	}
	return failed("want active to be true or false")
}

// namesAccessToken checks token_type, or token_use as Hydra and Cognito name it. A
// refresh token can be active, too, and a DPoP token is no bearer token.
func namesAccessToken(value jose.Value) bool {
	text, _ := value.Text()
	kind := syntax.Borrow(text)
	return syntax.EqualFoldASCII(kind, "bearer") || kind == "access_token" || kind == "access"
}

func hasContentType(answer fetch.Answer, media string) bool {
	have, _, _ := strings.Cut(fetch.HeaderValue(answer.Headers, "content-type"), ";")
	return syntax.EqualFoldASCII(syntax.TrimOWS(have), media)
}

// judge validates the claims of an active token by the same rules as those of a JWT.
func (s *State) judge(server *Server, members []jose.Member) (*goodAnswer, verdict.Reason, answerFailure) {
	c := &s.claims
	c.Reset(s.table)
	for _, m := range members {
		c.Take(s.table, m.Name, m.Value)
	}
	if c.Malformed {
		return nil, verdict.ReasonIntrospectionUnavailable, answerFailure{why: "want claims of the types in RFC 7662 section 2.2"}
	}
	c.Resolve(s.table)
	if reason := server.JudgeClaims(c); reason != verdict.ReasonTokenValid {
		return nil, reason, answerFailure{}
	}
	if len(server.Issuers) > 0 && !(c.HasIssuer && syntax.Contains(server.Issuers, c.Issuer)) {
		return nil, verdict.ReasonWrongIssuer, answerFailure{}
	}
	a := &goodAnswer{window: server.Window(c), exp: claims.LatestDate}
	if c.Exp.Set {
		a.exp = c.Exp.Seconds
	}
	source := identity.Source{Provider: server.provider, ProviderName: server.Name, Subject: c.Subject, Values: c.Values, Scopes: server.Scopes, ClientID: s.propagation.ClientIDOf(c)}
	s.propagation.Identify(&a.identity, &source)
	return a, verdict.ReasonTokenValid, answerFailure{}
}

// oauthErrors are the error codes that a log line may repeat (RFC 6749 section 5.2, RFC
// 7009 section 2.2.1).
var oauthErrors = []string{
	"invalid_client", "invalid_request", "unauthorized_client", "unsupported_token_type", "invalid_token", "insufficient_scope", "access_denied",
}

// clientFailure finds answers with a 4xx status, which ask for another configuration: a
// retry does not help. 408 and 429 are temporary, so they count as an outage.
func clientFailure(s *State, answer fetch.Answer) answerFailure {
	status := fetch.HeaderValue(answer.Headers, ":status")
	if !answer.OK || len(status) != 3 || status[0] != '4' || status == "408" || status == "429" {
		return answerFailure{}
	}
	why := "the server refuses the question with " + config.Quote(status)
	if code := errorCode(s, answer); code != "" {
		why += ", " + code
	}
	switch status {
	case "401", "403":
		why += ": want a client_id, client_secret or private_key of a client that may introspect"
	case "404", "405":
		why += ": want another introspection_uri"
	}
	return answerFailure{why: why, mistake: true}
}

// refusesClient reports whether the server did not authenticate the client (RFC 6749
// section 5.2).
func refusesClient(s *State, answer fetch.Answer) bool {
	if !answer.OK {
		return false
	}
	status := fetch.HeaderValue(answer.Headers, ":status")
	return status == "401" || status == "400" && errorCode(s, answer) == "invalid_client"
}

// errorCode returns the OAuth error code of an answer, "" if oauthErrors lacks it.
func errorCode(s *State, answer fetch.Answer) string {
	if answer.TooLong || len(answer.Body) > maxAnswerBytes || !hasContentType(answer, "application/json") {
		return ""
	}
	members, err := s.reader.Object(answer.Body)
	if err != nil {
		return ""
	}
	for _, m := range members {
		if string(m.Name) != "error" {
			continue
		}
		for _, code := range oauthErrors {
			if m.Value.Is(code) {
				return code
			}
		}
	}
	return ""
}
