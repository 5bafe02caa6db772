//go:build wasm

// Package filter connects package policy to the proxy-wasm host: it reads requests,
// calls the policy, and carries out its verdicts.
//
// The SDK manages the life cycle of the VM and its plugins. The callbacks of every
// request are exports of this package (exports.go) with its own table of streams
// (stream.go): the bookkeeping of the SDK costs as much as the rest of a request.
package filter

import (
	"bearerauth/filter/internal/sdk"
	"bearerauth/filter/policy/fetch"
)

type vmContext struct{ sdk.DefaultVMContext }

// Register gives the SDK the VM context that creates plugins.
func Register() { sdk.SetVMContext(&vmContext{}) }

func (*vmContext) NewPluginContext(id uint32) sdk.PluginContext {
	plugins[id] = &plugin{id: id, waiting: newWaitingRoom(), calls: map[uint32]fetch.Call{}}
	return &pluginContext{id: id}
}

// pluginContext is the part of a plugin that the SDK holds. TinyGo compiles every
// method of every type inside an interface value. If the plugin itself were the
// value, code that is never called, such as the generation of keys, would be in the
// module.
type pluginContext struct {
	sdk.DefaultPlugin
	id uint32
}

func (c *pluginContext) OnPluginStart(int) sdk.OnPluginStartStatus { return plugins[c.id].start() }

func (c *pluginContext) OnTick() {
	plugins[c.id].onTick()
	forget()
}

// plugins are the plugins of this VM. Several configurations can share a VM, so
// nothing that belongs to a configuration is global.
var plugins = map[uint32]*plugin{}

// recent is the plugin of the newest request, and mostly also of the next one.
var recent *plugin

func findPlugin(id uint32) *plugin {
	if recent == nil || recent.id != id {
		recent = plugins[id]
	}
	return recent
}

// logPanic logs a panic, which is always a defect.
func logPanic(where, what string) {
	logSeldom(0, levelError, where, "internal fault, ", where, ": ", what)
}
