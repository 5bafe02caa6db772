package policy

import (
	"strings"
	"time"

	"bearerauth/filter/jose"
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
func (l *lookups) read(s *introspectionState, q *lookup, answer Answer, now time.Time) (*goodAnswer, Reason, lookupFailure) {
	if failure := refusedQuestion(s, answer); failure.why != "" {
		return nil, ReasonIntrospectionUnavailable, failure
	}
	failed := func(why string) (*goodAnswer, Reason, lookupFailure) {
		return nil, ReasonIntrospectionUnavailable, lookupFailure{why: why}
	}
	if why := badAnswerOf(answer, maxIntrospectionBytes, "want at most 64 KiB"); why != "" {
		return failed(why)
	}
	if media := l.of.media(); !isOf(answer, media) {
		return failed("want the content-type " + media)
	}
	document := answer.Body
	if l.of.signed != nil {
		var want string
		if document, want = l.of.open(s, q.started, answer.Body, now); want != "" {
			return failed(want)
		}
	}
	members, err := s.reader.Object(document)
	if err != nil {
		return failed(err.Error())
	}
	active, access := byte(0), true
	for _, m := range members {
		switch borrow(m.Name) {
		case "active":
			active = m.Value.Kind()
		case "token_type", "token_use":
			access = access && namesAccessToken(m.Value)
		}
	}
	switch {
	case active == 'f':
		return nil, ReasonInactive, lookupFailure{}
	case active == 't' && !access:
		return nil, ReasonWrongType, lookupFailure{}
	case active == 't':
		return s.introspected(l.of, members)
	}
	return failed("want active to be true or false")
}

// namesAccessToken: a refresh token is active, too, and no bearer token is what
// the server calls DPoP. token_use is what Hydra and Cognito call it.
func namesAccessToken(value jose.Value) bool {
	text, _ := value.Text()
	kind := borrow(text)
	return equalFoldASCII(kind, "bearer") || kind == "access_token" || kind == "access"
}

func isOf(answer Answer, media string) bool {
	have, _, _ := strings.Cut(headerValue(answer.Headers, "content-type"), ";")
	return equalFoldASCII(trimOWS(have), media)
}

// introspected judges what the server says of an active token as if a JWT had
// said it.
func (s *introspectionState) introspected(i *introspector, members []jose.Member) (*goodAnswer, Reason, lookupFailure) {
	c := &s.claims
	c.reset(s.table)
	for _, m := range members {
		c.take(s.table, m.Name, m.Value)
	}
	if c.malformed {
		return nil, ReasonIntrospectionUnavailable, lookupFailure{why: "want claims of the types that RFC 7662 section 2.2 has"}
	}
	c.resolve(s.table)
	if reason := i.judgeClaims(c); reason != ReasonTokenValid {
		return nil, reason, lookupFailure{}
	}
	if len(i.issuers) > 0 && !(c.hasIssuer && contains(i.issuers, c.issuer)) {
		return nil, ReasonWrongIssuer, lookupFailure{}
	}
	a := &goodAnswer{window: i.window(c), exp: latestDate}
	if c.exp.set {
		a.exp = c.exp.seconds
	}
	said := testimony{provider: i.provider, name: i.name, subject: c.subject, values: c.values, scopes: i.scopes, clientID: s.tells.clientIDOf(c)}
	s.tells.identify(&a.identity, &said)
	return a, ReasonTokenValid, lookupFailure{}
}

// oauthErrors are the codes that say what is wrong with the question (RFC 6749
// section 5.2, RFC 7009 section 2.2.1).
var oauthErrors = []string{
	"invalid_client", "invalid_request", "unauthorized_client", "unsupported_token_type", "invalid_token", "insufficient_scope", "access_denied",
}

// refusedQuestion finds answers that blame the question: another one is needed,
// and waiting does not help. 408 and 429 pass by themselves.
func refusedQuestion(s *introspectionState, answer Answer) lookupFailure {
	status := headerValue(answer.Headers, ":status")
	if !answer.OK || len(status) != 3 || status[0] != '4' || status == "408" || status == "429" {
		return lookupFailure{}
	}
	why := "the server refuses the question with " + quote(status)
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
func refusesClient(s *introspectionState, answer Answer) bool {
	if !answer.OK {
		return false
	}
	status := headerValue(answer.Headers, ":status")
	return status == "401" || status == "400" && errorCode(s, answer) == "invalid_client"
}

// errorCode is the OAuth error of an answer, if it is one of those that are known.
func errorCode(s *introspectionState, answer Answer) string {
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
