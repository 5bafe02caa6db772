//go:build wasm

// Package filter is the shell around package policy: it reads requests from the
// proxy-wasm host, asks the policy, and carries its verdicts out.
//
// The SDK keeps the life of the VM and its plugins. The callbacks of every
// request are exports of our own (exports.go) over our own table of
// streams: the SDK's bookkeeping costs as much as the rest of a request.
package filter

import (
	"crypto/rand"
	"os"
	"runtime"
	"strings"
	"time"

	"bearerauth/filter/internal/sdk"
	"bearerauth/filter/policy"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/request"
)

// How often the host calls onTick, in milliseconds.
const (
	idleTick    = 1000 // counters are flushed, the log level is read
	waitingTick = 50   // a request waits, or the first keys are to be fetched
	soonTick    = 1    // there is work that only its bound has stopped (turn.go)

	housekeepingEvery = 50 * time.Millisecond
	sweepEvery        = time.Minute
)

type vmContext struct{ sdk.DefaultVMContext }

// Register tells the SDK what to start plugins with.
func Register() { sdk.SetVMContext(&vmContext{}) }

func (*vmContext) NewPluginContext(id uint32) sdk.PluginContext {
	plugins[id] = &plugin{id: id, waiting: newWaitingRoom(), calls: map[uint32]fetch.Call{}}
	return &pluginContext{id: id}
}

// pluginContext is all that the SDK holds of a plugin. TinyGo compiles every
// method of every type that it finds inside a value behind an interface: were
// that the plugin, the generation of keys would be among them.
type pluginContext struct {
	sdk.DefaultPlugin
	id uint32
}

func (c *pluginContext) OnPluginStart(int) sdk.OnPluginStartStatus { return plugins[c.id].start() }

func (c *pluginContext) OnTick() {
	plugins[c.id].onTick()
	forget()
}

// plugins are those of this VM: several configurations can share one, so
// nothing that belongs to a configuration is anywhere else.
var plugins = map[uint32]*plugin{}

// recent is the plugin of the newest request, most often of the next one, too.
var recent *plugin

func findPlugin(id uint32) *plugin {
	if recent == nil || recent.id != id {
		recent = plugins[id]
	}
	return recent
}

// plugin is one configuration in this VM. Without a policy it denies.
type plugin struct {
	id      uint32
	policy  *policy.Policy
	state   *policy.State
	request request.Request // the one under decision

	propertyPaths []string // of the host, which rules ask for
	properties    []request.Property

	metrics metrics
	debug   bool     // whether the host logs debug lines
	unsent  []uint32 // streams whose refusal the host did not take

	waiting   waitingRoom
	due       []fetch.Call          // to begin
	calls     map[uint32]fetch.Call // under way, by the host's id
	refused   []fetch.Call          // that the host would not begin
	tick      uint32                // milliseconds between ticks
	housekept time.Time             // when onTick kept house last
	swept     time.Time
}

// start refuses a configuration with any problem, and Envoy with it the
// listener. It also runs in a canary VM that never sees a request.
func (p *plugin) start() (status sdk.OnPluginStartStatus) {
	defer func() {
		if recovered := recover(); recovered != nil {
			logPanic("plugin start", recovered)
			p.policy = nil
			status = sdk.OnPluginStartStatusFailed
		}
	}()
	config, err := sdk.GetPluginConfiguration()
	if err != nil {
		// The host says "not found" for an empty configuration.
		config = nil
	}
	parsed, err := policy.ParseWith(config, os.LookupEnv)
	if err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			sdk.LogCritical(line)
		}
		return sdk.OnPluginStartStatusFailed
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
		return sdk.OnPluginStartStatusFailed
	}
	// The first tick comes soon: no callouts are possible before it.
	if !p.tickEvery(waitingTick) {
		sdk.LogCritical("the host refused a timer")
		return sdk.OnPluginStartStatusFailed
	}
	for _, path := range parsed.Properties() {
		p.propertyPaths = append(p.propertyPaths, strings.Join(path, "\x00"))
	}
	for _, warning := range parsed.Warnings() {
		sdk.LogWarn(warning)
	}
	p.debug = logsDebug()
	p.policy, p.state = parsed, parsed.NewState(host)
	return sdk.OnPluginStartStatusOK
}

// onTick does what need not happen while a request waits.
func (p *plugin) onTick() {
	defer func() {
		if recovered := recover(); recovered != nil {
			logPanic("tick", recovered)
			if len(p.unsent) > 0 {
				// A client waits for an answer that the host will not take: only
				// the end of this VM gives it one.
				panic(recovered)
			}
		}
	}()
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

// keepHouse does what need not happen a thousand times a second.
func (p *plugin) housekeep(at time.Time) {
	p.debug = logsDebug()
	p.metrics.flush()
	p.waiting.expire(at)
	if at.Sub(p.swept) >= sweepEvery {
		p.swept = at
		p.state.Sweep(at)
	}
	tidy()
}

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

// end tells the host what was counted since the last tick.
func (p *plugin) end() {
	defer func() {
		if recovered := recover(); recovered != nil {
			logPanic("plugin end", recovered)
		}
	}()
	p.metrics.flush()
}

// logPanic leaves a trace of what must not happen. The text of a runtime error
// holds indices and types, never what was worked on.
func logPanic(where string, recovered any) {
	what := "panic"
	switch r := recovered.(type) {
	case runtime.Error:
		what = r.Error()
	case string: // our own
		what = r
	}
	sdk.LogError(where + ": " + what + ": the request is denied")
}
