package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Expect is what must come of a request. What is absent is not looked at.
type Expect struct {
	Status    int // 200: the request reaches the upstream, unless answered; 0: not looked at
	Reason    string
	Challenge *string // whole WWW-Authenticate; "": none
	Body      *string
	Answered  bool               // the filter replies itself, and does not refuse
	Headers   map[string]*string // of the filter's own reply; nil: none of that name
	Upstream  map[string]*string // request headers that the upstream sees; nil: none of that name
	Subject   *string            // filter state wasm.bearerauth.sub; "": none
	State     map[string]string  // other filter state, by what follows wasm.bearerauth.; "": none

	// Waits says whether the request waits for an answer of a server. Only the core can
	// tell, and it only can tell the Rule: the name or the path of one that decides.
	Waits *bool
	Rule  string
}

// Passes reports whether the request reaches the upstream.
func (e *Expect) Passes() bool { return e.Status == 200 && !e.Answered }

// Details is %RESPONSE_CODE_DETAILS% of a request that does not pass.
func (e *Expect) Details() string {
	if e.Answered {
		return "bearerauth_answered{" + e.Reason + "}"
	}
	return "bearerauth_denied{" + e.Reason + "}"
}

// CheckState returns what is wrong with the filter state that got shows, or nil.
func (e *Expect) CheckState(got func(name string) string) error {
	want := maps.Clone(e.State)
	if e.Subject != nil {
		if want == nil {
			want = map[string]string{}
		}
		want["sub"] = *e.Subject
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if is := got(name); is != want[name] {
			return fmt.Errorf("filter state %s is %q, want %q", name, is, want[name])
		}
	}
	return nil
}

// CheckUpstream returns what is wrong with the headers that the upstream got, or nil.
func (e *Expect) CheckUpstream(pairs [][2]string) error {
	return check("the upstream", e.Upstream, pairs)
}

// CheckReply returns what is wrong with the headers that the client got, or nil.
func (e *Expect) CheckReply(pairs [][2]string) error { return check("the client", e.Headers, pairs) }

func check(receiver string, wanted map[string]*string, pairs [][2]string) error {
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		want, got := wanted[name], Values(pairs, name)
		switch {
		case want == nil && len(got) > 0:
			return fmt.Errorf("%s got %s: %q, want none", receiver, name, got)
		case want != nil && (len(got) != 1 || got[0] != *want):
			return fmt.Errorf("%s got %s: %q, want %q once", receiver, name, got, *want)
		}
	}
	return nil
}

// Values are those of all lines of a header.
func Values(pairs [][2]string, name string) (values []string) {
	for _, pair := range pairs {
		if strings.EqualFold(pair[0], name) {
			values = append(values, pair[1])
		}
	}
	return values
}
