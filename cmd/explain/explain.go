// Package explain decides over one request on a desk, and says step by step why: the
// same code as in the proxy, with key sets and answers of servers from files.
package explain

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bearerauth/filter/policy"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/trace"
	"bearerauth/filter/policy/verdict"
)

// Server answers the outbound calls that a decision needs.
type Server func(call fetch.Call) fetch.Answer

// Input is a request, and what it is judged by.
type Input struct {
	Configuration []byte // JSON
	Environment   func(name string) (string, bool)
	Request       Request
	At            time.Time
	Server        Server // nil: there is no answer to any call
	ShowToken     bool   // otherwise the result has no token
}

// Explanation is a verdict and the reasons for it.
type Explanation struct {
	Request  string      `json:"request"`
	At       time.Time   `json:"at"`
	Decision string      `json:"decision"` // allowed, denied, answered
	Reason   string      `json:"reason"`
	Status   uint32      `json:"status,omitempty"` // of the filter's own response
	Response [][2]string `json:"response_headers,omitempty"`
	Body     string      `json:"response_body,omitempty"`
	Upstream *Upstream   `json:"upstream,omitempty"`
	Calls    []string    `json:"calls,omitempty"` // that were made, and what was wrong with the answers
	Steps    []Step      `json:"steps"`
	Logged   string      `json:"logged,omitempty"` // what the access log says of the same request
}

// Step is one finding.
type Step struct {
	About  string `json:"about"`
	Name   string `json:"name,omitempty"`
	Result string `json:"result,omitempty"`
	Failed bool   `json:"failed,omitempty"`
	Want   string `json:"want,omitempty"`
	Got    string `json:"got,omitempty"`
}

// Upstream is what changes in a request that is allowed.
type Upstream struct {
	Set         [][2]string `json:"set_headers,omitempty"`
	Remove      []string    `json:"removed_headers,omitempty"`
	FilterState [][2]string `json:"filter_state,omitempty"`
}

// maxCalls bounds the calls of one decision: keys by discovery, introspection, and their
// repetition.
const maxCalls = 20

// Explain decides over the request.
func Explain(in Input) (*Explanation, error) {
	p, err := policy.ParseWith(in.Configuration, in.Environment)
	if err != nil {
		return nil, err
	}
	if len(p.Properties()) > 0 && len(in.Request.Properties) == 0 {
		in.Request.Properties = make([]request.Property, len(p.Properties()))
	}
	var host policy.Host
	host.Random[0] = 1
	s := p.NewState(host)
	r := request.NewRequest(in.Request.Pairs())
	r.Properties = in.Request.Properties
	e := &Explanation{At: in.At.UTC()}
	v := decide(p, s, &r, in, e)
	redacted, _ := p.Redacted(r.Path)
	if in.ShowToken {
		redacted = r.Path
	}
	e.Request = r.Method + " " + r.Authority + redacted
	for _, step := range p.Explain(s, in.At, &r, v) {
		e.Steps = append(e.Steps, stepOf(step))
	}
	hide := in.hider(&r)
	switch v := v.(type) {
	case *verdict.Allow:
		e.Decision, e.Reason = "allowed", v.Reason.String()
		e.Upstream = upstream(v, hide)
	case *verdict.Deny:
		e.Decision, e.Reason, e.Status = "denied", v.Reason.String(), v.Status
		e.Response, e.Body = v.Headers, string(v.Body)
	case *verdict.Reply:
		e.Decision, e.Reason, e.Status = "answered", v.Reason.String(), v.Status
		e.Response, e.Body = v.Headers, string(v.Body)
	default:
		return nil, errors.New("no verdict")
	}
	e.Logged = in.Request.Logged
	return e, nil
}

func stepOf(s trace.Step) Step {
	return Step{About: string(s.About), Name: s.Name, Result: s.Result, Failed: s.Failed, Want: s.Want, Got: s.Got}
}

// decide makes the calls that the decision waits for.
func decide(p *policy.Policy, s *policy.State, r *request.Request, in Input, e *Explanation) verdict.Verdict {
	made := 0
	serve := func(calls []fetch.Call) {
		for len(calls) > 0 && made < maxCalls {
			call := calls[0]
			calls = calls[1:]
			made++
			answer := fetch.Answer{Failure: "no answer is given"}
			if in.Server != nil {
				answer = in.Server(call)
			}
			learned := s.Learn(in.At, call, answer)
			line := what(call)
			if learned.Failure != "" {
				line += ": " + learned.Failure
			} else if learned.Keys != "" {
				line += ": " + learned.Keys
			}
			for _, warning := range learned.Warnings {
				line += "; " + warning
			}
			e.Calls = append(e.Calls, line)
			if learned.Failure != "" {
				r.Failed = learned.For
			}
			if learned.Next != nil {
				calls = append(calls, *learned.Next)
			}
		}
	}
	// Keys and lists are fetched ahead of the first request.
	serve(s.Due(in.At))
	r.MayWait, r.KnownMayWait = true, true
	for {
		v := p.Decide(s, in.At, r)
		wait, ok := v.(*verdict.Wait)
		if !ok {
			return v
		}
		r.Since = wait.Since
		due := s.Due(in.At)
		if len(due) == 0 || made >= maxCalls {
			r.MayWait, r.KnownMayWait = false, false
			return p.Decide(s, in.At, r)
		}
		serve(due)
	}
}

// what names a call.
func what(call fetch.Call) string {
	name := "keys of provider " + call.Provider
	switch call.For.Kind {
	case fetch.ErrandToken:
		name = "introspection by provider " + call.Provider
	case fetch.ErrandRevocations:
		name = "revocations"
	}
	path, _, _ := strings.Cut(call.Path, "?")
	return name + " from " + call.Scheme + "://" + call.Authority + path
}

func upstream(a *verdict.Allow, hide func(string) string) *Upstream {
	u := &Upstream{Remove: slices.Clone(a.Remove)}
	for _, h := range a.Set {
		u.Set = append(u.Set, [2]string{h[0], hide(h[1])})
	}
	state := a.State
	if a.Identity != nil {
		state = append(slices.Clone(a.Identity.State), state...)
	}
	for _, pair := range state {
		u.FilterState = append(u.FilterState, [2]string{pair[0], hide(pair[1])})
	}
	return u
}

// hider returns a function that takes the tokens of the request out of a text, and the
// parts of JWTs: a payload in a header is nearly the token.
func (in Input) hider(r *request.Request) func(string) string {
	if in.ShowToken {
		return func(s string) string { return s }
	}
	var secrets []string
	for _, pair := range r.Headers {
		for _, word := range strings.FieldsFunc(pair[1], func(c rune) bool { return strings.ContainsRune(" \t,;=&?", c) }) {
			if !strings.HasPrefix(pair[0], ":") && len(word) >= 8 && !strings.EqualFold(word, "bearer") {
				secrets = append(secrets, word)
			}
			if parts := strings.Split(word, "."); len(parts) == 3 {
				for _, part := range parts {
					if len(part) >= 8 {
						secrets = append(secrets, part)
					}
				}
			}
		}
	}
	return func(s string) string {
		for _, secret := range secrets {
			s = strings.ReplaceAll(s, secret, "[hidden]")
		}
		return s
	}
}

// ErrConfiguration reports whether an error of Explain is about the configuration.
func ErrConfiguration(err error) bool { return strings.HasPrefix(fmt.Sprint(err), "configuration: ") }
