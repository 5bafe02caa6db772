//go:build tinygo

package sdk

import (
	_ "unsafe" // for go:linkname

	"github.com/tetratelabs/proxy-wasm-go-sdk/proxywasm"
	"github.com/tetratelabs/proxy-wasm-go-sdk/proxywasm/types"
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

// TinyGo links functions by the names that the SDK exports them under.

//go:linkname ContextCreate proxy_on_context_create
func ContextCreate(id, parent uint32)

//go:linkname Delete proxy_on_delete
func Delete(id uint32)
