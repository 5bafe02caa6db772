package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"

	"bearerauth/e2e/wire"
)

// example is one line of the demo: a request and what it has to answer.
type example struct {
	path          string
	authorization string // "" means that the request has no such header; $NAME is one of tokens
	status        int
	body          string // JSON, compared as such
	code          string // RFC 6750's error code in the challenge, "" for none; after ": " its description
}

const (
	notAuthenticated = `{"detail":"Not authenticated"}`
	invalidToken     = `{"detail":"Invalid authentication credentials"}`
)

// group is a part of the table.
type group struct {
	title    string
	examples []example
}

var groups = []group{
	{"Static tokens", []example{
		{"/items/", "Bearer abc123", 200, `{"token":"abc123"}`, ""},
		{"/users/me", "Bearer abc123", 200, `{"token_received":"abc123"}`, ""},
		{"/secure-data", "Bearer expected_token", 200, `{"data":"This is protected"}`, ""},
		{"/protected", "Bearer mysecrettoken", 200, `{"message":"Access granted with token: mysecrettoken"}`, ""},
	}},
	{"JWTs", []example{
		{"/jwt/me", "Bearer $TOKEN", 200, `{"subject":"carol","tier":"gold"}`, ""},
		{"/jwt/admin", "Bearer $ADMIN", 200, `{"message":"Welcome, dave"}`, ""},
	}},
	{"Refusals", []example{
		{"/items/", "", 401, notAuthenticated, ""},
		{"/items/", "Basic YTpi", 401, notAuthenticated, ""},
		{"/items/", "Bearer", 401, notAuthenticated, ""},
		{"/items/", "Bearer ", 401, notAuthenticated, ""},
		{"/users/me", "", 401, notAuthenticated, ""},
		{"/users/me", "Basic YTpi", 401, notAuthenticated, ""},
		{"/secure-data", "", 401, notAuthenticated, ""},
		{"/secure-data", "Bearer wrong", 401, invalidToken, "invalid_token"},
		{"/secure-data", "Basic YTpi", 401, notAuthenticated, ""},
		{"/secure-data", "Bearer", 401, notAuthenticated, ""},
		{"/protected", "", 401, notAuthenticated, ""},
		{"/protected", "Bearer wrong", 401, `{"detail":"Invalid or missing token"}`, "invalid_token"},
		{"/protected", "Basic YTpi", 401, notAuthenticated, ""},
		{"/protected", "Bearer", 401, notAuthenticated, ""},
		{"/jwt/me", "", 401, notAuthenticated, ""},
		{"/jwt/me", "Bearer $EXPIRED", 401, invalidToken, "invalid_token: The access token expired"},
		{"/jwt/me", "Bearer $FORGED", 401, invalidToken, "invalid_token: The access token is invalid"},
		{"/jwt/me", "Bearer expected_token", 403, `{"detail":"Insufficient scope"}`, "insufficient_scope"},
		{"/jwt/admin", "Bearer $TOKEN", 403, `{"detail":"Insufficient scope"}`, "insufficient_scope"},
	}},
}

// toTry are requests for a reader's own terminal.
var toTry = []example{
	{path: "/secure-data"},
	{path: "/secure-data", authorization: "Bearer expected_token"},
	{path: "/jwt/me", authorization: "Bearer $TOKEN"},
	{path: "/jwt/admin", authorization: "Bearer $TOKEN"},
	{path: "/jwt/admin", authorization: "Bearer $ADMIN"},
}

// curl is the same request for a reader's terminal.
func (e example) curl(address string) string {
	command := "curl -i http://" + address + e.path
	if e.authorization != "" {
		quote := "'"
		if strings.Contains(e.authorization, "$") {
			quote = `"` // the reader's shell knows the token by its name
		}
		command += " -H " + quote + "Authorization: " + e.authorization + quote
	}
	return command
}

func (e example) request(host string) wire.Request {
	return wire.Request{Path: e.path, Host: host, Fields: append(e.authorizationField(), wire.Field{Name: "Connection", Value: "close"})}
}

func (e example) authorizationField() []wire.Field {
	if e.authorization == "" {
		return nil
	}
	value := os.Expand(e.authorization, func(name string) string { return tokens()[name] })
	return []wire.Field{{Name: "Authorization", Value: value}}
}

// RFC 6750 section 3 wants at least one parameter after the scheme.
var challenge = regexp.MustCompile(`^Bearer realm="[^"]+"(?:, |$)`)

var challengeCode = regexp.MustCompile(`[ ,]error="([^"]*)"`)

// codeOf is the error code of a challenge, "" for none.
func codeOf(challenge string) string {
	if m := challengeCode.FindStringSubmatch(challenge); m != nil {
		return m[1]
	}
	return ""
}

// faults says in what an answer differs from the expected one.
func (e example) faults(got *wire.Response) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if got.Status != e.status {
		fault("wanted status %d, got %d", e.status, got.Status)
	}
	if !sameJSON(got.Body, e.body) {
		fault("wanted body %s, got %q", e.body, got.Body)
	}
	challenges := got.Header.Values("WWW-Authenticate")
	if e.status != 401 && e.code == "" {
		if len(challenges) != 0 {
			fault("wanted no WWW-Authenticate, got %q", challenges)
		}
		return faults
	}
	if len(challenges) != 1 || !challenge.MatchString(challenges[0]) {
		fault(`wanted one WWW-Authenticate: Bearer realm="…", got %q`, challenges)
		return faults
	}
	code := codeOf(challenges[0])
	wantedCode, description, _ := strings.Cut(e.code, ": ")
	if code != wantedCode {
		fault("wanted error code %q in the challenge, got %q", wantedCode, challenges[0])
	}
	if description != "" && !strings.Contains(challenges[0], `error_description="`+description+`"`) {
		fault("wanted the description %q in the challenge, got %q", description, challenges[0])
	}
	return faults
}

func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return reflect.DeepEqual(x, y)
}

// oneLine shows a body in the table: as it is, but never on several lines.
func oneLine(body string) string {
	return strings.Join(strings.Fields(body), " ")
}
