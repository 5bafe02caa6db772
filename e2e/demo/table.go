package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"bearerauth/e2e/wire"
)

// example is one line of the demo: a request and what it has to answer.
type example struct {
	path          string
	authorization string // "" means that the request has no such header
	status        int
	body          string // JSON, compared as such
	code          string // RFC 6750's error code in the challenge, "" for none
}

const notAuthenticated = `{"detail":"Not authenticated"}`

var examples = []example{
	{"/items/", "Bearer abc123", 200, `{"token":"abc123"}`, ""},
	{"/items/", "", 401, notAuthenticated, ""},
	{"/items/", "Basic YTpi", 401, notAuthenticated, ""},
	{"/items/", "Bearer", 401, notAuthenticated, ""},
	{"/items/", "Bearer ", 401, notAuthenticated, ""},

	{"/users/me", "Bearer abc123", 200, `{"token_received":"abc123"}`, ""},
	{"/users/me", "", 401, notAuthenticated, ""},
	{"/users/me", "Basic YTpi", 401, notAuthenticated, ""},

	{"/secure-data", "Bearer expected_token", 200, `{"data":"This is protected"}`, ""},
	{"/secure-data", "Bearer wrong", 401, `{"detail":"Invalid authentication credentials"}`, "invalid_token"},
	{"/secure-data", "", 401, notAuthenticated, ""},
	{"/secure-data", "Basic YTpi", 401, notAuthenticated, ""},
	{"/secure-data", "Bearer", 401, notAuthenticated, ""},

	{"/protected", "Bearer mysecrettoken", 200, `{"message":"Access granted with token: mysecrettoken"}`, ""},
	{"/protected", "Bearer wrong", 401, `{"detail":"Invalid or missing token"}`, "invalid_token"},
	{"/protected", "", 401, notAuthenticated, ""},
	{"/protected", "Basic YTpi", 401, notAuthenticated, ""},
	{"/protected", "Bearer", 401, notAuthenticated, ""},
}

// curl is the same request for a reader's terminal.
func (e example) curl(address string) string {
	command := "curl -i http://" + address + e.path
	if e.authorization != "" {
		command += fmt.Sprintf(" -H 'Authorization: %s'", e.authorization)
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
	return []wire.Field{{Name: "Authorization", Value: e.authorization}}
}

// RFC 6750 section 3 wants at least one parameter after the scheme.
var challenge = regexp.MustCompile(`^Bearer realm="[^"]+"(?:, |$)`)

var challengeCode = regexp.MustCompile(`[ ,]error="([^"]*)"`)

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
	if e.status != 401 {
		if len(challenges) != 0 {
			fault("wanted no WWW-Authenticate, got %q", challenges)
		}
		return faults
	}
	if len(challenges) != 1 || !challenge.MatchString(challenges[0]) {
		fault(`wanted one WWW-Authenticate: Bearer realm="…", got %q`, challenges)
		return faults
	}
	code := ""
	if m := challengeCode.FindStringSubmatch(challenges[0]); m != nil {
		code = m[1]
	}
	if code != e.code {
		fault("wanted error code %q in the challenge, got %q", e.code, challenges[0])
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
