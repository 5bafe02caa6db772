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

// maxIntrospectionBytes is what a server may need to describe one token.
const maxIntrospectionBytes = 64 << 10

// lookupFailure is why an answer says nothing. No text of the server's is in it:
// it may repeat the token.
type lookupFailure struct {
	why  string
	ours bool // a mistake of the configuration, not an outage
}

// read judges an answer: only active that is true, in a document that leaves
// nothing to interpretation, is a token (RFC 7662 section 2.2). reason is
// ReasonTokenValid with an answer.
func (l *Questions) read(s *State, q *Question, answer fetch.Answer, now time.Time) (*goodAnswer, verdict.Reason, lookupFailure) {
	if failure := refusedQuestion(s, answer); failure.why != "" {
		return nil, verdict.ReasonIntrospectionUnavailable, failure
	}
	failed := func(why string) (*goodAnswer, verdict.Reason, lookupFailure) {
		return nil, verdict.ReasonIntrospectionUnavailable, lookupFailure{why: why}
	}
	if why := fetch.BadAnswerWithin(answer, maxIntrospectionBytes, "want at most 64 KiB"); why != "" {
		return failed(why)
	}
	if media := l.Of.media(); !isOf(answer, media) {
		return failed("want the content-type " + media)
	}
	document := answer.Body
	if l.Of.signed != nil {
		var want string
		if document, want = l.Of.open(s, q.Started, answer.Body, now); want != "" {
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
		return nil, verdict.ReasonInactive, lookupFailure{}
	case active == 't' && !access:
		return nil, verdict.ReasonWrongType, lookupFailure{}
	case active == 't':
		return s.introspected(l.Of, members)
	}
	return failed("want active to be true or false")
}

// namesAccessToken: a refresh token is active, too, and no bearer token is what
// the server calls DPoP. token_use is what Hydra and Cognito call it.
func namesAccessToken(value jose.Value) bool {
	text, _ := value.Text()
	kind := syntax.Borrow(text)
	return syntax.EqualFoldASCII(kind, "bearer") || kind == "access_token" || kind == "access"
}

func isOf(answer fetch.Answer, media string) bool {
	have, _, _ := strings.Cut(fetch.HeaderValue(answer.Headers, "content-type"), ";")
	return syntax.EqualFoldASCII(syntax.TrimOWS(have), media)
}

// introspected judges what the server says of an active token as if a JWT had
// said it.
func (s *State) introspected(i *Server, members []jose.Member) (*goodAnswer, verdict.Reason, lookupFailure) {
	c := &s.claims
	c.Reset(s.table)
	for _, m := range members {
		c.Take(s.table, m.Name, m.Value)
	}
	if c.Malformed {
		return nil, verdict.ReasonIntrospectionUnavailable, lookupFailure{why: "want claims of the types that RFC 7662 section 2.2 has"}
	}
	c.Resolve(s.table)
	if reason := i.JudgeClaims(c); reason != verdict.ReasonTokenValid {
		return nil, reason, lookupFailure{}
	}
	if len(i.Issuers) > 0 && !(c.HasIssuer && syntax.Contains(i.Issuers, c.Issuer)) {
		return nil, verdict.ReasonWrongIssuer, lookupFailure{}
	}
	a := &goodAnswer{window: i.Window(c), exp: claims.LatestDate}
	if c.Exp.Set {
		a.exp = c.Exp.Seconds
	}
	said := identity.Source{Provider: i.provider, Name: i.Name, Subject: c.Subject, Values: c.Values, Scopes: i.Scopes, ClientID: s.tells.ClientIDOf(c)}
	s.tells.Identify(&a.identity, &said)
	return a, verdict.ReasonTokenValid, lookupFailure{}
}

// oauthErrors are the codes that say what is wrong with the question (RFC 6749
// section 5.2, RFC 7009 section 2.2.1).
var oauthErrors = []string{
	"invalid_client", "invalid_request", "unauthorized_client", "unsupported_token_type", "invalid_token", "insufficient_scope", "access_denied",
}

// refusedQuestion finds answers that blame the question: another one is needed,
// and waiting does not help. 408 and 429 pass by themselves.
func refusedQuestion(s *State, answer fetch.Answer) lookupFailure {
	status := fetch.HeaderValue(answer.Headers, ":status")
	if !answer.OK || len(status) != 3 || status[0] != '4' || status == "408" || status == "429" {
		return lookupFailure{}
	}
	why := "the server refuses the question with " + config.Quote(status)
	if code := errorCode(s, answer); code != "" {
		why += ", " + code
	}
	switch status {
	case "401", "403":
		why += ": want another client_id, client_secret or private_key, or a client that may introspect"
	case "404", "405":
		why += ": want another introspection_uri"
	}
	return lookupFailure{why: why, ours: true}
}

// refusesClient reports an answer that does not take the client for whom it says
// it is (RFC 6749 section 5.2).
func refusesClient(s *State, answer fetch.Answer) bool {
	if !answer.OK {
		return false
	}
	status := fetch.HeaderValue(answer.Headers, ":status")
	return status == "401" || status == "400" && errorCode(s, answer) == "invalid_client"
}

// errorCode is the OAuth error of an answer, if it is one of those that are known.
func errorCode(s *State, answer fetch.Answer) string {
	if answer.TooLong || len(answer.Body) > maxIntrospectionBytes || !isOf(answer, "application/json") {
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
