package wasmhost

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/tetratelabs/wazero/api"
)

// hostFunction is an import of the module. Its parameters are letters:
//
//	u  a number of 32 bits            o  where a result of 32 bits goes
//	l  a number of 64 bits            q  where a result of 64 bits goes
//	s  bytes: pointer and size        d  where pointer and size of result bytes go
//	p  a map: pointer and size        n  as d, each of the two may be null
type hostFunction struct {
	parameters string
	run        func(*invocation) Status
}

func (f hostFunction) parameterTypes() []api.ValueType {
	var types []api.ValueType
	for _, letter := range f.parameters {
		switch letter {
		case 'l':
			types = append(types, api.ValueTypeI64)
		case 's', 'p', 'd', 'n':
			types = append(types, api.ValueTypeI32, api.ValueTypeI32)
		default:
			types = append(types, api.ValueTypeI32)
		}
	}
	return types
}

// invocation is a host call under way, its arguments read.
type invocation struct {
	*VM
	memory  api.Memory
	numbers []uint64
	bytes   []string
	maps    []pairs
	outs    []uint32
}

// contextPlugin and contextStream return the plugin and the stream of the effective
// context, or of the current one if the effective one has been deleted.
func (vm *VM) contextPlugin() *Plugin {
	if stream := vm.contextStream(); stream != nil {
		return stream.plugin
	}
	if plugin := vm.plugins[vm.frame.effective]; plugin != nil {
		return plugin
	}
	return vm.plugins[vm.frame.context]
}

func (vm *VM) contextStream() *Stream {
	if stream := vm.streams[vm.frame.effective]; stream != nil {
		return stream
	}
	if vm.plugins[vm.frame.effective] != nil {
		return nil
	}
	return vm.streams[vm.frame.context]
}

func dispatcher(name string, f hostFunction) api.GoModuleFunction {
	return api.GoModuleFunc(func(ctx context.Context, module api.Module, stack []uint64) {
		vm := ctx.Value(vmKey{}).(*VM)
		defer func() {
			// wazero would turn a defect of this package into a trap of the module.
			if r := recover(); r != nil {
				if _, wanted := r.(restrictedCall); !wanted {
					vm.violate("%s: the host panicked: %v\n%s", name, r, debug.Stack())
				}
				panic(r)
			}
		}()
		stack[0] = uint64(vm.dispatch(name, f, module.Memory(), stack))
	})
}

// restrictedCall is a trap: Envoy allows hardly any host call while a module
// initialises itself or allocates memory.
type restrictedCall string

func (c restrictedCall) Error() string { return "restricted_callback " + string(c) }

func (vm *VM) dispatch(name string, f hostFunction, memory api.Memory, stack []uint64) Status {
	i := &invocation{VM: vm, memory: memory}
	described, status := i.read(name, f.parameters, stack)
	vm.counts[name]++
	call := HostCall{
		Name: name, Arguments: described, N: vm.counts[name], Callback: vm.frame.callback,
		Plugin: vm.contextPlugin(), Stream: vm.contextStream(),
	}
	if vm.hook != nil {
		vm.hook(call)
	}
	index := len(vm.calls)
	vm.calls = append(vm.calls, call)
	if vm.frame.restricted && name != "proxy_log" {
		vm.violate("%s while initialising or allocating", call)
		panic(restrictedCall(name))
	}
	refusal, refused := vm.refused(call, false)
	switch {
	case refused:
		status = refusal
	case status == OK:
		status = f.run(i)
		if misreport, ok := vm.refused(call, true); ok {
			status = misreport
		}
	}
	vm.calls[index].Status, vm.calls[index].Refused = status, refused
	return status
}

// read takes the arguments out of the module's memory, and reports each invalid
// pointer as a violation: Envoy would only return a status to the module.
func (i *invocation) read(name, parameters string, stack []uint64) (described string, status Status) {
	var words []string
	bad := func(format string, arguments ...any) {
		i.violate(name+": "+format, arguments...)
		status = InvalidMemoryAccess
	}
	out := func(pointer uint32, size int, nullable bool) {
		i.outs = append(i.outs, pointer)
		if pointer == 0 && nullable {
			return
		}
		if pointer == 0 || uint64(pointer)+uint64(size) > uint64(i.memory.Size()) {
			bad("result pointer %#x is outside the memory", pointer)
		}
	}
	for _, letter := range parameters {
		switch letter {
		case 'u': // the upper half has undefined contents
			i.numbers = append(i.numbers, uint64(uint32(stack[0])))
			words = append(words, fmt.Sprint(int32(stack[0])))
		case 'l':
			i.numbers = append(i.numbers, stack[0])
			words = append(words, fmt.Sprint(int64(stack[0])))
		case 's', 'p':
			pointer, size := uint32(stack[0]), uint32(stack[1])
			stack = stack[1:]
			var data []byte
			if size > 0 {
				var ok bool
				if data, ok = i.memory.Read(pointer, size); !ok || pointer == 0 {
					bad("%d bytes at %#x are outside the memory", size, pointer)
				}
			}
			if letter == 's' {
				i.bytes = append(i.bytes, string(data))
				words = append(words, short(string(data)))
				break
			}
			decoded, err := decodePairs(data)
			if err != nil {
				bad("malformed map: %v", err)
			}
			i.maps = append(i.maps, decoded)
			words = append(words, short(decoded.String()))
		case 'o':
			out(uint32(stack[0]), 4, false)
		case 'q':
			out(uint32(stack[0]), 8, false)
		case 'd', 'n':
			out(uint32(stack[0]), 4, letter == 'n')
			out(uint32(stack[1]), 4, letter == 'n')
			stack = stack[1:]
		}
		stack = stack[1:]
	}
	return strings.Join(words, ", "), status
}

func short(s string) string {
	const most = 120
	if len(s) > most {
		return fmt.Sprintf("%q… (%d bytes)", s[:most], len(s))
	}
	return fmt.Sprintf("%q", s)
}

func (i *invocation) number(n int) uint32 { return uint32(i.numbers[n]) }

func (i *invocation) put32(out int, value uint32) {
	if i.outs[out] != 0 {
		i.memory.WriteUint32Le(i.outs[out], value)
	}
}

func (i *invocation) put64(out int, value uint64) { i.memory.WriteUint64Le(i.outs[out], value) }

// putBytes hands the module memory of its own making, which it asks for in a
// call back into it. Nothing has an address of zero.
func (i *invocation) putBytes(out int, data []byte) Status {
	var pointer uint32
	if len(data) > 0 {
		if pointer = i.allocate(len(data)); pointer == 0 {
			return InvalidMemoryAccess
		}
		if !i.memory.Write(pointer, data) {
			i.violate("%d bytes allocated at %#x are outside the memory", len(data), pointer)
			return InvalidMemoryAccess
		}
	}
	i.put32(out, pointer)
	i.put32(out+1, uint32(len(data)))
	return OK
}

func (vm *VM) allocate(size int) uint32 {
	saved := vm.frame.restricted
	vm.frame.restricted = true
	defer func() { vm.frame.restricted = saved }()
	pointer, called := vm.call(0, "proxy_on_memory_allocate", uint64(size))
	if !called {
		pointer, _ = vm.call(0, "malloc", uint64(size))
	}
	return uint32(pointer)
}
