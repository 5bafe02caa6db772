package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/upstream"
	"bearerauth/e2e/wire"
	"bearerauth/filter/scenario"
)

// TestScenarios runs the scenarios in a real Envoy, one listener for each, over HTTP/1.1
// and HTTP/2.
func TestScenarios(t *testing.T) {
	t.Parallel()
	binary := envoy.Need(t)
	stories, err := scenario.Load("../testdata/scenarios")
	if err != nil {
		t.Fatal(err)
	}
	// Servers that answer and a clock of its own are what the core and the module have.
	stories = slices.DeleteFunc(stories, func(s *scenario.Story) bool { return !s.OnlyConfig() })
	server := upstream.Run(t)
	var listeners []listener
	for _, story := range stories {
		listeners = append(listeners, listener{name: story.Name, config: string(story.Config)})
	}
	p := envoy.Run(t, envoy.Options{
		Binary: binary, Config: bootstrap(server.Port(), nil, listeners...),
	})
	for _, story := range stories {
		addr := envoy.Address(t, p, story.Name)
		for i := range story.Requests {
			r := &story.Requests[i]
			if r.NotInEnvoy != "" {
				continue
			}
			for version, how := range map[string]sender{"HTTP1": wire.HTTP1, "HTTP2": wire.HTTP2} {
				name := story.Name + "/" + r.Name + "/" + version
				t.Run(name, func(t *testing.T) { tellEnvoy(t, p, server, addr, how, name, r) })
			}
		}
	}
}

func tellEnvoy(t *testing.T, p *envoy.Process, server *upstream.Server, addr string, how sender, name string, r *scenario.Request) {
	id := strings.ReplaceAll(strings.ReplaceAll(name, " ", "_"), ",", "")
	fields := []wire.Field{{Name: "x-case", Value: id}}
	for _, h := range r.Headers {
		fields = append(fields, wire.Field{Name: h[0], Value: h[1]})
	}
	mark := p.Log.Mark()
	response := send(t, how, addr, wire.Request{Method: r.Method, Path: r.Path, Host: r.Authority, Fields: fields})
	e := &r.Expect
	if response.Status != e.Status {
		t.Fatalf("status %d %q, want %d (%s)", response.Status, response.Body, e.Status, e.Reason)
	}
	reached := func(got upstream.Request) bool { return got.Header.Get("X-Case") == id }
	if e.Passes() {
		got, err := server.Wait(reached, limit)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.CheckUpstream(pairsOf(got.Header)); err != nil {
			t.Error(err)
		}
	} else {
		for _, got := range server.Requests() {
			if reached(got) {
				t.Fatal("a refused request reached the upstream")
			}
		}
		if got := strings.Join(response.Header.Values("Www-Authenticate"), " | "); e.Challenge != nil && got != *e.Challenge {
			t.Errorf("challenge %q, want %q", got, *e.Challenge)
		}
		if err := e.CheckReply(pairsOf(response.Header)); err != nil {
			t.Error(err)
		}
		if e.Body != nil && r.Method != "HEAD" && response.Body != *e.Body {
			t.Errorf("body %q, want %q", response.Body, *e.Body)
		}
		line, err := p.Log.WaitAfter(mark, "access "+id+" ", limit)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf(" %d %s ", e.Status, e.Details()); !strings.Contains(line, want) {
			t.Errorf("access log %q, want%q in it", line, want)
		}
	}
	if e.Subject != nil || len(e.State) > 0 {
		line, err := p.Log.WaitAfter(mark, "access "+id+" ", limit)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.CheckState(func(name string) string { return loggedState(t, line, name) }); err != nil {
			t.Errorf("%v in the access log %q", err, line)
		}
	}
}

func pairsOf(h http.Header) (pairs [][2]string) {
	for name, values := range h {
		for _, value := range values {
			pairs = append(pairs, [2]string{name, value})
		}
	}
	return pairs
}

// loggedState is the filter state that a line of the access log shows, as it was
// set: "-" is Envoy's word for none.
func loggedState(t *testing.T, line, name string) string {
	t.Helper()
	_, value, found := strings.Cut(line, " ["+name+"=")
	value, _, closed := strings.Cut(value, "]")
	if !found || !closed {
		t.Fatalf("the access log %q does not show %s", line, name)
	}
	if value == "-" {
		return ""
	}
	return value
}
