//go:build wasm && !tinygo

// Package sdk is what the filter takes from a proxy-wasm SDK: the life of the VM
// and its plugins, and the log. One SDK is made for the standard compiler
// and one for TinyGo, with the same names. Nothing else of the filter knows which
// one it is.
package sdk

import (
	_ "unsafe" // for go:linkname

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

type (
	VMContext           = types.VMContext
	DefaultVMContext    = types.DefaultVMContext
	PluginContext       = types.PluginContext
	DefaultPlugin       = types.DefaultPluginContext
	OnPluginStartStatus = types.OnPluginStartStatus
)

const (
	OnPluginStartStatusOK     = types.OnPluginStartStatusOK
	OnPluginStartStatusFailed = types.OnPluginStartStatusFailed
)

func SetVMContext(vm VMContext) { proxywasm.SetVMContext(vm) }

func GetPluginConfiguration() ([]byte, error) { return proxywasm.GetPluginConfiguration() }

func SetTickPeriodMilliSeconds(period uint32) error {
	return proxywasm.SetTickPeriodMilliSeconds(period)
}

func LogDebug(message string)    { proxywasm.LogDebug(message) }
func LogInfo(message string)     { proxywasm.LogInfo(message) }
func LogWarn(message string)     { proxywasm.LogWarn(message) }
func LogError(message string)    { proxywasm.LogError(message) }
func LogCritical(message string) { proxywasm.LogCritical(message) }

//go:linkname ContextCreate github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/internal.proxyOnContextCreate
func ContextCreate(id, parent uint32)

//go:linkname Delete github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/internal.proxyOnDelete
func Delete(id uint32)
