package filter_test

import (
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/scenario"
)

// TestScenarios runs the stories in the built module.
func TestScenarios(t *testing.T) {
	t.Parallel()
	stories, err := scenario.Load("../testdata/scenarios")
	if err != nil {
		t.Fatal(err)
	}
	for _, story := range stories {
		t.Run(story.Name, func(t *testing.T) {
			t.Parallel()
			plugin := startPlugin(t, startVM(t, wasmhost.Options{Now: time.Now()}), string(story.Config))
			for i := range story.Requests {
				request := &story.Requests[i]
				t.Run(request.Name, func(t *testing.T) { tellModule(t, plugin, request) })
			}
		})
	}
}

func tellModule(t *testing.T, plugin *wasmhost.Plugin, request *scenario.Request) {
	s := plugin.NewStream()
	defer s.End()
	s.RequestHeaders(request.Pairs(), true)
	e := &request.Expect
	if e.Passes() {
		if s.Outcome() != wasmhost.Continued {
			t.Fatalf("%s %+v, want the request to go on", s.Outcome(), s.Reply())
		}
		if err := e.CheckUpstream(s.Upstream().Headers); err != nil {
			t.Error(err)
		}
	} else {
		wantDetails(t, s, e.Status, e.Details())
		if got := s.Reply().Header("www-authenticate"); e.Challenge != nil && got != *e.Challenge {
			t.Errorf("challenge %q, want %q", got, *e.Challenge)
		}
		if err := e.CheckReply(s.Reply().Headers); err != nil {
			t.Error(err)
		}
		if got := string(s.Reply().Body); e.Body != nil && got != *e.Body {
			t.Errorf("body %q, want %q", got, *e.Body)
		}
		if got := s.Reply().Header("cache-control"); got != "no-store" && !e.Answered {
			t.Errorf("cache-control %q, want no-store", got)
		}
	}
	if err := e.CheckState(func(name string) string { return s.FilterState()["wasm.bearerauth."+name] }); err != nil {
		t.Error(err)
	}
}
