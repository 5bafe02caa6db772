// Package trial runs policy tests in the core: it decides each request as the filter
// does, and answers the filter's own calls as the test says. It is not part of the built
// module.
package trial

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"bearerauth/filter/policy"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
	"bearerauth/filter/policy/verdict"
	"bearerauth/filter/scenario"
)

// Report is what came of a story.
type Report struct {
	Story    *scenario.Story
	Results  []Result
	Duration time.Duration
	// Rules and Providers are those that no request of the story met.
	Rules     []policy.RuleName
	Providers []string

	rules, providers int
}

// Covered returns how many rules and providers some request met, and how many there are.
func (r *Report) Covered() (rules, ofRules, providers, ofProviders int) {
	return r.rules - len(r.Rules), r.rules, r.providers - len(r.Providers), r.providers
}

// Failed reports whether some request had another outcome than expected.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.Results, func(result Result) bool { return len(result.Differences) > 0 })
}

// Result is what came of one request.
type Result struct {
	Request     *scenario.Request
	Differences []Difference
	Duration    time.Duration
	Outcome     Outcome
}

// Difference is one expectation that does not hold.
type Difference struct{ What, Want, Got string }

// Outcome is what the filter does with a request.
type Outcome struct {
	Status   int
	Reason   verdict.Reason
	Passes   bool
	Answered bool
	Upstream [][2]string // headers that the upstream sees, if the request passes
	Headers  [][2]string // of the reply, if it does not
	Body     string
	Identity *verdict.Identity // of a verified token
	State    [][2]string       // properties that become filter state
	Waited   bool
	Rules    []policy.RuleName // those that decide
}

// Run decides all requests of a story, in order, with one state. The error is that of a
// configuration with problems.
func Run(story *scenario.Story) (*Report, error) {
	began := time.Now()
	p, err := policy.ParseWith(story.Config, story.Environment)
	if err != nil {
		return nil, err
	}
	w := &worker{story: story, policy: p, state: p.NewState(policy.Host{})}
	report := &Report{Story: story, Rules: p.Rules(), Providers: p.Providers()}
	report.rules, report.providers = len(report.Rules), len(report.Providers)
	for i := range story.Requests {
		asked := &story.Requests[i]
		start := time.Now()
		result := Result{Request: asked, Outcome: w.decide(asked)}
		result.Duration = time.Since(start)
		result.Differences = differences(&asked.Expect, &result.Outcome)
		report.Results = append(report.Results, result)
		report.cover(&result.Outcome)
	}
	report.Duration = time.Since(began)
	return report, nil
}

func (r *Report) cover(o *Outcome) {
	r.Rules = slices.DeleteFunc(r.Rules, func(rule policy.RuleName) bool { return slices.Contains(o.Rules, rule) })
	r.Providers = slices.DeleteFunc(r.Providers, func(name string) bool { return o.Identity != nil && o.Identity.Provider == name })
}

// worker is the filter in one worker of Envoy.
type worker struct {
	story  *scenario.Story
	policy *policy.Policy
	state  *policy.State
	failed fetch.Errand // the errand of the last answer that was not used
}

// maxTurns bounds how often a request can wait: each answer may lead to another.
const maxTurns = 16

func (w *worker) decide(asked *scenario.Request) Outcome {
	now := w.story.Now.Add(asked.After)
	w.fetch(now)
	pairs := asked.Pairs()
	r := request.NewRequest(pairs)
	r.MayWait, r.KnownMayWait = true, true
	for _, path := range w.policy.Properties() {
		value, ok := asked.Properties[strings.Join(path, ".")]
		r.Properties = append(r.Properties, request.Property{Value: value, OK: ok})
	}
	v := w.policy.Decide(w.state, now, &r)
	waited := false
	for range maxTurns {
		wait, ok := v.(*verdict.Wait)
		if !ok {
			break
		}
		waited = true
		w.failed = fetch.Errand{}
		w.fetch(now)
		r.Since = wait.Since
		if w.failed == wait.For {
			r.Failed = wait.For
		}
		v = w.policy.Decide(w.state, now, &r)
	}
	if wait, ok := v.(*verdict.Wait); ok {
		r.MayWait, r.KnownMayWait = false, false
		v = w.policy.Decide(w.state, wait.Until, &r)
	}
	o := outcome(pairs, v)
	o.Waited = waited
	o.Rules = w.policy.DecidedBy(w.state, &r)
	return o
}

// fetch makes the calls that are due, and those that follow from their answers.
func (w *worker) fetch(now time.Time) {
	calls := w.state.Due(now)
	for len(calls) > 0 {
		call := calls[0]
		calls = calls[1:]
		learned := w.state.Learn(now, call, w.answer(&call))
		if learned.Failure != "" {
			w.failed = learned.For
		}
		if learned.Next != nil {
			calls = append(calls, *learned.Next)
		}
	}
}

func (w *worker) answer(call *fetch.Call) fetch.Answer {
	a := w.story.Answer(call.Authority, call.Path, string(call.Body))
	if !a.OK {
		return fetch.Answer{}
	}
	return fetch.Answer{
		OK: true, TooLong: len(a.Body) > fetch.MaxAnswerBytes, Body: []byte(a.Body),
		Headers: append([][2]string{{":status", strconv.Itoa(a.Status)}}, a.Headers...),
	}
}

// outcome reads a verdict. It copies what belongs to the state.
func outcome(pairs [][2]string, v verdict.Verdict) Outcome {
	switch v := v.(type) {
	case *verdict.Allow:
		o := Outcome{Status: 200, Reason: v.Reason, Passes: true}
		for _, pair := range pairs {
			if !syntax.Contains(v.Remove, pair[0]) {
				o.Upstream = append(o.Upstream, pair)
			}
		}
		o.Upstream = append(o.Upstream, v.Set...)
		o.State = append(o.State, v.State...)
		return o.identified(v.Identity)
	case *verdict.Reply:
		return Outcome{Status: int(v.Status), Reason: v.Reason, Answered: true, Headers: v.Headers, Body: string(v.Body)}
	case *verdict.Deny:
		o := Outcome{Status: int(v.Status), Reason: v.Reason, Headers: v.Headers, Body: string(v.Body)}
		return o.identified(v.Identity)
	}
	return Outcome{Status: 500}
}

func (o Outcome) identified(id *verdict.Identity) Outcome {
	if o.Identity = id; id != nil {
		o.State = append(o.State, id.State...)
	}
	return o
}
