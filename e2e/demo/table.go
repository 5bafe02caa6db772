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

	{"/jwt/me", "Bearer $TOKEN", 200, `{"subject":"carol","tier":"gold"}`, ""},
	{"/jwt/me", "Bearer $EXPIRED", 401, invalidToken, "invalid_token: The access token expired"},
	{"/jwt/me", "Bearer $FORGED", 401, invalidToken, "invalid_token: The access token is invalid"},
	{"/jwt/me", "Bearer expected_token", 401, invalidToken, "invalid_token"},
	{"/jwt/me", "", 401, notAuthenticated, ""},

	{"/jwt/admin", "Bearer $ADMIN", 200, `{"message":"Welcome, dave"}`, ""},
	{"/jwt/admin", "Bearer $TOKEN", 403, `{"detail":"Insufficient scope"}`, "insufficient_scope"},
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
	code := ""
	if m := challengeCode.FindStringSubmatch(challenges[0]); m != nil {
		code = m[1]
	}
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
