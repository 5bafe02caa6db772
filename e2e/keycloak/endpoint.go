package keycloak

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// The endpoints of a realm, below its issuer.
const (
	KeysPath          = "/protocol/openid-connect/certs"
	IntrospectionPath = "/protocol/openid-connect/token/introspect"
	tokenPath         = "/protocol/openid-connect/token"
	revocationPath    = "/protocol/openid-connect/revoke"
	logoutPath        = "/protocol/openid-connect/logout"
)

// Tokens are what the token endpoint gives.
type Tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// Token is an access token of a client for itself.
func (s *Server) Token(t testing.TB, client string) string {
	t.Helper()
	return s.tokens(t, client, url.Values{"grant_type": {"client_credentials"}}).Access
}

// SignIn starts a session of alice at the client desk.
func (s *Server) SignIn(t testing.TB) Tokens {
	t.Helper()
	return s.tokens(t, "desk", url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"fake-password"}})
}

// SignOut ends a session.
func (s *Server) SignOut(t testing.TB, session Tokens) {
	t.Helper()
	s.post(t, logoutPath, "desk", url.Values{"refresh_token": {session.Refresh}}, nil)
}

// Revoke revokes a token of a client (RFC 7009).
func (s *Server) Revoke(t testing.TB, client, token string) {
	t.Helper()
	s.post(t, revocationPath, client, url.Values{"token": {token}}, nil)
}

func (s *Server) tokens(t testing.TB, client string, form url.Values) (answer Tokens) {
	t.Helper()
	s.post(t, tokenPath, client, form, &answer)
	return answer
}

var client = http.Client{Timeout: time.Minute}

// post asks an endpoint as one of the realm's clients.
func (s *Server) post(t testing.TB, path, name string, form url.Values, answer any) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, s.Issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(name, fmt.Sprintf("fake-%s-secret", name))
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		t.Fatalf("%s as %s: %s", path, name, response.Status)
	}
	if answer == nil {
		return
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		t.Fatal(err)
	}
}
