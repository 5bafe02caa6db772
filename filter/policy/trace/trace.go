// Package trace has the findings that explain a decision: which rule decided, where the
// token was, and what was expected of it and received. They are collected after the
// decision, so that they cannot change it. No finding contains a token, and text of a
// client is quoted and short.
package trace

import (
	"strings"

	"bearerauth/filter/policy/config"
)

// Step is one finding.
type Step struct {
	About  About
	Name   string // of the rule, the provider, the place, the claim
	Result string // "" where Want and Got say it
	Failed bool   // this is a reason of a refusal
	Want   string // what was expected of the token
	Got    string // what it has
}

// About is what a finding is about.
type About string

// What findings are about.
const (
	Request    About = "request"
	Rule       About = "rule"
	Credential About = "credential"
	Provider   About = "provider"
	Token      About = "token"
)

// Steps are findings in the order in which a decision is made.
type Steps []Step

// The functions below are not inlined: that would cost the module kilobytes.

// Add adds a finding.
//
//go:noinline
func (s *Steps) Add(about About, name, result string) {
	*s = append(*s, Step{About: about, Name: name, Result: result})
}

// Fail adds a finding for which the request was refused.
//
//go:noinline
func (s *Steps) Fail(about About, name, result string) {
	*s = append(*s, Step{About: about, Name: name, Result: result, Failed: true})
}

// Wrong adds a finding about the token for which the request was refused.
//
//go:noinline
func (s *Steps) Wrong(name, result string) { s.Fail(Token, name, result) }

// Compare adds what was expected of a token's member and what it has.
//
//go:noinline
func (s *Steps) Compare(name string, ok bool, want, got string) {
	*s = append(*s, Step{About: Token, Name: name, Failed: !ok, Want: want, Got: got})
}

// String returns a finding as one line.
func (s Step) String() string {
	text := string(s.About)
	if s.Name != "" {
		text += " " + s.Name
	}
	if s.Result != "" {
		text += ": " + s.Result
	}
	if s.Want != "" {
		text += ": want " + s.Want + ", got " + s.Got
	}
	return text
}

// Line returns the rules, the providers and what failed as one line of a log.
func (s Steps) Line() string {
	const most = 1024
	var b strings.Builder
	for i := range s {
		if step := &s[i]; step.Failed || step.About == Rule || step.About == Provider {
			text := step.String()
			if b.Len()+len(text) > most {
				b.WriteString("; …")
				break
			}
			if b.Len() > 0 {
				b.WriteString("; ")
			}
			b.WriteString(text)
		}
	}
	return b.String()
}

// Quoted returns texts for a finding: those of a client may be anything, and any number.
//
//go:noinline
func Quoted(list []string) string {
	const most = 8
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == most {
			b.WriteString("…")
			break
		}
		b.WriteString(config.Quote(s))
	}
	if len(list) == 0 {
		return "none"
	}
	return b.String()
}

// Optional returns a text of the client for a finding, or that there is none.
//
//go:noinline
func Optional(s string, has bool) string {
	if !has {
		return "none"
	}
	return config.Quote(s)
}
