//go:build wasm

// Package filter is the shell around package policy: it reads requests from the
// proxy-wasm host, asks the policy, and carries its verdicts out.
//
// The SDK keeps the life of the VM and its plugins. The callbacks of every
// request are exports of our own (exports.go) over our own table of
// streams: the SDK's bookkeeping costs as much as the rest of a request.
package filter

import (
	"runtime"
	"strings"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"

	"bearerauth/filter/policy"
)

// tickMilliseconds is how often counters are flushed and the log level is read.
const tickMilliseconds = 1000

type vmContext struct{ types.DefaultVMContext }

// NewVMContext returns what the SDK starts plugins with.
func NewVMContext() types.VMContext { return &vmContext{} }

func (*vmContext) NewPluginContext(id uint32) types.PluginContext {
	p := &plugin{id: id}
	plugins[id] = p
	return p
}

// plugins are those of this VM: several configurations can share one, so
// nothing that belongs to a configuration is anywhere else.
var plugins = map[uint32]*plugin{}

// plugin is one configuration in this VM. Without a policy it denies.
type plugin struct {
	types.DefaultPluginContext
	id      uint32
	policy  *policy.Policy
	state   *policy.State
	metrics metrics
	debug   bool     // whether the host logs debug lines
	unsent  []uint32 // streams whose refusal the host did not take
}

// OnPluginStart refuses a configuration with any problem, and Envoy with it the
// listener. It also runs in a canary VM that never sees a request.
func (p *plugin) OnPluginStart(int) (status types.OnPluginStartStatus) {
	defer func() {
		if recovered := recover(); recovered != nil {
			logPanic("plugin start", recovered)
			p.policy = nil
			status = types.OnPluginStartStatusFailed
		}
	}()
	config, err := proxywasm.GetPluginConfiguration()
	if err != nil {
		// The host says "not found" for an empty configuration.
		config = nil
	}
	parsed, err := policy.Parse(config)
	if err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			proxywasm.LogCritical(line)
		}
		return types.OnPluginStartStatusFailed
	}
	p.metrics.define()
	if err := proxywasm.SetTickPeriodMilliSeconds(tickMilliseconds); err != nil {
		proxywasm.LogCritical("the host refused a timer: " + err.Error())
		return types.OnPluginStartStatusFailed
	}
	p.debug = logsDebug()
	p.policy, p.state = parsed, parsed.NewState()
	return types.OnPluginStartStatusOK
}

// OnTick does what need not happen while a request waits.
func (p *plugin) OnTick() {
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
	p.debug = logsDebug()
	p.metrics.flush()
	p.resend()
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
	proxywasm.LogError(where + ": " + what + ": the request is denied")
}
