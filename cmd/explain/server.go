package explain

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"bearerauth/filter/policy/fetch"
)

// Files are the answers of servers that the caller has.
type Files struct {
	Keys          []byte // a JWK Set, nil for none
	Introspection []byte // the response, JSON or a signed JWT, nil for none
	Revocations   []byte // the list, nil for none
}

// Serve answers calls from the files, and the others by next, which may be nil.
func (f Files) Serve(next Server) Server {
	return func(call fetch.Call) fetch.Answer {
		body, option := f.Keys, "--jwks FILE"
		switch call.For.Kind {
		case fetch.ErrandToken:
			body, option = f.Introspection, "--introspection FILE"
		case fetch.ErrandRevocations:
			body, option = f.Revocations, "--revocations FILE"
		}
		switch {
		case body == nil && next != nil:
			return next(call)
		case body == nil:
			return fetch.Answer{Failure: "not known: give " + option + ", or --fetch to ask the server"}
		}
		if issuer, ok := strings.CutSuffix(call.Path, "/.well-known/openid-configuration"); ok && call.For.Kind == fetch.ErrandKeys {
			// The metadata that leads to the keys at hand. The issuer may end in a slash,
			// which the address does not show.
			issuer = call.Scheme + "://" + call.Authority + issuer
			body, _ = json.Marshal(map[string]string{"issuer": issuer, "jwks_uri": issuer + "/keys"})
		}
		media := "application/json"
		if trimmed := bytes.TrimSpace(body); len(trimmed) > 0 && trimmed[0] != '{' {
			media, body = "application/token-introspection+jwt", trimmed
		}
		return fetch.Answer{OK: true, Headers: [][2]string{{":status", "200"}, {"content-type", media}}, Body: body}
	}
}

// Fetch asks the servers themselves, from this machine and not through Envoy.
func Fetch(ctx context.Context) Server {
	client := &http.Client{
		// Envoy follows no redirect of such a call.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
	}
	return func(call fetch.Call) fetch.Answer {
		ctx, cancel := context.WithTimeout(ctx, max(call.Timeout, time.Second))
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, call.Method, call.Scheme+"://"+call.Authority+call.Path, bytes.NewReader(call.Body))
		if err != nil {
			return fetch.Answer{Failure: "no request can be made for " + call.Authority}
		}
		for _, h := range call.Headers {
			r.Header.Add(h[0], h[1])
		}
		response, err := client.Do(r)
		if err != nil {
			// The text of the error has the URL, which may have a secret.
			return fetch.Answer{Failure: "no answer from " + call.Authority + cause(err)}
		}
		defer response.Body.Close()
		answer := fetch.Answer{OK: true, Headers: [][2]string{{":status", strconv.Itoa(response.StatusCode)}}}
		for name, values := range response.Header {
			for _, value := range values {
				answer.Headers = append(answer.Headers, [2]string{strings.ToLower(name), value})
			}
		}
		answer.Body, err = io.ReadAll(io.LimitReader(response.Body, fetch.MaxAnswerBytes+1))
		if err != nil {
			return fetch.Answer{Failure: "the answer from " + call.Authority + " was cut off"}
		}
		answer.TooLong = len(answer.Body) > fetch.MaxAnswerBytes
		return answer
	}
}

// cause is the innermost part of an error, such as "connection refused".
func cause(err error) string {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok || inner.Unwrap() == nil {
			return ": " + err.Error()
		}
		err = inner.Unwrap()
	}
}
