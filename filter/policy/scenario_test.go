package policy

import (
	"strings"
	"testing"
	"time"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
	"bearerauth/filter/policy/verdict"
	"bearerauth/filter/scenario"
)

// TestScenarios runs the scenarios in the core alone.
func TestScenarios(t *testing.T) {
	t.Parallel()
	stories, err := scenario.Load("../../testdata/scenarios")
	if err != nil {
		t.Fatal(err)
	}
	for _, story := range stories {
		t.Run(story.Name, func(t *testing.T) {
			t.Parallel()
			p, err := Parse(story.Config)
			if err != nil {
				t.Fatal(err)
			}
			state := p.NewState(Host{})
			for i := range story.Requests {
				asked := &story.Requests[i]
				t.Run(asked.Name, func(t *testing.T) { tellCore(t, p, state, asked) })
			}
		})
	}
}

func tellCore(t *testing.T, p *Policy, state *State, story *scenario.Request) {
	pairs := story.Pairs()
	r := request.NewRequest(pairs)
	e := &story.Expect
	var identity *verdict.Identity
	switch v := p.Decide(state, time.Now(), &r).(type) {
	case *verdict.Allow:
		if !e.Passes() || v.Reason.String() != e.Reason {
			t.Fatalf("allowed (%s), want %d (%s)", v.Reason, e.Status, e.Reason)
		}
		if err := e.CheckUpstream(applyTo(pairs, v)); err != nil {
			t.Error(err)
		}
		identity = v.Identity
	case *verdict.Reply:
		if int(v.Status) != e.Status || v.Reason.String() != e.Reason || !e.Answered {
			t.Fatalf("answered with %d (%s), want %d (%s)", v.Status, v.Reason, e.Status, e.Reason)
		}
		if e.Body != nil && string(v.Body) != *e.Body {
			t.Errorf("body %q, want %q", v.Body, *e.Body)
		}
		if err := e.CheckReply(v.Headers); err != nil {
			t.Error(err)
		}
	case *verdict.Deny:
		if int(v.Status) != e.Status || v.Reason.String() != e.Reason || e.Answered {
			t.Fatalf("denied with %d (%s), want %d (%s)", v.Status, v.Reason, e.Status, e.Reason)
		}
		if got := header(v.Headers, "www-authenticate"); e.Challenge != nil && got != *e.Challenge {
			t.Errorf("challenge %q, want %q", got, *e.Challenge)
		}
		if e.Body != nil && string(v.Body) != *e.Body {
			t.Errorf("body %q, want %q", v.Body, *e.Body)
		}
		if err := e.CheckReply(v.Headers); err != nil {
			t.Error(err)
		}
		identity = v.Identity
	default:
		t.Fatalf("verdict %v", v)
	}
	if err := e.CheckState(func(name string) string {
		if identity == nil {
			return ""
		}
		return header(identity.State, "bearerauth."+name)
	}); err != nil {
		t.Error(err)
	}
}

func applyTo(pairs [][2]string, a *verdict.Allow) [][2]string {
	var after [][2]string
	for _, pair := range pairs {
		if !syntax.Contains(a.Remove, pair[0]) {
			after = append(after, pair)
		}
	}
	return append(after, a.Set...)
}

func header(pairs [][2]string, name string) string {
	var values []string
	for _, pair := range pairs {
		if pair[0] == name {
			values = append(values, pair[1])
		}
	}
	return strings.Join(values, " | ")
}
