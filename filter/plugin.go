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
)

// plugin is one configuration in this VM. Without a policy it denies every request.
type plugin struct {
	id      uint32
	policy  *policy.Policy
	state   *policy.State
	request request.Request // the one under decision

	propertyPaths []string // of the host, which rules ask for
	properties    []request.Property

	metrics metrics
	debug   bool     // the host logs debug lines
	unsent  []uint32 // streams whose refusal the host did not accept

	waiting   waitingRoom
	due       []fetch.Call          // to begin
	calls     map[uint32]fetch.Call // under way, by the host's id
	refused   []refusedCall         // that the host would not begin
	tick      uint32                // milliseconds between ticks
	housekept time.Time             // when onTick kept house last
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
	p.metrics.define()
	if parsed.FetchesRevocations() {
		p.metrics.revocations.define()
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
		sdk.LogCritical("the host refused a timer")
		return false
	}
	for _, path := range parsed.Properties() {
		p.propertyPaths = append(p.propertyPaths, strings.Join(path, "\x00"))
	}
	for _, warning := range parsed.Warnings() {
		sdk.LogWarn(warning)
	}
	p.debug = logsDebug()
	p.policy, p.state = parsed, parsed.NewState(host)
	return true
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
	flushLog()
	p.waiting.expire(at)
	if at.Sub(p.swept) >= sweepEvery {
		p.swept = at
		p.state.Sweep(at)
	}
	tidy()
}

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
