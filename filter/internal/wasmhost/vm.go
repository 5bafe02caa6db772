package wasmhost

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// Options are what a module can see from its first instruction on.
type Options struct {
	Now             time.Time // default: 2025-01-01T00:00:00Z
	Random          io.Reader // default: the same pseudo-random bytes in every VM
	Environment     map[string]string
	VMConfiguration []byte
	LogLevel        LogLevel // the zero value is trace

	// SharedData is given to several VMs as Envoy's workers share it; by
	// default each VM has its own.
	SharedData *SharedData

	// SeparateLines shows several Authorization lines as they came. Envoy joins them,
	// and other hosts do not.
	SeparateLines bool

	// AllowHeadersStopIteration is Envoy's allow_on_headers_stop_iteration:
	// body and trailers reach the module while its headers are paused.
	AllowHeadersStopIteration bool
}

// VM is one instance of a module. It is for one goroutine, as an Envoy worker.
type VM struct {
	// Properties are what get_property returns in every context, by a path joined by dots.
	// Properties of plugins and streams take precedence.
	Properties map[string]string
	// NoHosts makes every callout fail at once, as Envoy does for a cluster without
	// healthy hosts: with a 503 of its own, when the callback has returned.
	NoHosts bool
	// ForeignFunctions answer call_foreign_function; unknown ones are NotFound.
	ForeignFunctions map[string]ForeignFunction

	tb       testing.TB
	ctx      context.Context
	instance api.Module
	options  Options

	now     time.Time
	elapsed time.Duration
	stdout  bytes.Buffer
	stderr  bytes.Buffer

	lastID   uint32
	plugins  map[uint32]*Plugin
	streams  map[uint32]*Stream
	frame    frame
	stopNext bool
	deferred []func()
	draining int // runDeferred under way, nested
	drained  int // what the outermost of them has done
	trap     error

	calls      []HostCall
	counts     map[string]int
	hook       func(HostCall)
	refusals   []*Refusal
	logs       []Log
	violations []string

	metrics  metrics
	shared   *SharedData
	callouts uint32
}

// ForeignFunction is a host function by name, as Envoy's verify_signature.
type ForeignFunction func(argument []byte) (result []byte, status Status)

// frame is what the host knows while the module runs.
type frame struct {
	depth      int
	callback   string
	context    uint32
	effective  uint32
	restricted bool
	orphaned   bool // its stream ended under it, which the module cannot know
}

// StartVM makes an instance and runs its initialisation; both end the test
// when they fail. The VM ends with the test, and what the module did against
// the ABI meanwhile (see Violations) fails it.
func (m *Module) StartVM(tb testing.TB, options Options) *VM {
	tb.Helper()
	if options.Now.IsZero() {
		options.Now = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if options.Random == nil {
		options.Random = rand.NewChaCha8([32]byte{})
	}
	if options.SharedData == nil {
		options.SharedData = new(SharedData)
	}
	vm := &VM{
		Properties:       map[string]string{},
		ForeignFunctions: map[string]ForeignFunction{},

		tb:      tb,
		options: options,
		now:     options.Now,
		plugins: map[uint32]*Plugin{},
		streams: map[uint32]*Stream{},
		counts:  map[string]int{},
		shared:  options.SharedData,
	}
	vm.ctx = experimental.WithMemoryAllocator(context.WithValue(context.Background(), vmKey{}, vm), mapped())

	// An anonymous instance without start functions: names must be unique in a
	// runtime, and _initialize has to run under this VM's restrictions.
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions().
		WithWalltime(vm.walltime, 1).WithNanotime(vm.nanotime, 1).WithNanosleep(vm.nanosleep).
		WithRandSource(options.Random).WithStdout(&vm.stdout).WithStderr(&vm.stderr)
	for _, name := range slices.Sorted(maps.Keys(options.Environment)) {
		config = config.WithEnv(name, options.Environment[name])
	}
	instance, err := m.runtime.InstantiateModule(vm.ctx, m.compiled, config)
	if err != nil {
		tb.Fatalf("instantiate the module: %v", err)
	}
	vm.instance = instance
	tb.Cleanup(vm.close)

	vm.frame.restricted = true
	if _, called := vm.call(0, "_initialize"); !called {
		vm.call(0, "_start")
	}
	vm.frame.restricted = false
	if vm.trap != nil {
		tb.Fatalf("initialise the module: %v", vm.trap)
	}
	return vm
}

func (vm *VM) close() {
	for _, violation := range vm.Violations() {
		vm.tb.Errorf("the module broke the ABI: %s", violation)
	}
	if err := vm.instance.Close(vm.ctx); err != nil {
		vm.tb.Errorf("close the module: %v", err)
	}
}

// call runs an export and reports whether there is one that could be run.
func (vm *VM) call(contextID uint32, export string, arguments ...uint64) (result uint64, called bool) {
	if vm.trap != nil {
		return 0, false
	}
	// A new Function each time: one of them cannot be entered twice, and a
	// host call can lead back into the module.
	function := vm.instance.ExportedFunction(export)
	if function == nil {
		return 0, false
	}
	saved := vm.frame
	vm.frame = frame{depth: saved.depth + 1, callback: export, context: contextID, restricted: saved.restricted}
	results, err := function.Call(vm.ctx, arguments...)
	vm.frame = saved
	if err != nil {
		if vm.trap == nil { // the first one is the reason for the others
			vm.trap = fmt.Errorf("%s: %w\n%s", export, err, vm.stderr.Bytes())
			vm.tb.Logf("the module trapped: %v", vm.trap)
		}
		return 0, true
	}
	if len(results) > 0 {
		result = uint64(uint32(results[0])) // every result of the ABI is an i32
	}
	return result, true
}

// Export runs an export that no host calls, one of a module built for a test.
func (vm *VM) Export(name string) uint64 {
	vm.tb.Helper()
	result, called := vm.call(0, name)
	if !called {
		vm.tb.Fatalf("want a module that exports %s", name)
	}
	return result
}

// callback is a call about a stream: as in Envoy, a reply to any stream while
// it runs stops the stream that it is about.
func (vm *VM) callback(contextID uint32, export string, arguments ...uint64) (result uint64, called bool) {
	result, called = vm.call(contextID, export, arguments...)
	if vm.stopNext && called {
		result = 1 // the ABI's pause
	}
	vm.stopNext = false
	return result, called
}

// maxDrained bounds what a module may ask for in one callback. In Envoy each reply
// ends its stream, whose end is a callback, after which the rest of the queue runs
// nested. V8's stack bears some 300 levels.
const maxDrained = 100

// runDeferred performs the actions of a callback that has returned: replies, resuming,
// resets, calls that fail at once.
func (vm *VM) runDeferred() {
	if vm.draining == 0 {
		vm.drained = 0
	}
	vm.draining++
	defer func() { vm.draining-- }()
	for len(vm.deferred) > 0 {
		action := vm.deferred[0]
		vm.deferred = vm.deferred[1:]
		if vm.drained++; vm.drained == maxDrained+1 {
			vm.violate("more than %d replies, continued streams and failed calls after one callback", maxDrained)
		}
		action()
	}
}

// notify is a callback whose result does not affect a stream.
func (vm *VM) notify(contextID uint32, export string, arguments ...uint64) (result uint64, called bool) {
	result, called = vm.call(contextID, export, arguments...)
	vm.stopNext = false
	vm.runDeferred()
	return result, called
}

func (vm *VM) nextID() uint32 { vm.lastID++; return vm.lastID }

// Trapped is the reason why the module died: a trap, an exit, a panic. From
// then on nothing in it runs and every request is answered with 503.
func (vm *VM) Trapped() error { return vm.trap }

// SetTime sets the wall clock. It does not touch the monotonic one.
func (vm *VM) SetTime(now time.Time) { vm.now = now }

// Advance moves both clocks.
func (vm *VM) Advance(d time.Duration) { vm.now, vm.elapsed = vm.now.Add(d), vm.elapsed+d }

// Now is the time that the module sees.
func (vm *VM) Now() time.Time { return vm.now }

func (vm *VM) walltime() (sec int64, nsec int32) { return vm.now.Unix(), int32(vm.now.Nanosecond()) }

// nanotime starts above zero, which Go's runtime takes for "not set".
func (vm *VM) nanotime() int64 { return int64(time.Second + vm.elapsed) }

// nanosleep moves the monotonic clock: a runtime that waits for a timer would
// otherwise wait for ever.
func (vm *VM) nanosleep(ns int64) { vm.elapsed += time.Duration(ns) }

// SetLogLevel is what get_log_level answers. All logs are recorded in any case.
func (vm *VM) SetLogLevel(level LogLevel) { vm.options.LogLevel = level }

// Logs are all proxy_log calls so far.
func (vm *VM) Logs() []Log { return slices.Clone(vm.logs) }

// Memory is the module's linear memory, which can only grow. The slice is good until then.
func (vm *VM) Memory() []byte {
	memory := vm.instance.Memory()
	view, _ := memory.Read(0, memory.Size())
	return view
}

// Forget drops what was recorded of host calls and logs: a test of a million
// requests would fill the memory with it.
func (vm *VM) Forget() { vm.calls, vm.logs = nil, nil }

// Stdout is what the module wrote there; Envoy would log it at info level.
func (vm *VM) Stdout() string { return vm.stdout.String() }

// Stderr is what the module wrote there; Envoy would log it at error level.
func (vm *VM) Stderr() string { return vm.stderr.String() }

// Violations returns what the module did that it must never do: bad pointers,
// malformed maps, a second reply, resuming what is not paused. It clears the list.
// Violations that the test does not fetch fail it at its end.
func (vm *VM) Violations() []string {
	violations := vm.violations
	vm.violations = nil
	return violations
}

func (vm *VM) violate(format string, arguments ...any) {
	where := vm.frame.callback
	if where == "" {
		where = "after a callback"
	}
	vm.violations = append(vm.violations, where+": "+fmt.Sprintf(format, arguments...))
}
