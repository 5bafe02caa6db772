package filter_test

import (
	"maps"
	"strconv"
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
			vm := startVM(t, wasmhost.Options{Now: story.Now, Environment: story.Variables(), AllowHeadersStopIteration: true})
			plugin := startPlugin(t, vm, string(story.Config))
			vm.Advance(50 * time.Millisecond)
			serve(t, vm, plugin, story)
			for i := range story.Requests {
				request := &story.Requests[i]
				vm.SetTime(story.Now.Add(request.After))
				t.Run(request.Name, func(t *testing.T) {
					tellModule(t, plugin, request, func() { serve(t, vm, plugin, story) })
				})
			}
		})
	}
}

// serve answers the module's calls as the story says, until it makes no more.
func serve(t *testing.T, vm *wasmhost.VM, plugin *wasmhost.Plugin, story *scenario.Story) {
	if story.OnlyConfig() {
		return
	}
	for range 100 {
		plugin.Tick()
		calls := plugin.Callouts()
		if len(calls) == 0 && plugin.TickPeriod() != time.Millisecond {
			return
		}
		for _, c := range calls {
			a := story.Answer(c.Header(":authority"), c.Header(":path"), string(c.Body))
			if !a.OK {
				c.Fail()
				continue
			}
			c.Answer(append([][2]string{{":status", strconv.Itoa(a.Status)}}, a.Headers...), []byte(a.Body), nil)
		}
		vm.Advance(time.Millisecond)
	}
	t.Fatal("the module makes calls for ever")
}

func tellModule(t *testing.T, plugin *wasmhost.Plugin, request *scenario.Request, serve func()) {
	s := plugin.NewStream()
	defer s.End()
	maps.Copy(s.Properties, request.Properties)
	s.RequestHeaders(request.Pairs(), true)
	serve()
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
