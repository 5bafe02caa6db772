//go:build wasm

package filter

import (
	"crypto/rand"
	"os"
	"strings"
	"time"

	"bearerauth/filter/internal/sdk"
	"bearerauth/filter/policy"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/request"
)

// How often the host calls onTick, in milliseconds.
const (
	idleTick    = 1000 // to flush counters and read the log level
	waitingTick = 50   // while a request waits, and before the first keys are fetched
	soonTick    = 1    // while work is left over because of its bound (turn.go)

	housekeepingEvery = 50 * time.Millisecond
	sweepEvery        = time.Minute
	requestsPerTidy   = 1000
)

// plugin is one configuration in this VM. Without a policy it denies every request.
type plugin struct {
	id      uint32
	policy  *policy.Policy
	state   *policy.State
	clock   bool            // decisions can depend on the time
	quick   bool            // policy.Quick may decide, and the host joins several lines of a header
	request request.Request // the one under decision

	propertyPaths []string // of the host, which rules ask for
	properties    []request.Property

	metrics     metrics
	filterState filterState
	stateLogged bool     // that the configuration asks for filter state in vain
	debug       bool     // the host logs debug lines
	unsent      []uint32 // streams whose refusal the host did not accept

	waiting   waitingRoom
	due       []fetch.Call          // to begin
	calls     map[uint32]fetch.Call // under way, by the host's id
	refused   []refusedCall         // that the host would not begin
	tick      uint32                // milliseconds between ticks; 0: the host has no timer
	housekept time.Time             // when onTick kept house last
	untidy    int                   // requests since then, where there are no ticks
	swept     time.Time
}

// start compiles the configuration. Any problem rejects it, and Envoy then rejects
// the listener. start also runs in a canary VM that never gets a request.
func (p *plugin) start() sdk.OnPluginStartStatus {
	started := false
	if !attempt("plugin start", func() { started = p.compile() }) || !started {
		p.policy = nil
		return sdk.OnPluginStartStatusFailed
	}
	return sdk.OnPluginStartStatusOK
}

func (p *plugin) compile() bool {
	config, err := sdk.GetPluginConfiguration()
	if err != nil {
		// The host returns NotFound for an empty configuration.
		config = nil
	}
	parsed, err := policy.ParseWith(config, os.LookupEnv)
	if err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			sdk.LogCritical(line)
		}
		return false
	}
	if !p.metrics.define(parsed.FetchesRevocations()) {
		sdk.LogWarn("the host has no metrics: nothing is counted")
	}
	host := policy.Host{Verify: verifySignature, Knows: testHost()}
	if parsed.SignedBy(sign) {
		host.Sign = sign
		sdk.LogInfo("the host signs client assertions")
	}
	if _, err := rand.Read(host.Random[:]); err != nil {
		sdk.LogCritical("the host gives no random numbers: " + err.Error())
		return false
	}
	// The first tick comes soon: no callouts are possible before it.
	if !p.tickEvery(waitingTick) {
		for _, member := range parsed.Calls() {
			sdk.LogCritical(member + ": needs a timer, which the host refuses")
		}
		if len(parsed.Calls()) > 0 {
			return false
		}
		p.metrics.atOnce = true
	}
	if parsed.NeedsClock() && !clockIsSet() {
		sdk.LogCritical("the host's clock is before 2020: tokens that have expired would be valid")
		return false
	}
	for _, path := range parsed.Properties() {
		p.propertyPaths = append(p.propertyPaths, strings.Join(path, "\x00"))
	}
	for _, warning := range parsed.Warnings() {
		sdk.LogWarn(warning)
	}
	sdk.LogInfo(parsed.Summary())
	p.clock = parsed.NeedsClock() || !p.ticks()
	p.debug = logsDebug()
	p.policy, p.state = parsed, parsed.NewState(host)
	// verify_signature is Envoy's, which joins several Authorization lines before the
	// filters run. Another host may show the first of them for all.
	p.quick = parsed.OnlyCredential() && host.Knows != 0
	return p.startFilterState()
}

// onTick does the work that must not delay a request.
func (p *plugin) onTick() {
	if !attempt("tick", p.workOnTick) && len(p.unsent) > 0 {
		// The host does not accept the reply to some client: only the end of this VM
		// answers it.
		panic("the host takes no reply")
	}
}

func (p *plugin) workOnTick() {
	if p.policy == nil {
		return
	}
	actionsLeft = actionsPerTick
	at := now()
	if since := at.Sub(p.housekept); p.tick != soonTick || since < 0 || since >= housekeepingEvery {
		p.housekept = at
		p.housekeep(at)
	}
	p.resend()
	p.learnRefused(at)
	p.work(at)
	p.tickEvery(p.pace())
}

// housekeep does what is not needed at each of a thousand ticks a second.
func (p *plugin) housekeep(at time.Time) {
	p.debug = logsDebug()
	p.metrics.flush()
	flushLog(p.id)
	p.waiting.expire(at)
	if at.Sub(p.swept) >= sweepEvery {
		p.swept = at
		p.state.Sweep(at)
	}
	tidy()
}

// housekeepSeldom keeps house between requests where there are no ticks: once a second,
// and after so many requests, whose garbage would let the heap grow.
func (p *plugin) housekeepSeldom(at time.Time) {
	p.untidy++
	if since := at.Sub(p.housekept); since < 0 || since >= idleTick*time.Millisecond || p.untidy >= requestsPerTidy {
		p.housekept, p.untidy = at, 0
		p.housekeep(at)
	}
}

// ticks reports whether the host has a timer.
func (p *plugin) ticks() bool { return p.tick != 0 }

// tickEvery sets the period of ticks. It calls the host only for a change.
func (p *plugin) tickEvery(milliseconds uint32) bool {
	if p.tick == milliseconds {
		return true
	}
	if sdk.SetTickPeriodMilliSeconds(milliseconds) != nil {
		return false
	}
	p.tick = milliseconds
	return true
}
