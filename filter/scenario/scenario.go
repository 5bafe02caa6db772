// Package scenario reads the request stories of testdata/scenarios. Three drivers run
// them: the core natively, the built module on wazero, and a real Envoy. A story
// holds only what must be the same in all of them.
package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// Story is one configuration and the requests that it judges.
type Story struct {
	Name     string          `json:"-"`
	About    string          `json:"about"`
	Config   json.RawMessage `json:"config"`
	Requests []Request       `json:"requests"`
}

// Request is one request and what must come of it.
type Request struct {
	Name      string      `json:"name"`
	Method    string      `json:"method"`    // GET by default
	Authority string      `json:"authority"` // test.example by default
	Path      string      `json:"path"`      // as in :path, / by default
	Headers   [][2]string `json:"headers"`
	// NotInEnvoy says why no client can get this request through Envoy's codec.
	NotInEnvoy string `json:"not_in_envoy"`
	Expect     Expect `json:"expect"`
}

// Expect is what must come of a request.
type Expect struct {
	Status    int                `json:"status"` // 200: the request reaches the upstream, unless answered
	Reason    string             `json:"reason"`
	Challenge *string            `json:"challenge"` // whole WWW-Authenticate; absent from the story: not looked at, "": none
	Body      *string            `json:"body"`
	Answered  bool               `json:"answered"` // the filter replies itself, and does not refuse
	Headers   map[string]*string `json:"headers"`  // of the filter's own reply; null: none of that name
	Upstream  map[string]*string `json:"upstream"` // request headers that the upstream sees; null: none of that name
	Subject   *string            `json:"subject"`  // filter state wasm.bearerauth.sub; "": none
	State     map[string]string  `json:"state"`    // other filter state, by what follows wasm.bearerauth.; "": none
}

// Load reads every story below dir, which may not be empty.
func Load(dir string) ([]Story, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, errors.New("want scenarios in " + dir + ", found none")
	}
	var stories []Story
	for _, file := range files {
		story, err := read(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		stories = append(stories, story)
	}
	return stories, nil
}

func read(file string) (Story, error) {
	f, err := os.Open(file)
	if err != nil {
		return Story{}, err
	}
	defer f.Close()
	s := Story{Name: strings.TrimSuffix(filepath.Base(file), ".json")}
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return Story{}, err
	}
	if len(s.Requests) == 0 {
		return Story{}, errors.New("want at least one request")
	}
	for i := range s.Requests {
		r := &s.Requests[i]
		for _, field := range []struct {
			value *string
			byDef string
		}{{&r.Method, "GET"}, {&r.Authority, "test.example"}, {&r.Path, "/"}} {
			if *field.value == "" {
				*field.value = field.byDef
			}
		}
		if r.Name == "" || r.Expect.Status == 0 || r.Expect.Reason == "" {
			return Story{}, fmt.Errorf("requests[%d]: want a name, and status and reason to expect", i)
		}
	}
	return s, nil
}

// Pairs is the header map that a filter sees.
func (r *Request) Pairs() [][2]string {
	pairs := [][2]string{
		{":method", r.Method}, {":scheme", "http"}, {":authority", r.Authority}, {":path", r.Path},
	}
	return append(pairs, r.Headers...)
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
	for name, value := range want {
		if is := got(name); is != value {
			return fmt.Errorf("filter state %s is %q, want %q", name, is, value)
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
	for name, want := range wanted {
		var got []string
		for _, pair := range pairs {
			if strings.EqualFold(pair[0], name) {
				got = append(got, pair[1])
			}
		}
		switch {
		case want == nil && len(got) > 0:
			return fmt.Errorf("%s got %s: %q, want none", receiver, name, got)
		case want != nil && (len(got) != 1 || got[0] != *want):
			return fmt.Errorf("%s got %s: %q, want %q once", receiver, name, got, *want)
		}
	}
	return nil
}
