// Package wasmhost runs a proxy-wasm module in a test and behaves towards it as Envoy
// does. It records every host call, and refuses those that the test selects.
//
// Where there was a choice, the sources of proxy-wasm-cpp-host and of Envoy's
// source/extensions/common/wasm decided: actions of a callback are carried out when
// it has returned, ids start where Envoy's start, and a module that trapped answers
// 503 from then on.
package wasmhost

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// Module is compiled once for a test binary; any number of VMs may run it at
// the same time.
type Module struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
}

// Compile takes the time (seconds) that StartVM saves.
func Compile(ctx context.Context, wasm []byte) (*Module, error) {
	return CompileWithin(ctx, wasm, 1<<14)
}

// CompileWithin is Compile for VMs whose memory ends at a number of pages of 64 KiB.
func CompileWithin(ctx context.Context, wasm []byte, pages uint32) (*Module, error) {
	config := wazero.NewRuntimeConfigCompiler().
		WithMemoryLimitPages(pages).
		WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling) // as V8 has
	runtime := wazero.NewRuntimeWithConfig(ctx, config)
	m := &Module{runtime: runtime}
	if err := m.compile(ctx, wasm); err != nil {
		return nil, errors.Join(err, runtime.Close(ctx))
	}
	return m, nil
}

func (m *Module) compile(ctx context.Context, wasm []byte) error {
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, m.runtime); err != nil {
		return fmt.Errorf("instantiate WASI: %w", err)
	}
	if err := exportHostFunctions(ctx, m.runtime); err != nil {
		return fmt.Errorf("instantiate the host functions: %w", err)
	}
	compiled, err := m.runtime.CompileModule(ctx, wasm)
	if err != nil {
		return fmt.Errorf("compile the module: %w", err)
	}
	m.compiled = compiled
	exports := compiled.ExportedFunctions()
	if exports["proxy_abi_version_0_2_0"] == nil && exports["proxy_abi_version_0_2_1"] == nil {
		return errors.New("want a module that exports proxy_abi_version_0_2_0 or proxy_abi_version_0_2_1")
	}
	if exports["proxy_on_memory_allocate"] == nil && exports["malloc"] == nil {
		return errors.New("want a module that exports proxy_on_memory_allocate or malloc")
	}
	return nil
}

// Close ends all VMs of the module.
func (m *Module) Close() error { return m.runtime.Close(context.Background()) }

// Exports are the names of the functions that Envoy would find.
func (m *Module) Exports() []string {
	return slices.Sorted(maps.Keys(m.compiled.ExportedFunctions()))
}

// Imports are the functions that the module imports from a host module: "env"
// for host calls, "wasi_snapshot_preview1" for WASI.
func (m *Module) Imports(host string) []string {
	var names []string
	for _, f := range m.compiled.ImportedFunctions() {
		if module, name, _ := f.Import(); module == host {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// vmKey finds the VM in a call's context: the host functions are instantiated
// once and shared, since instantiating them per VM costs more than the VM.
type vmKey struct{}

func exportHostFunctions(ctx context.Context, runtime wazero.Runtime) error {
	env := runtime.NewHostModuleBuilder("env")
	for name, f := range hostFunctions {
		env.NewFunctionBuilder().
			WithGoModuleFunction(dispatcher(name, f), f.parameterTypes(), []api.ValueType{api.ValueTypeI32}).
			Export(name)
	}
	_, err := env.Instantiate(ctx)
	return err
}
