package wasmhost

import (
	"maps"
	"slices"
	"time"
)

// Plugin is one configuration in a VM: a root context.
type Plugin struct {
	// Properties are what get_property finds in this plugin's contexts.
	Properties map[string]string

	id          uint32
	vm          *VM
	config      []byte
	configuring bool
	tick        time.Duration
	callouts    []*Callout
	answer      *calloutAnswer
	pendingDone bool
	deleted     bool
}

// NewPlugin starts a configuration. ok reports whether the module accepted it. As in
// Envoy, proxy_on_vm_start runs for each plugin of a VM and not only for the first.
func (vm *VM) NewPlugin(config []byte) (plugin *Plugin, ok bool) {
	p := &Plugin{Properties: map[string]string{}, id: vm.nextID(), vm: vm, config: config}
	vm.plugins[p.id] = p
	p.configuring = true
	defer func() { p.configuring = false }()
	vm.notify(p.id, "proxy_on_context_create", uint64(p.id), 0)
	if started, called := vm.notify(p.id, "proxy_on_vm_start", uint64(p.id), uint64(len(vm.options.VMConfiguration))); called && started == 0 {
		return p, false
	}
	if configured, called := vm.notify(p.id, "proxy_on_configure", uint64(p.id), uint64(len(config))); called && configured == 0 {
		return p, false
	}
	return p, vm.trap == nil
}

// ID is the root context's id.
func (p *Plugin) ID() uint32 { return p.id }

// TickPeriod is the last period that the module set; zero means no ticks.
func (p *Plugin) TickPeriod() time.Duration { return p.tick }

// Tick runs the timer's callback once, if the module set a timer. It does not move the
// clocks.
func (p *Plugin) Tick() bool {
	if p.tick == 0 || p.deleted {
		return false
	}
	_, called := p.vm.notify(p.id, "proxy_on_tick", uint64(p.id))
	return called
}

// Delete ends the plugin's streams, as Envoy waits for them, and then the
// plugin. It reports false when the module wants to call proxy_done first.
func (p *Plugin) Delete() bool {
	if p.deleted {
		return true
	}
	for _, id := range slices.Sorted(maps.Keys(p.vm.streams)) {
		if stream := p.vm.streams[id]; stream.plugin == p {
			stream.End()
		}
	}
	if done, called := p.vm.notify(p.id, "proxy_on_done", uint64(p.id)); called && done == 0 {
		p.pendingDone = true
		return false
	}
	p.delete()
	return true
}

func (p *Plugin) delete() {
	p.vm.notify(p.id, "proxy_on_delete", uint64(p.id))
	p.deleted = true
	p.callouts = nil
	delete(p.vm.plugins, p.id)
}

// Deleted reports whether the plugin has been deleted.
func (p *Plugin) Deleted() bool { return p.deleted }
