package wasmhost

import "slices"

// Status is a host call's result.
type Status uint32

// The statuses of the ABI.
const (
	OK                  Status = 0
	NotFound            Status = 1
	BadArgument         Status = 2
	InvalidMemoryAccess Status = 6
	Empty               Status = 7
	CasMismatch         Status = 8
	InternalFailure     Status = 10
	BrokenConnection    Status = 11
	Unimplemented       Status = 12
)

// HostCall is one call from the module to the host.
type HostCall struct {
	Name      string // as imported: "proxy_log"
	Arguments string // for people: `2, "message"`
	N         int    // counts the calls of this name in this VM, from 1
	Callback  string // the export that was running: "proxy_on_tick"
	Plugin    *Plugin
	Stream    *Stream // nil when it was made for a plugin
	Status    Status  // OK where the call has not run yet
	Refused   bool
}

func (c HostCall) String() string { return c.Name + "(" + c.Arguments + ")" }

// Calls are all host calls so far.
func (vm *VM) Calls() []HostCall { return slices.Clone(vm.calls) }

// OnCall runs before each host call takes effect, and may end streams or start
// others. Nil ends it.
func (vm *VM) OnCall(hook func(HostCall)) { vm.hook = hook }

// Refusal is a rule by which host calls fail.
type Refusal struct {
	decide func(HostCall) (Status, bool)
	late   bool // the call is carried out first
	count  int
	lifted bool
}

// Refuse makes the host calls fail that the function picks: they have no
// effect and give the module the status. Several rules are asked in turn.
func (vm *VM) Refuse(decide func(call HostCall) (status Status, refuse bool)) *Refusal {
	refusal := &Refusal{decide: decide}
	vm.refusals = append(vm.refusals, refusal)
	return refusal
}

// Misreport is Refuse for calls that are carried out nevertheless.
func (vm *VM) Misreport(decide func(call HostCall) (status Status, misreport bool)) *Refusal {
	refusal := vm.Refuse(decide)
	refusal.late = true
	return refusal
}

// RefuseNth refuses the n-th call of a name from the VM's start, or every one
// when n is 0.
func (vm *VM) RefuseNth(name string, n int, status Status) *Refusal {
	return vm.Refuse(func(call HostCall) (Status, bool) {
		return status, call.Name == name && (n == 0 || n == call.N)
	})
}

// Count is how often the rule really refused a call.
func (r *Refusal) Count() int { return r.count }

// Lift ends the rule.
func (r *Refusal) Lift() { r.lifted = true }

func (vm *VM) refused(call HostCall, late bool) (Status, bool) {
	for _, refusal := range vm.refusals {
		if refusal.lifted || refusal.late != late {
			continue
		}
		if status, refuse := refusal.decide(call); refuse {
			refusal.count++
			return status, true
		}
	}
	return OK, false
}
